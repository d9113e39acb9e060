import { cemInModel, randomPolicy } from '../../agents/index.ts';
import type { Policy } from '../core/policy.ts';
import { GroundtwinError } from '../errors.ts';
import { registry } from '../index.ts';
import type { AnyTask } from '../task/task.ts';

/** The policy named on a command line, for one lane unless said. @throws OPTION_INVALID when cem lacks its model. */
export async function policyOf(
  task: AnyTask,
  options: { readonly policy: 'random' | 'cem'; readonly model?: string; readonly hold?: number },
  lanes = 1,
): Promise<Policy> {
  if (options.policy === 'random') return randomPolicy(task.actionSpace, lanes, options.hold ?? 1);
  if (options.model === undefined)
    throw new GroundtwinError('OPTION_INVALID', {
      who: 'groundtwin',
      option: '--model',
      value: 'missing',
      allowed: 'the folder of a model for --policy cem to plan in (--policy random needs none)',
    });
  return cemInModel(task, await registry.loadModel(task, options.model), lanes);
}
