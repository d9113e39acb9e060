import { elementsWithRole, layOut, type StateSpec } from '../../core/state-spec.ts';
import type { AnyTask } from '../../task/task.ts';

/**
 * Whole states from predicted elements. What is not predicted (goals, parameters, queues) stays as it was at the start.
 * @param states - float64 `[starts, stateSize]`. @param rows - float64 `[starts, size]`. @returns float64 `[starts, stateSize]`.
 */
export function withPredicted(task: AnyTask, states: Float64Array, rows: Float64Array): Float64Array {
  const spec = layOut(task.state);
  const predicted = elementsWithRole(spec, 'dynamic', 'signal');
  const out = states.slice();
  for (let start = 0; start < states.length / spec.size; start++)
    predicted.forEach((element, i) => {
      out[start * spec.size + element] = rows[start * predicted.length + i]!;
    });
  return out;
}

/** The other way: predicted elements of whole states. @param states - float64 `[count, stateSize]`. @returns float64 `[count, size]`. */
export function predictedRows(spec: StateSpec, states: Float64Array): Float64Array {
  const predicted = elementsWithRole(spec, 'dynamic', 'signal');
  const out = new Float64Array((states.length / spec.size) * predicted.length);
  for (let i = 0; i < out.length; i++) out[i] = states[Math.floor(i / predicted.length) * spec.size + predicted[i % predicted.length]!]!;
  return out;
}
