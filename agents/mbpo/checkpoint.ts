/** A training under way as one file, so that one stopped or killed at any moment goes on with the same bytes. */
import { type Identity, readCheckpoint, writeCheckpoint } from '../../src/data/checkpoint-file.ts';
import { packTree, unpackTree } from '../../src/data/saved-tree.ts';
import type { LearnedModel } from '../../src/learning/model-learner.ts';
import type { RealReplayState } from '../../src/learning/real-replay.ts';
import type { ReplayState } from '../../src/learning/replay-tables.ts';
import type { SacLearnerState } from '../../src/learning/soft-actor-critic.ts';
import type { MbpoAudit } from './train.ts';

export const checkpointFormat = 'groundtwin-mbpo.v1';
const rngWords = 6;

/** Everything a training needs to go on as if it had not stopped. */
export interface MbpoState {
  readonly iteration: number;
  readonly steps: number;
  readonly updates: number;
  readonly audits: readonly MbpoAudit[];
  readonly best: AuditedPolicy | undefined;
  readonly rng: readonly number[];
  readonly learner: SacLearnerState;
  readonly real: RealReplayState;
  readonly imagined: { readonly steps: number; readonly ring: ReplayState | undefined };
  readonly model: LearnedModel;
  /** Returns and lengths of the episodes under way, `[lanes]`. */
  readonly episodes: readonly [Float64Array, Float64Array];
  /** One a lane; empty where the env has none. */
  readonly snapshots: readonly Uint8Array[];
}

/** The policy that did best in truth in any audit, and its return there. */
export interface AuditedPolicy {
  readonly truth: number;
  readonly policy: Uint8Array<ArrayBuffer>;
}

export function saveMbpo(path: string, identity: Identity, state: MbpoState): void {
  writeCheckpoint(path, checkpointFormat, identity, {}, packTree(state));
}

/**
 * @returns nothing where there is no file.
 * @throws CHECKPOINT_INVALID when the file is damaged, CHECKPOINT_FOREIGN when it is of another training.
 */
export function loadMbpo(path: string, identity: Identity): MbpoState | undefined {
  return readCheckpoint(path, checkpointFormat, identity, (_, parts) => stateOf(unpackTree(parts)));
}

/** Undefined when it is no state; sizes of weights and rows are checked where they are loaded. */
function stateOf(tree: unknown): MbpoState | undefined {
  const state = tree as Partial<MbpoState> | null | undefined;
  const { iteration, steps, updates, audits, rng, episodes, snapshots } = state ?? {};
  const isWhole =
    [iteration, steps, updates].every((count) => Number.isSafeInteger(count) && count! >= 0) &&
    isListOf(rng, Number.isFinite) &&
    rng!.length === rngWords &&
    isListOf(audits, (audit) => typeof audit === 'object' && audit !== null) &&
    isListOf(episodes, (values) => values instanceof Float64Array) &&
    episodes!.length === 2 &&
    isListOf(snapshots, (bytes) => bytes instanceof Uint8Array) &&
    isObject(state!.learner) &&
    isObject(state!.real) &&
    isObject(state!.imagined) &&
    isObject(state!.model);
  return isWhole ? (state as MbpoState) : undefined;
}

function isListOf<T>(values: readonly T[] | undefined, fits: (value: T) => boolean): boolean {
  return Array.isArray(values) && values.every(fits);
}

function isObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null;
}
