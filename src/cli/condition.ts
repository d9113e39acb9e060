import { Option } from 'commander';
import type { Ranges } from '../core/range.ts';
import { GroundtwinError } from '../errors.ts';
import { registry } from '../index.ts';
import { physicalRanges } from '../registry/registry.ts';
import { conditionOn } from '../task/condition.ts';
import type { AnyTask } from '../task/task.ts';

/** As the command line gives it: true without names. */
export type Condition = boolean | readonly string[] | undefined;

export function conditionOption(): Option {
  return new Option(
    '--condition [names...]',
    'one model for these physical parameters: drawn anew for each episode in the ranges of the task, and told to the model (without names: all that have ranges)',
  );
}

/** A task of a command line with what of it is drawn for each episode. */
export interface ConditionedTask {
  readonly task: AnyTask;
  readonly names: readonly string[];
  readonly ranges: Ranges | undefined;
}

/**
 * @param observe - whether who acts is shown the parameters.
 * @throws ENV_UNKNOWN, OPTION_INVALID for a parameter that the task declares no range of.
 */
export function conditionedTask(id: string, condition: Condition, { observe = false } = {}): ConditionedTask {
  const task = registry.task(id);
  if (condition === undefined || condition === false) return { task, names: [], ranges: undefined };
  const declared = physicalRanges(task, true)!;
  const names = condition === true ? Object.keys(declared) : condition;
  const ranges = Object.fromEntries(names.map((name) => [name, declaredRange(task, declared, name)]));
  return { task: conditionOn(task, names, { observe }), names, ranges };
}

function declaredRange(task: AnyTask, declared: Ranges, name: string) {
  if (Object.hasOwn(declared, name)) return declared[name]!;
  throw new GroundtwinError('OPTION_INVALID', {
    who: task.id,
    option: '--condition',
    value: name.slice(0, 100),
    allowed: `of the parameters it declares ranges of: ${Object.keys(declared).join(', ')}`,
  });
}
