import type { TerminalValue } from '../core/rollouts.ts';
import { flatSizeOf, flattenInto, rowOf } from '../spaces/space.ts';
import type { TaskEnv } from './task-env.ts';

/**
 * Values of where lanes stand, asked for in one call.
 * @param running - uint8 `[lanes]`: lanes whose episode goes on. @returns float64 `[lanes]`, 0 for the others.
 */
export async function valuesOfLanes(env: TaskEnv, running: Uint8Array, value: TerminalValue): Promise<Float64Array> {
  const lanes = Array.from(running.keys()).filter((lane) => running[lane]);
  const width = value.of === 'state' ? env.spec.size : flatSizeOf(env.observationSpace);
  const rows = new Float64Array(lanes.length * width);
  lanes.forEach((lane, row) => {
    if (value.of === 'state') rows.set(env.state.subarray(lane * width, (lane + 1) * width), row * width);
    else flattenInto(rowOf(env.observationSpace, env.batch.observation, lane), rows, row * width);
  });
  return scatterValues(rows, lanes, running.length, value);
}

/** The same of rows. @param rows - float64 `[lanes of it, width]`. @returns float64 `[count]`, 0 where `lanes` has none. */
export async function scatterValues(
  rows: Float64Array,
  lanes: readonly number[],
  count: number,
  value: TerminalValue,
): Promise<Float64Array> {
  const found = new Float64Array(lanes.length);
  if (lanes.length > 0) await value.evaluate(rows, lanes.length, found);
  const out = new Float64Array(count);
  lanes.forEach((lane, row) => {
    out[lane] = found[row]!;
  });
  return out;
}
