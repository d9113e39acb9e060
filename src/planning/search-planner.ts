import type { RolloutScorer } from '../core/rollouts.ts';
import { GroundtwinError } from '../errors.ts';
import type { Rng } from '../math/rng.ts';
import type { Space } from '../spaces/space.ts';
import { type ActionRange, actionRange, clipNormalised } from './action-range.ts';
import type { SequencePlanner } from './planner.ts';

/** What tells planners apart, for one start: how candidates are drawn, and what is learned from their scores. Sequences are normalised, float64 `[horizon, actionSize]`. */
export interface Search {
  /** Forgets everything. */
  reset(): void;
  /**
   * A decision begins.
   * @param mean - the plan that candidates are drawn around: the one before, one step on. To be moved in place.
   */
  begin(rng: Rng, mean: Float64Array): void;
  /** @param candidates - `[population(iteration), horizon, actionSize]`, to be filled; clipped to −1 … 1 afterwards. */
  draw(rng: Rng, iteration: number, mean: Float64Array, candidates: Float64Array): void;
  /** @param scores - of the candidates as they were clipped; −Infinity for those that broke. */
  learn(iteration: number, mean: Float64Array, candidates: Float64Array, scores: Float64Array): void;
  /** What to execute, after the last iteration. */
  chosen(mean: Float64Array): Float64Array;
}

export interface SearchShape {
  readonly iterations: number;
  /** Control steps looked ahead. */
  readonly horizon: number;
  /** Candidates of an iteration, the same for all starts. */
  population(iteration: number): number;
}

/** Draws, scores and learns in turn, for several starts at once, on any scorer; keeps the plan for the next decision. */
export class SearchPlanner implements SequencePlanner {
  readonly sequence: Float32Array;
  private readonly scorer: RolloutScorer;
  private readonly shape: SearchShape;
  private readonly range: ActionRange;
  private readonly searches: readonly Search[];
  private readonly size: number;
  /** float64 `[horizon, actionSize]` of each start. */
  private readonly means: readonly Float64Array[];
  private readonly candidates: Float64Array;
  private readonly plans: Float32Array;
  private readonly scores: Float64Array;

  /** @param search - makes that of one start. @throws OPTION_INVALID. */
  constructor(who: string, scorer: RolloutScorer, actionSpace: Space, shape: SearchShape, search: () => Search) {
    requireCounts(who, { iterations: shape.iterations, horizon: shape.horizon });
    this.scorer = scorer;
    this.shape = shape;
    this.range = actionRange(who, actionSpace);
    this.size = shape.horizon * scorer.actionSize;
    const { starts } = scorer;
    this.searches = Array.from({ length: starts }, search);
    this.means = Array.from({ length: starts }, () => new Float64Array(this.size));
    this.sequence = new Float32Array(starts * this.size);
    const most = starts * Math.max(...Array.from({ length: shape.iterations }, (_, iteration) => shape.population(iteration)));
    this.candidates = new Float64Array(most * this.size);
    this.plans = new Float32Array(this.candidates.length);
    this.scores = new Float64Array(most);
  }

  reset(): void {
    for (const mean of this.means) mean.fill(0);
    for (const search of this.searches) search.reset();
  }

  async plan(rng: Rng, out: Float32Array): Promise<void> {
    const { actionSize } = this.scorer;
    this.searches.forEach((search, start) => void search.begin(rng, this.means[start]!));
    for (let iteration = 0; iteration < this.shape.iterations; iteration++) await this.improve(rng, iteration);
    this.searches.forEach((search, start) => {
      const mean = this.means[start]!;
      this.writeActions(search.chosen(mean), this.sequence, start * this.size);
      out.set(this.sequence.subarray(start * this.size, start * this.size + actionSize), start * actionSize);
      // The next decision starts from this plan, one step on; its new last action repeats the old.
      mean.copyWithin(0, actionSize);
    });
  }

  private async improve(rng: Rng, iteration: number): Promise<void> {
    const { starts } = this.scorer;
    const count = this.shape.population(iteration);
    const all = starts * count;
    const candidates = this.candidates.subarray(0, all * this.size);
    const own = (start: number) => candidates.subarray(start * count * this.size, (start + 1) * count * this.size);
    this.searches.forEach((search, start) => void search.draw(rng, iteration, this.means[start]!, own(start)));
    for (let i = 0; i < candidates.length; i++) candidates[i] = clipNormalised(candidates[i]!);
    this.writeActions(candidates, this.plans, 0);
    const scores = this.scores.subarray(0, all);
    await this.scorer.score(this.plans.subarray(0, candidates.length), count, this.shape.horizon, scores);
    this.searches.forEach((search, start) => {
      search.learn(iteration, this.means[start]!, own(start), scores.subarray(start * count, (start + 1) * count));
    });
  }

  private writeActions(normalised: Float64Array, into: Float32Array, at: number): void {
    const { actionSize } = this.scorer;
    for (let i = 0; i < normalised.length; i++) into[at + i] = this.range.toAction(normalised[i]!, i % actionSize);
  }
}

/** @throws OPTION_INVALID where one is not an integer of at least 1. */
export function requireCounts(who: string, counts: Readonly<Record<string, number>>): void {
  for (const [option, value] of Object.entries(counts))
    if (!Number.isSafeInteger(value) || value < 1)
      throw new GroundtwinError('OPTION_INVALID', { who, option, value: String(value), allowed: 'an integer of at least 1' });
}

/** @throws OPTION_INVALID where one is outside its range. */
export function requireWithin(who: string, numbers: Readonly<Record<string, readonly [value: number, low: number, high: number]>>): void {
  for (const [option, [value, low, high]] of Object.entries(numbers))
    if (!(value >= low && value <= high))
      throw new GroundtwinError('OPTION_INVALID', { who, option, value: String(value), allowed: `from ${low} to ${high}` });
}
