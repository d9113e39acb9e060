import type { GroundtwinError } from '../errors.ts';
import type { Space, TypedArray, Values } from '../spaces/space.ts';
import type { LaneState } from './picture.ts';

export type BackendKind = 'truth' | 'model' | 'twin' | 'remote';

/** Facts beside an observation, as columns: the first axis of every array is the lane. */
export interface InfoColumns {
  readonly [key: string]: TypedArray | readonly unknown[] | InfoColumns;
}

/** What a step or reset leaves behind. All arrays are reused by the next call. */
export interface StepBatch {
  /** `[lanes, ...]` in the observation space. */
  readonly observation: Values;
  /** `[lanes, agents]` */
  readonly reward: Float64Array;
  /** `[lanes]`, 0 or 1: the task ended. */
  readonly terminated: Uint8Array;
  /** `[lanes]`, 0 or 1: cut off from outside (time limit, diverged physics, crashed worker). */
  readonly truncated: Uint8Array;
  /** Reward terms and the like. */
  readonly info: InfoColumns;
  /** `[lanes]`: why a lane was cut off, if something went wrong in it. */
  readonly problems: (GroundtwinError | null)[];
}

export interface ResetRequest {
  /** `[lanes]`, 1 = reset this lane. */
  readonly mask: Uint8Array;
  /** `[lanes]`, read where the mask is 1; integers below 2^53. */
  readonly seeds: Float64Array;
  /** Overrides of the task's physical parameters, for all lanes reset. */
  readonly params?: Readonly<Record<string, number>>;
}

/**
 * What a vector env stands on: `lanes` copies of one env stepped together. Lanes never influence each other.
 * Methods are synchronous where they can be (physics) and return a promise where they cannot (models, sockets).
 */
export interface Backend {
  readonly id: string;
  readonly kind: BackendKind;
  readonly lanes: number;
  readonly agents: number;
  readonly observationSpace: Space;
  readonly actionSpace: Space;
  /** Seconds of simulated time a step takes. */
  readonly controlDt_s: number;
  /** Whether save and load bring back everything. */
  readonly canBranch: boolean;
  /** What a snapshot must match to be loaded here. */
  readonly fingerprint: string;
  readonly batch: StepBatch;
  reset(request: ResetRequest): void | Promise<void>;
  /** @param actions - `[lanes, ...]` in the action space. @param active - `[lanes]`; lanes with 0 are left as they are. */
  step(actions: Values, active: Uint8Array): void | Promise<void>;
  /** One lane, whole. */
  save(lane: number): Uint8Array | Promise<Uint8Array>;
  load(lane: number, state: Uint8Array): void | Promise<void>;
  /** What a picture of a lane shows; absent = it cannot be drawn. @param side - of a twin. @throws OPTION_INVALID for a side it does not have. */
  stateOf?(lane: number, side?: 'truth' | 'model'): LaneState | Promise<LaneState>;
  /** The real thing changes in the midst of an episode; absent = it cannot. @throws OPTION_INVALID, SCENE_INVALID; then nothing has changed. */
  perturb?(lane: number, params: Readonly<Record<string, number>>): void | Promise<void>;
  close(): void | Promise<void>;
}
