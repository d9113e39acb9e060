import type { LimitCost } from '../core/rollouts.ts';
import { layOut, type StateSpec } from '../core/state-spec.ts';
import type { AnyTask } from './task.ts';

/** Stops cost nothing. */
export const noLimitCost: LimitCost = { margin: 0, perStep: 0 };

/**
 * What a state costs for being at its mechanism's stops: a learned model is least true there, and a machine wears.
 * @param rows - float64 `[lanes, size]`. @returns reward to take off, 0 in the clear.
 */
export type LimitCostOf = (rows: Float64Array | Float32Array, lane: number) => number;

export function limitCostOf(spec: StateSpec, cost: LimitCost): LimitCostOf {
  const stops = spec.entries.flatMap(({ limits, offset, size }) =>
    limits ? Array.from({ length: size }, (_, i) => ({ element: offset + i, limits })) : [],
  );
  return costAt(stops, spec.size, cost);
}

/** The same over rows of observations: of those elements that are entries of the state, by name, and have stops. */
export function seenLimitCostOf(
  { observationSpace: space, state }: Pick<AnyTask, 'observationSpace' | 'state'>,
  cost: LimitCost,
): LimitCostOf {
  if (space.kind !== 'box' || !space.names) return () => 0;
  const { entries } = layOut(state);
  const stops = space.names.flatMap((name, element) => {
    const limits = entries.find((entry) => entry.name === name && entry.size === 1)?.limits;
    return limits ? [{ element, limits }] : [];
  });
  return costAt(stops, space.names.length, cost);
}

interface Stop {
  readonly element: number;
  readonly limits: readonly [low: number, high: number];
}

function costAt(stops: readonly Stop[], width: number, cost: LimitCost): LimitCostOf {
  const bounds = stops.map(({ element, limits }) => {
    const margin = cost.margin * (limits[1] - limits[0]);
    return { element, low: limits[0] + margin, high: limits[1] - margin };
  });
  return (rows, lane) => {
    const base = lane * width;
    let sum = 0;
    for (const { element, low, high } of bounds) if (rows[base + element]! < low || rows[base + element]! > high) sum += cost.perStep;
    return sum;
  };
}
