export * from './junit.ts';
export { type ComparedErrors, type ComparisonInput, letterOf, renderComparison } from './render-comparison.ts';
export { type LearningInput, renderLearning } from './render-learning.ts';
export { type PlansInput, renderPlans } from './render-plans.ts';
export { type ReplayInput, renderReplay } from './render-replay.ts';
export { renderReport } from './render-report.ts';
export { renderTraining, type TrainingInput } from './render-training.ts';
export type { AuditFigures, Curve, Replay, ReplayBody, ReplayShape, ReportInput, TrainingCurves } from './report-input.ts';
