/** Which variables of a task do not act on which, found in the engine. */
import type { PhysicsEngine } from '../../core/physics-world.ts';
import { elementsWithRole, layOut, viewsOver, wrapAngle } from '../../core/state-spec.ts';
import { Rng } from '../../math/rng.ts';
import type { AnyTask } from '../../task/task.ts';
import { predictedEntries } from '../../world-model/contract.ts';
import { CommandedPhysics } from '../commanded-physics.ts';
import { type Element, elementGap, elementsOf } from '../paired-rollouts.ts';

/** Starts, steps to get away from them, and steps that an effect has to show. */
const PROBES = { starts: 12, roam_steps: 20, effect_steps: 5 };
/** An effect below this share of an element's spread is none. */
const NO_EFFECT = 1e-3;

export interface Unrelated {
  readonly elements: readonly Element[];
  /** `[size]`: rough standard deviation of each element under random commands from the task's own starts. */
  readonly spread: Float64Array;
  /** `[size][size]`: whether moving the first moves the second in truth. */
  readonly moves: readonly (readonly boolean[])[];
}

/** Shifts each dynamic element of a few states by half its spread, and steps on under the same random commands. */
export function unrelated(task: AnyTask, engine: PhysicsEngine): Unrelated {
  const rng = new Rng(1);
  const physics = new CommandedPhysics(task, engine);
  const elements = elementsOf(predictedEntries(task));
  const starts = Array.from({ length: PROBES.starts }, () => startOf(task, rng));
  const commands = Array.from({ length: PROBES.roam_steps }, () =>
    Float32Array.from(task.commands, ({ low, high }) => rng.uniform(Math.max(low, -1e3), Math.min(high, 1e3))),
  );
  const roll = (from: Float32Array, context: Float32Array, steps: number) =>
    commands.slice(0, steps).reduce((state, command) => Float32Array.from(physics.next(state, context, command)), from);
  const states = starts.map(({ state, context }, i) => ({ context, state: roll(state, context, i % PROBES.roam_steps) }));
  const spread = spreadOf(elements, [...states, ...starts]);
  const moves = elements.map((source) => {
    const most = new Float64Array(elements.length);
    for (const { state, context } of states) {
      const moved = state.slice();
      moved[source.index]! += 0.5 * spread[source.index]!;
      const [before, after] = [state, moved].map((from) => roll(from, context, PROBES.effect_steps));
      for (const target of elements)
        most[target.index] = Math.max(most[target.index]!, Math.abs(elementGap(target, after!, 0, before!, 0)) / spread[target.index]!);
    }
    return Array.from(most, (effect) => effect > NO_EFFECT);
  });
  physics.close();
  return { elements, spread, moves };
}

function startOf(task: AnyTask, rng: Rng): { state: Float32Array; context: Float32Array } {
  const spec = layOut(task.state);
  const row = new Float64Array(spec.size);
  task.initial(rng, task.params, viewsOver(task.state, row, 1)[0]!);
  const pick = (elements: Int32Array) => Float32Array.from(elements, (element) => row[element]!);
  return { state: pick(elementsWithRole(spec, 'dynamic', 'signal')), context: pick(elementsWithRole(spec, 'context')) };
}

function spreadOf(elements: readonly Element[], states: readonly { readonly state: Float32Array }[]): Float64Array {
  return Float64Array.from(elements, ({ index, kind }) => {
    const values = states.map(({ state }) => (kind === 'angle' ? wrapAngle(state[index]! - states[0]!.state[index]!) : state[index]!));
    const middle = values.reduce((sum, value) => sum + value, 0) / values.length;
    return Math.sqrt(values.reduce((sum, value) => sum + (value - middle) ** 2, 0) / values.length) || 1;
  });
}
