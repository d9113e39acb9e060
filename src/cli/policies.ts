import { Option } from 'commander';
import { cem, icem, mppi, randomPolicy } from '../../agents/index.ts';
import type { Policy } from '../core/policy.ts';
import { GroundtwinError } from '../errors.ts';
import { registry } from '../index.ts';
import { inModel, type PlannerRecipe, planningPolicy } from '../planning/index.ts';
import type { AnyTask } from '../task/task.ts';

/** Planners by their names on a command line. */
const planners = { cem: () => cem(), icem: () => icem(), mppi: () => mppi() } satisfies Record<string, () => PlannerRecipe>;

export type PolicyName = 'random' | keyof typeof planners;

export function policyOption(fallback: PolicyName): Option {
  return new Option('--policy <name>', 'who acts').choices(['random', ...Object.keys(planners)]).default(fallback);
}

/** The policy named on a command line, for one lane unless said. @throws OPTION_INVALID when a planner lacks its model. */
export async function policyOf(
  task: AnyTask,
  options: { readonly policy: PolicyName; readonly model?: string; readonly hold?: number },
  lanes = 1,
): Promise<Policy> {
  if (options.policy === 'random') return randomPolicy(task.actionSpace, lanes, options.hold ?? 1);
  if (options.model === undefined)
    throw new GroundtwinError('OPTION_INVALID', {
      who: 'groundtwin',
      option: '--model',
      value: 'missing',
      allowed: `the folder of a model for --policy ${options.policy} to plan in (--policy random needs none)`,
    });
  return planningPolicy(inModel(task, await registry.loadModel(task, options.model), lanes), planners[options.policy]());
}
