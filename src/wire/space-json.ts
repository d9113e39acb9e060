/** Spaces as plain JSON and back. Bounds that are all equal collapse to one number; infinities, which JSON lacks, are the strings 'inf' and '-inf'. */
import { GroundtwinError } from '../errors.ts';
import { type Box, type BoxDtype, box, dict, discrete, multiDiscrete, type Space } from '../spaces/space.ts';
import { type Check, integer, list, oneOf, record, text } from './checks.ts';

type BoundJson = number | 'inf' | '-inf';
export type SpaceJson =
  | {
      readonly kind: 'box';
      readonly dtype: BoxDtype;
      readonly shape: readonly number[];
      readonly low: BoundJson | readonly BoundJson[];
      readonly high: BoundJson | readonly BoundJson[];
      readonly names?: readonly string[];
    }
  | { readonly kind: 'discrete'; readonly n: number }
  | { readonly kind: 'multiDiscrete'; readonly nvec: readonly number[] }
  | { readonly kind: 'dict'; readonly spaces: Readonly<Record<string, SpaceJson>> };

/** Elements of one box; a 4K RGB image has 25 million. */
const MAX_BOX_ELEMENTS = 2 ** 25;
const MAX_RANK = 7;
const MAX_CHOICES = 2 ** 31 - 1;
const MAX_SPACE_DEPTH = 4;

/** @returns JSON-safe plain data. */
export function spaceToJson(space: Space): SpaceJson {
  switch (space.kind) {
    case 'box':
      return boxToJson(space);
    case 'discrete':
      return { kind: 'discrete', n: space.n };
    case 'multiDiscrete':
      return { kind: 'multiDiscrete', nvec: space.nvec };
    case 'dict':
      return { kind: 'dict', spaces: Object.fromEntries(Object.entries(space.spaces).map(([key, part]) => [key, spaceToJson(part)])) };
  }
}

function boxToJson(space: Box): SpaceJson {
  const named = space.names ? { names: space.names } : {};
  return { kind: 'box', dtype: space.dtype, shape: space.shape, low: boundsToJson(space.low), high: boundsToJson(space.high), ...named };
}

function boundsToJson(bounds: readonly number[]): BoundJson | readonly BoundJson[] {
  const first = bounds[0];
  if (first !== undefined && bounds.every((bound) => Object.is(bound, first))) return boundToJson(first);
  return bounds.map(boundToJson);
}

function boundToJson(bound: number): BoundJson {
  if (bound === Number.POSITIVE_INFINITY) return 'inf';
  return bound === Number.NEGATIVE_INFINITY ? '-inf' : bound;
}

/**
 * @param value - what `spaceToJson` made, from an untrusted side.
 * @throws BAD_MESSAGE naming the field; SPACE_INVALID when bounds disagree.
 */
export function spaceFromJson(value: unknown, field = 'space', depth = 1): Space {
  if (depth > MAX_SPACE_DEPTH) refuse(field, `a space nested at most ${MAX_SPACE_DEPTH} deep`);
  const json = record(value, field);
  const kind = kindOf(json.kind, `${field}.kind`);
  switch (kind) {
    case 'box':
      return boxFromJson(json, field);
    case 'discrete':
      return discrete(choices(json.n, `${field}.n`));
    case 'multiDiscrete':
      return multiDiscrete(listOf(choices)(json.nvec, `${field}.nvec`));
    case 'dict':
      return dict(partsFromJson(record(json.spaces, `${field}.spaces`), field, depth));
  }
}

function partsFromJson(parts: Readonly<Record<string, unknown>>, field: string, depth: number): Record<string, Space> {
  return Object.fromEntries(Object.entries(parts).map(([key, part]) => [key, spaceFromJson(part, `a part of ${field}`, depth + 1)]));
}

function boxFromJson(json: Readonly<Record<string, unknown>>, field: string): Box {
  const shape = shapeFrom(json.shape, `${field}.shape`);
  const dtype = dtypeFrom(json.dtype, `${field}.dtype`);
  const low = boundsFrom(json.low, `${field}.low`);
  const high = boundsFrom(json.high, `${field}.high`);
  const names = json.names === undefined || json.names === null ? {} : { names: listOf(text)(json.names, `${field}.names`) };
  return box({ shape, dtype, low, high, ...names });
}

function shapeFrom(value: unknown, field: string): number[] {
  const shape = listOf(integer(0, MAX_BOX_ELEMENTS))(value, field);
  const size = shape.reduce((product, length) => product * length, 1);
  if (shape.length > MAX_RANK || size > MAX_BOX_ELEMENTS) refuse(field, `at most ${MAX_RANK} lengths and ${MAX_BOX_ELEMENTS} elements`);
  return shape;
}

function boundsFrom(value: unknown, field: string): number | number[] {
  return Array.isArray(value) ? listOf(bound)(value, field) : bound(value, field);
}

const kindOf = oneOf('box', 'discrete', 'multiDiscrete', 'dict');
const dtypeFrom = oneOf<BoxDtype>('float32', 'float64', 'uint8');
const choices = integer(1, MAX_CHOICES);
const bound: Check<number> = (value, field) => {
  if (value === 'inf') return Number.POSITIVE_INFINITY;
  if (value === '-inf') return Number.NEGATIVE_INFINITY;
  return typeof value === 'number' && !Number.isNaN(value) ? value : refuse(field, "a number, 'inf' or '-inf'");
};

function listOf<T>(check: Check<T>): Check<T[]> {
  return (value, field) => list(value, field).map((item) => check(item, `an element of ${field}`));
}

function refuse(field: string, expected: string): never {
  throw new GroundtwinError('BAD_MESSAGE', { field, expected });
}
