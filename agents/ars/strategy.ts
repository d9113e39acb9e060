import type { SearchStrategy } from '../../src/learning/controller-search.ts';
import type { Rng } from '../../src/math/rng.ts';
import type { ArsConfig } from './config.ts';
import { update } from './update.ts';

/** Each direction forward and backward, and a step along the better ones. */
export class RandomDirections implements SearchStrategy {
  readonly weights: Float64Array;
  private readonly config: Pick<ArsConfig, 'directions' | 'elites' | 'stepSize' | 'noise'>;
  private directions: Float64Array[] = [];

  constructor(weights: Float64Array, config: Pick<ArsConfig, 'directions' | 'elites' | 'stepSize' | 'noise'>) {
    this.weights = weights;
    this.config = config;
  }

  ask(rng: Rng): Float64Array[] {
    const { directions, noise } = this.config;
    this.directions = Array.from({ length: directions }, () => {
      const direction = new Float64Array(this.weights.length);
      rng.normals(direction, 0, direction.length);
      return direction;
    });
    return this.directions.flatMap((direction) => [this.moved(direction, noise), this.moved(direction, -noise)]);
  }

  tell(scores: readonly number[]): void {
    const pairs = this.directions.map((_, i) => [scores[2 * i]!, scores[2 * i + 1]!] as const);
    update(this.weights, this.directions, pairs, this.config);
  }

  figures(): Readonly<Record<string, number>> {
    return {};
  }

  save(): { readonly weights: readonly number[] } {
    return { weights: [...this.weights] };
  }

  load(saved: unknown): boolean {
    const { weights } = saved as ReturnType<RandomDirections['save']>;
    if (!(Array.isArray(weights) && weights.length === this.weights.length && weights.every(Number.isFinite))) return false;
    this.weights.set(weights);
    return true;
  }

  private moved(direction: Float64Array, by: number): Float64Array {
    return this.weights.map((weight, i) => weight + by * direction[i]!);
  }
}
