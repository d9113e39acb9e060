import type { WorldModel } from '../../src/world-model/world-model.ts';
import { type DriftCase, type DriftSize, delays, falseAlarms, watchfulModel } from './drift-measure.ts';
import { seeds } from './main-jobs.ts';
import type { Context, Measured, Row } from './row.ts';

/** Payloads, friction from nothing, friction doubled. */
const cases: readonly DriftCase[] = [
  {
    id: 'CartPoleSwingUp-v0',
    params: {},
    changes: {
      'pole twice as heavy': { poleMass_kg: 0.2 },
      'cart half as heavy again': { cartMass_kg: 1.5 },
      'rail with friction': { railDamping_Nspm: 0.2 },
      'hinge with friction': { hingeDamping_Nmsprad: 0.01 },
    },
  },
  {
    id: 'Pendulum-v0',
    params: { hingeDamping_Nmsprad: 0.05 },
    changes: { 'half as heavy again': { mass_kg: 1.5 }, 'twice the friction': { hingeDamping_Nmsprad: 0.1 } },
  },
];
const fullSize: DriftSize = { trainingEpisodes: 192, heldOutEpisodes: 384, updates: 8000, hours: 20, trials: 64 };
const mostFalseAlarms = 0.01;
const method =
  'byTail is an upper 95 % bound extrapolated from undisturbed running: exponential tails with 10, 20, 40, … exceedances are fitted to the maxima of blocks of 100 steps, each with one-sided bounds of its rate and decay, the worst of them counts. byCount is the bound that the number of alarms alone allows in so many hours; it would take 300 without one to show 1 %. delay_steps is a 90th percentile.';
/** Of the delays of a change; in each model alone. */
const level = 0.9;

/**
 * The longest delay from a change to its alarm: 90th percentile over trials, worst of all changes and models.
 * @throws when false alarms are more than 1 % an hour, by their upper bound.
 */
export async function driftDelay({ log }: Pick<Context, 'log'>, size: DriftSize = fullSize, of = cases): Promise<Measured> {
  const raw = [];
  for (const one of of) {
    const models: WorldModel[] = [];
    for (const seed of seeds) models.push(await watchfulModel(one, size, seed));
    log(`${one.id}: models trained`);
    const alarms = await falseAlarms(one, models, size.hours, 7);
    log(`${one.id}: false alarms an hour at most ${Math.max(...alarms.map(({ byTail }) => byTail)).toExponential(1)}`);
    for (const [at, model] of models.entries()) {
      const changes = [];
      for (const [change, params] of Object.entries(one.changes))
        changes.push({ change, ...summary(await delays(one, model, params, size.trials, 31 + at)) });
      raw.push({ env: one.id, seed: seeds[at]!, falseAlarms: alarms[at]!, changes });
      log(`${one.id}, seed ${seeds[at]}: ${changes.map(({ change, delay_steps }) => `${change} ${delay_steps}`).join(', ')} steps`);
      await model.close();
    }
  }
  const often = raw.find(({ falseAlarms: { byTail } }) => byTail > mostFalseAlarms);
  if (often)
    throw new Error(
      `${often.env}, seed ${often.seed}: false alarms may come in ${(100 * often.falseAlarms.byTail).toFixed(2)} % of the hours`,
    );
  return { measured: Math.max(...raw.flatMap(({ changes }) => changes.map(({ delay_steps }) => delay_steps))), raw: { method, runs: raw } };
}

/** An alarm that was there before the change counts as none. */
function summary(found: readonly number[]) {
  const sorted = found.map((delay) => (delay < 0 ? Number.POSITIVE_INFINITY : delay)).sort((a, b) => a - b);
  const quantile = (share: number) => sorted[Math.ceil(share * sorted.length) - 1]!;
  return {
    delay_steps: quantile(level),
    median_steps: quantile(0.5),
    missed: found.filter((delay) => delay === Number.POSITIVE_INFINITY).length,
    early: found.filter((delay) => delay < 0).length,
    trials: sorted.length,
  };
}

export const driftRows: readonly Row[] = [
  {
    id: 'model.drift_delay_steps',
    what: 'control steps from a change of payload or friction under a running twin to its alarm, 90th percentile of 64, worst of 6 changes and seeds 1, 2, 3, at ≤ 1 % false alarms an hour (upper 95 % bound, extrapolated from the tail of 20 simulated hours)',
    operator: '<=',
    goal: 50,
    unit: 'steps',
    budget_s: 600,
    measure: driftDelay,
  },
];
