/** What a model that remembers is worth where an observation hides the state. */
import { type HiddenResult, playHidden } from './hidden-velocities.ts';
import type { Row } from './row.ts';

const seeds = [1, 2, 3];

/** Mean return of the recurrent model's planner over that of the ensemble's. */
export function ratioOf({ returns }: Pick<HiddenResult, 'returns'>): number {
  return mean(returns.recurrent) / mean(returns.ensemble);
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
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
