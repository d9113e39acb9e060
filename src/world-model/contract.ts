/**
 * The model contract, version 1: what a folder with `manifest.json` and ONNX graphs must say of itself. docs/model-contract.md tells it in prose.
 * `predict`: state f32 `[B, S]`, action f32 `[B, A]`, context f32 `[B, C]` (if C > 0), noise f32 `[B, N]`, memory f32 `[B, K]` (if K > 0)
 * and, if it asks for them, shares i64 `[M]`, the rows of each member, which are else equal → sample f32 `[B, P]`, optionally mean, scale f32 `[B, P]`, and nextMemory f32 `[B, K]` (if K > 0).
 * Memory goes in and out under two names: in ONNX an output that is called like an input is that input.
 */
import { layOut, type StateEntry } from '../core/state-spec.ts';
import { GroundtwinError } from '../errors.ts';
import { sha256Hex } from '../math/hash.ts';
import type { AnyTask } from '../task/task.ts';
import { checkTrust, type Trust } from './trust.ts';

export const manifestFormat = 'groundtwin-model.v1';
/** Rows of one call are padded to a multiple of this many per member: results then never depend on how many rows share a call. */
export const tileRows = 4;
export const maxMembers = 64;
export const maxMemorySize = 65536;

export interface ManifestEntry {
  readonly name: string;
  readonly size: number;
  readonly kind: string;
  readonly unit: string;
  readonly role: string;
}

/** Added to means and samples, `[P]` in the entries' units; multiplied with deviations. */
export interface Adjustment {
  readonly bias: readonly number[];
  readonly factor: number;
  /** Control steps of a running truth that it was fitted on. */
  readonly steps?: number;
}

/** One graph of the folder. */
export interface ModelFile {
  /** A plain file name beside manifest.json. */
  readonly path: string;
  readonly sha256: string;
}

/** The graphs of a model of states. One of observations has more: observation-contract.ts. */
export interface ModelFiles {
  readonly predict: ModelFile;
}

/** Its name and hash. */
export function filesOf(predict: Uint8Array): ModelFiles {
  return {
    predict: { path: 'predict.onnx', sha256: sha256Hex(predict) },
  };
}

export interface ModelManifest {
  readonly format: typeof manifestFormat;
  readonly name: string;
  readonly task: { readonly id: string; readonly hash: string };
  readonly predicts: 'state';
  /** Rows of a call are in this many blocks, equal unless the graph takes shares; block m is answered by member m. */
  readonly members: number;
  readonly state: readonly ManifestEntry[];
  /** What the actuators get, in the units of the task's commands: the task's own code turns actions into commands. */
  readonly action: readonly { readonly name: string; readonly unit: string }[];
  readonly context: readonly ManifestEntry[];
  /** `correlation`: of the noise from one step of an episode to the next, in [0, 1); absent = 0. */
  readonly noise: { readonly distribution: 'normal' | 'none'; readonly size: number; readonly correlation?: number };
  readonly memorySize: number;
  readonly outputs: readonly string[];
  readonly files: ModelFiles;
  readonly training?: Readonly<Record<string, unknown>>;
  readonly calibration?: Readonly<Record<string, unknown>>;
  /** What the host does to every prediction: see `recalibrate`. */
  readonly adjustment?: Adjustment;
  /** How far it may be believed, where that was measured. */
  readonly trust?: Trust;
}

/** Entries that the network predicts, in order: `dynamic` then `signal` as they stand in the state. */
export function predictedEntries(task: AnyTask): StateEntry[] {
  return layOut(task.state).entries.filter((entry) => entry.role === 'dynamic' || entry.role === 'signal');
}

export function contextEntries(task: AnyTask): StateEntry[] {
  return layOut(task.state).entries.filter((entry) => entry.role === 'context');
}

export function widthOf(entries: readonly { readonly size: number }[]): number {
  return entries.reduce((sum, entry) => sum + entry.size, 0);
}

/** Elements' positions in the state row. */
export function elementsOf(entries: readonly StateEntry[]): Int32Array {
  return Int32Array.from(entries.flatMap((entry) => Array.from({ length: entry.size }, (_, i) => entry.offset + i)));
}

/** What a model must agree with to stand in for a task's physics: state, commands, time step. Reward and end may change freely. */
export function taskHash(task: AnyTask): string {
  return sha256Hex(
    JSON.stringify([
      task.id,
      layOut(task.state).entries.map(({ name, role, kind, unit, size }) => [name, role, kind, unit, size]),
      task.commands,
      task.controlDt_s,
    ]),
  );
}

export function manifestEntries(entries: readonly StateEntry[]): ManifestEntry[] {
  return entries.map(({ name, size, kind, unit, role }) => ({ name, size, kind, unit, role }));
}

/**
 * Reads an untrusted manifest of a model of states.
 * @throws MODEL_REFUSED naming the field that is wrong.
 */
export function parseManifest(model: string, text: string, task: AnyTask): ModelManifest {
  const refuse = refuserOf(model);
  const manifest = readManifest<ModelManifest>(text, refuse);
  if (manifest.predicts !== 'state') refuse(`it predicts '${String(manifest.predicts)}', and here one is asked for that predicts 'state'`);
  checkShared(manifest, task.id, refuse);
  requireTask(model, manifest, task);
  if (!Array.isArray(manifest.action) || commandsText(manifest.action) !== commandsText(task.commands))
    refuse(`its action entries are not the commands of the task (${commandsText(task.commands)})`);
  requireFiles(manifest.files, ['predict'], refuse);
  const extra = Object.keys(manifest.files).find((name) => name !== 'predict');
  if (extra !== undefined) refuse(`it has a graph '${extra.slice(0, 40)}'; a model that predicts 'state' has but one, 'predict'`);
  const predicted = widthOf(predictedEntries(task));
  checkTrust(manifest.trust, predicted, refuse);
  checkAdjustment(manifest.adjustment, predicted, refuse);
  return manifest;
}

export type Refuse = (problem: string) => never;

export function refuserOf(model: string): Refuse {
  return (problem) => {
    throw new GroundtwinError('MODEL_REFUSED', { model, problem });
  };
}

/** The text as an object of the right format; nothing else of it is known to be what its type says. */
export function readManifest<M>(text: string, refuse: Refuse): M {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    refuse('manifest.json is not JSON');
  }
  const manifest = parsed as { readonly format?: unknown } | null;
  if (typeof manifest !== 'object' || manifest === null || manifest.format !== manifestFormat)
    refuse(`manifest.json does not say format '${manifestFormat}'`);
  return manifest as M;
}

/** What manifests of every kind have. */
export function checkShared(
  manifest: Pick<ModelManifest, 'name' | 'task' | 'members' | 'memorySize' | 'noise'>,
  taskId: string,
  refuse: Refuse,
): void {
  if (!isCount(manifest.members, 1, maxMembers)) refuse(`members must be an integer from 1 to ${maxMembers}`);
  if (!isCount(manifest.memorySize, 0, maxMemorySize)) refuse(`memorySize must be an integer from 0 to ${maxMemorySize}`);
  if (manifest.task?.id !== taskId) refuse(`it was made for '${String(manifest.task?.id)}', not '${taskId}'`);
  if (!isCount(manifest.noise?.size, 0, maxMemorySize) || !['normal', 'none'].includes(manifest.noise.distribution))
    refuse("noise must have a distribution 'normal' or 'none' and a size");
  const { correlation = 0 } = manifest.noise;
  if (typeof correlation !== 'number' || !(correlation >= 0 && correlation < 1)) refuse('noise.correlation must be in [0, 1)');
  if (typeof manifest.name !== 'string' || manifest.name.length > 200) refuse('name must be text of at most 200 characters');
}

/** Holds a model to the task that it is to stand in for, one already loaded too. @throws MODEL_REFUSED saying what differs. */
export function requireTask(model: string, manifest: ModelManifest, task: AnyTask): void {
  const refuse = refuserOf(model);
  if (manifest.task?.id !== task.id) refuse(`it was made for '${String(manifest.task?.id)}', not '${task.id}'`);
  requireSameEntries('state', manifest.state, predictedEntries(task), refuse);
  requireSameEntries('context', manifest.context, contextEntries(task), refuse);
  if (manifest.task.hash !== taskHash(task))
    refuse(`the state, commands or time step of ${task.id} have changed since it was made; train it anew`);
}

function checkAdjustment(adjustment: unknown, predicted: number, refuse: Refuse): void {
  if (adjustment === undefined) return;
  const { bias, factor } = (adjustment ?? {}) as Adjustment;
  if (!Array.isArray(bias) || bias.length !== predicted || !bias.every(Number.isFinite))
    refuse(`adjustment.bias must be ${predicted} numbers`);
  if (!(Number.isFinite(factor) && factor > 0)) refuse('adjustment.factor must be a number above 0');
}

export function requireFiles(files: unknown, names: readonly string[], refuse: Refuse): void {
  for (const name of names) requireFile(`files.${name}`, (files as Record<string, unknown> | undefined)?.[name], refuse);
}

function requireFile(what: string, given: unknown, refuse: Refuse): void {
  const file = given as Partial<ModelFile> | null | undefined;
  if (typeof file?.path !== 'string' || typeof file.sha256 !== 'string') refuse(`${what} must have a path and a sha256`);
  if (!/^[A-Za-z0-9_.-]+$/.test(file!.path!) || file!.path!.startsWith('.'))
    refuse(`${what}.path must be a plain file name beside manifest.json`);
}

function requireSameEntries(what: string, given: unknown, expected: readonly StateEntry[], refuse: Refuse): void {
  const describe = (entries: readonly ManifestEntry[]) =>
    entries.map((entry) => `${entry?.name}[${entry?.size}] ${entry?.kind} ${entry?.unit}`).join(', ');
  if (!Array.isArray(given)) refuse(`${what} must be a list of entries`);
  const [got, wanted] = [describe(given as ManifestEntry[]), describe(expected)];
  if (got !== wanted) refuse(`its ${what} entries are (${got.slice(0, 300)}), the task has (${wanted})`);
}

function commandsText(commands: readonly { readonly name: string; readonly unit: string }[]): string {
  return commands.map((command) => `${command?.name} ${command?.unit}`).join(', ');
}

function isCount(value: unknown, low: number, high: number): boolean {
  return typeof value === 'number' && Number.isInteger(value) && value >= low && value <= high;
}
