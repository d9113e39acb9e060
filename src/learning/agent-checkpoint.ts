/** An agent's training under way as one file, so that one stopped or killed at any moment goes on with the same bytes. */
import { bytesOf } from '../core/sections.ts';
import { type Identity, readCheckpoint, writeCheckpoint } from '../data/checkpoint-file.ts';
import type { TrainingState } from '../onnx/index.ts';

export type NamedArrays = Readonly<Record<string, Float32Array | Float64Array>>;

/** Everything a training needs to go on as if it had not stopped. */
export interface AgentState {
  readonly iteration: number;
  /** Other whole numbers, by name. */
  readonly counts: Readonly<Record<string, number>>;
  readonly rng: readonly number[];
  readonly training: TrainingState;
  readonly arrays: NamedArrays;
  /** One a lane; empty where the env has none. */
  readonly snapshots: readonly Uint8Array[];
}

const rngWords = 6;
const groups = ['parameters', 'first', 'second', 'averages'] as const;
const kinds = { float32: Float32Array, float64: Float64Array } as const;

interface Head {
  readonly iteration: number;
  readonly counts: Readonly<Record<string, number>>;
  readonly rng: readonly number[];
  /** Of the training: `step`, and `followUpStep` where there is one. */
  readonly steps: Readonly<Record<string, number>>;
  /** Of the parts that are arrays; the rest are snapshots. */
  readonly arrays: readonly (readonly [group: string, name: string, kind: keyof typeof kinds])[];
}

export function saveAgent(path: string, format: string, identity: Identity, state: AgentState): void {
  const { iteration, counts, rng, training, arrays, snapshots } = state;
  const { step, followUpStep } = training;
  const listed = [...groups.map((group) => [group, training[group] ?? {}] as const), ['arrays', arrays] as const].flatMap(([group, all]) =>
    Object.entries<Float32Array | Float64Array>(all).map(([name, values]) => ({ group, name, values })),
  );
  const head: Head = {
    iteration,
    counts,
    rng,
    steps: followUpStep === undefined ? { step } : { step, followUpStep },
    arrays: listed.map(({ group, name, values }) => [group, name, values instanceof Float32Array ? 'float32' : 'float64']),
  };
  writeCheckpoint(path, format, identity, head, [...listed.map(({ values }) => bytesOf(values)), ...snapshots]);
}

/**
 * @returns nothing where there is no file.
 * @throws CHECKPOINT_INVALID when the file is damaged, CHECKPOINT_FOREIGN when it is of another training.
 */
export function loadAgent(path: string, format: string, identity: Identity): AgentState | undefined {
  return readCheckpoint(path, format, identity, stateOf);
}

/** Undefined when the parts do not fit the head; names and sizes are checked where the arrays are loaded. */
function stateOf({ iteration, counts, rng, steps, arrays }: Head, parts: readonly Uint8Array[]): AgentState | undefined {
  const isWhole =
    isCount(iteration) &&
    isRecordOfCounts(counts) &&
    isRecordOfCounts(steps) &&
    isListOf(rng, Number.isFinite) &&
    rng.length === rngWords &&
    isListOf(
      arrays,
      (entry) => isListOf(entry, (word) => typeof word === 'string') && entry.length === 3 && Object.hasOwn(kinds, entry[2]),
    ) &&
    parts.length >= arrays.length;
  if (!isWhole || !arrays.every(([, , kind], i) => parts[i]!.byteLength % kinds[kind].BYTES_PER_ELEMENT === 0)) return undefined;
  const groupOf = (wanted: string) =>
    Object.fromEntries(
      arrays.flatMap(([group, name, kind], i) => (group === wanted ? [[name, new kinds[kind](parts[i]!.buffer as ArrayBuffer)]] : [])),
    );
  const [parameters, first, second, averages] = groups.map((group) => groupOf(group) as Record<string, Float32Array>);
  const training = { step: 0, ...steps, parameters, first, second, averages } as unknown as TrainingState;
  return { iteration, counts, rng, training, arrays: groupOf('arrays'), snapshots: parts.slice(arrays.length) };
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function isRecordOfCounts(record: unknown): boolean {
  return typeof record === 'object' && record !== null && Object.values(record).every(isCount);
}

function isListOf<T>(values: readonly T[], fits: (value: T) => boolean): boolean {
  return Array.isArray(values) && values.every(fits);
}
