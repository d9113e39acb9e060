import type { Policy } from '../../src/core/policy.ts';
import type { TaskEnv } from '../../src/task/task-env.ts';
import { TruthScorer } from '../../src/task/truth-scorer.ts';
import { type CemConfig, cemDefaults } from './config.ts';
import { planning } from './planning.ts';

/**
 * The same planner executing its candidates in physics: it sees the real lanes themselves, and is the upper bound for the one above.
 * @param scratch - one lane on the same task and engine.
 */
export function cemInTruth(source: TaskEnv, scratch: TaskEnv, config: CemConfig = cemDefaults): Policy {
  const scorer = new TruthScorer(source, scratch, config.limits);
  return planning('cem in truth', source.task, scorer, config, () => scorer.begin());
}
