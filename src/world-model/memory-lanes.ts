import { GroundtwinError } from '../errors.ts';
import { firstRows, isSavedRng, LaneNoise, LaneSlots } from './lane-rows.ts';
import type { ImagineInput, ObservationModel, ObserveInput } from './observation-model.ts';

/** What a lane holds, as plain parts of a snapshot. */
export interface SavedMemory {
  readonly member: number;
  readonly rng: number[];
}

/** Memories of a model of observations, one a lane; lanes never influence each other. Arrays are reused by the next call. */
export class MemoryLanes {
  readonly lanes: number;
  /** float32 `[lanes, K]` */
  readonly memory: Float32Array;
  /** float32 `[lanes, O]`: what was last imagined. */
  readonly sample: Float32Array;
  /** float32 `[lanes]` */
  readonly reward: Float32Array;
  /** float32 `[lanes]`: probability that the task goes on. */
  readonly continues: Float32Array;
  private readonly model: ObservationModel;
  private readonly slots: LaneSlots;
  private readonly noise: LaneNoise;
  private readonly isNoisy: boolean;
  private readonly actionSize: number;
  private input: ImagineInput & ObserveInput;
  private largest: ImagineInput & ObserveInput;

  constructor(model: ObservationModel, lanes: number) {
    const { members, memorySize, noise, observation, action } = model.manifest;
    this.model = model;
    this.lanes = lanes;
    this.actionSize = action.size;
    this.memory = new Float32Array(lanes * memorySize);
    this.sample = new Float32Array(lanes * observation.size);
    this.reward = new Float32Array(lanes);
    this.continues = new Float32Array(lanes);
    this.isNoisy = noise.distribution === 'normal';
    this.slots = new LaneSlots(lanes, members);
    this.noise = new LaneNoise(lanes, noise.size, this.isNoisy ? noise.correlation : 0);
    this.input = this.allocateInput(0);
    this.largest = this.input;
  }

  /** Begins an episode before its first observation. @param initial - what the model's `initial` gave. */
  start(lane: number, seed: number, initial: Float32Array): void {
    this.seed(lane, seed);
    const { memorySize } = this.model.manifest;
    const member = this.slots.member[lane]!;
    this.memory.set(initial.subarray(member * memorySize, (member + 1) * memorySize), lane * memorySize);
  }

  /** Chooses the member and begins the lane's noise, and leaves its memory. */
  seed(lane: number, seed: number): void {
    this.slots.assign(lane, seed);
    this.noise.start(lane, seed);
  }

  /** Takes in what was seen. @param previousAction - `[lanes, A]`. @param observation - `[lanes, O]`. */
  async observe(previousAction: ArrayLike<number>, observation: ArrayLike<number>, active: Uint8Array): Promise<void> {
    this.place();
    this.scatter(this.memory, this.input.memory, active);
    this.scatter(previousAction, this.input.previousAction, active);
    this.scatter(observation, this.input.observation, active);
    this.gather(await this.model.observe(this.input), this.memory, active);
  }

  /** One step of the dream in every active lane. @param action - `[lanes, A]`. */
  async predict(action: ArrayLike<number>, active: Uint8Array): Promise<void> {
    this.place();
    this.scatter(this.memory, this.input.memory, active);
    this.scatter(action, this.input.action, active);
    if (this.isNoisy)
      for (let lane = 0; lane < this.lanes; lane++)
        if (active[lane]) this.noise.draw(lane, this.input.noise, this.slots.slot[lane]! * this.noise.size);
    const { nextMemory, sample, reward, continues } = await this.model.predict(this.input);
    this.gather(nextMemory, this.memory, active);
    this.gather(sample, this.sample, active);
    this.gather(reward, this.reward, active);
    this.gather(continues, this.continues, active);
  }

  save(lane: number): { head: SavedMemory; parts: Float32Array[] } {
    return { head: { member: this.slots.member[lane]!, rng: this.noise.save(lane) }, parts: this.kept(lane) };
  }

  /** @throws SNAPSHOT_INVALID; nothing is taken then. */
  load(lane: number, head: SavedMemory | null, parts: readonly Uint8Array[]): void {
    const { member, rng } = head ?? ({} as Partial<SavedMemory>);
    const kept = this.kept(lane);
    const isMember = Number.isInteger(member) && member! >= 0 && member! < this.model.manifest.members;
    const fits = kept.length === parts.length && kept.every((part, i) => parts[i]!.byteLength === part.byteLength);
    if (!isMember || !isSavedRng(rng) || !fits) refuse();
    const saved = parts.map((part) => new Float32Array(part.slice().buffer));
    if (!saved.every((part) => part.every(Number.isFinite))) refuse();
    this.slots.assign(lane, member!);
    this.noise.load(lane, rng);
    saved.forEach((part, i) => {
      kept[i]!.set(part);
    });
  }

  /** What a lane carries from step to step beside its member and generator. */
  private kept(lane: number): Float32Array[] {
    const { memorySize } = this.model.manifest;
    return [this.memory.subarray(lane * memorySize, (lane + 1) * memorySize), this.noise.kept(lane)];
  }

  private place(): void {
    const rows = this.slots.place();
    if (this.input.rows === rows) return;
    if (rows > this.largest.rows) this.largest = this.allocateInput(rows);
    this.input = firstRows(this.largest, rows);
  }

  private allocateInput(rows: number): ImagineInput & ObserveInput {
    const { memorySize, noise, observation } = this.model.manifest;
    const floats = (width: number) => new Float32Array(rows * width);
    return {
      rows,
      memory: floats(memorySize),
      action: floats(this.actionSize),
      previousAction: floats(this.actionSize),
      noise: floats(noise.size),
      observation: floats(observation.size),
    };
  }

  /** From lanes to the rows of a call. */
  private scatter(from: ArrayLike<number>, into: Float32Array, active: Uint8Array): void {
    const width = from.length / this.lanes;
    for (let lane = 0; lane < this.lanes; lane++) {
      const row = this.slots.slot[lane]! * width;
      if (active[lane]) for (let i = 0; i < width; i++) into[row + i] = from[lane * width + i]!;
    }
  }

  /** And back. */
  private gather(from: Float32Array, into: Float32Array, active: Uint8Array): void {
    const width = into.length / this.lanes;
    for (let lane = 0; lane < this.lanes; lane++) {
      const row = this.slots.slot[lane]! * width;
      if (active[lane]) for (let i = 0; i < width; i++) into[lane * width + i] = from[row + i]!;
    }
  }
}

function refuse(): never {
  throw new GroundtwinError('SNAPSHOT_INVALID', { problem: 'its model part does not fit this model' });
}
