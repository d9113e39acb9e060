import type { Space, Values } from '../spaces/space.ts';
import type { StepBatch } from './backend.ts';

/**
 * A wrapper: synchronous hooks round a backend's step, with its own memory per lane. Written once, it works above truth, model, twin and remote.
 * Hooks run outermost first on the way in (`action`), innermost first on the way out (`reset`, `step`).
 */
export interface Wrapper {
  readonly name: string;
  /** The space seen from outside; absent = that of the layer below. */
  readonly actionSpace?: Space;
  readonly observationSpace?: Space;
  /** Maps outer actions to inner ones; may return its own reused buffer. */
  action?(actions: Values, active: Uint8Array): Values;
  /** After lanes with mask 1 were reset. @param seeds - `[lanes]`, of the episodes begun, read where the mask is 1. */
  reset?(mask: Uint8Array, batch: StepBatch, seeds: Float64Array): void;
  /** After a step of the lanes with active 1; edits `reward`, `terminated`, `truncated`, `info` in place. */
  step?(batch: StepBatch, active: Uint8Array): void;
  /** Maps inner observations to outer ones, after `reset` and `step`; may return its own reused buffer. */
  observation?(observation: Values): Values;
  /** Memory of one lane as finite numbers; absent = none. */
  save?(lane: number): readonly number[];
  load?(lane: number, memory: readonly number[]): void;
}

/** What a wrapper is told of the layer below. */
export interface WrappedSpec {
  readonly id: string;
  readonly lanes: number;
  readonly agents: number;
  readonly observationSpace: Space;
  readonly actionSpace: Space;
}

export type WrapperFactory = (below: WrappedSpec) => Wrapper;
