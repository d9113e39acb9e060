import { allocate, flatSizeOf, type Leaf, type Space, sizeOf, type TypedArray, type Values } from '../spaces/space.ts';
import { leafColumns, leafOf } from './episode.ts';

/**
 * Rows of one space as rows of another of the same sizes: Dict parts by name, numbers in the other's dtype; a plain row that holds all numbers of a Dict
 * one after another, as formats without parts keep it, is taken apart.
 * @returns undefined where they do not fit; the values themselves where nothing has to change.
 */
export function fittedTo(space: Space, from: Space, values: Values, rows: number): Values | undefined {
  if (space.kind !== 'dict' && from.kind !== 'dict')
    return sizeOf(space) === sizeOf(from) ? retyped(space, values as TypedArray) : undefined;
  if (space.kind === 'dict' && from.kind === 'dict') {
    const fitted = Object.entries(space.spaces).map(([key, part]) => {
      const theirs = Object.hasOwn(from.spaces, key) ? from.spaces[key] : undefined;
      return [key, theirs && fittedTo(part, theirs, (values as Record<string, Values>)[key]!, rows)] as const;
    });
    return fitted.every(([, part]) => part) ? (Object.fromEntries(fitted) as Record<string, Values>) : undefined;
  }
  if (from.kind === 'dict' || sizeOf(from) !== flatSizeOf(space)) return undefined;
  return takenApart(space, values as TypedArray, rows);
}

function retyped(space: Leaf, values: TypedArray): Values {
  const typed = allocate(space, values.length / sizeOf(space)) as TypedArray;
  if (typed.constructor === values.constructor) return values;
  typed.set(values);
  return typed;
}

function takenApart(space: Space, flat: TypedArray, rows: number): Values {
  const parts = allocate(space, rows);
  const width = flatSizeOf(space);
  let offset = 0;
  for (const { path, space: leaf } of leafColumns(space)) {
    const into = leafOf(parts, path);
    const size = sizeOf(leaf);
    for (let row = 0; row < rows; row++) into.set(flat.subarray(row * width + offset, row * width + offset + size), row * size);
    offset += size;
  }
  return parts;
}

/** The inverse for formats without parts: all numbers of each row one after another. @returns float64 `[rows, flatSize]`. */
export function flattenedRows(space: Space, values: Values, rows: number): Float64Array {
  const width = flatSizeOf(space);
  const flat = new Float64Array(rows * width);
  let offset = 0;
  for (const { path, space: leaf } of leafColumns(space)) {
    const from = leafOf(values, path);
    const size = sizeOf(leaf);
    for (let row = 0; row < rows; row++) flat.set(from.subarray(row * size, (row + 1) * size), row * width + offset);
    offset += size;
  }
  return flat;
}
