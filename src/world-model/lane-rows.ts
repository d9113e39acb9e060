import { Rng } from '../math/rng.ts';
import { tileRows } from './contract.ts';

/** Stream of the episode seed that model noise is drawn from (task 0 and sensor 1 are TaskEnv's). */
const noiseStream = 2;

/** How lanes are laid into the blocks of a call: each in that of its member, blocks padded to the longest, or `packed` to a tile only; or each in every block. */
export type LaneLayout = 'padded' | 'packed' | 'everyMember';

/** Which row of a model's call a lane has. */
export class LaneSlots {
  /** int32 `[lanes]`: the member an episode keeps. */
  readonly member: Int32Array;
  /** `[lanes]`: row of each lane, in the first block if it has one in each. A list, which is read faster than a typed array whose memory might be gone. */
  readonly slot: number[];
  /** `[lanes]`: row of each lane in the block of its own member. */
  readonly own: number[];
  /** Rows of a block, of the longest if they are packed. */
  tile = 0;
  /** int64 `[members]`: rows of each block. */
  readonly shares: BigInt64Array;
  private rows = 0;
  private readonly members: number;
  private readonly layout: LaneLayout;
  private stale = true;

  constructor(lanes: number, members: number, layout: LaneLayout = 'padded') {
    this.member = new Int32Array(lanes);
    this.slot = Array.from({ length: lanes }, () => 0);
    this.own = layout === 'everyMember' ? [...this.slot] : this.slot;
    this.shares = new BigInt64Array(members);
    this.members = members;
    this.layout = layout;
  }

  /** @param member - an episode's seed does as well. */
  assign(lane: number, member: number): void {
    const assigned = member % this.members;
    if (this.member[lane] !== assigned) this.stale = true;
    this.member[lane] = assigned;
  }

  /** Brings rows up to date. @returns rows of a call. */
  place(): number {
    if (!this.stale) return this.rows;
    const { layout, member, slot } = this;
    const filled = new Int32Array(this.members);
    for (let lane = 0; lane < slot.length; lane++) {
      const block = layout === 'everyMember' ? 0 : member[lane]!;
      slot[lane] = filled[block]!;
      filled[block] = filled[block]! + 1;
    }
    this.tile = tiled(Math.max(...filled));
    const starts = new Int32Array(this.members);
    this.rows = 0;
    for (let block = 0; block < this.members; block++) {
      starts[block] = this.rows;
      const length = layout === 'packed' ? tiled(filled[block]!) : this.tile;
      this.shares[block] = BigInt(length);
      this.rows += length;
    }
    for (let lane = 0; lane < slot.length; lane++) this.own[lane] = slot[lane]! + starts[member[lane]!]!;
    this.stale = false;
    return this.rows;
  }
}

/** @returns rows with their padding. */
function tiled(rows: number): number {
  return Math.ceil(rows / tileRows) * tileRows;
}

/**
 * A call of fewer rows in the memory of a larger one, as views: where episodes end, lanes change members, and rows come and go at every step.
 * Columns are float32 `[rows, …]`; anything else stays as it is.
 */
export function firstRows<I extends { readonly rows: number }>(largest: I, rows: number): I {
  const cut = Object.entries(largest).map(([name, value]: [string, unknown]) => {
    if (!(value instanceof Float32Array)) return [name, value];
    return [name, value.subarray(0, (value.length / largest.rows) * rows)];
  });
  return { ...(Object.fromEntries(cut) as I), rows };
}

/** Standard normal noise of each lane, from its own generator, alike from step to step by `correlation`. */
export class LaneNoise {
  readonly size: number;
  private readonly correlation: number;
  private readonly rngs: Rng[];
  /** float32 `[lanes, size]`: noise of each lane's next step; empty without correlation. */
  private readonly pending: Float32Array;

  constructor(lanes: number, size: number, correlation = 0) {
    this.size = size;
    this.correlation = correlation;
    this.rngs = Array.from({ length: lanes }, () => new Rng(0));
    this.pending = new Float32Array(correlation > 0 ? lanes * size : 0);
  }

  start(lane: number, seed: number): void {
    this.rngs[lane]!.seed(seed, noiseStream);
    if (this.correlation > 0) this.rngs[lane]!.normals32(this.pending, lane * this.size, this.size);
  }

  /** Writes the noise of this step of each active lane into its row. @param slot - `[lanes]`. @param into - float32 `[rows, size]`. */
  draw(active: Uint8Array, slot: readonly number[], into: Float32Array): void {
    const { rngs, size, correlation } = this;
    for (let lane = 0; lane < rngs.length; lane++) {
      if (!active[lane]) continue;
      const at = slot[lane]! * size;
      rngs[lane]!.normals32(into, at, size);
      if (correlation > 0) this.carry(lane, into, at);
    }
  }

  /** The lane's generator: 6 numbers. */
  save(lane: number): number[] {
    return this.rngs[lane]!.save();
  }

  load(lane: number, saved: readonly number[]): void {
    this.rngs[lane]!.load(saved);
  }

  /** What a lane carries from step to step beside its generator; a view. */
  kept(lane: number): Float32Array {
    const width = this.pending.length / this.rngs.length;
    return this.pending.subarray(lane * width, (lane + 1) * width);
  }

  /** Uses the pending noise in place of the fresh one, which moves it on: a first-order autoregression, standard normal at every step. */
  private carry(lane: number, noise: Float32Array, at: number): void {
    const innovation = Math.sqrt(1 - this.correlation * this.correlation);
    const pending = this.kept(lane);
    for (let i = 0; i < this.size; i++) {
      const used = pending[i]!;
      pending[i] = this.correlation * used + innovation * noise[at + i]!;
      noise[at + i] = used;
    }
  }
}
