/** A training under way as one file, so that one stopped or killed at any moment goes on with the same bytes. */
import { bytesOf } from '../../src/core/sections.ts';
import { type Identity, readCheckpoint, writeCheckpoint } from '../../src/data/checkpoint-file.ts';
import type { TrainingState } from '../../src/onnx/index.ts';

export const checkpointFormat = 'groundtwin-ppo.v1';
const rngWords = 6;

/** Everything a training needs to go on as if it had not stopped. */
export interface PpoState {
  readonly iteration: number;
  readonly rng: readonly number[];
  /** Of network and optimizer. */
  readonly training: TrainingState;
  /** How many observations, and rewards, the moments are of. */
  readonly counts: readonly [observations: number, rewards: number];
  /** `[lanes, size]`, normalised. */
  readonly observation: Float32Array;
  /** See `Collector.memory`. */
  readonly memory: readonly Float64Array[];
  /** One a lane; empty where the env has none. */
  readonly snapshots: readonly Uint8Array[];
}

interface Head {
  readonly iteration: number;
  readonly rng: readonly number[];
  readonly step: number;
  readonly names: readonly string[];
  readonly counts: readonly [number, number];
  /** How many arrays of memory there are; what is left are snapshots. */
  readonly memory: number;
}

export function savePpo(path: string, identity: Identity, state: PpoState): void {
  const { iteration, rng, training, counts, observation, memory, snapshots } = state;
  const names = Object.keys(training.parameters);
  const head: Head = { iteration, rng, step: training.step, names, counts, memory: memory.length };
  const weights = [training.parameters, training.first, training.second].flatMap((group) => names.map((name) => group[name]!));
  writeCheckpoint(path, checkpointFormat, identity, head, [...[observation, ...weights, ...memory].map(bytesOf), ...snapshots]);
}

/**
 * @returns nothing where there is no file.
 * @throws CHECKPOINT_INVALID when the file is damaged, CHECKPOINT_FOREIGN when it is of another training.
 */
export function loadPpo(path: string, identity: Identity): PpoState | undefined {
  return readCheckpoint(path, checkpointFormat, identity, stateOf);
}

/** Undefined when the parts do not fit the head; sizes of weights and memory are checked where they are loaded. */
function stateOf(head: Head, parts: readonly Uint8Array[]): PpoState | undefined {
  const { iteration, rng, step, names, counts, memory } = head;
  const isWhole =
    [iteration, step, memory].every((count) => Number.isSafeInteger(count) && count >= 0) &&
    isListOf(rng, Number.isFinite) &&
    rng.length === rngWords &&
    isListOf(counts, (count) => Number.isSafeInteger(count) && count >= 0) &&
    counts.length === 2 &&
    isListOf(names, (name) => typeof name === 'string');
  if (!isWhole) return undefined;
  const weights = 1 + 3 * names.length;
  const numbers = parts.slice(0, weights + memory);
  const isAligned = (part: Uint8Array, i: number) => part.byteLength % (i < weights ? 4 : 8) === 0;
  if (numbers.length !== weights + memory || !numbers.every(isAligned)) return undefined;
  const [observation, ...rest] = numbers.slice(0, weights).map((part) => new Float32Array(part.buffer as ArrayBuffer));
  const group = (at: number) => Object.fromEntries(names.map((name, i) => [name, rest[at * names.length + i]!]));
  return {
    iteration,
    rng,
    training: { step, parameters: group(0), first: group(1), second: group(2) },
    counts,
    observation: observation!,
    memory: numbers.slice(weights).map((part) => new Float64Array(part.buffer as ArrayBuffer)),
    snapshots: parts.slice(weights + memory),
  };
}

function isListOf<T>(values: readonly T[], fits: (value: T) => boolean): boolean {
  return Array.isArray(values) && values.every(fits);
}
