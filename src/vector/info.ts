import type { InfoColumns } from '../core/backend.ts';
import type { TypedArray } from '../spaces/space.ts';

/** A copy that shares no memory with the env. @param former - a copy that nobody needs any more: its memory is used where it fits. */
export function cloneColumns<C extends InfoColumns>(columns: C, former?: InfoColumns): C {
  const copy: Record<string, InfoColumns[string]> = {};
  for (const key in columns) {
    const column = columns[key]!;
    if (ArrayBuffer.isView(column)) copy[key] = cloneArray(column as TypedArray, former?.[key]);
    else copy[key] = Array.isArray(column) ? column.slice() : cloneColumns(column as InfoColumns, former?.[key] as InfoColumns | undefined);
  }
  return copy as C;
}

function cloneArray(values: TypedArray, former: unknown): TypedArray {
  if (!(former instanceof (values.constructor as new () => TypedArray)) || former.length !== values.length) return values.slice();
  former.set(values);
  return former;
}

/**
 * One lane of info columns: a column of one element a lane becomes a plain value, a wider one a typed array.
 * A row is a copy.
 */
export function infoRow(columns: InfoColumns, lane: number, lanes: number): Record<string, unknown> {
  const row: Record<string, unknown> = {};
  for (const key in columns) row[key] = rowOfColumn(columns[key]!, lane, lanes);
  return row;
}

function rowOfColumn(column: InfoColumns[string], lane: number, lanes: number): unknown {
  if (ArrayBuffer.isView(column)) {
    const values = column as Float64Array;
    if (values.length === lanes) return values[lane];
    const size = values.length / lanes;
    return values.slice(lane * size, (lane + 1) * size);
  }
  return Array.isArray(column) ? column[lane] : infoRow(column as InfoColumns, lane, lanes);
}
