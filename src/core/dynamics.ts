import type { InfoColumns } from './backend.ts';
import type { StateView } from './state-spec.ts';

/** The rows a dynamics works on; float64, row-major, one row a lane. */
export interface LaneRows {
  readonly lanes: number;
  /** `[lanes, stateSize]` now. */
  readonly state: Float64Array;
  /** `[lanes, stateSize]`: on entry a copy of `state` with the memory entries already advanced; `dynamic` and `signal` entries are to be written. */
  readonly next: Float64Array;
  /** `[lanes, commandSize]`: what the actuators get during this control step. */
  readonly command: Float64Array;
  /** Named access to `next` (and so to `state` after the swap), one per lane. */
  readonly nextViews: readonly StateView[];
  /** `[lanes]`: set to a reason when a lane can no longer be stepped. */
  readonly problems: (string | null)[];
}

/** What moves the physical part of a state: an engine, a learned model, a log. Everything else of a task is common to all. */
export interface Dynamics {
  readonly kind: 'truth' | 'model';
  /** Names what save/load bytes depend on. */
  readonly fingerprint: string;
  /** Columns of its own, told in `info` under its kind. */
  readonly info?: InfoColumns;
  /**
   * Begins an episode in `lane` from the given row, and rewrites the row with what the dynamics really holds (an engine rounds).
   * @param seed - of the episode: noise of a stochastic model.
   */
  start(lane: number, row: Float64Array, view: StateView, params: Readonly<Record<string, number>>, seed: number): void | Promise<void>;
  /** Refuses parameters that no episode could begin with. @throws SCENE_INVALID. */
  check?(params: Readonly<Record<string, number>>): void;
  /** One control step of every active lane. */
  advance(rows: LaneRows, active: Uint8Array): void | Promise<void>;
  /** Everything this lane holds beyond its state row. */
  save(lane: number): Uint8Array;
  load(lane: number, state: Uint8Array, row: Float64Array, view: StateView, params: Readonly<Record<string, number>>): void;
  close(): void | Promise<void>;
}
