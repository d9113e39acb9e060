/** What a model that remembers is worth where an observation hides the state. */
import { mean } from '../../src/gap/index.ts';
import { type HiddenResult, playHidden } from './hidden-velocities.ts';
import { seeds } from './main-jobs.ts';
import type { Row } from './row.ts';

/** Mean return of the recurrent model's planner over that of the ensemble's. */
export function ratioOf({ returns }: Pick<HiddenResult, 'returns'>): number {
  return mean(returns.recurrent) / mean(returns.ensemble);
}

export const recurrentRows: readonly Row[] = [
  {
    id: 'model.hidden_velocity',
    what: 'return on physics of planning in the recurrent model over planning in the ensemble, CartPoleSwingUp with velocities hidden, same data, same planner, lowest of seeds 1, 2, 3',
    operator: '>=',
    goal: 2,
    unit: '×',
    budget_s: 900,
    measure: async ({ log }) => {
      const raw: (HiddenResult & { ratio: number })[] = [];
      for (const seed of seeds) {
        const result = await playHidden(seed, log);
        raw.push({ ...result, ratio: ratioOf(result) });
      }
      return { measured: Math.min(...raw.map(({ ratio }) => ratio)), raw };
    },
  },
];
