/** A training under way as one file; between rounds it is the transitions, and little else. */
import { bytesOf } from '../../src/core/sections.ts';
import { layOut } from '../../src/core/state-spec.ts';
import type { VectorEnv } from '../../src/core/vector-env.ts';
import { type Identity, readCheckpoint, writeCheckpoint } from '../../src/data/checkpoint-file.ts';
import type { Transitions } from '../../src/data/transitions.ts';
import type { PlannerRecipe } from '../../src/planning/index.ts';
import { flatSizeOf } from '../../src/spaces/space.ts';
import type { AnyTask } from '../../src/task/task.ts';
import type { PetsConfig } from './config.ts';

const checkpointFormat = 'groundtwin-pets.v1';
const rngWords = 6;

export interface PetsState {
  readonly iteration: number;
  readonly episodes: number;
  readonly rng: readonly number[];
  readonly transitions: Transitions;
}

interface Head {
  readonly iteration: number;
  readonly episodes: number;
  readonly rng: readonly number[];
  readonly count: number;
}

/** What must be alike to go on. @param versions - of what results depend on, by name. */
export function identityOf(
  { id, kind, lanes, madeWith }: VectorEnv,
  { name, settings }: PlannerRecipe,
  config: PetsConfig,
  seed: number,
  versions: Readonly<Record<string, string>> = {},
): Identity {
  const named = Object.entries(versions).map(([of, version]) => [`${of} version`, version]);
  const all = {
    ...config,
    planner: { name, settings },
    env: id,
    kind,
    lanes,
    'env options': madeWith ?? null,
    seed,
    ...Object.fromEntries(named),
  };
  return Object.fromEntries(Object.entries(all).map(([of, value]) => [of, JSON.stringify(value)]));
}

export function savePets(path: string, identity: Identity, { iteration, episodes, rng, transitions }: PetsState): void {
  const { count, state, action, command, next, episode } = transitions;
  const head: Head = { iteration, episodes, rng, count };
  writeCheckpoint(path, checkpointFormat, identity, head, [state, action, command, next, episode].map(bytesOf));
}

/**
 * @returns nothing where there is no file.
 * @throws CHECKPOINT_INVALID when the file is damaged, CHECKPOINT_FOREIGN when it is of another training.
 */
export function loadPets(path: string, task: AnyTask, identity: Identity): PetsState | undefined {
  return readCheckpoint<Head, PetsState>(path, checkpointFormat, identity, (head, parts) => stateOf(task, head, parts));
}

/** Undefined when the parts do not fit the head. */
function stateOf(task: AnyTask, { iteration, episodes, rng, count }: Head, parts: readonly Uint8Array[]): PetsState | undefined {
  const isWhole =
    [iteration, episodes, count].every((value) => Number.isSafeInteger(value) && value >= 0) &&
    Array.isArray(rng) &&
    rng.length === rngWords &&
    rng.every(Number.isFinite);
  const size = layOut(task.state).size;
  const widths = [8 * size, 8 * flatSizeOf(task.actionSpace), 8 * task.commands.length, 8 * size, 4];
  if (!isWhole || parts.length !== widths.length || parts.some(({ byteLength }, i) => byteLength !== count * widths[i]!)) return undefined;
  const [state, action, command, next] = parts.slice(0, 4).map((part) => new Float64Array(part.slice().buffer));
  const episode = new Int32Array(parts[4]!.slice().buffer);
  return { iteration, episodes, rng, transitions: { count, state: state!, action: action!, command: command!, next: next!, episode } };
}
