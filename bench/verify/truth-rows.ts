/** The figures of the physics truth and what shows it. */
import { renderBench } from '../speed/render.ts';
import { failingPairs } from './check-env-row.ts';
import { fidelityRows } from './fidelity-rows.ts';
import { gymnasiumRows } from './gymnasium-rows.ts';
import { learnableRows } from './learnable-rows.ts';
import type { Row } from './row.ts';
import { stormRows } from './storm-rows.ts';
import { workerRows } from './worker-rows.ts';

export const truthRows: readonly Row[] = [
  ...fidelityRows,
  {
    id: 'truth.check_env',
    what: 'registered environments, each on each of its engines, that fail a check of the contract',
    operator: '=',
    goal: 0,
    unit: 'pairs',
    budget_s: 120,
    measure: ({ log }) => failingPairs(log),
  },
  {
    id: 'truth.render_fps',
    what: 'software renderer, 64 × 64 colours + depth + segments, floor and 20 bodies, one core; 0 unless a second run gives the same bytes',
    operator: '>=',
    goal: 2500,
    unit: 'frames/s',
    budget_s: 30,
    measure: async () => {
      const figures = renderBench();
      const same = figures.hashes[0] === figures.hashes[1];
      return { measured: same ? figures.framesPerSecond : 0, raw: figures };
    },
  },
  ...gymnasiumRows,
  ...workerRows,
  ...stormRows,
  ...learnableRows,
];
