import type { VectorEnv } from '../core/vector-env.ts';
import { type Identity, readCheckpoint, writeCheckpoint } from '../data/checkpoint-file.ts';
import { Moments } from '../math/moments.ts';
import { Rng } from '../math/rng.ts';
import { refuseOption, requireCounts } from './config-checks.ts';
import { Controller, type ControllerData, type ControllerShape, type Normaliser } from './controller.ts';
import { type Job, type Outcome, play } from './play-candidates.ts';
import { identityOf, runTraining, type TrainingOptions } from './run-training.ts';
import { TRAINING_SEEDS } from './training-seeds.ts';

/** How a search without gradients draws its candidates, and what it makes of their returns. */
export interface SearchStrategy {
  /** Unperturbed; what is validated. A view. */
  readonly weights: Float64Array;
  ask(rng: Rng): Float64Array[];
  /** @param scores - of the candidates, in their order; more is better. */
  tell(scores: readonly number[]): void;
  /** What it says of itself in a line of metrics. */
  figures(): Readonly<Record<string, number>>;
  /** Plain data. */
  save(): unknown;
  /** @returns false where it is not of a strategy like this one. */
  load(saved: unknown): boolean;
}

/** What all searches are told. */
export interface SearchConfig extends ControllerShape {
  /** Episodes a candidate's return is the mean of; all candidates of an iteration play the same starts. */
  readonly episodes: number;
  /** Steps after which the search cuts an episode off. */
  readonly episodeSteps: number;
  /** Taken off the reward of each step while searching, so that staying alive is not all there is to gain. */
  readonly rewardShift: number;
  /** Iterations from one validation of the unperturbed policy to the next; the best validated is what the search gives. */
  readonly validateEvery: number;
  readonly validationEpisodes: number;
}

/** Where a search ends: at whichever comes first, after a whole iteration. */
export interface SearchLimits {
  readonly iterations: number | null;
  /** Env steps, validation too. */
  readonly steps: number | null;
}

export interface SearchProgress {
  /** Iterations done. */
  readonly iteration: number;
  /** Env steps taken so far, validation too. */
  readonly steps: number;
  /** Mean return of the iteration's candidates. */
  readonly candidates: number;
  /** Mean return of the unperturbed policy, where it was validated. */
  readonly validation?: number;
}

export interface SearchResult {
  /** The best validated. */
  readonly policy: ControllerData;
  readonly validation: number;
  /** Env steps taken. */
  readonly steps: number;
}

/** Everything a search needs to go on as if it had not stopped; plain data. */
export interface SavedSearch {
  readonly iteration: number;
  readonly steps: number;
  readonly seen: { readonly count: number; readonly mean: readonly number[]; readonly squares: readonly number[] };
  readonly rng: readonly number[];
  readonly best: SearchResult | null;
  readonly strategy: unknown;
}

/** Seeds of validation episodes begin here: below those of training, above those that policies are judged on. */
export const VALIDATION_SEEDS = 2 ** 30;

/** A search for a controller's weights, iteration by iteration: the same seed finds the same policy to the last bit, whatever the number of lanes. */
export class ControllerSearch {
  private readonly env: VectorEnv;
  private readonly config: SearchConfig;
  private readonly limits: SearchLimits;
  private readonly controller: Controller;
  private readonly strategy: SearchStrategy;
  private readonly rng: Rng;
  private readonly seen: Moments;
  private iteration = 0;
  private steps = 0;
  private best: SearchResult | null = null;

  /**
   * @param env - its episodes are seeded and reset here; the caller closes it.
   * @param strategyFrom - makes it of the weights to begin with.
   * @throws OPTION_INVALID for actions that are neither a bounded box nor integers, and for a saved search of another shape.
   */
  constructor(
    env: VectorEnv,
    config: SearchConfig,
    limits: SearchLimits,
    seed: number,
    strategyFrom: (weights: Float64Array) => SearchStrategy,
  ) {
    this.env = env;
    this.config = config;
    this.limits = limits;
    this.controller = new Controller(env.observationSpace, env.actionSpace, config);
    this.rng = new Rng(seed);
    this.seen = new Moments(this.controller.observationSize);
    this.strategy = strategyFrom(this.controller.firstWeights(this.rng));
  }

  get isDone(): boolean {
    const { iterations, steps } = this.limits;
    return this.iteration >= (iterations ?? Number.POSITIVE_INFINITY) || this.steps >= (steps ?? Number.POSITIVE_INFINITY);
  }

  /** Tries the candidates of one iteration and moves towards the better ones. */
  async iterate(): Promise<SearchProgress> {
    const { episodes, validateEvery } = this.config;
    const seeds = Array.from({ length: episodes }, () => TRAINING_SEEDS + this.rng.integer(TRAINING_SEEDS));
    const candidates = this.strategy.ask(this.rng);
    const outcomes = await this.play(candidates.flatMap((weights) => seeds.map((seed) => ({ weights, seed }))));
    this.strategy.tell(candidates.map((_, i) => this.score(outcomes.slice(i * episodes, (i + 1) * episodes))));
    for (const { seen } of outcomes) this.seen.merge(seen);
    this.iteration++;
    const progress = { iteration: this.iteration, candidates: mean(outcomes.map((outcome) => outcome.return)), ...this.strategy.figures() };
    if (this.iteration % validateEvery !== 0) return { ...progress, steps: this.steps };
    const validation = await this.validate();
    return { ...progress, steps: this.steps, validation };
  }

  /** The best policy validated so far; validates the present one if none was. */
  async result(): Promise<SearchResult> {
    if (!this.best) await this.validate();
    return { ...this.best!, steps: this.steps };
  }

  save(): SavedSearch {
    const { iteration, steps, best } = this;
    const { count, mean: centre, squares } = this.seen;
    const seen = { count, mean: [...centre], squares: [...squares] };
    return { iteration, steps, seen, rng: this.rng.save(), best, strategy: this.strategy.save() };
  }

  /** Goes on from what a search of the same env, config and seed saved. @throws OPTION_INVALID when it is of another. */
  load({ iteration, steps, seen, rng, best, strategy }: SavedSearch): void {
    const size = this.controller.observationSize;
    if (seen.mean.length !== size || seen.squares.length !== size || !this.strategy.load(strategy))
      refuseOption('search', 'saved', 'a search of another shape', "one of this env's observations and these settings");
    this.iteration = iteration;
    this.steps = steps;
    this.seen.count = seen.count;
    this.seen.mean.set(seen.mean);
    this.seen.squares.set(seen.squares);
    this.rng.load(rng);
    this.best = best;
  }

  private async validate(): Promise<number> {
    const { validationEpisodes } = this.config;
    const jobs = Array.from({ length: validationEpisodes }, (_, i) => ({ weights: this.strategy.weights, seed: VALIDATION_SEEDS + i }));
    const validation = mean((await this.play(jobs)).map((outcome) => outcome.return));
    if (!this.best || validation > this.best.validation) this.best = { policy: this.policy(), validation, steps: this.steps };
    return validation;
  }

  private policy(): ControllerData {
    const { observes, hidden, clocks_steps } = this.config;
    const { mean: centre, deviation } = this.normaliser();
    const weights = [...this.strategy.weights];
    return { observes, hidden, clocks_steps, mean: Array.from(centre), deviation: Array.from(deviation), weights };
  }

  private async play(jobs: readonly Job[]): Promise<Outcome[]> {
    const outcomes = await play(this.env, this.controller, jobs, {
      normaliser: this.normaliser(),
      episodeSteps: this.config.episodeSteps,
    });
    for (const { steps } of outcomes) this.steps += steps;
    return outcomes;
  }

  private normaliser(): Normaliser {
    return { mean: this.seen.mean.slice(), deviation: this.seen.deviation() };
  }

  private score(outcomes: readonly Outcome[]): number {
    return mean(outcomes.map((outcome) => outcome.return - this.config.rewardShift * outcome.steps));
  }
}

/** @throws OPTION_INVALID */
export function checkSearch(
  who: string,
  { episodes, episodeSteps, validateEvery, validationEpisodes, hidden, observes }: SearchConfig,
): void {
  requireCounts(who, { episodes, episodeSteps, validateEvery, validationEpisodes, 'hidden + 1': hidden + 1 });
  if (observes !== null) requireCounts(who, { 'observes + 1': observes + 1 });
}

/**
 * Searches to the end, or goes on to it from a checkpoint.
 *
 * @param who - of errors. @param open - begins the search.
 * @throws CHECKPOINT_INVALID, CHECKPOINT_FOREIGN; what `open` throws.
 */
export async function runSearch<P extends SearchProgress>(
  who: string,
  { env, config, seed }: { readonly env: VectorEnv; readonly config: object; readonly seed: number },
  options: TrainingOptions<P>,
  open: (saved: SavedSearch | undefined) => ControllerSearch,
): Promise<SearchResult> {
  const identity = identityOf(env, { agent: who, ...config }, seed, options.checkpoint?.versions);
  return runTraining(
    who,
    options,
    {
      open: async (saved: SavedSearch | undefined) => new RunningSearch<P>(open(saved)),
      load: (path) => loadSearch(path, identity),
      store: (path, state) => saveSearch(path, identity, state),
    },
    ({ search }) => search.result(),
  );
}

/** A search as trainings are run. */
class RunningSearch<P extends SearchProgress> {
  readonly search: ControllerSearch;

  constructor(search: ControllerSearch) {
    this.search = search;
  }

  get isDone(): boolean {
    return this.search.isDone;
  }

  iterate(): Promise<P> {
    return this.search.iterate() as Promise<P>;
  }

  async save(): Promise<SavedSearch> {
    return this.search.save();
  }

  async close(): Promise<void> {}
}

const checkpointFormat = 'groundtwin-search.v1';
const rngWords = 6;

function saveSearch(path: string, identity: Identity, saved: SavedSearch): void {
  writeCheckpoint(path, checkpointFormat, identity, { saved }, []);
}

/**
 * @returns nothing where there is no file.
 * @throws CHECKPOINT_INVALID when the file is damaged, CHECKPOINT_FOREIGN when it is of another training.
 */
function loadSearch(path: string, identity: Identity): SavedSearch | undefined {
  return readCheckpoint<{ readonly saved: SavedSearch | null }, SavedSearch>(path, checkpointFormat, identity, ({ saved }) =>
    saved && isWhole(saved) ? saved : undefined,
  );
}

function isWhole({ iteration, steps, seen, rng, best, strategy }: SavedSearch): boolean {
  return (
    [iteration, steps, seen?.count].every((count) => Number.isSafeInteger(count) && count >= 0) &&
    [seen.mean, seen.squares, rng].every((values) => Array.isArray(values) && values.every(Number.isFinite)) &&
    rng.length === rngWords &&
    (best === null || (Number.isFinite(best?.validation) && Array.isArray(best.policy?.weights))) &&
    typeof strategy === 'object'
  );
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
