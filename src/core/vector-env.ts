import type { Space, Values } from '../spaces/space.ts';
import type { BackendKind, InfoColumns } from './backend.ts';
import type { RenderMode, RenderResults, ViewOptions } from './picture.ts';
import type { Ranges } from './range.ts';
import type { EngineName } from './scene-spec.ts';

/**
 * What happens when an episode ends (Gymnasium's AutoresetMode):
 * `nextStep`: the next step ignores that lane's action and returns its fresh observation with reward 0;
 * `sameStep`: the observation returned is already the fresh one, the last one is in `info.finalObservation` (with `info.finalMask`);
 * `disabled`: the lane must be reset with `reset({ mask })` before it is stepped again.
 */
export type AutoresetMode = 'nextStep' | 'sameStep' | 'disabled';

export interface ResetOptions {
  /**
   * Lane i gets `seed + i`, or its own of the list (null = go on from where it is). Integers in [0, 2^53), as a rule below 2^32:
   * later episodes of a lane seeded s, whether they came by autoreset or by `reset()`, have the seeds s + 2^32, s + 2·2^32, …,
   * so episode k is begun again, alone, by `reset({ seed: s + k * 2 ** 32 })`.
   */
  readonly seed?: number | readonly (number | null)[];
  /** `[lanes]`, 1 = reset this lane; absent = all. */
  readonly mask?: Uint8Array;
  /** Overrides of the task's physical parameters for the episodes begun here; the next ones (autoreset too) have the defaults again. */
  readonly params?: Readonly<Record<string, number>>;
}

export interface VectorResetResult {
  readonly observation: Values;
  readonly info: InfoColumns;
}

/** The state of a task in every lane, entry by entry, and the parameters of its physics; copies. */
export interface LaneStates {
  /** float64 `[lanes, size]` of each entry, in its unit. */
  readonly state: Readonly<Record<string, Float64Array>>;
  /** float64 `[lanes]` of each parameter. */
  readonly params: Readonly<Record<string, Float64Array>>;
}

export interface VectorStepResult extends VectorResetResult {
  /** float64 `[lanes, agents]` */
  readonly reward: Float64Array;
  /** `[lanes]`, 0 or 1. */
  readonly terminated: Uint8Array;
  readonly truncated: Uint8Array;
}

/** How an env was made, as far as the same one can be made again from it. */
export interface MadeWith {
  readonly engine: EngineName;
  /** Absent: the task's horizon; null: no time limit. */
  readonly maxEpisodeSteps?: number | null;
  readonly randomize?: Ranges;
  /** Physical parameters in the state; `observeCondition`: and in the observation. */
  readonly condition?: readonly string[];
  readonly observeCondition?: boolean;
  /** Names of the wrappers that were given, innermost first. */
  readonly wrappers: readonly string[];
}

/** `lanes` copies of an env stepped together; local or remote. Results share no memory with the env unless it was made with `copy: false`. */
export interface VectorEnv {
  readonly id: string;
  readonly kind: BackendKind;
  readonly lanes: number;
  readonly agents: number;
  /** Of one lane. */
  readonly observationSpace: Space;
  readonly actionSpace: Space;
  readonly controlDt_s: number;
  readonly autoreset: AutoresetMode;
  /** Of an env that a registry made in this process or in workers of it. */
  readonly madeWith?: MadeWith;
  /** What can be drawn; empty = nothing. */
  readonly renderModes?: readonly RenderMode[];
  /** Whether a snapshot brings everything back. */
  readonly canBranch?: boolean;
  reset(options?: ResetOptions): Promise<VectorResetResult>;
  /** @param actions - `[lanes, ...]` in the action space. @throws ACTION_SHAPE, ACTION_NOT_FINITE, ACTION_OUTSIDE_SPACE, ENV_NOT_RESET, ENV_CLOSED. */
  step(actions: Values): Promise<VectorStepResult>;
  /** As `step`, but at hand at once where nothing has to be waited for; absent where something always has. Throws what `step` rejects with. */
  stepNow?(actions: Values): VectorStepResult | Promise<VectorStepResult>;
  /** One lane, whole: physics, generators, memory, time limit, wrappers. */
  snapshot(lane?: number): Promise<Uint8Array>;
  /** @returns the lane's observation. @throws SNAPSHOT_INVALID, SNAPSHOT_FOREIGN. */
  restore(snapshot: Uint8Array, lane?: number): Promise<Values>;
  /**
   * A picture of a lane as it stands; nothing is drawn unless asked for, and drawing changes nothing.
   * @param mode - default 'rgb_array'. @throws OPTION_INVALID, ENV_NOT_RESET, RENDER_UNAVAILABLE.
   */
  render<M extends RenderMode = 'rgb_array'>(mode?: M, options?: ViewOptions): Promise<RenderResults[M]>;
  /** The state behind the observations. @param side - of a twin, default 'truth'. @throws ENV_NOT_RESET, OPTION_INVALID, CALL_UNSUPPORTED. */
  state?(side?: 'truth' | 'model'): Promise<LaneStates>;
  /**
   * The real thing changes in the midst of an episode: a payload, more friction, a worn motor. Holds until the episode ends.
   * @throws OPTION_INVALID, SCENE_INVALID, ENV_NOT_RESET, CALL_UNSUPPORTED; then nothing has changed.
   */
  perturb?(lane: number, params: Readonly<Record<string, number>>): Promise<void>;
  close(): Promise<void>;
}
