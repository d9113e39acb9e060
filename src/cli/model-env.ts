import { Option } from 'commander';
import { readManifest, refuserOf } from '../world-model/contract.ts';
import { partsOf } from '../world-model/model-folder.ts';

/** For commands about one model, which says itself what it is of. */
export function modelEnvOption(): Option {
  return new Option('--env <id>', "environment id (default: the model's)");
}

/** The environment that a model's folder says it is of. @throws MODEL_MISSING, MODEL_REFUSED. */
export function envOfModel(folder: string): string {
  const refuse = refuserOf(folder);
  const { task } = readManifest<{ readonly task?: { readonly id?: unknown } | null }>(partsOf(folder).text(), refuse);
  return typeof task?.id === 'string' ? task.id : refuse('its manifest does not say which environment it is of: name it with --env');
}
