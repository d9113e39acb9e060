import { elementDifference, layOut } from '../core/state-spec.ts';
import { episodeSpans, type Transitions } from '../data/transitions.ts';
import type { AnyTask } from '../task/task.ts';
import { predictedEntries, widthOf } from './contract.ts';
import { ModelDynamics, type Uncertainty } from './model-dynamics.ts';
import type { WorldModel } from './world-model.ts';

/** What a model says one step ahead of each recorded state. float64 `[count, P]`, in the entries' units. */
export interface OneStep {
  /** next − expected, the short way for angles. */
  readonly error: Float64Array;
  /** Of the mixture of all members; NaN where the model does not tell. */
  readonly deviation: Float64Array;
  /** Of the members' means. */
  readonly disagreement: Float64Array;
}

/** Episodes that are gone through side by side. */
const mostLanes = 64;

/** Asks the model at every recorded moment, in order, so that a model with memory has the memory it would have had. */
export async function predictOneStep(task: AnyTask, model: WorldModel, data: Transitions): Promise<OneStep> {
  const size = widthOf(predictedEntries(task));
  const figures = () => new Float64Array(data.count * size);
  const found: OneStep = { error: figures(), deviation: figures(), disagreement: figures() };
  const episodes = episodeSpans(data);
  for (let first = 0; first < episodes.length; first += mostLanes)
    await goThrough(task, model, data, episodes.slice(first, first + mostLanes), found);
  return found;
}

async function goThrough(
  task: AnyTask,
  model: WorldModel,
  data: Transitions,
  episodes: readonly { readonly from: number; readonly end: number }[],
  found: OneStep,
): Promise<void> {
  const foresight = new Foresight(task, model, episodes.length);
  const [stateSize, commandSize] = [layOut(task.state).size, task.commands.length];
  const state = new Float64Array(episodes.length * stateSize);
  const next = new Float64Array(episodes.length * stateSize);
  const command = new Float64Array(episodes.length * commandSize);
  const active = new Uint8Array(episodes.length);
  episodes.forEach((_, lane) => void foresight.begin(lane));
  const longest = Math.max(...episodes.map(({ from, end }) => end - from));
  for (let step = 0; step < longest; step++) {
    episodes.forEach(({ from, end }, lane) => {
      active[lane] = from + step < end ? 1 : 0;
      if (!active[lane]) return;
      const row = from + step;
      state.set(data.state.subarray(row * stateSize, (row + 1) * stateSize), lane * stateSize);
      next.set(data.next.subarray(row * stateSize, (row + 1) * stateSize), lane * stateSize);
      command.set(data.command.subarray(row * commandSize, (row + 1) * commandSize), lane * commandSize);
    });
    await foresight.look(state, command, active);
    episodes.forEach(({ from }, lane) => {
      if (active[lane]) foresight.write(lane, next, from + step, found);
    });
  }
}

/** A model asked at every step, with all its members, what comes next from where truth is; it never dreams on from its own answers. */
export class Foresight {
  readonly uncertainty: Uncertainty;
  readonly size: number;
  private readonly dynamics: ModelDynamics;
  private readonly lanes: number;
  private readonly stateSize: number;
  private readonly kinds: readonly Parameters<typeof elementDifference>[0][];
  private readonly offsets: readonly number[];
  private readonly scratch: Float64Array;

  constructor(task: AnyTask, model: WorldModel, lanes: number) {
    const entries = predictedEntries(task);
    this.lanes = lanes;
    this.stateSize = layOut(task.state).size;
    this.size = widthOf(entries);
    this.kinds = entries.flatMap(({ kind, size }) => new Array<(typeof entries)[number]['kind']>(size).fill(kind));
    this.offsets = entries.flatMap(({ offset, size }) => Array.from({ length: size }, (_, i) => offset + i));
    this.dynamics = new ModelDynamics(task, model, lanes, { disagreement: true });
    this.uncertainty = this.dynamics.uncertainty;
    this.scratch = new Float64Array(lanes * this.stateSize);
  }

  /** An episode begins in a lane. */
  begin(lane: number): void {
    this.dynamics.start(lane, this.scratch, {}, {}, 0);
  }

  /** @param state - float64 `[lanes, stateSize]`. @param command - float64 `[lanes, commands]`. */
  look(state: Float64Array, command: Float64Array, active: Uint8Array): Promise<void> {
    const { lanes, scratch } = this;
    return this.dynamics.advance({ lanes, state, next: scratch, command, nextViews: [], problems: [] }, active);
  }

  /** What truth became, less what was expected of it. @param next - float64 `[lanes, stateSize]`. */
  error(lane: number, element: number, next: Float64Array): number {
    const truth = next[lane * this.stateSize + this.offsets[element]!]!;
    return elementDifference(this.kinds[element]!, truth, this.uncertainty.mean[lane * this.size + element]!);
  }

  write(lane: number, next: Float64Array, row: number, found: OneStep): void {
    for (let i = 0; i < this.size; i++) {
      found.error[row * this.size + i] = this.error(lane, i, next);
      found.deviation[row * this.size + i] = this.uncertainty.deviation[lane * this.size + i]!;
      found.disagreement[row * this.size + i] = this.uncertainty.disagreement[lane * this.size + i]!;
    }
  }

  save(lane: number): Uint8Array {
    return this.dynamics.save(lane);
  }

  /** @throws SNAPSHOT_INVALID. */
  load(lane: number, saved: Uint8Array): void {
    this.dynamics.load(lane, saved);
  }
}
