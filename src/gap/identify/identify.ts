/** Which physics, and which delay of commands, would have made what was recorded? */
import type { Ranges } from '../../core/range.ts';
import type { Transitions } from '../../data/transitions.ts';
import { GroundtwinError } from '../../errors.ts';
import type { Rng } from '../../math/rng.ts';
import type { AnyTask, Params } from '../../task/task.ts';
import type { TaskEnv } from '../../task/task-env.ts';
import { DEFAULT_RESAMPLES, type Interval, type ResamplePlan, resamplePlan } from '../bootstrap.ts';
import { type ErrorFall, errorFall, meanSquares } from './error-fall.ts';
import { type EntangledPair, entangledPairs, type FoundParameter, foundParameters, randomisationRanges } from './findings.ts';
import { type Fit, fitParameters, rootMeanSquare } from './fit.ts';
import type { Parameter } from './parameters.ts';
import type { SearchOptions } from './search.ts';
import { type ComparedElement, comparedElements, SegmentErrors } from './segment-errors.ts';
import { drawSegments, type Segments } from './segments.ts';

export interface IdentifySettings {
  /** Control steps of a segment. */
  readonly segment_steps: number;
  /** Share of the episodes kept apart. */
  readonly heldOut: number;
  /** Longest delay of commands tried, control steps; 0: none is looked for. */
  readonly maxDelay_steps: number;
  /** Segments fitted on, and segments held out, at most. */
  readonly segments: number;
  readonly resamples: number;
}

export const identifyDefaults: IdentifySettings = {
  segment_steps: 10,
  heldOut: 0.25,
  maxDelay_steps: 0,
  segments: 100,
  resamples: DEFAULT_RESAMPLES,
};

export interface IdentifyOptions {
  /** Physics without wrappers; closed by the caller. */
  readonly truth: TaskEnv;
  readonly data: Transitions;
  readonly parameters: readonly Parameter[];
  readonly settings: IdentifySettings;
  readonly rng: Rng;
  /** For physics that jumps, such as contacts: see `FitProblem`. */
  readonly search?: SearchOptions & { readonly always: boolean };
  readonly onProgress?: (done: number, of: number, note: string) => void;
}

export interface TriedDelay {
  readonly steps: number;
  /** √ mean square of the fitted segments' errors after a fit with this delay, in standard deviations. */
  readonly residual: number;
  /** By how much more than the best delay's, as a share of it; absent for the best itself. */
  readonly raisedBy?: Interval;
}

/** Errors in the unit of an element, over all steps of all held-out segments. */
export interface ElementErrors {
  readonly label: string;
  readonly unit: string;
  readonly before: number;
  readonly after: number;
}

/** Plain data, equal to itself after a trip through JSON. */
export interface Identification {
  readonly format: 'groundtwin-identify.v1';
  readonly task: string;
  readonly settings: IdentifySettings;
  readonly fitted: { readonly segments: number; readonly episodes: number };
  readonly heldOut: { readonly segments: number; readonly episodes: number } & ErrorFall;
  readonly elements: readonly ElementErrors[];
  readonly parameters: readonly FoundParameter[];
  /** Null where a parameter changes nothing at all. */
  readonly conditionNumber: number | null;
  readonly entangled: readonly EntangledPair[];
  readonly delay: { readonly steps: number; readonly isClear: boolean; readonly tried: readonly TriedDelay[] };
  readonly search: Pick<Fit, 'before' | 'after' | 'evaluations' | 'searched'> & Pick<Fit['leastSquares'], 'iterations' | 'end'>;
  /** For `randomize`. */
  readonly ranges: Ranges;
}

/**
 * Fits parameters of the physics for each delay in turn, keeps the delay whose segments fit best, and holds it against the task as it stands on episodes kept apart.
 * @throws DATA_INVALID when the data hold too few segments, OPTION_INVALID for settings that cannot be, SCENE_INVALID where bounds allow parameters of no world.
 */
export async function identify(options: IdentifyOptions): Promise<Identification> {
  const { truth, data, parameters, settings, rng } = options;
  checkSettings(truth.task, settings);
  const { fitted, heldOut } = drawSegments(truth.task, data, {
    steps: settings.segment_steps,
    lead: settings.maxDelay_steps,
    heldOut: settings.heldOut,
    most: settings.segments,
    rng,
  });
  const compared = comparedElements(truth.task, data);
  const errors = new SegmentErrors(truth, compared);
  const fits = await fitDelays(options, errors, fitted);
  const best = fits.reduce((least, fit, delay) => (fit.after < fits[least]!.after ? delay : least), 0);
  const delay = compareDelays(fits, best, resamplePlan(fitted.count, rng, settings.resamples));
  const fit = fits[best]!;
  const nominal = await errors.of(heldOut, truth.task.params, 0);
  const improved = await errors.of(heldOut, paramsAt(truth.task, parameters, fit.values), best);
  const { before, after, evaluations, searched, posterior, leastSquares } = fit;
  const fall = errorFall(
    meanSquares(nominal, heldOut.count),
    meanSquares(improved, heldOut.count),
    resamplePlan(heldOut.count, rng, settings.resamples),
  );
  return {
    format: 'groundtwin-identify.v1',
    task: truth.task.id,
    settings,
    fitted: extentOf(fitted),
    heldOut: { ...extentOf(heldOut), ...fall },
    elements: elementErrors(compared, nominal, improved),
    parameters: foundParameters(parameters, fit),
    conditionNumber: Number.isFinite(posterior.conditionNumber) ? posterior.conditionNumber : null,
    entangled: entangledPairs(parameters, fit),
    delay,
    search: { before, after, evaluations, searched, iterations: leastSquares.iterations, end: leastSquares.end },
    ranges: { ...randomisationRanges(parameters, fit), ...delayRange(delay) },
  };
}

function checkSettings(task: AnyTask, settings: IdentifySettings): void {
  const refuse = (option: string, value: number, allowed: string): never => {
    throw new GroundtwinError('OPTION_INVALID', { who: `identify ${task.id}`, option, value: String(value), allowed });
  };
  const { segment_steps, maxDelay_steps, segments, heldOut } = settings;
  for (const [option, value, least] of [
    ['segment', segment_steps, 1],
    ['delay', maxDelay_steps, 0],
    ['segments', segments, 1],
  ] as const)
    if (!(Number.isSafeInteger(value) && value >= least)) refuse(option, value, `a whole number of at least ${least}`);
  if (!(heldOut > 0 && heldOut < 1)) refuse('heldOut', heldOut, 'a share between 0 and 1');
}

/** One fit for each delay from none to the longest, all on the same segments. */
async function fitDelays(options: IdentifyOptions, errors: SegmentErrors, fitted: Segments): Promise<Fit[]> {
  const { truth, parameters, settings, search, onProgress } = options;
  const fits: Fit[] = [];
  for (let delay = 0; delay <= settings.maxDelay_steps; delay++) {
    let played = 0;
    const residuals = (values: Float64Array) => {
      onProgress?.(delay, settings.maxDelay_steps + 1, `${++played} times played`);
      return errors.of(fitted, paramsAt(truth.task, parameters, values), delay);
    };
    fits.push(await fitParameters({ parameters, residuals, blocks: fitted.count, ...(search && { search }) }));
  }
  onProgress?.(settings.maxDelay_steps + 1, settings.maxDelay_steps + 1, '');
  return fits;
}

function paramsAt({ params }: AnyTask, parameters: readonly Parameter[], values: Float64Array): Params {
  return { ...params, ...Object.fromEntries(parameters.map(({ name }, i) => [name, values[i]!])) };
}

function compareDelays(fits: readonly Fit[], best: number, plan: ResamplePlan): Identification['delay'] {
  const squares = fits.map(({ leastSquares }) => meanSquares(leastSquares.residuals, plan.count));
  const tried = fits.map(({ after: residual }, steps): TriedDelay => {
    if (steps === best) return { steps, residual };
    const { measured, low, high } = errorFall(squares[best]!, squares[steps]!, plan).fall;
    return { steps, residual, raisedBy: { measured: -measured, low: -high, high: -low } };
  });
  return { steps: best, isClear: tried.every(({ raisedBy }) => raisedBy === undefined || raisedBy.low > 0), tried };
}

/** The delays that the data do not tell from the best; nothing where none was looked for. */
function delayRange({ steps, tried }: Identification['delay']): Ranges {
  if (tried.length === 1) return {};
  const possible = tried.filter(({ raisedBy }) => raisedBy === undefined || raisedBy.low <= 0).map((one) => one.steps);
  return { latency_steps: { low: Math.min(steps, ...possible), high: Math.max(steps, ...possible) } };
}

function extentOf({ count, episode }: Segments): { segments: number; episodes: number } {
  return { segments: count, episodes: new Set(episode).size };
}

function elementErrors(compared: readonly ComparedElement[], before: Float64Array, after: Float64Array): ElementErrors[] {
  const width = compared.length;
  return compared.map(({ label, unit, scale }, i) => {
    const ofElement = (errors: Float64Array) => scale * rootMeanSquare(errors.filter((_, at) => at % width === i));
    return { label, unit, before: ofElement(before), after: ofElement(after) };
  });
}
