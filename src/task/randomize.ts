import type { Range, Ranges } from '../core/range.ts';
import { GroundtwinError } from '../errors.ts';
import type { Rng } from '../math/rng.ts';

/** @returns one value a range, in the order they are declared. */
export function drawParams(ranges: Ranges, rng: Rng): Record<string, number> {
  return Object.fromEntries(Object.entries(ranges).map(([name, range]) => [name, drawFrom(range, rng)]));
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
