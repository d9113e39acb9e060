/** Finds policies by trying them: cross-entropy search over the parameters of feedback, in truth or in a dream. */
import type { Rng } from '../../math/rng.ts';
import type { TaskEnv } from '../../task/task-env.ts';
import { mean } from '../statistics.ts';
import { type FeedbackKind, feedbackPolicy } from './contestants.ts';
import { feedbackSize } from './feedback.ts';
import { playReturns } from './play-returns.ts';

export interface SearchSettings {
  /** Policies tried in a generation, and how many of them the next is drawn around. */
  readonly population: number;
  readonly elites: number;
  readonly generations: number;
  /** Episodes that each policy of a generation plays, all from the same starts. */
  readonly starts: number;
}

/** A policy that was tried, and its mean return. */
export interface Tried {
  /** float64 `[feedbackSize]` */
  readonly parameters: Float64Array;
  readonly score: number;
}

export interface SearchTrace {
  /** Every policy that was tried. */
  readonly tried: readonly Tried[];
  /** The mean of the policies before the first generation and after each: `[generations + 1]`. */
  readonly means: readonly Float64Array[];
}

export interface SearchPlace {
  /** With population × starts lanes; closed by the caller. */
  readonly env: TaskEnv;
  readonly kind: FeedbackKind;
  /** float64 `[count, stateSize]`: each generation draws its starts from these. */
  readonly starts: Float64Array;
  readonly steps: number;
}

/** What parameters are drawn with at first, and what is added to the deviations so that the search does not stop early; falls to 0 by the end. */
const FIRST_DEVIATION = 1;
const ADDED_VARIANCE = 0.25;

/**
 * @param progress - after each generation.
 * @see Szita & Lőrincz 2006, "Learning Tetris using the noisy cross-entropy method".
 */
export async function searchPolicies(
  place: SearchPlace,
  settings: SearchSettings,
  rng: Rng,
  progress?: (generation: number) => void,
): Promise<SearchTrace> {
  const size = feedbackSize(place.kind.shape);
  let centre: Float64Array = new Float64Array(size);
  let deviation: Float64Array = new Float64Array(size).fill(FIRST_DEVIATION);
  const means = [centre];
  const all: Tried[] = [];
  for (let generation = 0; generation < settings.generations; generation++) {
    const parameters = Float64Array.from(
      { length: settings.population * size },
      (_, i) => centre[i % size]! + deviation[i % size]! * rng.normal(),
    );
    const tried = await tryPolicies(place, settings, parameters, rng);
    all.push(...tried);
    const elites = [...tried].sort((a, b) => b.score - a.score).slice(0, settings.elites);
    const added = ADDED_VARIANCE * Math.max(0, 1 - (2 * (generation + 1)) / settings.generations);
    [centre, deviation] = momentsOf(elites, size, added);
    means.push(centre);
    progress?.(generation + 1);
  }
  return { tried: all, means };
}

async function tryPolicies(place: SearchPlace, settings: SearchSettings, parameters: Float64Array, rng: Rng): Promise<Tried[]> {
  const { env, kind } = place;
  const { population } = settings;
  const size = parameters.length / population;
  const policy = feedbackPolicy(kind, parameters, env);
  const starts = startsOfLanes(place, settings, rng);
  const returns = await playReturns({ env, starts, seed: rng.uint32(), steps: place.steps }, (observation) => policy.act(observation));
  return Array.from({ length: population }, (_, i) => {
    const score = mean(returns.filter((_, lane) => lane % population === i));
    // A policy that breaks what it acts in is the worst of all.
    return { parameters: parameters.slice(i * size, (i + 1) * size), score: Number.isNaN(score) ? Number.NEGATIVE_INFINITY : score };
  });
}

/** Lane = start · population + policy. */
function startsOfLanes({ env, starts }: SearchPlace, { population }: SearchSettings, rng: Rng): Float64Array {
  const size = env.spec.size;
  const rows = new Float64Array(env.lanes * size);
  let chosen = 0;
  for (let lane = 0; lane < env.lanes; lane++) {
    if (lane % population === 0) chosen = rng.integer(starts.length / size);
    rows.set(starts.subarray(chosen * size, (chosen + 1) * size), lane * size);
  }
  return rows;
}

function momentsOf(elites: readonly Tried[], size: number, added: number): [centre: Float64Array, deviation: Float64Array] {
  const centre = Float64Array.from({ length: size }, (_, i) => mean(elites.map(({ parameters }) => parameters[i]!)));
  const deviation = centre.map((middle, i) => Math.sqrt(mean(elites.map(({ parameters }) => (parameters[i]! - middle) ** 2)) + added));
  return [centre, deviation];
}
