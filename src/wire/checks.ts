/**
 * Small validators for the fields of messages. A check returns the value with its type, or throws BAD_MESSAGE saying which field and what was expected;
 * it never repeats what was sent.
 */
import { GroundtwinError } from '../errors.ts';
import { isWireError, type WireError } from './error-form.ts';
import { Tensor } from './tensor.ts';

export type Check<T> = (value: unknown, field: string) => T;
export type Checked<C> = C extends Check<infer T> ? T : never;

type Fields = Readonly<Record<string, Check<unknown>>>;
type OptionalKeys<F extends Fields> = { [K in keyof F]: undefined extends Checked<F[K]> ? K : never }[keyof F];
export type CheckedFields<F extends Fields> = { readonly [K in Exclude<keyof F, OptionalKeys<F>>]: Checked<F[K]> } & {
  readonly [K in OptionalKeys<F>]?: Exclude<Checked<F[K]>, undefined>;
};

/** Values in nested arrays and maps, with `Tensor`s as leaves: a batch of values of some space. */
export type TensorTree = Tensor | { readonly [key: string]: TensorTree };

export const text: Check<string> = (value, field) => (typeof value === 'string' ? value : refuse(field, 'a string'));
export const flag: Check<boolean> = (value, field) => (typeof value === 'boolean' ? value : refuse(field, 'true or false'));
export const number: Check<number> = (value, field) => (typeof value === 'number' ? value : refuse(field, 'a number'));

export function integer(low: number, high: number): Check<number> {
  return (value, field) =>
    typeof value === 'number' && Number.isInteger(value) && value >= low && value <= high
      ? value
      : refuse(field, `an integer from ${low} to ${high}`);
}

export function oneOf<T extends string>(...allowed: readonly T[]): Check<T> {
  return (value, field) => (allowed.includes(value as T) ? (value as T) : refuse(field, `one of ${allowed.join(', ')}`));
}

/** Absent or null counts as undefined. */
export function optional<T>(check: Check<T>): Check<T | undefined> {
  return (value, field) => (value === undefined || value === null ? undefined : check(value, field));
}

export const record: Check<Readonly<Record<string, unknown>>> = (value, field) => (isRecord(value) ? value : refuse(field, 'a map'));

export const list: Check<readonly unknown[]> = (value, field) => (Array.isArray(value) ? value : refuse(field, 'a list'));

export const numbers: Check<Readonly<Record<string, number>>> = (value, field) => {
  if (!isRecord(value) || !Object.values(value).every((item) => typeof item === 'number')) return refuse(field, 'a map of numbers');
  return value as Record<string, number>;
};

export const tensorTree: Check<TensorTree> = (value, field) => {
  if (value instanceof Tensor) return value;
  if (!isRecord(value)) return refuse(field, 'an array, or a map of arrays');
  for (const key of Object.keys(value)) tensorTree(value[key], `a part of ${field}`);
  return value as TensorTree;
};

export const bytes: Check<Uint8Array> = (value, field) =>
  value instanceof Tensor && value.data instanceof Uint8Array ? value.data : refuse(field, 'a uint8 array');

export const floats: Check<Float64Array> = (value, field) =>
  value instanceof Tensor && value.data instanceof Float64Array ? value.data : refuse(field, 'a float64 array');

export const wireError: Check<WireError> = (value, field) =>
  isWireError(value) ? value : refuse(field, 'an error with code, message and retryable');

/**
 * A map with these fields. `strict` refuses others, which catches misspelt options; replies are read leniently, so a newer server may say more.
 */
export function fields<F extends Fields>(checks: F, strictness: 'strict' | 'lenient'): Check<CheckedFields<F>> {
  const names = Object.keys(checks);
  const known = new Set(names);
  const pathOf = (field: string, name: string) => (field === '' ? name : `${field}.${name}`);
  return (value, field) => {
    if (!isRecord(value)) return refuse(field, 'a map');
    if (strictness === 'strict') for (const key in value) if (!known.has(key)) refuse(field, `a map of ${names.join(', ')} only`);
    const checked: Record<string, unknown> = {};
    for (const name of names) {
      const item = checks[name]!(own(value, name), pathOf(field, name));
      if (item !== undefined) checked[name] = item;
    }
    return checked as CheckedFields<F>;
  };
}

function own(value: Record<string, unknown>, name: string): unknown {
  return Object.hasOwn(value, name) ? value[name] : undefined;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Tensor) && !(value instanceof Error);
}

function refuse(field: string, expected: string): never {
  throw new GroundtwinError('BAD_MESSAGE', { field, expected });
}
