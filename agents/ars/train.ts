import type { VectorEnv } from '../../src/core/vector-env.ts';
import { Moments } from '../../src/math/moments.ts';
import { Rng } from '../../src/math/rng.ts';
import type { ArsConfig } from './config.ts';
import { type ArsPolicyData, Network, type Normaliser } from './policy.ts';
import { type Job, type Outcome, play } from './rollouts.ts';
import { update } from './update.ts';

export interface ArsProgress {
  /** Iterations done. */
  readonly iteration: number;
  /** Env steps taken so far, validation too. */
  readonly steps: number;
  /** Mean return of the iteration's candidates. */
  readonly candidates: number;
  /** Mean return of the unperturbed policy, where it was validated. */
  readonly validation?: number;
}

export interface ArsResult {
  /** The best validated. */
  readonly policy: ArsPolicyData;
  readonly validation: number;
  /** Env steps taken. */
  readonly steps: number;
}

/** Everything a search needs to go on as if it had not stopped; plain data. */
export interface SavedSearch {
  readonly iteration: number;
  readonly steps: number;
  readonly weights: readonly number[];
  readonly seen: { readonly count: number; readonly mean: readonly number[]; readonly squares: readonly number[] };
  readonly rng: readonly number[];
  readonly best: ArsResult | null;
}

/** Seeds of training episodes begin here and those of validation at the other: a policy can be judged on all below, which it never met. */
export const TRAINING_SEEDS = 2 ** 31;
export const VALIDATION_SEEDS = 2 ** 30;

/**
 * Augmented Random Search, V2-t, on any env whose actions are a bounded box or integers: the same seed finds the same policy to the last bit,
 * whatever the number of lanes.
 */
export class ArsSearch {
  private readonly env: VectorEnv;
  private readonly config: ArsConfig;
  private readonly network: Network;
  private readonly rng: Rng;
  private readonly seen: Moments;
  private readonly weights: Float64Array;
  private iteration = 0;
  private steps = 0;
  private best: ArsResult | null = null;

  /**
   * @param env - its episodes are seeded and reset here; the caller closes it.
   * @param saved - of the same env, config and seed.
   * @throws OPTION_INVALID for actions that are neither a bounded box nor integers.
   */
  constructor(env: VectorEnv, config: ArsConfig, seed: number, saved?: SavedSearch) {
    this.env = env;
    this.config = config;
    this.network = new Network(env.observationSpace, env.actionSpace, config);
    this.rng = new Rng(seed);
    this.seen = new Moments(this.network.observationSize);
    this.weights = new Float64Array(this.network.weightCount);
    const first = this.network.firstLayer();
    for (let i = 0; i < first.weights; i++) this.weights[i] = first.deviation * this.rng.normal();
    if (saved) this.load(saved);
  }

  /** Tries the candidates of one iteration and moves towards the better ones. */
  async iterate(): Promise<ArsProgress> {
    const { directions: count, elites, stepSize, noise, episodes, validateEvery } = this.config;
    const seeds = Array.from({ length: episodes }, () => TRAINING_SEEDS + this.rng.integer(TRAINING_SEEDS));
    const directions = Array.from({ length: count }, () => this.direction());
    const candidates = directions.flatMap((direction) => [this.moved(direction, noise), this.moved(direction, -noise)]);
    const outcomes = await this.play(candidates.flatMap((weights) => seeds.map((seed) => ({ weights, seed }))));
    const scores = candidates.map((_, i) => this.score(outcomes.slice(i * episodes, (i + 1) * episodes)));
    update(
      this.weights,
      directions,
      directions.map((_, i) => [scores[2 * i]!, scores[2 * i + 1]!]),
      { elites, stepSize },
    );
    for (const { seen } of outcomes) this.seen.merge(seen);
    this.iteration++;
    const progress = { iteration: this.iteration, candidates: mean(outcomes.map((outcome) => outcome.return)) };
    if (this.iteration % validateEvery !== 0) return { ...progress, steps: this.steps };
    const validation = await this.validate();
    return { ...progress, steps: this.steps, validation };
  }

  /** The best policy validated so far; validates the present one if none was. */
  async result(): Promise<ArsResult> {
    if (!this.best) await this.validate();
    return { ...this.best!, steps: this.steps };
  }

  save(): SavedSearch {
    const { count, mean: centre, squares } = this.seen;
    return {
      iteration: this.iteration,
      steps: this.steps,
      weights: [...this.weights],
      seen: { count, mean: [...centre], squares: [...squares] },
      rng: this.rng.save(),
      best: this.best,
    };
  }

  private load({ iteration, steps, weights, seen, rng, best }: SavedSearch): void {
    this.iteration = iteration;
    this.steps = steps;
    this.weights.set(weights);
    this.seen.count = seen.count;
    this.seen.mean.set(seen.mean);
    this.seen.squares.set(seen.squares);
    this.rng.load(rng);
    this.best = best;
  }

  private async validate(): Promise<number> {
    const { validationEpisodes } = this.config;
    const jobs = Array.from({ length: validationEpisodes }, (_, i) => ({ weights: this.weights, seed: VALIDATION_SEEDS + i }));
    const validation = mean((await this.play(jobs)).map((outcome) => outcome.return));
    if (!this.best || validation > this.best.validation) this.best = { policy: this.policy(), validation, steps: this.steps };
    return validation;
  }

  private policy(): ArsPolicyData {
    const { observes, hidden, clocks_steps } = this.config;
    const { mean: centre, deviation } = this.normaliser();
    return { observes, hidden, clocks_steps, mean: Array.from(centre), deviation: Array.from(deviation), weights: [...this.weights] };
  }

  private async play(jobs: readonly Job[]): Promise<Outcome[]> {
    const outcomes = await play(this.env, this.network, jobs, {
      normaliser: this.normaliser(),
      episodeSteps: this.config.episodeSteps,
    });
    for (const { steps } of outcomes) this.steps += steps;
    return outcomes;
  }

  private normaliser(): Normaliser {
    return { mean: this.seen.mean.slice(), deviation: this.seen.deviation() };
  }

  private direction(): Float64Array {
    const direction = new Float64Array(this.weights.length);
    this.rng.normals(direction, 0, direction.length);
    return direction;
  }

  private moved(direction: Float64Array, by: number): Float64Array {
    return this.weights.map((weight, i) => weight + by * direction[i]!);
  }

  private score(outcomes: readonly Outcome[]): number {
    return mean(outcomes.map((outcome) => outcome.return - this.config.rewardShift * outcome.steps));
  }
}

/** Searches to the end. @throws as `ArsSearch`. */
export async function trainArs(
  env: VectorEnv,
  config: ArsConfig,
  seed: number,
  onProgress: (progress: ArsProgress) => void = () => {},
): Promise<ArsResult> {
  const search = new ArsSearch(env, config, seed);
  for (let i = 0; i < config.iterations; i++) onProgress(await search.iterate());
  return search.result();
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
