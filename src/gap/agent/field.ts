/**
 * The policies that are compared, for any task and without training. They must act in closed loop, since in a dream they see another future than in truth; and their true returns must be
 * spread out, since policies that are as good as each other cannot be ranked. Planners in truth are neither cheap nor able to act on a dream.
 *
 * - The caller's policies (checkpoints, a reference), where given; where these are few, the best of them with more and more of its actions random.
 * - Otherwise feedback policies found by a short search in truth. All that it tried, from the first random ones to the last, are put in order of their return, and those nearest to evenly
 *   spaced returns taken: a ladder of skill, as checkpoints of a training are. They are judged on other starts than they were found on.
 * - Always: random actions, and none.
 */
import { GroundtwinError } from '../../errors.ts';
import type { Rng } from '../../math/rng.ts';
import { mean } from '../statistics.ts';
import { type Contestant, type FeedbackKind, feedbackContestant, idle, mixedWithRandom, randomActions } from './contestants.ts';
import { type Grounds, startCount, withEnv } from './grounds.ts';
import { playContestant } from './play-returns.ts';
import { type SearchSettings, type SearchTrace, searchPolicies, type Tried } from './policy-search.ts';

/** At which place random actions stand in every field. */
export const RANDOM_PLACE = 0;

/** @param given - by the caller, at least one. */
export async function fieldOfGiven(grounds: Grounds, given: readonly Contestant[], policies: number): Promise<Contestant[]> {
  const field = [randomActions, idle, ...given];
  const missing = Math.max(0, policies - field.length);
  if (missing === 0) return field;
  const best = await bestOf(grounds, given);
  const mixes = Array.from({ length: missing }, (_, i) => mixedWithRandom(best, (i + 1) / (missing + 1)));
  return [...field, ...mixes];
}

async function bestOf(grounds: Grounds, given: readonly Contestant[]): Promise<Contestant> {
  if (given.length === 1) return given[0]!;
  const scores: number[] = [];
  await withEnv(grounds.truth, startCount(grounds), async (env) => {
    for (const contestant of given) scores.push(mean(await playContestant({ env, ...grounds }, contestant)));
  });
  // One under which physics breaks down scores what is not a number.
  const known = scores.map((score) => (Number.isNaN(score) ? Number.NEGATIVE_INFINITY : score));
  return given[known.indexOf(Math.max(...known))]!;
}

/** @param trace - of a search in truth. */
export function fieldOfSearch({ tried }: SearchTrace, kind: FeedbackKind, policies: number): Contestant[] {
  const ladder = evenlySpaced(tried, policies - 2);
  return [
    randomActions,
    idle,
    ...ladder.map(({ parameters, score }, i) => feedbackContestant(`feedback ${i + 1} (${score.toPrecision(3)})`, kind, parameters)),
  ];
}

/** Those whose scores are nearest to evenly spaced ones from the lower quartile to the best, each once; scores that are not finite are left out. Sorted by score. @throws GAP_INPUT_INVALID where too few are left. */
export function evenlySpaced(tried: readonly Tried[], count: number): Tried[] {
  const left = tried.filter(({ score }) => Number.isFinite(score)).sort((a, b) => a.score - b.score);
  if (left.length < count)
    throw new GroundtwinError('GAP_INPUT_INVALID', {
      what: 'policies',
      problem: `a search left ${left.length} that act, ${count} are needed`,
    });
  const [worst, best] = [quantileScore(left, 0.25), left[left.length - 1]!.score];
  const chosen = Array.from({ length: count }, (_, i) => {
    const wanted = best - ((best - worst) * i) / Math.max(1, count - 1);
    const nearest = left.reduce((found, one, at) => (Math.abs(one.score - wanted) < Math.abs(left[found]!.score - wanted) ? at : found), 0);
    return left.splice(nearest, 1)[0]!;
  });
  return chosen.sort((a, b) => a.score - b.score);
}

/** The very worst are outliers that would stretch the ladder. */
function quantileScore(sorted: readonly Tried[], level: number): number {
  return sorted[Math.floor(level * (sorted.length - 1))]!.score;
}

export interface SearchIn {
  readonly grounds: Grounds;
  readonly kind: FeedbackKind;
  readonly settings: SearchSettings;
  readonly rng: Rng;
  readonly progress?: (generation: number) => void;
}

/** @param side - where policies are tried. */
export function searchIn(side: 'truth' | 'dream', { grounds, kind, settings, rng, progress }: SearchIn): Promise<SearchTrace> {
  return withEnv(grounds[side], settings.population * settings.starts, (env) =>
    searchPolicies({ env, kind, starts: grounds.searchStarts, steps: grounds.steps }, settings, rng, progress),
  );
}
