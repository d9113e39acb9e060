import type { InfoColumns } from '../core/backend.ts';
import type { Dynamics, LaneRows } from '../core/dynamics.ts';
import { bytesOf, packSections, unpackSections } from '../core/sections.ts';
import { layOut, type StateView, wrapAngle } from '../core/state-spec.ts';
import { GroundtwinError } from '../errors.ts';
import type { AnyTask } from '../task/task.ts';
import { contextEntries, elementsOf, predictedEntries } from './contract.ts';
import { LaneMemory, type SavedMemory } from './lane-memory.ts';
import { firstRows } from './lane-rows.ts';
import { TrustWatch } from './trust-watch.ts';
import type { Prediction, PredictionInput, WorldModel } from './world-model.ts';

export interface ModelDynamicsOptions {
  /** Ask every member about every lane, so that `disagreement` is known; costs `members` times as much. */
  readonly disagreement?: boolean;
  /** Tell in `info.model` how far each dream may still be trusted, see `TrustColumns`; asks every member. */
  readonly trust?: boolean;
  /** Close the model with the dynamics: true for a model that was loaded for this env alone. */
  readonly ownsModel?: boolean;
}

/** Per-lane, per-element figures of the last step; float64 `[lanes, P]`. NaN where the model does not tell. */
export interface Uncertainty {
  /** Standard deviation the lane's own member gives. */
  readonly scale: Float64Array;
  /** Standard deviation of the members' means. */
  readonly disagreement: Float64Array;
  /** What the members expect together; where every member is asked. */
  readonly mean: Float64Array;
  /** Standard deviation of the mixture of all members: what they are unsure of and what they disagree on. */
  readonly deviation: Float64Array;
}

/**
 * A learned model as dynamics. Every episode keeps one member (trajectory sampling, TS∞ of Chua et al. 2018), chosen as `seed mod members`,
 * so consecutive seeds share the members evenly and a lane's future depends on its seed alone, not on its neighbours.
 */
export class ModelDynamics implements Dynamics {
  readonly kind = 'model' as const;
  readonly fingerprint: string;
  readonly uncertainty: Uncertainty;
  readonly info?: InfoColumns;
  private readonly watch: TrustWatch | undefined;
  readonly model: WorldModel;
  private readonly everyMember: boolean;
  private readonly ownsModel: boolean;
  private readonly lanes: number;
  private readonly predicted: readonly number[];
  private readonly context: readonly number[];
  /** uint8 `[P]` */
  private readonly isAngle: Uint8Array;
  /** Elements of a state that are predicted angles, and those that quaternions begin at. */
  private readonly angles: readonly number[];
  private readonly quaternions: readonly number[];
  private readonly actionSize: number;
  /** 0 … n − 1, for what is copied whole: figures of a lane, commands, memory. */
  private readonly figures: readonly number[];
  private readonly commands: readonly number[];
  private readonly cells: readonly number[];
  private readonly stateSize: number;
  private readonly carried: LaneMemory;
  private input: PredictionInput;
  private largest: PredictionInput;

  constructor(task: AnyTask, model: WorldModel, lanes: number, options: ModelDynamicsOptions = {}) {
    const predicted = predictedEntries(task);
    this.model = model;
    this.fingerprint = model.fingerprint;
    this.watch = options.trust ? new TrustWatch(task, model.manifest, lanes) : undefined;
    if (this.watch) this.info = this.watch.columns as unknown as InfoColumns;
    this.everyMember = (options.disagreement ?? false) || this.watch !== undefined;
    this.ownsModel = options.ownsModel ?? false;
    this.lanes = lanes;
    this.predicted = Array.from(elementsOf(predicted));
    this.context = Array.from(elementsOf(contextEntries(task)));
    this.angles = Array.from(elementsOf(predicted.filter((entry) => entry.kind === 'angle')));
    this.isAngle = Uint8Array.from(this.predicted, (element) => Number(this.angles.includes(element)));
    this.quaternions = predicted.flatMap((entry) => (entry.kind === 'quaternion' ? [entry.offset] : []));
    this.actionSize = task.commands.length;
    this.figures = this.predicted.map((_, i) => i);
    this.commands = task.commands.map((_, i) => i);
    this.cells = Array.from({ length: model.manifest.memorySize }, (_, i) => i);
    this.stateSize = layOut(task.state).size;
    this.carried = new LaneMemory(model.manifest, lanes, this.everyMember ? 'everyMember' : model.takesShares ? 'packed' : 'padded');
    this.input = this.allocateInput(0);
    this.largest = this.input;
    const figures = () => new Float64Array(lanes * this.predicted.length).fill(Number.NaN);
    this.uncertainty = { scale: figures(), disagreement: figures(), mean: figures(), deviation: figures() };
  }

  start(lane: number, _row: Float64Array, _view: StateView, _params: unknown, seed: number): void {
    this.carried.seed(lane, seed);
    this.carried.of(lane).fill(0);
    this.watch?.begin(lane);
    // Nobody else has written any.
    if (!this.everyMember) return;
    const size = this.predicted.length;
    for (const figures of Object.values(this.uncertainty) as Float64Array[]) figures.fill(Number.NaN, lane * size, (lane + 1) * size);
  }

  async advance(rows: LaneRows, active: Uint8Array): Promise<void> {
    this.place();
    this.feed(rows, active);
    const prediction = await this.model.predict(this.input, this.everyMember);
    this.take(rows, active, prediction);
    this.watch?.step(rows.state, rows.command, this.uncertainty.disagreement, active);
  }

  save(lane: number): Uint8Array {
    const { head, parts } = this.carried.save(lane);
    const steps = this.watch && { steps: this.watch.columns.steps[lane]! };
    return packSections({ ...head, ...steps }, parts.map(bytesOf));
  }

  load(lane: number, state: Uint8Array): void {
    const { head, parts } = unpackSections<SavedMemory & { readonly steps?: number }>(state);
    const { steps = 0 } = head ?? {};
    if (!Number.isSafeInteger(steps) || steps < 0)
      throw new GroundtwinError('SNAPSHOT_INVALID', { problem: `its model part has dreamed ${JSON.stringify(steps)?.slice(0, 20)} steps` });
    this.carried.load(lane, head, parts);
    this.watch?.begin(lane, steps);
  }

  close(): void | Promise<void> {
    if (this.ownsModel) return this.model.close();
  }

  private place(): void {
    const rows = this.carried.slots.place();
    if (this.input.rows === rows) return;
    if (rows > this.largest.rows) this.largest = this.allocateInput(rows);
    this.input = firstRows(this.largest, rows);
  }

  private feed(rows: LaneRows, active: Uint8Array): void {
    const { input, stateSize, actionSize } = this;
    const { slot, tile } = this.carried.slots;
    const { memorySize, members } = this.model.manifest;
    const blocks = this.everyMember ? members : 1;
    for (let block = 0; block < blocks; block++) {
      const first = block * tile;
      gather(input.state, this.predicted, rows.state, stateSize, slot, first);
      gather(input.context, this.context, rows.state, stateSize, slot, first);
      gather(input.action, this.commands, rows.command, actionSize, slot, first);
      gather(input.memory, this.cells, this.carried.memory, memorySize, slot, first);
    }
    if (this.carried.isNoisy) this.drawNoise(blocks, active);
  }

  /** Every member sees a lane with the same noise. */
  private drawNoise(blocks: number, active: Uint8Array): void {
    const { noise, slots } = this.carried;
    const into = this.input.noise;
    noise.draw(active, slots.slot, into);
    const length = slots.tile * noise.size;
    for (let block = 1; block < blocks; block++) into.copyWithin(block * length, 0, length);
  }

  private take(rows: LaneRows, active: Uint8Array, { sample, mean, scale, memory }: Prediction): void {
    const { everyMember, stateSize, uncertainty } = this;
    const { own } = this.carried.slots;
    const { next } = rows;
    const size = this.predicted.length;
    scatter(next, stateSize, this.predicted, sample, own, active);
    if (everyMember && scale) scatter(uncertainty.scale, size, this.figures, scale, own, active);
    if (memory) scatter(this.carried.memory, this.cells.length, this.cells, memory, own, active);
    for (const angle of this.angles)
      for (let at = angle, lane = 0; lane < this.lanes; lane++, at += stateSize) if (active[lane]) next[at] = wrapAngle(next[at]!);
    for (const quaternion of this.quaternions)
      for (let lane = 0; lane < this.lanes; lane++) if (active[lane]) normaliseQuaternion(next, lane * stateSize + quaternion);
    if (!everyMember) return;
    for (let lane = 0; lane < this.lanes; lane++) {
      if (!active[lane]) continue;
      this.compareMembers(lane, mean ?? sample, scale);
      if (!mean) uncertainty.disagreement.fill(Number.NaN, lane * size, (lane + 1) * size);
    }
  }

  private compareMembers(lane: number, mean: Float32Array, scale: Float32Array | undefined): void {
    const { members } = this.model.manifest;
    const { slot, tile } = this.carried.slots;
    const size = this.predicted.length;
    const { uncertainty } = this;
    for (let i = 0; i < size; i++) {
      let sum = 0;
      let squares = 0;
      let variance = 0;
      const origin = mean[slot[lane]! * size + i]!;
      for (let member = 0; member < members; member++) {
        const at = (slot[lane]! + member * tile) * size + i;
        const offset = this.isAngle[i] ? wrapAngle(mean[at]! - origin) : mean[at]! - origin;
        sum += offset;
        squares += offset * offset;
        variance += scale ? scale[at]! * scale[at]! : 0;
      }
      const spread = Math.max(0, squares / members - (sum / members) ** 2);
      uncertainty.disagreement[lane * size + i] = Math.sqrt(spread);
      uncertainty.mean[lane * size + i] = origin + sum / members;
      uncertainty.deviation[lane * size + i] = scale || members > 1 ? Math.sqrt(spread + variance / members) : Number.NaN;
    }
  }

  private allocateInput(rows: number): PredictionInput {
    const { noise, memorySize } = this.model.manifest;
    const floats = (width: number) => new Float32Array(rows * width);
    return {
      rows,
      ...(this.model.takesShares ? { shares: this.carried.slots.shares } : {}),
      state: floats(this.predicted.length),
      action: floats(this.actionSize),
      context: floats(this.context.length),
      noise: floats(noise.size),
      memory: floats(memorySize),
    };
  }
}

/** Writes elements of each lane's row into the row of a call that the lane has, of lanes that sit out too. @param stride - of a row of `from`. */
function gather(
  into: Float32Array,
  elements: readonly number[],
  from: Float64Array | Float32Array,
  stride: number,
  slot: readonly number[],
  first: number,
): void {
  const width = elements.length;
  for (let i = 0; i < width; i++) {
    const element = elements[i]!;
    const start = first * width + i;
    for (let lane = 0; lane < slot.length; lane++) into[slot[lane]! * width + start] = from[lane * stride + element]!;
  }
}

/** The way back, for active lanes. @param stride - of a row of `into`. */
function scatter(
  into: Float64Array | Float32Array,
  stride: number,
  elements: readonly number[],
  from: Float32Array,
  own: readonly number[],
  active: Uint8Array,
): void {
  const width = elements.length;
  for (let i = 0; i < width; i++) {
    const element = elements[i]!;
    for (let lane = 0; lane < own.length; lane++) if (active[lane]) into[lane * stride + element] = from[own[lane]! * width + i]!;
  }
}

function normaliseQuaternion(values: Float64Array, at: number): void {
  const length = Math.hypot(values[at]!, values[at + 1]!, values[at + 2]!, values[at + 3]!);
  if (length > 0) for (let i = 0; i < 4; i++) values[at + i] = values[at + i]! / length;
}
