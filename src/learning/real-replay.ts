import { layOut } from '../core/state-spec.ts';
import { TransitionRecorder, type Transitions } from '../data/transitions.ts';
import { flatSizeOf } from '../spaces/space.ts';
import type { AnyTask } from '../task/task.ts';
import { refuseOption } from './config-checks.ts';
import { addActive, type RealData, rewardScale } from './imagined-replay.ts';
import type { RealRows } from './real-steps.ts';
import { type ReplayState, ReplayTables } from './replay-tables.ts';

/** All real steps so far, twice: as transitions of states, which world models learn from, and as rows of observations, which policies do. */
export class RealReplay implements RealData {
  readonly tables: ReplayTables;
  private readonly task: AnyTask;
  private readonly recorders: readonly TransitionRecorder[];
  /** `[lanes]`: episode that goes on in each. */
  private readonly episodes: Int32Array;

  /** @param capacity - steps, over all lanes. */
  constructor(task: AnyTask, lanes: number, capacity: number) {
    const [observationSize, actionSize] = [flatSizeOf(task.observationSpace), flatSizeOf(task.actionSpace)];
    this.task = task;
    this.tables = new ReplayTables({ observationSize, actionSize, capacity });
    this.recorders = Array.from({ length: lanes }, () => new TransitionRecorder(task));
    this.episodes = new Int32Array(lanes);
  }

  /** See `rewardScale`. */
  get rewardScale(): number {
    return rewardScale(this.tables);
  }

  /** What follows is of other episodes. */
  cut(): void {
    for (const lane of this.episodes.keys()) this.episodes[lane]!++;
  }

  add(rows: RealRows): void {
    addActive(rows, this.tables);
    const part = <A extends Float64Array | RealRows['taken']>(values: A, lane: number) =>
      values.subarray((lane * values.length) / rows.lanes, ((lane + 1) * values.length) / rows.lanes) as A;
    for (const [lane, recorder] of this.recorders.entries()) {
      const { state, taken, command, nextState, ended } = rows;
      recorder.add(part(state, lane), part(taken, lane), part(command, lane), part(nextState, lane), this.episodes[lane]!);
      if (ended[lane]) this.episodes[lane]!++;
    }
  }

  /** Lane after lane, each of whose episodes has a number of its own. Views where there is one lane. */
  get transitions(): Transitions {
    const [first, ...others] = this.recorders.map((recorder) => recorder.transitions());
    return others.reduce(joined, first!);
  }

  /** Views. */
  save(): RealReplayState {
    const lanes = this.recorders.map((recorder) => recorder.transitions());
    return { tables: this.tables.save(), lanes, episodes: this.episodes };
  }

  /** Goes on from what another of as many lanes saved; copied. @throws OPTION_INVALID when it does not fit. */
  load({ tables, lanes, episodes }: RealReplayState): void {
    if (lanes.length !== this.recorders.length)
      refuseOption('RealReplay', 'saved.lanes', lanes.length, `${this.recorders.length}, as this one's`);
    this.tables.load(tables);
    lanes.forEach((data, lane) => void record(this.task, data, this.recorders[lane]!));
    this.episodes.set(episodes);
  }
}

export interface RealReplayState {
  readonly tables: ReplayState;
  readonly lanes: readonly Transitions[];
  readonly episodes: Int32Array;
}

function joined(first: Transitions, second: Transitions): Transitions {
  const later = (first.episode.at(-1) ?? -1) + 1;
  const both = (a: Float64Array, b: Float64Array) => {
    const values = new Float64Array(a.length + b.length);
    values.set(a);
    values.set(b, a.length);
    return values;
  };
  return {
    count: first.count + second.count,
    state: both(first.state, second.state),
    action: both(first.action, second.action),
    command: both(first.command, second.command),
    next: both(first.next, second.next),
    episode: Int32Array.from([...first.episode, ...second.episode.map((number) => later + number)]),
  };
}

function record(task: AnyTask, { count, state, action, command, next, episode }: Transitions, into: TransitionRecorder): void {
  const { size } = layOut(task.state);
  const rowOf = (values: Float64Array, width: number, row: number) => values.subarray(row * width, (row + 1) * width);
  const [actions, commands] = [flatSizeOf(task.actionSpace), task.commands.length];
  for (let row = 0; row < count; row++)
    into.add(rowOf(state, size, row), rowOf(action, actions, row), rowOf(command, commands, row), rowOf(next, size, row), episode[row]!);
}
