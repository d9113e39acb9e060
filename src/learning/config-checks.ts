import { GroundtwinError } from '../errors.ts';

/** Numbers above this are no settings but mistakes. */
export const LARGEST = 1e9;

/** @throws OPTION_INVALID where one is no whole number of at least 1. */
export function requireCounts(who: string, counts: Readonly<Record<string, number>>): void {
  for (const [option, value] of Object.entries(counts))
    if (!(Number.isSafeInteger(value) && value >= 1)) refuseOption(who, option, value, 'a whole number of at least 1');
}

/** @throws OPTION_INVALID where one is outside its range. */
export function requireWithin(who: string, numbers: Readonly<Record<string, readonly [value: number, low: number, high: number]>>): void {
  for (const [option, [value, low, high]] of Object.entries(numbers))
    if (!(value >= low && value <= high)) refuseOption(who, option, value, `from ${low} to ${high}`);
}

/** Sizes of hidden layers. @throws OPTION_INVALID */
export function requireHidden(who: string, hidden: readonly number[]): void {
  requireCounts(who, Object.fromEntries(hidden.map((units, i) => [`hidden[${i}]`, units])));
}

/** @throws OPTION_INVALID, always. */
export function refuseOption(who: string, option: string, value: unknown, allowed: string): never {
  throw new GroundtwinError('OPTION_INVALID', { who, option, value: `${value}`, allowed });
}
