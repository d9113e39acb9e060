/** A training under way as one file, so that one stopped or killed at any moment goes on with the same bytes. */
import { type Identity, readCheckpoint, writeCheckpoint } from '../../src/data/checkpoint-file.ts';
import { packTree, unpackTree } from '../../src/data/saved-tree.ts';
import type { LearnedModel } from '../../src/learning/model-learner.ts';
import type { ReplayState } from '../../src/learning/replay-tables.ts';
import type { SacLearnerState } from '../../src/learning/soft-actor-critic.ts';

const checkpointFormat = 'groundtwin-offline.v1';
const rngWords = 6;

/** Everything a training needs to go on as if it had not stopped, but for the data. */
export interface OfflineState {
  readonly iteration: number;
  readonly rng: readonly number[];
  readonly learner: SacLearnerState;
  readonly imagined: { readonly steps: number; readonly ring: ReplayState | undefined };
  readonly model: LearnedModel;
}

export function saveOffline(path: string, identity: Identity, state: OfflineState): void {
  writeCheckpoint(path, checkpointFormat, identity, {}, packTree(state));
}

/**
 * @returns nothing where there is no file.
 * @throws CHECKPOINT_INVALID when the file is damaged, CHECKPOINT_FOREIGN when it is of another training.
 */
export function loadOffline(path: string, identity: Identity): OfflineState | undefined {
  return readCheckpoint(path, checkpointFormat, identity, (_, parts) => stateOf(unpackTree(parts)));
}

/** Undefined when it is no state; sizes of weights and rows are checked where they are loaded. */
function stateOf(tree: unknown): OfflineState | undefined {
  const { iteration, rng, learner, imagined, model } = (tree ?? {}) as Partial<OfflineState>;
  const isWhole =
    Number.isSafeInteger(iteration) &&
    iteration! > 0 &&
    Array.isArray(rng) &&
    rng.length === rngWords &&
    rng.every(Number.isFinite) &&
    [learner, imagined, model].every((part) => typeof part === 'object' && part !== null);
  return isWhole ? (tree as OfflineState) : undefined;
}
