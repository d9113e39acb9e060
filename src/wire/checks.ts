/**
 * Small validators for the fields of messages. A check returns the value with its type, or throws BAD_MESSAGE saying which field and what was expected;
 * it never repeats what was sent.
 */
import { GroundtwinError } from '../errors.ts';
import type { TypedArray } from '../spaces/space.ts';
import { isWireError, type WireError } from './error-form.ts';
import { Tensor } from './tensor.ts';

/** `expects` completes "must be …"; the protocol's document is made from it. */
export interface Check<T> {
  (value: unknown, field: string): T;
  readonly expects?: string;
}
export type Checked<C> = C extends Check<infer T> ? T : never;

type Fields = Readonly<Record<string, Check<unknown>>>;
type OptionalKeys<F extends Fields> = { [K in keyof F]: undefined extends Checked<F[K]> ? K : never }[keyof F];
export type CheckedFields<F extends Fields> = { readonly [K in Exclude<keyof F, OptionalKeys<F>>]: Checked<F[K]> } & {
  readonly [K in OptionalKeys<F>]?: Exclude<Checked<F[K]>, undefined>;
};
/** A check of a map, with the checks of its fields in `of`. */
export interface FieldsCheck<F extends Fields> extends Check<CheckedFields<F>> {
  readonly of: F;
}

/** Values in nested arrays and maps, with `Tensor`s as leaves: a batch of values of some space. */
export type TensorTree = Tensor | { readonly [key: string]: TensorTree };

export const text = check<string>('a string', (value) => typeof value === 'string');
export const flag = check<boolean>('true or false', (value) => typeof value === 'boolean');
export const number = check<number>('a number', (value) => typeof value === 'number');
export const record = check<Readonly<Record<string, unknown>>>('a map', isRecord);
export const list = check<readonly unknown[]>('a list', (value) => Array.isArray(value));
export const texts = check<readonly string[]>(
  'a list of strings',
  (value) => Array.isArray(value) && value.every((item) => typeof item === 'string'),
);
export const numbers = mapOf<number>('numbers', (item) => typeof item === 'number');

const isSha256 = (value: unknown) => typeof value === 'string' && /^[0-9a-f]{64}$/.test(value);
/** What names a blob: the hash of its bytes. */
export const sha256 = check<string>('64 lower-case hexadecimal digits', isSha256);
export const sha256s = mapOf<string>('64 lower-case hexadecimal digits', isSha256);

/** A tensor of any dtype and shape. */
export const array = check<Tensor>('an array', (value) => value instanceof Tensor);
export const bytes = dataOf('a uint8 array', Uint8Array);
export const singles = dataOf('a float32 array', Float32Array);
export const floats = dataOf('a float64 array', Float64Array);
export const integers = dataOf('an int32 array', Int32Array);

export function integer(low: number, high: number): Check<number> {
  return check(
    `an integer from ${low} to ${high}`,
    (value) => typeof value === 'number' && Number.isInteger(value) && value >= low && value <= high,
  );
}

export function oneOf<T extends string>(...allowed: readonly T[]): Check<T> {
  return check(`one of ${allowed.join(', ')}`, (value) => allowed.includes(value as T));
}

/** Absent or null counts as undefined. */
export function optional<T>(inner: Check<T>): Check<T | undefined> {
  return named(`${inner.expects}, or absent`, (value, field) => (value === undefined || value === null ? undefined : inner(value, field)));
}

/** Null stays null, and the field must be there. */
export function nullable<T>(inner: Check<T>): Check<T | null> {
  return named(`${inner.expects}, or null`, (value, field) => (value === null ? null : inner(value, field)));
}

export function either<A, B>(first: Check<A>, second: Check<B>, isFirst: (value: unknown) => boolean): Check<A | B> {
  const expects = `${first.expects}, or ${second.expects}`;
  return named(expects, (value, field) => (isFirst(value) ? first(value, field) : second(value, field)));
}

export const tensorTree: Check<TensorTree> = named('an array, or a map of arrays', (value, field) => {
  if (value instanceof Tensor) return value;
  if (!isRecord(value)) return refuse(field, 'an array, or a map of arrays');
  for (const key of Object.keys(value)) tensorTree(value[key], `a part of ${field}`);
  return value as TensorTree;
});

export const wireError: Check<WireError> = check('an error with code, message and retryable', isWireError);

/**
 * A map with these fields. `strict` refuses others, which catches misspelt options; replies are read leniently, so a newer server may say more.
 */
export function fields<F extends Fields>(checks: F, strictness: 'strict' | 'lenient'): FieldsCheck<F> {
  const names = Object.keys(checks);
  const known = new Set(names);
  const pathOf = (field: string, name: string) => (field === '' ? name : `${field}.${name}`);
  const checkFields = (value: unknown, field: string): CheckedFields<F> => {
    if (!isRecord(value)) return refuse(field, 'a map');
    if (strictness === 'strict') for (const key in value) if (!known.has(key)) refuse(field, `a map of ${names.join(', ')} only`);
    const checked: Record<string, unknown> = {};
    for (const name of names) {
      const item = checks[name]!(own(value, name), pathOf(field, name));
      if (item !== undefined) checked[name] = item;
    }
    return checked as CheckedFields<F>;
  };
  return Object.assign(checkFields, { expects: `a map of ${names.join(', ')}`, of: checks });
}

function named<T>(expects: string, take: (value: unknown, field: string) => T): Check<T> {
  return Object.assign(take, { expects });
}

function check<T>(expects: string, holds: (value: unknown) => boolean): Check<T> {
  return named(expects, (value, field) => (holds(value) ? (value as T) : refuse(field, expects)));
}

function mapOf<T>(what: string, holds: (item: unknown) => boolean): Check<Readonly<Record<string, T>>> {
  return check(`a map of ${what}`, (value) => isRecord(value) && Object.values(value).every(holds));
}

/** The data of a tensor of one dtype. */
function dataOf<A extends TypedArray>(expects: string, Type: new (length: number) => A): Check<A> {
  return named(expects, (value, field) => (value instanceof Tensor && value.data instanceof Type ? value.data : refuse(field, expects)));
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
