/**
 * Nonlinear least squares within bounds: Levenberg-Marquardt with Moré's scaling and Nielsen's damping.
 *
 * @see Moré 1978, "The Levenberg-Marquardt algorithm: implementation and theory"; Nielsen 1999, "Damping parameter in Marquardt's method", IMM-REP-1999-05.
 */
import { GroundtwinError } from '../../errors.ts';
import { type Bounds, clampInto, differences, type Residuals } from './finite-differences.ts';
import { dampedStep, dot, gradientOf, gramOf, type Jacobian, predictedGain } from './normal-equations.ts';

export interface LeastSquaresProblem extends Bounds {
  readonly residuals: Residuals;
  /** `[n]`, within the bounds. */
  readonly start: Float64Array;
  /** `[n]`: how far to either side differences are taken. */
  readonly steps: Float64Array;
}

export interface LeastSquaresLimits {
  /** Accepted steps at most. */
  readonly iterations: number;
  /** A step in which no coordinate moves further than this is the last. */
  readonly smallestStep: number;
  /** Share of the sum of squares that another step could take off, times the number of residuals: below it the parameters are within the root of this of their own standard error. */
  readonly smallestGain: number;
}

export const leastSquaresLimits: LeastSquaresLimits = { iterations: 50, smallestStep: 1e-8, smallestGain: 1e-4 };

/** `stalled`: the differences promise much and no step keeps the promise, as at the jumps of contacts. `limit`: it was still getting better. */
export type End = 'converged' | 'stalled' | 'limit';

export interface LeastSquaresFit {
  /** `[n]` */
  readonly x: Float64Array;
  /** `[m]`, at x. */
  readonly residuals: Float64Array;
  readonly jacobian: Jacobian;
  readonly sumOfSquares: number;
  /** Accepted steps. */
  readonly iterations: number;
  readonly end: End;
}

/** As `smallestGain`: where slopes promise a move of two standard errors and no step keeps it, they do not describe the residuals. */
const PROMISED_MUCH = 4;
const FIRST_DAMPING = 1e-3;
const MOST_DAMPING = 1e12;
const LEAST_DAMPING = 1e-12;

interface Point {
  readonly x: Float64Array;
  readonly residuals: Float64Array;
  readonly sumOfSquares: number;
}

interface Linearised extends Point {
  readonly jacobian: Jacobian;
  readonly gram: Float64Array;
  /** Of coordinates held by a bound 0. */
  readonly gradient: Float64Array;
  /** Coordinates that may move. */
  readonly free: readonly number[];
}

/** How strongly a step is held back, and how fast that grows while steps fail. */
interface Damping {
  amount: number;
  growth: number;
  /** Largest squared length of each column so far (Moré's D²). */
  readonly scale: Float64Array;
}

/** @throws GAP_INPUT_INVALID when the residuals at the start are not finite. */
export async function levenbergMarquardt(
  problem: LeastSquaresProblem,
  limits: LeastSquaresLimits = leastSquaresLimits,
): Promise<LeastSquaresFit> {
  let at = await linearise(problem, await requireFinite(problem));
  const damping: Damping = { amount: FIRST_DAMPING, growth: 2, scale: new Float64Array(at.x.length) };
  for (let iterations = 0; ; iterations++) {
    at.jacobian.forEach((column, i) => {
      damping.scale[i] = Math.max(damping.scale[i]!, dot(column, column));
    });
    const promised = promisedShare(at) * at.residuals.length;
    const isDone = promised < limits.smallestGain;
    const next = isDone ? undefined : iterations < limits.iterations ? await tryStep(problem, at, damping, limits) : 'limit';
    if (next === undefined || next === 'none' || next === 'limit')
      return fitOf(at, iterations, next === 'limit' ? 'limit' : next === 'none' && promised > PROMISED_MUCH ? 'stalled' : 'converged');
    const wasLast = largestMove(at.x, next.x) < limits.smallestStep;
    at = await linearise(problem, next);
    if (wasLast) return fitOf(at, iterations + 1, 'converged');
  }
}

function fitOf({ x, residuals, jacobian, sumOfSquares }: Linearised, iterations: number, end: End): LeastSquaresFit {
  return { x, residuals, jacobian, sumOfSquares, iterations, end };
}

async function requireFinite(problem: LeastSquaresProblem): Promise<Point> {
  const start = await pointAt(problem, clampInto(problem.start, problem));
  if (Number.isFinite(start.sumOfSquares)) return start;
  throw new GroundtwinError('GAP_INPUT_INVALID', { what: 'least squares', problem: 'the residuals at the start are not finite' });
}

async function pointAt({ residuals: of }: LeastSquaresProblem, x: Float64Array): Promise<Point> {
  const residuals = (await of(x)).slice();
  return { x, residuals, sumOfSquares: dot(residuals, residuals) };
}

async function linearise(problem: LeastSquaresProblem, point: Point): Promise<Linearised> {
  const jacobian = await differences(problem.residuals, point.x, problem, problem.steps);
  const gradient = gradientOf(jacobian, point.residuals);
  // Held: at a bound, and better only beyond it.
  const isFree = point.x.map((value, i) => {
    const outward = gradient[i]! > 0 ? value <= problem.low[i]! : value >= problem.high[i]!;
    return outward ? 0 : 1;
  });
  const free = [...isFree.keys()].filter((i) => isFree[i]);
  return { ...point, jacobian, gram: gramOf(jacobian), gradient, free };
}

/** Share of the sum of squares that a full Gauss-Newton step of the free coordinates would take off (the square of Bates & Watts' relative offset). */
function promisedShare(at: Linearised): number {
  if (at.sumOfSquares === 0) return 0;
  const step = stepOf(
    at,
    Float64Array.from(at.jacobian, (column) => dot(column, column)),
    LEAST_DAMPING,
  );
  return step ? Math.max(0, predictedGain(at.gram, at.gradient, step)) / at.sumOfSquares : 0;
}

/** Of the free coordinates; the others stay. */
function stepOf({ gram, gradient, free }: Linearised, scale: Float64Array, damping: number): Float64Array | undefined {
  const n = gradient.length;
  const part = Float64Array.from(free.flatMap((i) => free.map((j) => gram[i * n + j]!)));
  // What changes nothing has a column of zeros, and then a slope of 0: any scale lets it rest.
  const diagonal = Float64Array.from(free, (i) => scale[i] || 1);
  const found = dampedStep(
    part,
    Float64Array.from(free, (i) => gradient[i]!),
    diagonal,
    damping,
  );
  if (!found) return undefined;
  const step = new Float64Array(n);
  free.forEach((i, k) => {
    step[i] = found[k]!;
  });
  return step;
}

/** Damps more and more until a step makes the sum of squares smaller. */
async function tryStep(
  problem: LeastSquaresProblem,
  at: Linearised,
  damping: Damping,
  { smallestStep }: LeastSquaresLimits,
): Promise<Point | 'none'> {
  while (damping.amount < MOST_DAMPING) {
    const step = stepOf(at, damping.scale, damping.amount);
    if (step) {
      const x = clampInto(
        at.x.map((value, i) => value + step[i]!),
        problem,
      );
      const moved = x.map((value, i) => value - at.x[i]!);
      if (largestMove(at.x, x) === 0) return 'none';
      const point = await pointAt(problem, x);
      const gained = at.sumOfSquares - point.sumOfSquares;
      if (gained > 0) {
        relax(damping, gained / predictedGain(at.gram, at.gradient, moved));
        return point;
      }
      if (largestMove(at.x, x) < smallestStep) return 'none';
    }
    damping.amount *= damping.growth;
    damping.growth *= 2;
  }
  return 'none';
}

/** @param ratio - of what a step gained to what it promised. */
function relax(damping: Damping, ratio: number): void {
  // Cut off at a bound a step may promise nothing and gain all the same.
  const kept = ratio > 0 ? Math.max(1 / 3, 1 - (2 * Math.min(ratio, 1) - 1) ** 3) : 1;
  damping.amount = Math.max(LEAST_DAMPING, damping.amount * kept);
  damping.growth = 2;
}

function largestMove(a: Float64Array, b: Float64Array): number {
  return a.reduce((most, value, i) => Math.max(most, Math.abs(value - b[i]!)), 0);
}
