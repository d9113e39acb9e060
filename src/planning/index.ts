export { apartness, type PlanSketch, RepelledScorer, sketchOf } from './apart.ts';
export { ColouredNoise } from './coloured-noise.ts';
export { closenessAt, type GoalEntry, goalDistance, goalTask, goalValue, parseGoal } from './goal.ts';
export type { Planner, PlannerRecipe, SequencePlanner, SequenceRecipe } from './planner.ts';
export { planningPolicy } from './planning-policy.ts';
export { playPlans, rewardOf } from './play-plans.ts';
export { requireCounts, requireWithin, type Search, SearchPlanner, type SearchShape } from './search-planner.ts';
export { softmaxWeights } from './softmax-weights.ts';
export { inMemory, inModel, inTruth, keepOffLimits, type MemoryViewOptions, type PlanningView, type ViewOptions } from './views.ts';
