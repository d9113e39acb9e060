import { flatSizeOf } from '../../spaces/space.ts';
import type { AnyTask } from '../../task/task.ts';

/** Observations with more numbers are pictures, of which feedback makes nothing. */
const LARGEST_OBSERVATION = 1024;

/** Why feedback policies cannot act in a task, in words for a reader; null where they can. */
export function feedbackProblem({ actionSpace, observationSpace }: Pick<AnyTask, 'actionSpace' | 'observationSpace'>): string | null {
  if (actionSpace.kind === 'dict') return 'The task’s actions have names; give policies to compare.';
  if (actionSpace.kind === 'box' && ![...actionSpace.low, ...actionSpace.high].every(Number.isFinite))
    return 'The task’s actions have no bounds; give policies to compare.';
  return flatSizeOf(observationSpace) > LARGEST_OBSERVATION
    ? 'The task’s observations are too large for feedback; give policies to compare.'
    : null;
}
