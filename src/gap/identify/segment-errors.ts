import { elementDifference, elementsWithRole, layOut } from '../../core/state-spec.ts';
import type { Transitions } from '../../data/transitions.ts';
import { allocate, flatSizeOf, rowOf, unflattenInto, type Values } from '../../spaces/space.ts';
import type { AnyTask, Params } from '../../task/task.ts';
import type { TaskEnv } from '../../task/task-env.ts';
import { predictedEntries } from '../../world-model/contract.ts';
import { predictedScale } from '../held-out.ts';
import { DIVERGED_SCALES, type Element, elementsOf } from '../paired-rollouts.ts';
import type { Segments } from './segments.ts';

/** An element of the state that physics moves. */
export interface ComparedElement extends Element {
  /** Where it stands in a state row; `entryStart` too is a place there. */
  readonly at: number;
  /** Standard deviation over the data, in the element's unit. */
  readonly scale: number;
}

/** The dynamic elements of a task. @param data - what their spread is taken from. */
export function comparedElements(task: AnyTask, data: Transitions): ComparedElement[] {
  const spec = layOut(task.state);
  const predicted = elementsWithRole(spec, 'dynamic', 'signal');
  const dynamic = new Set(elementsWithRole(spec, 'dynamic'));
  const scale = predictedScale(task, data);
  const offsets = predictedEntries(task).flatMap(({ offset, size }) => new Array<number>(size).fill(offset));
  return elementsOf(predictedEntries(task))
    .map((element, i) => ({ ...element, at: predicted[i]!, entryStart: offsets[i]!, scale: scale[i]! }))
    .filter(({ at }) => dynamic.has(at));
}

/**
 * Plays the actions of segments from their recorded starts, on physics with given parameters and a given delay of commands, and holds what happens against what was recorded.
 * Actions go the way they go in the env: through the task's own actuation.
 */
export class SegmentErrors {
  private readonly env: TaskEnv;
  private readonly compared: readonly ComparedElement[];
  private readonly actions: Values;
  private readonly actionRow: Values;
  private readonly active: Uint8Array;
  private readonly actionSize: number;

  /** @param env - truth without wrappers; its first lane is used. Closed by the caller. */
  constructor(env: TaskEnv, compared: readonly ComparedElement[]) {
    this.env = env;
    this.compared = compared;
    this.actions = allocate(env.actionSpace, env.lanes);
    this.actionRow = rowOf(env.actionSpace, this.actions, 0);
    this.active = Uint8Array.from({ length: env.lanes }, (_, lane) => (lane === 0 ? 1 : 0));
    this.actionSize = flatSizeOf(env.actionSpace);
  }

  /**
   * @param delay_steps - at most the segments' lead.
   * @returns float64 `[segments, steps, elements]`: (predicted − recorded) / scale, angles the short way round; 1000 from where physics broke down.
   * @throws SCENE_INVALID for parameters of which no world can be made.
   */
  async of(segments: Segments, params: Params, delay_steps: number): Promise<Float64Array> {
    const size = this.env.spec.size;
    const errors = new Float64Array(segments.count * segments.steps * this.compared.length);
    for (let segment = 0; segment < segments.count; segment++) {
      await this.env.setState(0, segments.state.subarray(segment * size, (segment + 1) * size), 0, params);
      await this.playOne(segments, segment, delay_steps, errors);
    }
    // Worlds are made and freed all the time: memory outside the heap is given back between turns of the event loop.
    await new Promise((resolve) => setImmediate(resolve));
    return errors;
  }

  private async playOne(segments: Segments, segment: number, delay_steps: number, errors: Float64Array): Promise<void> {
    const { steps, lead } = segments;
    const width = this.compared.length;
    for (let step = 0; step < steps; step++) {
      const from = (segment * steps + step) * width;
      unflattenInto(segments.action, this.actionRow, (segment * (lead + steps) + lead + step - delay_steps) * this.actionSize);
      await this.env.step(this.actions, this.active);
      if (this.env.batch.problems[0] != null) return void errors.fill(DIVERGED_SCALES, from, (segment + 1) * steps * width);
      this.compareInto(errors.subarray(from, from + width), segments.following, (segment * steps + step) * this.env.spec.size);
    }
  }

  private compareInto(into: Float64Array, recorded: Float64Array, at: number): void {
    const { state } = this.env;
    this.compared.forEach(({ at: element, kind, entryStart, entrySize, scale }, i) => {
      const wanted = recorded[at + element]! * (kind === 'quaternion' ? nearerSign(state, recorded, at, entryStart, entrySize) : 1);
      const error = elementDifference(kind, state[element]!, wanted) / scale;
      into[i] = Math.max(-DIVERGED_SCALES, Math.min(DIVERGED_SCALES, error));
    });
  }
}

/** q and −q are one orientation. */
function nearerSign(state: Float64Array, recorded: Float64Array, at: number, from: number, size: number): number {
  let along = 0;
  for (let i = from; i < from + size; i++) along += state[i]! * recorded[at + i]!;
  return along < 0 ? -1 : 1;
}
