import { LaneMemory } from './lane-memory.ts';
import { firstRows } from './lane-rows.ts';
import type { ImagineInput, ObservationModel, ObserveInput } from './observation-model.ts';

/** Memories of a model of observations, one a lane; lanes never influence each other. Arrays are reused by the next call. */
export class MemoryLanes extends LaneMemory {
  readonly lanes: number;
  /** float32 `[lanes, O]`: what was last imagined. */
  readonly sample: Float32Array;
  /** float32 `[lanes]` */
  readonly reward: Float32Array;
  /** float32 `[lanes]`: probability that the task goes on. */
  readonly continues: Float32Array;
  private readonly model: ObservationModel;
  private readonly actionSize: number;
  private input: ImagineInput & ObserveInput;
  private largest: ImagineInput & ObserveInput;

  constructor(model: ObservationModel, lanes: number) {
    super(model.manifest, lanes);
    const { observation, action } = model.manifest;
    this.model = model;
    this.lanes = lanes;
    this.actionSize = action.size;
    this.sample = new Float32Array(lanes * observation.size);
    this.reward = new Float32Array(lanes);
    this.continues = new Float32Array(lanes);
    this.input = this.allocateInput(0);
    this.largest = this.input;
  }

  /** Begins an episode before its first observation. @param initial - what the model's `initial` gave. */
  start(lane: number, seed: number, initial: Float32Array): void {
    this.seed(lane, seed);
    const own = this.of(lane);
    const first = this.slots.member[lane]! * own.length;
    own.set(initial.subarray(first, first + own.length));
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
    if (this.isNoisy) this.noise.draw(active, this.slots.slot, this.input.noise);
    const { nextMemory, sample, reward, continues } = await this.model.predict(this.input);
    this.gather(nextMemory, this.memory, active);
    this.gather(sample, this.sample, active);
    this.gather(reward, this.reward, active);
    this.gather(continues, this.continues, active);
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
