import type { InfoColumns } from '../core/backend.ts';

/** A copy that shares no memory with the env. */
export function cloneColumns(columns: InfoColumns): InfoColumns {
  const copy: Record<string, InfoColumns[string]> = {};
  for (const key in columns) {
    const column = columns[key]!;
    copy[key] = ArrayBuffer.isView(column) || Array.isArray(column) ? column.slice() : cloneColumns(column as InfoColumns);
  }
  return copy;
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
