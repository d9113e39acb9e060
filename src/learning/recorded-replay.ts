import { viewsOver } from '../core/state-spec.ts';
import type { Transitions } from '../data/transitions.ts';
import { allocate, flatSizeOf } from '../spaces/space.ts';
import { evaluateTransitions } from '../task/evaluate-transitions.ts';
import type { AnyTask } from '../task/task.ts';
import { requireBoundedBox } from './action-scale.ts';
import { toUnit, writeObservations } from './flat-rows.ts';
import { rewardOf } from './lane-steps.ts';
import { ReplayTables } from './replay-tables.ts';

/**
 * Recorded transitions as rows to learn from: observation, reward and end are worked out by the task from states and actions.
 * @throws OPTION_INVALID for actions that are no bounded box, or outside it; DATA_TOO_LARGE.
 */
export function recordedTables(task: AnyTask, data: Transitions): ReplayTables {
  const { count } = data;
  const space = requireBoundedBox(task.id, task.actionSpace);
  const [observationSize, actionSize] = [flatSizeOf(task.observationSpace), flatSizeOf(task.actionSpace)];
  const judged = evaluateTransitions(task, data);
  const tables = new ReplayTables({ observationSize, actionSize, capacity: count });
  const [seen, then, unit] = [
    new Float32Array(observationSize),
    new Float32Array(count * observationSize),
    new Float32Array(count * actionSize),
  ];
  writeObservations(task.observationSpace, judged.observation, count, then);
  toUnit(space, data.action, unit);
  const now = viewsOver(task.state, data.state, count);
  const shown = allocate(task.observationSpace, 1);
  for (let row = 0; row < count; row++) {
    if (judged.problems[row]) continue;
    task.observe(now[row]!, shown);
    writeObservations(task.observationSpace, shown, 1, seen);
    const next = then.subarray(row * observationSize, (row + 1) * observationSize);
    tables.add(
      seen,
      unit.subarray(row * actionSize, (row + 1) * actionSize),
      rewardOf(judged.reward, row, task.agents ?? 1),
      next,
      !judged.terminated[row],
    );
  }
  return tables;
}
