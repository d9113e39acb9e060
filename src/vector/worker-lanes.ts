import type { TypedArray, Values } from '../spaces/space.ts';
import { type Block, leavesOf, valuesLeaves } from './worker-block.ts';

interface Column {
  readonly from: TypedArray;
  /** The worker's part of the env's array. */
  readonly into: TypedArray;
  readonly elementsPerLane: number;
}

/** Copies between one worker's block and the arrays of the whole env. Lanes are counted from the worker's first. */
export class WorkerLanes {
  readonly block: Block;
  private readonly firstLane: number;
  private readonly lanes: number;
  private readonly columns: readonly Column[];
  private readonly actionLeaves: readonly TypedArray[];

  /** @param leaves - of the env's outputs, in the order of `leavesOf`. */
  constructor(block: Block, leaves: readonly TypedArray[], firstLane: number) {
    this.block = block;
    this.firstLane = firstLane;
    this.lanes = block.active.length;
    this.columns = leavesOf(block.outputs).map((from, i) => {
      const elementsPerLane = from.length / this.lanes;
      const start = firstLane * elementsPerLane;
      return { from, into: leaves[i]!.subarray(start, start + from.length), elementsPerLane };
    });
    this.actionLeaves = valuesLeaves(block.actions);
  }

  /** @param active, lost - of the whole env and of this worker's lanes. @returns whether any lane is to be stepped. */
  putStep(actions: Values, active: Uint8Array, lost: Uint8Array): boolean {
    let any = 0;
    for (let lane = 0; lane < this.lanes; lane++) {
      const steps = active[this.firstLane + lane]! & ~lost[lane]!;
      this.block.active[lane] = steps;
      any |= steps;
    }
    if (!any) return false;
    if (ArrayBuffer.isView(actions)) this.putActions(actions as TypedArray, this.actionLeaves[0]!);
    else valuesLeaves(actions).forEach((leaf, i) => void this.putActions(leaf, this.actionLeaves[i]!));
    return true;
  }

  putReset(mask: Uint8Array, seeds: Float64Array): void {
    const end = this.firstLane + this.lanes;
    this.block.mask.set(mask.subarray(this.firstLane, end));
    this.block.seeds.set(seeds.subarray(this.firstLane, end));
  }

  /** `[lanes]`, as last put. */
  get stepped(): Uint8Array {
    return this.block.active;
  }
  get wasReset(): Uint8Array {
    return this.block.mask;
  }

  takeStepped(): void {
    this.take(this.stepped);
  }

  takeReset(): void {
    this.take(this.wasReset);
  }

  /** All that the worker shows of one lane. */
  takeLane(lane: number): void {
    for (const { from, into, elementsPerLane } of this.columns) {
      const end = (lane + 1) * elementsPerLane;
      for (let i = lane * elementsPerLane; i < end; i++) into[i] = from[i]!;
    }
  }

  /** What the env holds of other lanes is theirs, edits of wrappers included. */
  private take(mask: Uint8Array): void {
    if (!mask.includes(0)) for (const { from, into } of this.columns) into.set(from);
    else for (let lane = 0; lane < this.lanes; lane++) if (mask[lane]) this.takeLane(lane);
  }

  private putActions(actions: TypedArray, into: TypedArray): void {
    const start = (this.firstLane * into.length) / this.lanes;
    for (let i = 0; i < into.length; i++) into[i] = actions[start + i]!;
  }
}
