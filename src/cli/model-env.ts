import { Option } from 'commander';
import { GroundtwinError } from '../errors.ts';
import { partsOf } from '../world-model/model-folder.ts';

/** For commands about one model, which says itself what it is of. */
export function modelEnvOption(): Option {
  return new Option('--env <id>', "environment id (default: the model's)");
}

/** The environment that a model's folder says it is of. @throws MODEL_MISSING. */
export function envOfModel(folder: string): string {
  const text = partsOf(folder).text();
  try {
    return String((JSON.parse(text) as { readonly task?: { readonly id?: unknown } }).task?.id);
  } catch {
    throw new GroundtwinError('MODEL_MISSING', { path: folder, problem: 'manifest.json is no JSON' });
  }
}
