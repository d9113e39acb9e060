/** Parameters of any process fitted to what was measured of it, with what the data say of each. */
import { GroundtwinError } from '../../errors.ts';
import { differences } from './finite-differences.ts';
import { type Posterior, posteriorOf } from './identifiability.ts';
import { type LeastSquaresFit, type LeastSquaresLimits, leastSquaresLimits, levenbergMarquardt } from './levenberg-marquardt.ts';
import { dot } from './normal-equations.ts';
import { boxOf, type Parameter, toCoordinate, valuesAt } from './parameters.ts';
import { type SearchOptions, searchBox } from './search.ts';

export interface FitProblem {
  readonly parameters: readonly Parameter[];
  /**
   * What is left of the measurements at these parameters.
   * @param values - `[n]`, in the units of the parameters, within their bounds.
   * @returns `[m]`, finite, block after block; may be reused by the next call.
   */
  readonly residuals: (values: Float64Array) => Float64Array | Promise<Float64Array>;
  /** Parts of the residuals that are independent of each other, equally long: segments. */
  readonly blocks: number;
  /** How far differences reach to either side, in coordinates (`toCoordinate`). Default 0.01: 1 %, or a hundredth of the bounds. */
  readonly difference?: number;
  readonly limits?: LeastSquaresLimits;
  /** Tried where least squares stall, or first where `always` is set. */
  readonly search?: SearchOptions & { readonly always: boolean };
}

export interface Fit {
  /** `[n]`, in the units of the parameters. */
  readonly values: Float64Array;
  /** Of the coordinates. */
  readonly posterior: Posterior;
  /** `[n]`: how much slopes over a width differ from those over five times that width, as a share of the latter. Small where residuals are smooth. */
  readonly roughness: Float64Array;
  /** √ mean r² at the start and at the fit. */
  readonly before: number;
  readonly after: number;
  readonly leastSquares: LeastSquaresFit;
  readonly searched: boolean;
  /** Times the residuals were worked out. */
  readonly evaluations: number;
}

/** Reaches over what a float32 engine rounds, and small enough that the curvature of a parameter does not show. */
const DIFFERENCE = 0.01;
const WIDER = 5;
/** In coordinates: a thousandth of a per cent. */
const SMALLEST_STEP = 1e-5;
export const fitLimits: LeastSquaresLimits = { ...leastSquaresLimits, smallestStep: SMALLEST_STEP };

/** @throws GAP_INPUT_INVALID when the residuals at the start are not finite, or there are too few blocks. */
export async function fitParameters({ parameters, residuals: of, blocks, ...options }: FitProblem): Promise<Fit> {
  if (parameters.length === 0)
    throw new GroundtwinError('GAP_INPUT_INVALID', { what: 'identification', problem: 'there is no parameter to identify' });
  const box = boxOf(parameters);
  const start = Float64Array.from(parameters, (one) => toCoordinate(one, one.start));
  const steps = new Float64Array(start.length).fill(options.difference ?? DIFFERENCE);
  let evaluations = 0;
  const residuals = (x: Float64Array) => {
    evaluations++;
    return of(valuesAt(parameters, x));
  };
  const before = rootMeanSquare(await residuals(start));
  const descend = (from: Float64Array) => levenbergMarquardt({ residuals, start: from, ...box, steps }, options.limits ?? fitLimits);
  const { search } = options;
  let leastSquares = search?.always ? undefined : await descend(start);
  const searched = search !== undefined && leastSquares?.end !== 'converged';
  if (searched) {
    const found = await descend(await searchBox(residuals, leastSquares?.x ?? start, box, search));
    if (!leastSquares || found.sumOfSquares <= leastSquares.sumOfSquares) leastSquares = found;
  }
  const wide = await differences(
    residuals,
    leastSquares!.x,
    box,
    steps.map((step) => WIDER * step),
  );
  return {
    values: valuesAt(parameters, leastSquares!.x),
    roughness: Float64Array.from(wide, (column, i) => distanceOf(leastSquares!.jacobian[i]!, column)),
    posterior: posteriorOf(leastSquares!.jacobian, leastSquares!.residuals, blocks),
    before,
    after: rootMeanSquare(leastSquares!.residuals),
    leastSquares: leastSquares!,
    searched,
    evaluations,
  };
}

/** Of two columns, as a share of the second. */
function distanceOf(near: Float64Array, wide: Float64Array): number {
  const [apart, length] = [near.map((value, k) => value - wide[k]!), Math.sqrt(dot(wide, wide))];
  const distance = Math.sqrt(dot(apart, apart));
  return distance === 0 ? 0 : distance / Math.max(length, Number.MIN_VALUE);
}

export function rootMeanSquare(values: Float64Array): number {
  return Math.sqrt(values.reduce((sum, value) => sum + value * value, 0) / values.length);
}
