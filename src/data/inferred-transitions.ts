import { layOut, type MutableStateView, viewsOver } from '../core/state-spec.ts';
import { GroundtwinError } from '../errors.ts';
import type { TypedArray, Values } from '../spaces/space.ts';
import type { AnyTask } from '../task/task.ts';
import { TransitionRecorder, type Transitions } from './transitions.ts';

/** Transitions of whole states, made from what was observed: for tasks whose observation determines the state. */
export class InferredTransitions {
  private readonly task: AnyTask;
  private readonly infer: NonNullable<AnyTask['infer']>;
  private readonly recorder: TransitionRecorder;
  private readonly size: number;
  private readonly rows: Float64Array;
  private readonly now: MutableStateView;
  private readonly next: MutableStateView;
  private readonly scratch: MutableStateView;
  private readonly command: Float64Array;

  /** @throws OPTION_INVALID for a task whose observations do not determine its states. */
  constructor(task: AnyTask) {
    if (!task.infer)
      throw new GroundtwinError('OPTION_INVALID', {
        who: task.id,
        option: 'data',
        value: 'observations',
        allowed: 'recorded states: its observations do not determine them',
      });
    this.task = task;
    this.infer = task.infer;
    this.recorder = new TransitionRecorder(task);
    this.size = layOut(task.state).size;
    this.rows = new Float64Array(3 * this.size);
    [this.now, this.next, this.scratch] = viewsOver(task.state, this.rows, 3) as [MutableStateView, MutableStateView, MutableStateView];
    this.command = new Float64Array(task.commands.length);
  }

  /** One step; rows of the task's own spaces. @param episode - its number, non-decreasing. */
  add(observation: Values, action: TypedArray, next: Values, episode: number): void {
    const { task, infer, rows, size, command } = this;
    infer(observation, this.now);
    infer(next, this.next);
    task.actuate(this.now, action, this.scratch, command);
    this.recorder.add(rows.subarray(0, size), action, command, rows.subarray(size, 2 * size), episode);
  }

  transitions(): Transitions {
    return this.recorder.transitions();
  }
}
