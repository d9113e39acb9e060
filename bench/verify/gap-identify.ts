/** Does identification find what is true, own up to what cannot be told, and help on a machine that nobody simulated? */
import { randomPolicy } from '../../agents/index.ts';
import {
  type FoundParameter,
  fitParameters,
  type Identification,
  type Interval,
  identify,
  identifyDefaults,
  median,
  type Parameter,
  parameterOf,
  percentileInterval,
  plannedInterval,
  type ResamplePlan,
  resamplePlan,
  toCoordinate,
} from '../../src/gap/index.ts';
import { registry } from '../../src/index.ts';
import { Rng } from '../../src/math/rng.ts';
import type { AnyTask, Params } from '../../src/task/task.ts';
import { type Recording, recordTruth } from './identify-data.ts';
import { asLogged, endErrors_m, type MowerSegments, mowerErrors, mowerParameters, mowerSegments } from './mower.ts';
import { type MowerLog, mowerLogs } from './plaza-log.ts';
import type { Context, Measured } from './row.ts';
import { swingUpPolicy } from './theta-episodes.ts';

const cartPole = registry.task('CartPoleSwingUp-v0');
/** Of each element's standard deviation: twenty times what the suite's floor takes for a sensor. */
const noise = 0.01;
const segment_steps = 8;

export interface IdentifySize {
  /** Recordings of each kind. */
  readonly draws: number;
  readonly episodes: number;
  readonly steps: number;
  /** Fitted on, at most. */
  readonly segments: number;
}
export const fullSize: IdentifySize = { draws: 50, episodes: 8, steps: 100, segments: 40 };

type Known = Partial<Recording> & Pick<Recording, 'task' | 'params' | 'seed'>;

/** Records on a truth and identifies it from the task as it stands. */
async function identified(known: Known, names: readonly string[], size: IdentifySize, maxDelay_steps = 0): Promise<Identification> {
  const { episodes, steps, segments } = size;
  const data = await recordTruth({ policy: swingUpPolicy(), episodes, steps, delay_steps: 0, noise, ...known });
  const truth = await registry.truth(known.task);
  const settings = { ...identifyDefaults, segment_steps, segments, maxDelay_steps };
  const parameters = names.map((name) => parameterOf(known.task, name));
  return identify({ truth, data, parameters, settings, rng: new Rng(known.seed, 1) }).finally(() => truth.close());
}

const spread = Math.log(1.5);
/** Mass, length and gravity up to 1.5 times smaller or larger than the task has them; friction, which is 0 there, well above. */
function drawTruth(seed: number): Params {
  const rng = new Rng(seed, 9);
  const times = () => Math.exp(rng.uniform(-spread, spread));
  return { cartMass_kg: times(), poleLength_m: times(), gravity_mps2: 9.81 * times(), railDamping_Nspm: rng.uniform(0.1, 1) };
}

/** How far the truth is from the estimate, in halves of its 95 % interval. */
function distance(found: FoundParameter, truth: number): number {
  const at = (value: number) => toCoordinate(found, value);
  return (2 * Math.abs(at(truth) - at(found.estimate))) / (at(found.interval.high) - at(found.interval.low));
}

/** Share of parameters within two intervals of the truth, over all parameters of all draws. */
export async function identifyCover({ log }: Pick<Context, 'log'>, size: IdentifySize = fullSize): Promise<Measured> {
  const draws: { params: Params; distances: number[]; found: readonly FoundParameter[]; fall: Interval }[] = [];
  for (let seed = 0; seed < size.draws; seed++) {
    const params = drawTruth(seed);
    const { parameters: found, heldOut } = await identified({ task: cartPole, params, seed }, Object.keys(params), size);
    draws.push({ params, distances: found.map((one) => distance(one, params[one.name]!)), found, fall: heldOut.fall });
    log(
      `draw ${seed + 1}: ${draws
        .at(-1)!
        .distances.map((value) => value.toFixed(2))
        .join(', ')} half intervals away`,
    );
  }
  const distances = draws.flatMap((draw) => draw.distances);
  const within = (reach: number) => distances.filter((value) => value <= reach).length / distances.length;
  const raw = { noise, size, withinOne: within(1), withinTwo: within(2), leastFall: Math.min(...draws.map(({ fall }) => fall.low)), draws };
  return { measured: within(2), raw };
}

interface Case {
  readonly what: string;
  readonly task: AnyTask;
  readonly params: Params;
  /** Whether the data can tell each. */
  readonly tells: Readonly<Record<string, boolean>>;
  readonly policy?: Recording['policy'];
}

/** Its cart's mass only enters as a product of two parameters, and there is one that never acts. */
const entangledTask: AnyTask = {
  ...cartPole,
  id: 'CartPoleEntangled-v0',
  params: { ...cartPole.params, cartDensity_kgpl: 0.5, cartVolume_l: 2, lampPower_W: 60 },
  scene: (params) => cartPole.scene({ ...params, cartMass_kg: params.cartDensity_kgpl! * params.cartVolume_l! }),
};
const pendulum = registry.task('Pendulum-v0');
const swung = {
  task: pendulum,
  params: { mass_kg: 1.2, length_m: 0.9, gravity_mps2: 9 },
  policy: randomPolicy(pendulum.actionSpace, 1, 5),
};

const cases: readonly Case[] = [
  {
    what: 'a product',
    task: entangledTask,
    params: { cartDensity_kgpl: 0.6, cartVolume_l: 2.2, poleLength_m: 1.2 },
    tells: { cartDensity_kgpl: false, cartVolume_l: false, poleLength_m: true },
  },
  {
    what: 'what never acts',
    task: entangledTask,
    params: { lampPower_W: 80, cartVolume_l: 2.2, poleLength_m: 1.2 },
    tells: { lampPower_W: false, cartVolume_l: true, poleLength_m: true },
  },
  // A rod moves by g / l and torque / (m l²): two numbers for three parameters.
  { what: 'three in two', ...swung, tells: { mass_kg: false, length_m: false, gravity_mps2: false } },
  { what: 'two in two', ...swung, params: { length_m: 0.9, gravity_mps2: 9 }, tells: { length_m: true, gravity_mps2: true } },
];

/** Share of parameters of all cases that are flagged as they should be: those that cannot be told, and no other. */
export async function unidentifiable({ log }: Pick<Context, 'log'>, size: IdentifySize = { ...fullSize, draws: 3 }): Promise<Measured> {
  const raw: { what: string; seed: number; conditionNumber: number | null; entangled: Identification['entangled']; right: boolean[] }[] =
    [];
  for (const { what, tells, ...known } of cases)
    for (let seed = 0; seed < size.draws; seed++) {
      const { parameters, conditionNumber, entangled } = await identified({ ...known, seed }, Object.keys(tells), size);
      const right = parameters.map(({ name, identifiable }) => identifiable === tells[name]);
      raw.push({ what, seed, conditionNumber, entangled, right });
      log(`${what}, seed ${seed}: ${right.filter(Boolean).length} of ${right.length} right, condition number ${conditionNumber}`);
    }
  const all = raw.flatMap(({ right }) => right);
  return { measured: all.filter(Boolean).length / all.length, raw: { noise, size, cases: raw } };
}

const longestDelay_steps = 3;

/** Share of recordings, with delays of 0 to 3 steps in turn, whose delay is found while every other one raises the residual by the lower end of its interval. */
export async function wrongDelay({ log }: Pick<Context, 'log'>, size: IdentifySize = { ...fullSize, draws: 8 }): Promise<Measured> {
  const raw: { seed: number; true_steps: number; delay: Identification['delay'] }[] = [];
  for (let seed = 0; seed < size.draws; seed++) {
    const true_steps = seed % (longestDelay_steps + 1);
    const params = drawTruth(seed);
    const known = { task: cartPole, params, seed, delay_steps: true_steps };
    // All that differs is fitted: with a wrong gravity another delay may well explain more.
    const { delay } = await identified(known, Object.keys(params), size, longestDelay_steps);
    raw.push({ seed, true_steps, delay });
    log(`delay ${true_steps}: found ${delay.steps}, residuals ${delay.tried.map(({ residual }) => residual.toFixed(4)).join(', ')}`);
  }
  const right = raw.filter(({ true_steps, delay }) => delay.steps === true_steps && delay.isClear);
  return { measured: right.length / raw.length, raw: { noise, size, recordings: raw } };
}

/** What is fitted on one lawn is played from starts a second apart on the other, 1, 10 and 30 s ahead. */
const fitted_s = 10;
const horizons_s = [1, 10, 30] as const;
/** Other lengths of the fitted segments, of which the result is not chosen. */
const otherFitted_s = [5, 20, 30] as const;
const resamples = 2000;

function fitStarts(segments: MowerSegments) {
  const residuals = (values: Float64Array) => mowerErrors(segments, values);
  return fitParameters({ parameters: mowerParameters, residuals, blocks: segments.starts.length, difference: 1e-3 });
}

async function fitMower(log: MowerLog, seconds: number) {
  // One second between two of them: no measurement is shared, and hardly any of the course that the next starts by.
  const segments = mowerSegments(log, seconds, seconds + 1);
  const { values, posterior, before, after } = await fitStarts(segments);
  const reach = (parameter: Parameter, i: number) => ({ name: parameter.name, estimate: values[i]!, halfWidth: posterior.halfWidths[i]! });
  return {
    values,
    told: { seconds, segments: segments.starts.length, before_m: before, after_m: after, parameters: mowerParameters.map(reach) },
  };
}

/** Median end error before and after, and its relative fall. Starts a second apart share most of their way: the log is drawn anew in pieces as long as that. */
function endErrorFall(log: MowerLog, seconds: number, values: Float64Array) {
  const segments = mowerSegments(log, seconds, 1);
  const [before, after] = [asLogged, values].map((at) => endErrors_m(segments, mowerErrors(segments, at)));
  const plan = blockPlan(segments.starts.length, seconds, new Rng(1));
  const fall = plannedInterval([before!, after!], ([from, to]) => 1 - median(to!) / median(from!), plan);
  return { seconds, starts: segments.starts.length, medianBefore_m: median(before!), medianAfter_m: median(after!), fall };
}

/** Runs of `block` neighbours drawn with replacement, the last followed by the first (Politis & Romano 1992, circular block bootstrap). */
export function blockPlan(count: number, block: number, rng: Rng): ResamplePlan {
  const runs = resamplePlan(count, rng, resamples);
  const indices = runs.indices.map((_, at) => (runs.indices[at - ((at % count) % block)]! + ((at % count) % block)) % count);
  const multiplicities = new Uint16Array(indices.length);
  for (const [at, index] of indices.entries()) multiplicities[at - (at % count) + index]!++;
  return { count, resamples, indices, multiplicities };
}

const refits = 200;

/** How the fall on another log varies over what else Plaza1 might have been: its segments drawn anew, the parameters fitted to them, Plaza2 as it is. */
async function fallOverRefits(fittedOn: MowerLog, playedOn: MowerLog, seconds: number): Promise<Interval> {
  const segments = mowerSegments(fittedOn, fitted_s, fitted_s + 1);
  const ahead = mowerSegments(playedOn, seconds, 1);
  const medianAt = (values: Float64Array) => median(endErrors_m(ahead, mowerErrors(ahead, values)));
  const before = medianAt(asLogged);
  const plan = resamplePlan(segments.starts.length, new Rng(2), refits);
  const falls: number[] = [];
  for (let refit = 0; refit < refits; refit++) {
    const drawn = plan.indices.subarray(refit * plan.count, (refit + 1) * plan.count);
    const { values } = await fitStarts({ ...segments, starts: Array.from(drawn, (i) => segments.starts[i]!) });
    falls.push(1 - medianAt(values) / before);
  }
  return percentileInterval(1 - medianAt((await fitStarts(segments)).values) / before, falls);
}

/**
 * Lower end of the interval of the fall of the median 30 s end error on Plaza2, three parameters of the odometry fitted on Plaza1 alone.
 * The interval is over Plaza2, the fit taken as it came out. `overRefits` of the raw result says what that leaves out: Plaza1 hardly tells the turn bias, which is what Plaza2 suffers from.
 */
export async function plazaGain({ log }: Pick<Context, 'log'>): Promise<Measured> {
  const { plaza1, plaza2 } = await mowerLogs(log);
  const { values, told } = await fitMower(plaza1, fitted_s);
  const onPlaza2 = horizons_s.map((seconds) => endErrorFall(plaza2, seconds, values));
  const onPlaza1 = horizons_s.map((seconds) => endErrorFall(plaza1, seconds, values));
  const sensitivity = [];
  for (const seconds of otherFitted_s) {
    const other = await fitMower(plaza1, seconds);
    sensitivity.push({ fit: other.told, onPlaza2: horizons_s.map((ahead) => endErrorFall(plaza2, ahead, other.values)) });
  }
  const own = await fitMower(plaza2, fitted_s);
  const overRefits = await fallOverRefits(plaza1, plaza2, horizons_s.at(-1)!);
  const raw = {
    interval: '95 %, circular block bootstrap',
    fit: told,
    overRefits,
    onPlaza2,
    onPlaza1,
    sensitivity,
    fittedOnPlaza2Itself: own.told,
  };
  return { measured: onPlaza2.at(-1)!.fall.low, raw };
}
