export { type LearningInput, renderLearning } from './render-learning.ts';
export { renderReport } from './render-report.ts';
export type { Curve, Replay, ReplayBody, ReplayShape, ReportInput, TrainingCurves } from './report-input.ts';
