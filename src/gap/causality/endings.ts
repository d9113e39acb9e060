/** Whether episodes would have ended along rows of predicted elements. */
import { elementsWithRole, layOut, viewsOver } from '../../core/state-spec.ts';
import type { AnyTask } from '../../task/task.ts';
import type { HeldOut } from '../held-out.ts';

/**
 * Of what is not predicted, the start's values are taken.
 * @param rows - float64 `[starts, horizon + 1, P]`. @returns uint8 `[starts]`: 1 where some step after the start ends the episode.
 */
export function endings(task: AnyTask, plan: HeldOut, rows: Float64Array): Uint8Array {
  const ended = new Uint8Array(plan.starts);
  if (!task.terminated) return ended;
  const spec = layOut(task.state);
  const predicted = elementsWithRole(spec, 'dynamic', 'signal');
  const state = new Float64Array(spec.size);
  const view = viewsOver(task.state, state, 1)[0]!;
  for (let start = 0; start < plan.starts; start++) {
    state.set(plan.state.subarray(start * spec.size, (start + 1) * spec.size));
    for (let step = 1; step <= plan.horizon && !ended[start]; step++) {
      const at = (start * (plan.horizon + 1) + step) * predicted.length;
      predicted.forEach((element, i) => {
        state[element] = rows[at + i]!;
      });
      ended[start] = task.terminated(view) ? 1 : 0;
    }
  }
  return ended;
}
