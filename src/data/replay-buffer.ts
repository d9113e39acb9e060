import { GroundtwinError } from '../errors.ts';
import type { Rng } from '../math/rng.ts';
import { allocate, arraysOf, copyValues, rowOf, type TypedArray, type Values } from '../spaces/space.ts';
import type { EpisodeSpec } from './episode.ts';
import { defaultStoreBytes } from './episode-store.ts';
import { bytesPerLane } from './replay-format.ts';
import { allocateSequences, requireHorizon, requireWindows, type SequenceBatch } from './sequence-batch.ts';

/** Draws in vain before the windows are looked up one by one. */
const maxVainDraws = 64;

export interface ReplayBufferOptions {
  /** Observations it holds, over all lanes; the last of an episode counts too. The oldest make room for new ones. */
  readonly capacity: number;
  /** Streams of episodes that are filled side by side, as of a vector env. Default 1. */
  readonly lanes?: number;
  /** The columns are allocated at once and take no more than this. Default 1 GiB. */
  readonly maxBytes?: number;
}

/** Single steps, row-major. */
export interface SampledTransitions {
  readonly count: number;
  /** `[count, ...]` in the observation space. */
  readonly observation: Values;
  readonly action: Values;
  /** float64 `[count, agents]` */
  readonly reward: Float64Array;
  readonly terminated: Uint8Array;
  readonly truncated: Uint8Array;
  /** `[count, ...]`: what was observed after the step; after an end its last observation, never the next episode's first. */
  readonly next: Values;
}

/**
 * A ring of experience for off-policy learning. A lane is a row of slots, each an observation and, unless an episode ends there, the action taken on it and
 * what came of it; the next observation is the next slot's, so an image is kept once, in its own dtype.
 */
export class ReplayBuffer {
  readonly spec: EpisodeSpec;
  readonly lanes: number;
  /** Slots of a lane. */
  readonly slots: number;
  /** What the columns take, fixed. */
  readonly bytes: number;
  private readonly observation: Values;
  private readonly action: Values;
  private readonly reward: Float64Array;
  private readonly terminated: Uint8Array;
  private readonly truncated: Uint8Array;
  /** `[lanes]`: slots written so far. */
  private readonly written: Float64Array;
  /** `[lanes]`, 1 = an episode goes on there. */
  private readonly open: Uint8Array;
  /** int32, a row: steps of the episode before it. Rows `a` and `a + n` of a lane belong together exactly if these differ by `n`. */
  private readonly age: Int32Array;
  private held = 0;

  /** @throws OPTION_INVALID for a capacity that holds no step a lane, DATA_TOO_LARGE when it takes more than `maxBytes`. */
  constructor(spec: EpisodeSpec, { capacity, lanes = 1, maxBytes = defaultStoreBytes }: ReplayBufferOptions) {
    this.spec = spec;
    this.lanes = lanes;
    this.slots = Math.floor(capacity / lanes);
    if (!Number.isInteger(lanes) || lanes < 1 || !(this.slots >= 2))
      throw new GroundtwinError('OPTION_INVALID', {
        who: 'ReplayBuffer',
        option: 'capacity',
        value: `${capacity} for ${lanes} lanes`,
        allowed: 'at least 2 for each lane',
      });
    const rows = lanes * this.slots;
    this.bytes = rows * (bytesPerLane(spec.observationSpace) + bytesPerLane(spec.actionSpace) + 8 * spec.agents + 6);
    if (this.bytes > maxBytes) throw new GroundtwinError('DATA_TOO_LARGE', { what: 'The replay buffer', bytes: this.bytes, maxBytes });
    this.observation = allocate(spec.observationSpace, rows);
    this.action = allocate(spec.actionSpace, rows);
    this.reward = new Float64Array(rows * spec.agents);
    this.terminated = new Uint8Array(rows);
    this.truncated = new Uint8Array(rows);
    this.written = new Float64Array(lanes);
    this.open = new Uint8Array(lanes);
    this.age = new Int32Array(rows);
  }

  /** Steps that can be drawn. */
  get steps(): number {
    return this.held;
  }

  /** An episode begins in a lane; one that went on there is left as it is. @param observation - one row, copied. */
  begin(lane: number, observation: Values): void {
    this.open[lane] = 1;
    this.write(lane, observation, 0);
  }

  /**
   * One step in a lane, from the observation before to `next`; rows are copied.
   * @param reward - one number an agent.
   * @throws ENV_NOT_RESET when no episode goes on there.
   */
  add(lane: number, action: Values, reward: ArrayLike<number>, terminated: boolean, truncated: boolean, next: Values): void {
    if (!this.open[lane]) throw new GroundtwinError('ENV_NOT_RESET', { env: this.spec.env, lane });
    const row = this.rowAt(lane, this.written[lane]! - 1);
    copyValues(action, rowOf(this.spec.actionSpace, this.action, row));
    this.reward.set(reward, row * this.spec.agents);
    this.terminated[row] = Number(terminated);
    this.truncated[row] = Number(truncated);
    if (terminated || truncated) this.open[lane] = 0;
    this.write(lane, next, this.age[row]! + 1);
    this.held++;
  }

  /** All that it holds, whole columns; views, to be written down and given to `load`. */
  columns(): readonly TypedArray[] {
    const { observation, action, reward, terminated, truncated, written, open, age } = this;
    return [...arraysOf(observation), ...arraysOf(action), reward, terminated, truncated, written, open, age];
  }

  /** Goes on with what another buffer of this spec, capacity and lanes held; copied. @throws OPTION_INVALID when columns are of other sizes. */
  load(columns: readonly ArrayLike<number>[]): void {
    const own = this.columns();
    if (columns.length !== own.length || columns.some(({ length }, i) => length !== own[i]!.length))
      throw new GroundtwinError('OPTION_INVALID', {
        who: 'ReplayBuffer',
        option: 'columns',
        value: `of ${columns.map(({ length }) => length)} elements`,
        allowed: `of ${own.map(({ length }) => length)}, as this buffer's are`,
      });
    columns.forEach((values, i) => void own[i]!.set(values));
    this.held = this.allWindows(1).length;
  }

  /** Draws steps uniformly, with replacement. @throws OPTION_INVALID when it is empty. */
  sampleTransitions(count: number, rng: Rng): SampledTransitions {
    const { observationSpace: space, actionSpace, agents } = this.spec;
    const batch: SampledTransitions = {
      count,
      observation: allocate(space, count),
      action: allocate(actionSpace, count),
      reward: new Float64Array(count * agents),
      terminated: new Uint8Array(count),
      truncated: new Uint8Array(count),
      next: allocate(space, count),
    };
    this.draw(count, 1, rng, (i, lane, slot) => {
      this.copyObservation(lane, slot, batch.observation, i);
      this.copyObservation(lane, slot + 1, batch.next, i);
      this.copyStep(lane, slot, batch, i);
    });
    return batch;
  }

  /** Draws sequences of `horizon` steps uniformly, with replacement; none crosses an episode's end. @throws OPTION_INVALID when nothing held is that long. */
  sample(count: number, horizon: number, rng: Rng): SequenceBatch {
    requireHorizon('ReplayBuffer', horizon);
    const batch = allocateSequences(this.spec, count, horizon);
    this.draw(count, horizon, rng, (i, lane, slot) => {
      for (let step = 0; step <= horizon; step++) this.copyObservation(lane, slot + step, batch.observation, i * (horizon + 1) + step);
      for (let step = 0; step < horizon; step++) this.copyStep(lane, slot + step, batch, i * horizon + step);
    });
    return batch;
  }

  /** Gives `take` the lane and the first slot of `count` windows, each window held equally likely. */
  private draw(count: number, horizon: number, rng: Rng, take: (i: number, lane: number, slot: number) => void): void {
    const longest = Math.min(this.slots, Math.max(...this.written)) - horizon;
    let listed: readonly (readonly [lane: number, slot: number])[] | undefined;
    for (let i = 0; i < count; i++) {
      const found = listed === undefined && longest > 0 ? this.drawOne(longest, horizon, rng) : undefined;
      if (found === undefined) listed ??= this.allWindows(horizon);
      if (listed) requireWindows('ReplayBuffer', listed.length, horizon);
      const [lane, slot] = found ?? listed![rng.integer(listed!.length)]!;
      take(i, lane, slot);
    }
  }

  /** Quick as long as episodes are longer than windows; undefined after too many draws in vain. */
  private drawOne(longest: number, horizon: number, rng: Rng): readonly [lane: number, slot: number] | undefined {
    for (let vain = 0; vain < maxVainDraws; vain++) {
      const lane = rng.integer(this.lanes);
      const slot = this.oldest(lane) + rng.integer(longest);
      if (this.isWindow(lane, slot, horizon)) return [lane, slot];
    }
    return undefined;
  }

  private allWindows(horizon: number): (readonly [lane: number, slot: number])[] {
    const windows: (readonly [number, number])[] = [];
    for (let lane = 0; lane < this.lanes; lane++)
      for (let slot = this.oldest(lane); slot < this.written[lane]!; slot++)
        if (this.isWindow(lane, slot, horizon)) windows.push([lane, slot]);
    return windows;
  }

  private isWindow(lane: number, slot: number, horizon: number): boolean {
    return (
      slot + horizon < this.written[lane]! && this.age[this.rowAt(lane, slot + horizon)]! - this.age[this.rowAt(lane, slot)]! === horizon
    );
  }

  /** The first slot that was not written over. */
  private oldest(lane: number): number {
    return Math.max(0, this.written[lane]! - this.slots);
  }

  private write(lane: number, observation: Values, age: number): void {
    const slot = this.written[lane]!;
    if (slot >= this.slots && this.isWindow(lane, slot - this.slots, 1)) this.held--;
    const row = this.rowAt(lane, slot);
    copyValues(observation, rowOf(this.spec.observationSpace, this.observation, row));
    this.age[row] = age;
    this.written[lane] = slot + 1;
  }

  private rowAt(lane: number, slot: number): number {
    return lane * this.slots + (slot % this.slots);
  }

  private copyObservation(lane: number, slot: number, into: Values, row: number): void {
    const { observationSpace: space } = this.spec;
    copyValues(rowOf(space, this.observation, this.rowAt(lane, slot)), rowOf(space, into, row));
  }

  private copyStep(lane: number, slot: number, into: Omit<SampledTransitions, 'observation' | 'next'>, row: number): void {
    const { actionSpace, agents } = this.spec;
    const from = this.rowAt(lane, slot);
    copyValues(rowOf(actionSpace, this.action, from), rowOf(actionSpace, into.action, row));
    into.reward.set(this.reward.subarray(from * agents, (from + 1) * agents), row * agents);
    into.terminated[row] = this.terminated[from]!;
    into.truncated[row] = this.truncated[from]!;
  }
}
