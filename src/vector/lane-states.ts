import type { Backend } from '../core/backend.ts';
import type { StateSpec } from '../core/state-spec.ts';
import type { LaneStates } from '../core/vector-env.ts';

/** Asks a backend that has states for those of all its lanes. @throws OPTION_INVALID for a side it does not have. */
export async function laneStates(spec: StateSpec, backend: Backend, side: 'truth' | 'model' | undefined): Promise<LaneStates> {
  const { lanes } = backend;
  const state = Object.fromEntries(spec.entries.map(({ name, size }) => [name, new Float64Array(lanes * size)]));
  const params: Record<string, Float64Array> = {};
  for (let lane = 0; lane < lanes; lane++) {
    const seen = await backend.stateOf!(lane, side);
    for (const { name, size, offset } of spec.entries) state[name]!.set(seen.row.subarray(offset, offset + size), lane * size);
    for (const name in seen.params) {
      params[name] ??= new Float64Array(lanes);
      params[name][lane] = seen.params[name]!;
    }
  }
  return { state, params };
}
