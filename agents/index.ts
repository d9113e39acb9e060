export { type ArsConfig, arsDefaults } from './ars/config.ts';
export { type ArsPolicyData, arsPolicy } from './ars/policy.ts';
export { type ArsProgress, type ArsResult, ArsSearch, type SavedSearch, trainArs } from './ars/train.ts';
export { type CemConfig, cemDefaults } from './cem/config.ts';
export { cemInMemory } from './cem/in-memory.ts';
export { cemInModel } from './cem/in-model.ts';
export { cemInTruth } from './cem/in-truth.ts';
export { CemPlanner } from './cem/planner.ts';
export { randomPolicy } from './random/policy.ts';
