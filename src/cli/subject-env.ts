/** What a gap is measured of, as an env that replays are recorded of and verified on. */
import type { TaskEnv } from '../task/task-env.ts';
import { SyncVectorEnv } from '../vector/sync-vector-env.ts';

/** Lanes of a subject without wrappers and without a time limit. @param condition - names of the parameters that its state carries. */
export function vectorOver(env: TaskEnv, condition: readonly string[]): SyncVectorEnv {
  return new SyncVectorEnv(env, {
    autoreset: 'disabled',
    entropy: () => 0,
    madeWith: { engine: 'rapier', maxEpisodeSteps: null, ...(condition.length > 0 && { condition }) },
  });
}
