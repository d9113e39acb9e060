import type { Rng } from '../../math/rng.ts';
import type { ResamplePlan } from '../bootstrap.ts';

/**
 * Resamples of what overlaps its neighbours: runs of `block` items are drawn together, from anywhere and round the end, until there are `count`.
 * Drawn one by one they would count as independent, and intervals come out too narrow.
 * @see Politis & Romano 1992, the circular block bootstrap.
 */
export function blockPlan(count: number, block: number, rng: Rng, resamples: number): ResamplePlan {
  const indices = new Uint32Array(resamples * count);
  const multiplicities = new Uint16Array(resamples * count);
  for (let i = 0, first = 0; i < indices.length; i++) {
    const at = i % count;
    if (at % block === 0) first = rng.integer(count);
    const drawn = (first + (at % block)) % count;
    indices[i] = drawn;
    multiplicities[i - at + drawn]!++;
  }
  return { count, resamples, indices, multiplicities };
}
