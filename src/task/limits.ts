import type { LimitCost } from '../core/rollouts.ts';
import type { StateSpec } from '../core/state-spec.ts';

/** Stops cost nothing. */
export const noLimitCost: LimitCost = { margin: 0, perStep: 0 };

/**
 * What a state costs for being at its mechanism's stops: a learned model is least true there, and a machine wears.
 * @param rows - float64 `[lanes, size]`. @returns reward to take off, 0 in the clear.
 */
export type LimitCostOf = (rows: Float64Array, lane: number) => number;

export function limitCostOf(spec: StateSpec, cost: LimitCost): LimitCostOf {
  const bounds = spec.entries.flatMap(({ limits, offset, size }) => {
    if (!limits) return [];
    const margin = cost.margin * (limits[1] - limits[0]);
    return Array.from({ length: size }, (_, i) => ({ element: offset + i, low: limits[0] + margin, high: limits[1] - margin }));
  });
  return (rows, lane) => {
    const base = lane * spec.size;
    let sum = 0;
    for (const { element, low, high } of bounds) if (rows[base + element]! < low || rows[base + element]! > high) sum += cost.perStep;
    return sum;
  };
}
