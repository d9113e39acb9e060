import { predictedEntries } from '../../world-model/contract.ts';
import { type AxisContext, type AxisResult, measured } from '../axis.ts';
import { resamplePlan } from '../bootstrap.ts';
import { errorsOfStarts, firstPassages } from '../error-over-horizon.ts';
import { figure, intervalFigures } from '../figures.ts';
import { drawHeldOut } from '../held-out.ts';
import { perturb } from '../pair-rollouts.ts';
import { elementsOf } from '../paired-rollouts.ts';
import { angleElements, meanOverSamples, play } from '../play.ts';
import { withPlayer } from '../subject.ts';
import { longPlan } from './long-plan.ts';
import { lyapunovExponent } from './lyapunov.ts';
import { playApart, STARTS_TOGETHER } from './play-apart.ts';
import { lostTest, marginalTest, validTimeTest } from './prediction-tests.ts';
import { boundsOf, stabilityOf } from './stability.ts';
import { type ValidTime, validTime } from './valid-time.ts';
import { predictedRows } from './whole-states.ts';

export interface LongSettings {
  readonly starts: number;
  /** Steps of recorded actions that a plan is pieced together from. */
  readonly horizon: number;
  /**
   * Steps that valid prediction time is looked for in, of the model and of truth alike. Where motion is regular truth's own time has no end, and a share of it would only
   * say how long was played.
   */
  readonly valid_steps: number;
  /** Steps played: ten horizons. */
  readonly steps: number;
  /** Most draws of a start. */
  readonly copies: number;
}

/** H2 and H5: both are read off the same long rollouts. */
export async function measureLong(context: AxisContext, settings: LongSettings): Promise<AxisResult> {
  const { truth, subject, scale, rng, resamples, onProgress } = context;
  const { starts, steps, horizon, valid_steps } = settings;
  const copies = Math.min(context.samples, settings.copies);
  const plan = longPlan(drawHeldOut(truth.task, context.heldOut, starts, horizon, rng), steps, rng);
  const real = await play(truth, plan, 1, 0);
  const twin = await play(truth, { ...plan, state: perturb(truth, plan, scale, rng) }, 1, 0);
  const seed = rng.integer(1 << 20) * 64;
  const dreamed = await withPlayer(subject, STARTS_TOGETHER * copies, (player) =>
    playApart(player, plan, copies, seed, (done, of) => onProgress?.('long dreams', done, of)),
  );
  const entries = predictedEntries(truth.task);
  const compared = { entries, truth: real.rows, scale };
  const passagesOf = (rows: Float64Array) =>
    firstPassages(errorsOfStarts(compared, rows), steps).map((step) => Math.min(step, valid_steps));
  const guess = copies === 1 ? dreamed.rows : meanOverSamples(dreamed.rows, starts, copies, angleElements(entries));
  const drawn = resamplePlan(starts, rng, resamples);
  const valid = validTime(passagesOf(guess), passagesOf(twin.rows), valid_steps, drawn);
  const bounds = boundsOf(entries, real.rows, predictedRows(truth.spec, context.heldOut.state));
  const stability = stabilityOf({ ...compared, starts, copies, horizon: steps, rows: dreamed.rows }, horizon, bounds, drawn);
  return {
    findings: [
      { test: validTimeTest, finding: measured(valid.fraction, starts, { horizon: valid_steps }) },
      { test: lostTest, finding: measured(stability.lost, starts, { horizon: steps }) },
      { test: marginalTest, finding: measured(stability.distance, starts, { horizon: steps }) },
    ],
    figures: {
      validTime: await validTimeFigures(context, plan, valid),
      marginals: elementsOf(entries).map(({ label, index }) => ({ label, distance: figure(stability.distances[index]!) })),
    },
  };
}

/** Steps; Lyapunov times only where truth is chaotic beyond doubt. */
async function validTimeFigures(
  context: AxisContext,
  plan: Parameters<typeof lyapunovExponent>[1],
  { model, twin, isCensored }: ValidTime,
) {
  const exponent = await lyapunovExponent(context, plan);
  const times = model.measured * context.truth.task.controlDt_s * exponent.measured;
  return {
    subject: intervalFigures(model),
    twin: intervalFigures(twin),
    twinOutlasts: isCensored,
    lyapunovExponent_perS: intervalFigures(exponent),
    lyapunovTimes: exponent.low > 0 ? figure(times) : null,
  };
}
