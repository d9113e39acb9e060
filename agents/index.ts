export { cemInModel, cemInTruth } from './cem/agent.ts';
export { type CemConfig, cemDefaults } from './cem/config.ts';
export { CemPlanner } from './cem/planner.ts';
export { randomPolicy } from './random/policy.ts';
