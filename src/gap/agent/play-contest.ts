import { layOut } from '../../core/state-spec.ts';
import type { OpenEnv } from '../subject.ts';
import type { Contestant } from './contestants.ts';
import { RANDOM_PLACE } from './field.ts';
import { type Grounds, startCount, withEnv } from './grounds.ts';
import { playContestant } from './play-returns.ts';
import type { Contest } from './policy-ranking.ts';

/**
 * Plays all policies from all starts, in truth and in the dream. One dream a start: consecutive seeds share the members of an ensemble evenly, and a mean over starts is one over draws too.
 * A start from which truth itself breaks down for some policy is left out.
 */
export async function playContest(
  grounds: Grounds,
  field: readonly Contestant[],
  expert: number | undefined,
  onProgress: (done: number) => void,
): Promise<Contest> {
  const truth = await playSide(grounds, grounds.truth, field, () => {});
  const imagined = await playSide(grounds, grounds.dream, field, onProgress);
  const kept = Array.from({ length: startCount(grounds) }, (_, start) => start).filter((start) =>
    truth.every((returns) => !Number.isNaN(returns[start])),
  );
  const packed = (side: readonly Float64Array[]) => Float64Array.from(kept.flatMap((start) => side.map((returns) => returns[start]!)));
  return {
    names: field.map(({ name }) => name),
    starts: kept.length,
    truth: packed(truth),
    imagined: packed(imagined),
    random: RANDOM_PLACE,
    ...(expert === undefined ? {} : { expert }),
  };
}

/** Returns of each policy, float64 `[starts]`. */
function playSide(
  grounds: Grounds,
  open: OpenEnv,
  field: readonly Contestant[],
  onProgress: (done: number) => void,
): Promise<Float64Array[]> {
  return withEnv(open, grounds.starts.length / layOut(grounds.task.state).size, async (env) => {
    const returns: Float64Array[] = [];
    for (const contestant of field) {
      returns.push(await playContestant({ env, ...grounds }, contestant));
      onProgress(returns.length);
    }
    return returns;
  });
}
