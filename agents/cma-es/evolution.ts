import type { Rng } from '../../src/math/rng.ts';
import { type PrincipalAxes, principalAxesOf } from '../../src/math/symmetric-eigen.ts';
import { type StrategyOptions, type StrategyParameters, strategyParameters } from './strategy.ts';

/** A search under way as plain data. */
export interface SavedEvolution {
  readonly generation: number;
  /** The generation that the axes are of. */
  readonly decomposed: number;
  readonly sigma: number;
  /** Mean, both paths, covariance, axes, stretches: see `Evolution`. */
  readonly arrays: readonly (readonly number[])[];
}

/** Eigenvalues further apart than this are rounding [condition number]. */
const mostCondition = 1e14;

/**
 * Covariance Matrix Adaptation Evolution Strategy, ask and tell: rank-one and rank-µ update, cumulative step-size adaptation
 * (Hansen 2016, "The CMA Evolution Strategy: A Tutorial", figure 6). It looks for the highest value.
 */
export class Evolution {
  readonly size: number;
  readonly parameters: StrategyParameters;
  /** Where the search is [m]. */
  readonly mean: Float64Array;
  private readonly separable: boolean;
  /** The whole matrix `[size, size]`, or its diagonal `[size]` [C]. */
  private readonly covariance: Float64Array;
  /** Unit vectors, a row each [B]; none where only the diagonal is learned. */
  private readonly axes: Float64Array;
  /** [D] */
  private readonly stretches: Float64Array;
  private readonly stepPath: Float64Array;
  private readonly covariancePath: Float64Array;
  /** Of the generation asked for: standard normal, along the axes [z]. */
  private drawn: Float64Array[] = [];
  private stepSize: number;
  private generation = 0;
  private decomposed = 0;

  /** @param mean - where it begins; copied. @param sigma - standard deviation of the first candidates, in every direction. */
  constructor(mean: Float64Array, sigma: number, options: StrategyOptions) {
    const size = mean.length;
    this.size = size;
    this.parameters = strategyParameters(size, options);
    this.separable = options.separable;
    this.mean = mean.slice();
    this.stepSize = sigma;
    this.covariance = this.separable ? new Float64Array(size).fill(1) : identity(size);
    this.axes = this.separable ? new Float64Array(0) : identity(size);
    this.stretches = new Float64Array(size).fill(1);
    this.stepPath = new Float64Array(size);
    this.covariancePath = new Float64Array(size);
  }

  /** Step size [σ]. */
  get sigma(): number {
    return this.stepSize;
  }

  /** How much further the search reaches along its longest axis than along its shortest. */
  get axisRatio(): number {
    return greatest(this.stretches) / least(this.stretches);
  }

  /** The candidates of the next generation. */
  ask(rng: Rng): Float64Array[] {
    this.drawn = Array.from({ length: this.parameters.population }, () => {
      const normal = new Float64Array(this.size);
      rng.normals(normal, 0, this.size);
      return normal;
    });
    return this.drawn.map((normal) => {
      const candidate = this.mean.slice();
      addScaled(candidate, this.stretched(normal), this.stepSize);
      return candidate;
    });
  }

  /** @param values - of the candidates, in their order; what is not a number is the worst. */
  tell(values: readonly number[]): void {
    const { weights, parents, stepRate, selectionMass, stepDamping, normalLength } = this.parameters;
    const worth = (i: number) => (Number.isNaN(values[i]!) ? Number.NEGATIVE_INFINITY : values[i]!);
    const order = this.drawn.map((_, i) => i).sort((a, b) => (worth(a) === worth(b) ? a - b : worth(b) - worth(a)));
    const best = new Float64Array(this.size);
    for (let i = 0; i < parents; i++) addScaled(best, this.drawn[order[i]!]!, weights[i]!);
    const step = this.stretched(best);
    addScaled(this.mean, step, this.stepSize);
    // C^(−1/2) of a step is its draw, turned but not stretched.
    follow(this.stepPath, this.turned(best), stepRate, Math.sqrt(stepRate * (2 - stepRate) * selectionMass));
    this.generation++;
    this.learn(order, step, this.stalls());
    this.stepSize *= Math.exp(Math.min(1, (stepRate / stepDamping) * (length(this.stepPath) / normalLength - 1)));
    this.decompose();
  }

  save(): SavedEvolution {
    const { generation, decomposed, stepSize: sigma } = this;
    return { generation, decomposed, sigma, arrays: this.arrays().map((values) => Array.from(values)) };
  }

  /** Goes on from what another of the same size saved. @returns false, with nothing changed, where it does not fit. */
  load({ generation, decomposed, sigma, arrays }: SavedEvolution): boolean {
    const own = this.arrays();
    const fits = arrays?.length === own.length && own.every(({ length: size }, i) => arrays[i]!.length === size);
    if (!(fits && arrays.every((values) => values.every(Number.isFinite)) && sigma > 0)) return false;
    own.forEach((values, i) => void values.set(arrays[i]!));
    this.stepSize = sigma;
    this.generation = generation;
    this.decomposed = decomposed;
    return true;
  }

  private arrays(): readonly Float64Array[] {
    return [this.mean, this.stepPath, this.covariancePath, this.covariance, this.axes, this.stretches];
  }

  /** Whether the step-size path is so long that the other path must wait [1 − h_σ]: the step size first, or the matrix grows along a mere slope. */
  private stalls(): boolean {
    const { stepRate, normalLength } = this.parameters;
    const settled = Math.sqrt(1 - (1 - stepRate) ** (2 * (this.generation + 1)));
    return length(this.stepPath) / settled >= (1.4 + 2 / (this.size + 1)) * normalLength;
  }

  /** Equations 45 to 47. */
  private learn(order: readonly number[], step: Float64Array, stalls: boolean): void {
    const { weights, pathRate, selectionMass, rankOneRate, rankMuRate } = this.parameters;
    follow(this.covariancePath, step, pathRate, stalls ? 0 : Math.sqrt(pathRate * (2 - pathRate) * selectionMass));
    const missed = stalls ? pathRate * (2 - pathRate) : 0;
    const sum = weights.reduce((total, weight) => total + weight, 0);
    const kept = 1 + rankOneRate * missed - rankOneRate - rankMuRate * sum;
    for (let i = 0; i < this.covariance.length; i++) this.covariance[i]! *= kept;
    this.addOuter(this.covariancePath, rankOneRate);
    order.forEach((candidate, rank) => {
      const weight = weights[rank]!;
      if (weight === 0) return;
      const normal = this.drawn[candidate]!;
      // A bad candidate counts by its direction alone, however far out it was.
      const scale = weight > 0 ? 1 : this.size / dot(normal, normal);
      this.addOuter(this.stretched(normal), rankMuRate * weight * scale);
    });
  }

  private addOuter(direction: Float64Array, factor: number): void {
    const { covariance, size } = this;
    if (this.separable) {
      for (let i = 0; i < size; i++) covariance[i]! += factor * direction[i]! ** 2;
      return;
    }
    for (let row = 0; row < size; row++) {
      const scaled = factor * direction[row]!;
      for (let column = 0; column < size; column++) covariance[row * size + column]! += scaled * direction[column]!;
    }
  }

  /** As seldom as costs no evaluations: every 1 / (10 n (c_1 + c_µ)) generations (B.2). */
  private decompose(): void {
    const { size, covariance, stretches } = this;
    if (this.separable) {
      const floor = greatest(covariance) / mostCondition;
      for (let i = 0; i < size; i++) {
        covariance[i] = Math.max(covariance[i]!, floor);
        stretches[i] = Math.sqrt(covariance[i]!);
      }
      return;
    }
    const { rankOneRate, rankMuRate } = this.parameters;
    if (this.generation - this.decomposed < 1 / (10 * size * (rankOneRate + rankMuRate))) return;
    this.decomposed = this.generation;
    const { axes, stretches: found } = wellConditioned(covariance, size);
    this.axes.set(axes);
    stretches.set(found);
  }

  /** B D z */
  private stretched(normal: Float64Array): Float64Array {
    return this.turned(normal.map((value, i) => value * this.stretches[i]!));
  }

  /** B z */
  private turned(along: Float64Array): Float64Array {
    if (this.separable) return along.slice();
    const { axes, size } = this;
    const out = new Float64Array(size);
    for (let i = 0; i < size; i++) {
      const factor = along[i]!;
      for (let k = 0; k < size; k++) out[k]! += factor * axes[i * size + k]!;
    }
    return out;
  }
}

/** Adds to the diagonal, in place, what keeps the matrix positive definite and its condition in bounds. */
function wellConditioned(covariance: Float64Array, size: number): PrincipalAxes {
  let trace = 0;
  for (let i = 0; i < size; i++) trace += covariance[i * size + i]!;
  for (let ridge = trace / mostCondition; ; ridge *= 10) {
    const found = principalAxesOf(covariance, size);
    if (found && greatest(found.stretches) ** 2 <= mostCondition * least(found.stretches) ** 2) return found;
    for (let i = 0; i < size; i++) covariance[i * size + i]! += ridge;
  }
}

/** path ← (1 − rate) path + gain · step */
function follow(path: Float64Array, step: Float64Array, rate: number, gain: number): void {
  for (let i = 0; i < path.length; i++) path[i] = (1 - rate) * path[i]! + gain * step[i]!;
}

function addScaled(to: Float64Array, from: Float64Array, factor: number): void {
  for (let i = 0; i < to.length; i++) to[i]! += factor * from[i]!;
}

function identity(size: number): Float64Array {
  return Float64Array.from({ length: size * size }, (_, i) => (i % (size + 1) === 0 ? 1 : 0));
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
}

function length(values: Float64Array): number {
  return Math.sqrt(dot(values, values));
}

function greatest(values: Float64Array): number {
  return values.reduce((most, value) => Math.max(most, value), Number.NEGATIVE_INFINITY);
}

function least(values: Float64Array): number {
  return values.reduce((most, value) => Math.min(most, value), Number.POSITIVE_INFINITY);
}
