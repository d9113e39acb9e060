import { GroundtwinError } from '../errors.ts';
import { type LaneLayout, LaneNoise, LaneSlots } from './lane-rows.ts';

/** What models of states and of observations say alike of what their lanes carry. */
interface CarryingManifest {
  readonly members: number;
  readonly memorySize: number;
  readonly noise: { readonly distribution: 'normal' | 'none'; readonly size: number; readonly correlation?: number };
}

/** A lane's member, and the state of its generator. */
export interface SavedMemory {
  readonly member: number;
  readonly rng: readonly number[];
}

/** What each lane of a dream carries from step to step: its member, its noise and its memory. */
export class LaneMemory {
  readonly slots: LaneSlots;
  readonly noise: LaneNoise;
  readonly isNoisy: boolean;
  /** float32 `[lanes, memorySize]`. */
  readonly memory: Float32Array;
  private readonly members: number;
  private readonly memorySize: number;

  constructor({ members, memorySize, noise }: CarryingManifest, lanes: number, layout?: LaneLayout) {
    this.members = members;
    this.memorySize = memorySize;
    this.isNoisy = noise.distribution === 'normal';
    this.slots = new LaneSlots(lanes, members, layout);
    this.noise = new LaneNoise(lanes, noise.size, this.isNoisy ? noise.correlation : 0);
    this.memory = new Float32Array(lanes * memorySize);
  }

  /** Chooses the member and begins the lane's noise, and leaves its memory. */
  seed(lane: number, seed: number): void {
    this.slots.assign(lane, seed);
    this.noise.start(lane, seed);
  }

  /** A lane's memory; a view. */
  of(lane: number): Float32Array {
    return this.memory.subarray(lane * this.memorySize, (lane + 1) * this.memorySize);
  }

  /** @returns `parts` as views. */
  save(lane: number): { readonly head: SavedMemory; readonly parts: readonly Float32Array[] } {
    return { head: { member: this.slots.member[lane]!, rng: this.noise.save(lane) }, parts: [this.of(lane), this.noise.kept(lane)] };
  }

  /** @param head - untrusted, as are the parts. @throws SNAPSHOT_INVALID; nothing is taken then. */
  load(lane: number, head: Partial<SavedMemory> | null | undefined, parts: readonly Uint8Array[]): void {
    const { member, rng } = head ?? {};
    const kept = [this.of(lane), this.noise.kept(lane)];
    const isMember = Number.isInteger(member) && member! >= 0 && member! < this.members;
    const fits = kept.length === parts.length && kept.every((part, i) => parts[i]!.byteLength === part.byteLength);
    const saved = fits ? parts.map((part) => new Float32Array(part.slice().buffer)) : [];
    if (!isMember || !isSavedRng(rng) || !fits || !saved.every((part) => part.every(Number.isFinite)))
      throw new GroundtwinError('SNAPSHOT_INVALID', { problem: 'its model part does not fit this model' });
    this.slots.assign(lane, member!);
    this.noise.load(lane, rng);
    saved.forEach((part, i) => {
      kept[i]!.set(part);
    });
  }
}

function isSavedRng(rng: unknown): rng is readonly number[] {
  return Array.isArray(rng) && rng.length === 6 && rng.every(Number.isFinite);
}
