/** Variables of a start that can be moved alone, to see what else moves. */
import { type StateEntry, type StateSpec, wrapAngle } from '../../core/state-spec.ts';
import type { Rng } from '../../math/rng.ts';
import { composeInto } from '../../math/rotation.ts';
import type { AnyTask } from '../../task/task.ts';
import { predictedEntries } from '../../world-model/contract.ts';
import { elementsOf } from '../paired-rollouts.ts';
import { mean } from '../statistics.ts';

/** How far a variable is moved, in standard deviations of its own. */
const SHIFT = 0.5;
/** How far an orientation is turned, about an axis drawn evenly over the sphere. */
const TURN_rad = 0.3;
/** A context that varies less than this does not vary. */
const SMALLEST_DEVIATION = 1e-9;

export interface Source {
  /** As of an element of the predicted row: `x_m`, `angles_rad[1]`; a quaternion is moved as a whole. */
  readonly label: string;
  /** Places in the predicted row; none for a context. */
  readonly own: readonly number[];
  /** The starts with this variable moved: float64 `[starts, stateSize]`. */
  move(state: Float64Array, rng: Rng): Float64Array;
}

/**
 * Every dynamic element, every orientation, and every context element that varies over the starts; not the parameters of a conditioned task, which C8 is about.
 * @param scale - float64 `[P]`, of the predicted elements. @param state - float64 `[starts, stateSize]`.
 */
export function sourcesOf(task: AnyTask, spec: StateSpec, scale: Float64Array, state: Float64Array): Source[] {
  const sources: Source[] = [];
  const place = placesOf(task);
  for (const entry of spec.entries) {
    if (entry.role === 'dynamic' && entry.kind === 'quaternion') sources.push(orientation(entry, place.get(entry.name)!, spec.size));
    else if (entry.role === 'dynamic')
      for (let i = 0; i < entry.size; i++) {
        const at = place.get(entry.name)! + i;
        sources.push(element(entry, i, [at], scale[at]!, spec.size));
      }
    else if (entry.role === 'context' && !task.conditionedOn?.includes(entry.name))
      for (let i = 0; i < entry.size; i++) {
        const deviation = deviationOf(state, spec.size, entry.offset + i);
        if (deviation > SMALLEST_DEVIATION) sources.push(element(entry, i, [], deviation, spec.size));
      }
  }
  return sources;
}

/** Where each predicted entry begins in the predicted row. */
function placesOf(task: AnyTask): Map<string, number> {
  let at = 0;
  return new Map(
    predictedEntries(task).map(({ name, size }) => {
      at += size;
      return [name, at - size];
    }),
  );
}

/** Moved up or down as chance has it, but back inside its limits. */
function element(entry: StateEntry, i: number, own: readonly number[], deviation: number, stateSize: number): Source {
  const [low, high] = entry.limits ?? [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY];
  return {
    label: elementsOf([entry])[i]!.label,
    own,
    move(state, rng) {
      const moved = state.slice();
      for (let at = entry.offset + i; at < moved.length; at += stateSize) {
        const shift = SHIFT * deviation * (rng.uniform() < 0.5 ? -1 : 1);
        const inside = moved[at]! + shift >= low && moved[at]! + shift <= high;
        const next = moved[at]! + (inside ? shift : -shift);
        moved[at] = entry.kind === 'angle' ? wrapAngle(next) : next;
      }
      return moved;
    },
  };
}

function orientation(entry: StateEntry, first: number, stateSize: number): Source {
  return {
    label: entry.name,
    own: [0, 1, 2, 3].map((i) => first + i),
    move(state, rng) {
      const moved = state.slice();
      for (let at = entry.offset; at < moved.length; at += stateSize) {
        const axis = [rng.normal(), rng.normal(), rng.normal()];
        const share = Math.sin(TURN_rad / 2) / Math.hypot(...axis);
        composeInto([...axis.map((part) => part * share), Math.cos(TURN_rad / 2)], 0, moved, at, moved, at);
      }
      return moved;
    },
  };
}

function deviationOf(state: Float64Array, stateSize: number, column: number): number {
  const values = state.filter((_, i) => i % stateSize === column);
  const middle = mean(values);
  return Math.sqrt(mean(values.map((value) => (value - middle) ** 2)));
}
