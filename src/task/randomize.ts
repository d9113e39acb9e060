import type { Range, Ranges } from '../core/range.ts';
import { GroundtwinError } from '../errors.ts';
import type { Rng } from '../math/rng.ts';

/**
 * @param names - of all that there may be a range of: drawn in this order, so that the one in which ranges are written says nothing.
 * @returns one value a range.
 */
export function drawParams(names: readonly string[], ranges: Ranges, rng: Rng): Record<string, number> {
  const drawn = names.filter((name) => Object.hasOwn(ranges, name));
  return Object.fromEntries(drawn.map((name) => [name, drawFrom(ranges[name]!, rng)]));
}

function drawFrom({ low, high, scale }: Range, rng: Rng): number {
  if (scale !== 'log') return rng.uniform(low, high);
  const [from, to] = [Math.log(low), Math.log(high)];
  return Math.exp(rng.uniform(from, to));
}

/** @param known - names that a range may have. @throws OPTION_INVALID naming the first that is wrong. */
export function checkRanges(who: string, ranges: Ranges, known: readonly string[]): void {
  for (const [name, range] of Object.entries(ranges)) {
    const option = `randomize.${name}`;
    const refuse = (value: string, allowed: string): never => {
      throw new GroundtwinError('OPTION_INVALID', { who, option, value, allowed });
    };
    if (!known.includes(name)) refuse('given', `left out: the parameters are ${known.join(', ')}`);
    const { low, high, scale = 'linear' } = range;
    if (!(Number.isFinite(low) && Number.isFinite(high) && low <= high)) refuse(`[${low}, ${high}]`, 'two finite numbers in order');
    if (scale !== 'linear' && scale !== 'log') refuse(String(scale).slice(0, 40), "of scale 'linear' or 'log'");
    if (scale === 'log' && low <= 0) refuse(`[${low}, ${high}]`, 'above 0 for scale log');
  }
}
