import type { TaskEnv } from '../task/task-env.ts';
import { keepOffLimits, type PlanningView, type ViewOptions } from './planning-view.ts';
import { TruthScorer } from './truth-scorer.ts';

/**
 * In physics, from snapshots: it sees the real lanes themselves, and is the upper bound of planning in a model.
 * @param source - the lanes it acts in. @param scratch - one lane on the same task and engine, reset once; the caller closes both.
 */
export function inTruth(source: TaskEnv, scratch: TaskEnv, { limits = keepOffLimits, terminal }: ViewOptions = {}): PlanningView {
  const scorer = new TruthScorer(source, scratch, limits, terminal);
  return { where: 'in truth', actionSpace: source.actionSpace, scorer, look: () => scorer.begin() };
}
