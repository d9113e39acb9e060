import { layOut } from '../core/state-spec.ts';
import { flatSizeOf, flattenInto, type Values } from '../spaces/space.ts';
import type { AnyTask } from '../task/task.ts';
import { TransitionRecorder, type Transitions } from './transitions.ts';

/** The last steps of several lanes: rings, so that a truth may run for ever. */
export class RecentTransitions {
  private readonly task: AnyTask;
  private readonly most: number;
  private readonly lanes: readonly Ring[];
  private readonly width: number;
  private readonly actionSize: number;

  /** @param most - steps kept, a lane. */
  constructor(task: AnyTask, lanes: number, most: number) {
    const size = layOut(task.state).size;
    this.task = task;
    this.most = most;
    this.actionSize = flatSizeOf(task.actionSpace);
    this.width = 2 * size + this.actionSize + task.commands.length;
    this.lanes = Array.from({ length: lanes }, () => ({
      rows: new Float64Array(most * this.width),
      episodes: new Int32Array(most),
      count: 0,
      episode: 0,
    }));
  }

  /** What follows is of another episode. */
  begin(lane: number): void {
    this.lanes[lane]!.episode++;
  }

  /** Copies one transition; see `TransitionRecorder.add`. */
  add(lane: number, state: Float64Array, action: Values, command: Float64Array, next: Float64Array): void {
    const ring = this.lanes[lane]!;
    const at = ring.count % this.most;
    const row = ring.rows.subarray(at * this.width, (at + 1) * this.width);
    row.set(state);
    flattenInto(action, row, state.length);
    row.set(command, state.length + this.actionSize);
    row.set(next, state.length + this.actionSize + command.length);
    ring.episodes[at] = ring.episode;
    ring.count++;
  }

  /** Copies, oldest first, lane after lane, each of whose episodes has a number of its own. */
  transitions(): Transitions {
    const recorder = new TransitionRecorder(this.task);
    const size = layOut(this.task.state).size;
    let number = -1;
    for (const { rows, episodes, count } of this.lanes) {
      let last = -1;
      for (let i = Math.max(0, count - this.most); i < count; i++) {
        const at = i % this.most;
        if (episodes[at] !== last) number++;
        last = episodes[at]!;
        const row = rows.subarray(at * this.width, (at + 1) * this.width);
        const [action, command] = [size + this.actionSize, row.length - size];
        recorder.add(row.subarray(0, size), row.subarray(size, action), row.subarray(action, command), row.subarray(command), number);
      }
    }
    return recorder.transitions();
  }
}

interface Ring {
  readonly rows: Float64Array;
  readonly episodes: Int32Array;
  /** Of all steps ever added. */
  count: number;
  /** Which one goes on. */
  episode: number;
}
