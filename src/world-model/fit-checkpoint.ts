/** A fit under way as one file, so that training stopped or killed at any moment goes on from there. */
import { bytesOf, packSections } from '../core/sections.ts';
import { type Identity, readCheckpoint, writeCheckpoint } from '../data/checkpoint-file.ts';
import { sha256Hex } from '../math/hash.ts';
import type { BestFit, FitHooks, FitJob, FitProgress, FitState, Weights } from './fit-ensemble.ts';

export const checkpointFormat = 'groundtwin-fit.v1';
const rngWords = 6;

interface Head {
  readonly update: number;
  readonly step: number;
  readonly rng: readonly number[];
  /** Parameters, in the order of the parts. */
  readonly names: readonly string[];
  readonly best: Omit<BestFit, 'weights'> | null;
}

/**
 * Checkpoints of a job in one file: what it holds is where the fit goes on from.
 *
 * @param every - updates from one to the next.
 * @param versions - of what results depend on, by name.
 * @throws CHECKPOINT_INVALID when the file is damaged, CHECKPOINT_FOREIGN when it is of another job.
 */
export function checkpointsIn(
  path: string,
  job: FitJob,
  every: number,
  versions: Readonly<Record<string, string>>,
): NonNullable<FitHooks['checkpoints']> {
  const identity = identityOf(job, versions);
  const from = readCheckpoint(path, checkpointFormat, identity, stateOf);
  return { every, save: (state) => save(path, identity, state), ...(from ? { from } : {}) };
}

function identityOf(job: FitJob, versions: Readonly<Record<string, string>>): Identity {
  const { config, input, target, episode, weights = {}, ...settings } = job;
  const named = (values: object, suffix = '') =>
    Object.fromEntries(Object.entries(values).map(([name, value]) => [`${name}${suffix}`, JSON.stringify(value)]));
  const start = Object.entries(weights);
  return {
    data: sha256Hex(packSections(null, [input, target, episode].map(bytesOf))),
    'starting weights': sha256Hex(
      packSections(
        start.map(([name]) => name),
        start.map(([, values]) => bytesOf(values)),
      ),
    ),
    ...named(settings),
    ...named(config),
    ...named(versions, ' version'),
  };
}

function save(path: string, identity: Identity, { update, training, rng, losses, best }: FitState): void {
  const names = Object.keys(training.parameters);
  const head: Head = {
    update,
    step: training.step,
    rng,
    names,
    best: best ? { update: best.update, heldOut: best.heldOut } : null,
  };
  const groups = [training.parameters, training.first, training.second, ...(best ? [best.weights] : [])];
  const numbers = groups.flatMap((group) => names.map((name) => bytesOf(group[name]!)));
  writeCheckpoint(path, checkpointFormat, identity, head, [new TextEncoder().encode(JSON.stringify(losses)), ...numbers]);
}

/** Undefined when the parts do not fit the head; sizes of the weights are checked where they are loaded. */
function stateOf({ update, step, rng, names, best }: Head, parts: readonly Uint8Array[]): FitState | undefined {
  const isWhole =
    [update, step].every((count) => Number.isInteger(count) && count >= 0) &&
    Array.isArray(rng) &&
    rng.length === rngWords &&
    rng.every(Number.isFinite) &&
    Array.isArray(names) &&
    names.every((name) => typeof name === 'string') &&
    (best === null || (Number.isInteger(best?.update) && Number.isFinite(best.heldOut))) &&
    parts.length === 1 + (best ? 4 : 3) * names.length &&
    parts.slice(1).every(({ byteLength }) => byteLength % 4 === 0);
  if (!isWhole) return undefined;
  const losses = lossesOf(parts[0]!);
  if (!losses) return undefined;
  const group = (at: number): Weights =>
    Object.fromEntries(names.map((name, i) => [name, new Float32Array(parts[1 + at * names.length + i]!.buffer as ArrayBuffer)]));
  const training = { step, parameters: group(0), first: group(1), second: group(2) };
  return { update, training, rng, losses, ...(best ? { best: { ...best, weights: group(3) } } : {}) };
}

function lossesOf(bytes: Uint8Array): FitProgress[] | undefined {
  try {
    const lines = JSON.parse(new TextDecoder().decode(bytes)) as unknown;
    return Array.isArray(lines) && lines.every((line) => Number.isInteger(line?.update)) ? (lines as FitProgress[]) : undefined;
  } catch {
    return undefined;
  }
}
