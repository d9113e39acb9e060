/** What an identification found, as plain data. */
import type { Range, Ranges } from '../../core/range.ts';
import type { Fit } from './fit.ts';
import { ENTANGLED } from './identifiability.ts';
import { fromCoordinate, type Parameter, toCoordinate } from './parameters.ts';

export interface FoundParameter extends Parameter {
  /** In the parameter's unit, like all that follows. */
  readonly estimate: number;
  /** 95 % interval within the bounds; of a logarithm, so it need not be symmetric. */
  readonly interval: { readonly low: number; readonly high: number };
  /** False where the interval is as wide as the bounds: the data do not tell it, and the estimate is of no use. */
  readonly identifiable: boolean;
  /** The fit ended at a bound, which the interval knows nothing of: allow more, or doubt the model. */
  readonly atBound: boolean;
  /** Residuals jump about as it changes, as with contacts: slopes, and so the interval, say too little of it. The interval is then too narrow. */
  readonly rough: boolean;
}

/** Two parameters of which the data tell a combination rather than each. */
export interface EntangledPair {
  readonly first: string;
  readonly second: string;
  readonly correlation: number;
}

/** Of the width of the bounds: closer to one of them than this is at it. */
const AT_BOUND = 1e-6;
/** Slopes that differ by more than half from those over a wider stretch are not slopes. */
const ROUGH = 0.5;
/** A randomisation reaches this many half intervals to either side. */
const RANGE_REACH = 2;

export function foundParameters(parameters: readonly Parameter[], { values, posterior, roughness }: Fit): FoundParameter[] {
  return parameters.map((one, i) => {
    const halfWidth = posterior.halfWidths[i]!;
    const [low, high] = [toCoordinate(one, one.low), toCoordinate(one, one.high)];
    const at = (toCoordinate(one, values[i]!) - low) / (high - low);
    return {
      ...one,
      estimate: values[i]!,
      interval: around(one, values[i]!, halfWidth),
      identifiable: 2 * halfWidth < high - low,
      atBound: at < AT_BOUND || at > 1 - AT_BOUND,
      rough: roughness[i]! > ROUGH,
    };
  });
}

/** ± so many coordinates, cut off at the bounds. */
function around(parameter: Parameter, value: number, reach: number): Pick<Range, 'low' | 'high'> {
  const end = (away: number) =>
    Math.max(parameter.low, Math.min(parameter.high, fromCoordinate(parameter, toCoordinate(parameter, value) + away)));
  return { low: end(-reach), high: end(reach) };
}

export function entangledPairs(parameters: readonly Parameter[], { posterior }: Fit): EntangledPair[] {
  const n = parameters.length;
  return parameters.flatMap(({ name: second }, j) =>
    parameters.slice(0, j).flatMap(({ name: first }, i) => {
      const correlation = posterior.correlations[i * n + j]!;
      return Math.abs(correlation) > ENTANGLED ? [{ first, second, correlation }] : [];
    }),
  );
}

/** What to draw each parameter from in training: two intervals to either side of what was found, within its bounds; all of them for what the data do not tell. As `randomize` takes it. */
export function randomisationRanges(parameters: readonly Parameter[], { values, posterior }: Fit): Ranges {
  return Object.fromEntries(
    parameters.map((one, i) => {
      const range = around(one, values[i]!, RANGE_REACH * posterior.halfWidths[i]!);
      return [one.name, one.scale === 'log' ? { ...range, scale: 'log' } : range];
    }),
  );
}
