import { GroundtwinError } from '../errors.ts';
import { suggest } from './suggest.ts';

/**
 * Holds options to names that there are: a misspelt one would be ignored without a word, and types do not see it from JavaScript or from a variable.
 * @param what - the call they are given to. @param known - the names, as keys. @throws OPTION_INVALID naming the nearest known one.
 */
export function requireKnown(who: string, what: string, options: unknown, known: Readonly<Record<string, true>>): void {
  if (typeof options !== 'object' || options === null) {
    const allowed = `an object of ${Object.keys(known).join(', ')}`;
    throw new GroundtwinError('OPTION_INVALID', { who, option: `of ${what}`, value: String(options).slice(0, 40), allowed });
  }
  for (const name in options) {
    if (Object.hasOwn(known, name)) continue;
    const names = Object.keys(known);
    const near = suggest(name, names);
    const allowed = near ? `${near}, if that is meant` : `left out: ${what} takes ${names.join(', ')}`;
    throw new GroundtwinError('OPTION_INVALID', { who, option: name.slice(0, 40), value: 'given', allowed });
  }
}
