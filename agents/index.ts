export { type CemConfig, cemDefaults } from './cem/config.ts';
export { cemInModel } from './cem/in-model.ts';
export { cemInTruth } from './cem/in-truth.ts';
export { CemPlanner } from './cem/planner.ts';
export { randomPolicy } from './random/policy.ts';
