/** Plans that differ from what was done in one thing. */

import type { Rng } from '../../math/rng.ts';
import { allocate, type Space, sizeOf } from '../../spaces/space.ts';
import type { HeldOut } from '../held-out.ts';

/**
 * Every start with what was done from another one: actions that do not follow from the state. Each alternative deals them out by another shift of one shuffled ring, so that no
 * start has its own or, up to `starts − 1` alternatives, any twice.
 * @param from - first step that differs. @param to - first step that is as it was again.
 */
export function actionsOfOthers(plan: HeldOut, count: number, rng: Rng, from = 0, to = plan.horizon): HeldOut[] {
  const ring = Array.from({ length: plan.starts }, (_, i) => i);
  rng.shuffle(ring);
  const width = plan.action.length / plan.starts / plan.horizon;
  return Array.from({ length: count }, (_, k) => {
    const action = plan.action.slice();
    ring.forEach((start, i) => {
      const other = ring[(i + 1 + (k % Math.max(1, plan.starts - 1))) % plan.starts]!;
      const begin = other * plan.horizon * width;
      action.set(plan.action.subarray(begin + from * width, begin + to * width), (start * plan.horizon + from) * width);
    });
    return { ...plan, action };
  });
}

/** Nothing done in the first steps; null where doing nothing is no action of the space. */
export function nothingDone(plan: HeldOut, space: Space, steps: number): HeldOut | null {
  if (space.kind !== 'box') return null;
  const width = sizeOf(space);
  if (Array.from(allocate(space, 1) as Float32Array).some((_, i) => space.low[i]! > 0 || space.high[i]! < 0)) return null;
  const action = plan.action.slice();
  for (let start = 0; start < plan.starts; start++) action.fill(0, start * plan.horizon * width, (start * plan.horizon + steps) * width);
  return { ...plan, action };
}

/**
 * For each start, `count` of the candidates that lead far apart from where `base` does and from each other: always the one whose nearest is farthest.
 * @param squared - distance of two ends at a start, squared; an end is a candidate's index, −1 the base. @returns `[starts][count]`: indices of candidates.
 * @see Gonzalez 1985, farthest-point clustering.
 */
export function farthestApart(
  starts: number,
  candidates: number,
  count: number,
  squared: (start: number, a: number, b: number) => number,
): number[][] {
  return Array.from({ length: starts }, (_, start) => {
    const nearest = Float64Array.from({ length: candidates }, (_, i) => squared(start, i, -1));
    const chosen: number[] = [];
    while (chosen.length < count) {
      const next = nearest.reduce((best, value, i) => (value > nearest[best]! ? i : best), 0);
      chosen.push(next);
      nearest[next] = Number.NEGATIVE_INFINITY;
      for (let i = 0; i < candidates; i++) nearest[i] = Math.min(nearest[i]!, squared(start, i, next));
    }
    return chosen;
  });
}

/** Plan k does at each start what the chosen candidate does there. @param chosen - `[starts][count]` */
export function dealt(candidates: readonly HeldOut[], chosen: readonly (readonly number[])[]): HeldOut[] {
  const [first] = candidates;
  const width = first!.action.length / first!.starts;
  return chosen[0]!.map((_, k) => {
    const action = new Float64Array(first!.action.length);
    chosen.forEach((of, start) => {
      action.set(candidates[of[k]!]!.action.subarray(start * width, (start + 1) * width), start * width);
    });
    return { ...first!, action };
  });
}
