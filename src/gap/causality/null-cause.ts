import { type Interval, plannedInterval, type ResamplePlan } from '../bootstrap.ts';
import { SMALLEST_EFFECT } from '../counterfactual.ts';
import { mean } from '../statistics.ts';
import { type SourceEffects, squaresBut } from './effects.ts';

/** Share of the starts at which moving a variable must leave all others alone in truth, for it to count as irrelevant there. */
export const IRRELEVANT_SHARE = 0.5;

export interface NullCause extends Interval {
  /** Variables that are irrelevant in truth. */
  readonly sources: readonly string[];
  /** Root mean square of what moving them changes elsewhere in the model, and of the noise floor; standard deviations. */
  readonly effect: number;
  readonly floor: number;
}

/**
 * C4: what the model thinks an irrelevant variable changes, as a multiple of the noise floor.
 * Irrelevant is what truth, executed, shows to be: moved, it leaves every other element within `SMALLEST_EFFECT` at half of the starts or more (a cart's place on a rail, a
 * robot's way along flat ground, a goal). Starts where it did matter, such as near the end of the rail, are left out.
 * Root mean squares over irrelevant variables, starts and other elements.
 *
 * @param floor - float64 `[starts, size]`: ε-twin − truth at the same step, standard deviations.
 * @param plan - resamples of the starts.
 * @returns null where truth shows no such variable.
 * @see gap suite C4
 */
export function nullCause(sources: readonly SourceEffects[], floor: Float64Array, size: number, plan: ResamplePlan): NullCause | null {
  const idle = sources.map((source) => idleStarts(source, plan.count, size));
  const irrelevant = sources.filter((source, i) => source.own.length < size && mean(idle[i]!) >= IRRELEVANT_SHARE);
  if (irrelevant.length === 0) return null;
  const [squares, counts, floors] = [0, 1, 2].map(() => new Float64Array(plan.count));
  for (let start = 0; start < plan.count; start++) {
    for (const source of irrelevant) {
      if (!idle[sources.indexOf(source)]![start]) continue;
      const { sum, count } = squaresBut(source.imagined, start, size, source.own);
      squares![start]! += sum;
      counts![start]! += count;
    }
    floors![start] = squaresBut(floor, start, size, []).sum / size;
  }
  const effect = Math.sqrt(mean(squares!) / mean(counts!));
  const ratio = plannedInterval(
    [squares!, counts!, floors!],
    ([s, n, f]) => (mean(s!) === 0 ? 0 : Math.sqrt(mean(s!) / mean(n!) / mean(f!))),
    plan,
  );
  return { ...ratio, sources: irrelevant.map(({ label }) => label), effect, floor: Math.sqrt(mean(floors!)) };
}

/** Whether moving the source left all else alone in truth, for each start. */
function idleStarts({ truth, own }: SourceEffects, starts: number, size: number): Uint8Array {
  return Uint8Array.from({ length: starts }, (_, start) => {
    const { sum, count } = squaresBut(truth, start, size, own);
    return Number(sum <= count * SMALLEST_EFFECT ** 2);
  });
}
