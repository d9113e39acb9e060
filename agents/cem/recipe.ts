import type { PlannerRecipe } from '../../src/planning/index.ts';
import { type CemConfig, cemDefaults } from './config.ts';
import { CemPlanner } from './planner.ts';

/** Cross-entropy planning for `planningPolicy`; the view says how it keeps off stops. */
export function cem(config: CemConfig = cemDefaults): PlannerRecipe {
  return { name: 'cem', make: (scorer, actionSpace) => new CemPlanner(scorer, actionSpace, config) };
}
