/** Observations and actions of several lanes as float32 rows, as networks take them. */
import { type Box, flattenInto, rowOf, type Space, type TypedArray, type Values } from '../spaces/space.ts';
import { toActionRange } from './action-scale.ts';

/** Writes a batch of observations flat. @param into - float32 `[lanes, size]`. */
export function writeObservations(space: Space, values: Values, lanes: number, into: Float32Array): void {
  if (ArrayBuffer.isView(values)) {
    into.set(values as TypedArray);
    return;
  }
  const row = new Float64Array(into.length / lanes);
  for (let lane = 0; lane < lanes; lane++) {
    flattenInto(rowOf(space, values, lane), row);
    into.set(row, lane * row.length);
  }
}

/** Spreads actions in −1 … 1 over the ranges of a bounded box. @param unit - float32 `[lanes, size]`. */
export function toActions(space: Box, unit: Float32Array, into: TypedArray): void {
  const size = space.low.length;
  for (let at = 0; at < unit.length; at++) into[at] = toActionRange(space, at % size, unit[at]!);
}

/** The way back. @param actions - `[lanes, size]`. */
export function toUnit({ low, high }: Box, actions: ArrayLike<number>, into: Float32Array): void {
  const size = low.length;
  for (let at = 0; at < into.length; at++) {
    const [from, to] = [low[at % size]!, high[at % size]!];
    into[at] = to > from ? (2 * (actions[at]! - from)) / (to - from) - 1 : 0;
  }
}
