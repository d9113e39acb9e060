import { GroundtwinError } from '../errors.ts';

type Settings = Readonly<Record<string, unknown>>;

/**
 * Reads `key=value` pairs into settings, each by the type of its default: a number, true or false, a list of numbers with commas between (empty = none);
 * where the default is a word or null, what the value looks like. Settings of settings are named with a dot.
 *
 * @throws OPTION_INVALID for a key that there is no default of, and for a value of another type.
 */
export function withSettings<S extends object>(who: string, defaults: S, pairs: readonly string[]): S {
  return pairs.reduce<S>((settings, pair) => {
    const at = pair.indexOf('=');
    if (at < 1) refuse(who, pair, 'key=value');
    const key = pair.slice(0, at);
    const known = leavesOf(defaults as Settings);
    if (!known.has(key)) refuse(who, key, `one of ${[...known.keys()].join(', ')}`);
    return withLeaf(settings as Settings, key.split('.'), parsed(who, key, pair.slice(at + 1), known.get(key))) as S;
  }, defaults);
}

/** What is in settings of settings, by names with dots. */
export function leavesOf(settings: Settings, before = ''): Map<string, unknown> {
  return new Map(
    Object.entries(settings).flatMap(([key, value]): [string, unknown][] =>
      isGroup(value) ? [...leavesOf(value, `${before}${key}.`)] : [[`${before}${key}`, value]],
    ),
  );
}

function withLeaf(settings: Settings, [key, ...rest]: readonly string[], value: unknown): Settings {
  return { ...settings, [key!]: rest.length > 0 ? withLeaf(settings[key!] as Settings, rest, value) : value };
}

function isGroup(value: unknown): value is Settings {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function parsed(who: string, key: string, text: string, fallback: unknown): unknown {
  if (Array.isArray(fallback)) return text === '' ? [] : text.split(',').map((part) => numberOf(who, key, part));
  if (typeof fallback === 'number') return numberOf(who, key, text);
  if (typeof fallback === 'boolean') {
    if (text !== 'true' && text !== 'false') refuse(who, `${key}=${text}`, 'true or false');
    return text === 'true';
  }
  return looksLike(text);
}

function looksLike(text: string): unknown {
  const words: Settings = { true: true, false: false, null: null };
  if (Object.hasOwn(words, text)) return words[text];
  const value = Number(text);
  return text.trim() === '' || !Number.isFinite(value) ? text : value;
}

function numberOf(who: string, key: string, text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !Number.isFinite(value)) refuse(who, `${key}=${text}`, 'a number');
  return value;
}

function refuse(who: string, value: string, allowed: string): never {
  throw new GroundtwinError('OPTION_INVALID', { who, option: '--set', value: value.slice(0, 100), allowed });
}
