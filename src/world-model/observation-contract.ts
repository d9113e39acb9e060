/**
 * The model contract for models of observations, version 1. docs/model-contract.md tells it in prose. All tensors float32; B rows, members × tile.
 * `initial`: → memory `[members, K]`, what an episode begins with, before its first observation.
 * `observe`: memory `[B, K]`, previousAction `[B, A]`, observation `[B, O]` → nextMemory `[B, K]`: the posterior, by which the model takes in what was seen.
 * `predict`: memory `[B, K]`, action `[B, A]`, noise `[B, N]` (if N > 0) → nextMemory `[B, K]`, sample `[B, O]`, reward `[B, 1]`, continue `[B, 1]`.
 * `decode`: memory `[B, K]` → observation `[B, O]`.
 */
import { type Experience, experienceHash, stepsOf } from '../data/experience.ts';
import { sha256Hex } from '../math/hash.ts';
import { flatSizeOf, type Leaf, type Space } from '../spaces/space.ts';
import type { AnyTask } from '../task/task.ts';
import {
  checkShared,
  type ModelFile,
  type ModelManifest,
  manifestFormat,
  type Refuse,
  readManifest,
  refuserOf,
  requireFiles,
} from './contract.ts';
import type { FitProgress } from './fit-ensemble.ts';

export const graphNames = ['initial', 'observe', 'predict', 'decode'] as const;
export type GraphName = (typeof graphNames)[number];

/** A model of what an agent sees. Values are flat rows of the task's spaces; reward and continuation are the model's own. */
export interface ObservationManifest
  extends Pick<ModelManifest, 'format' | 'name' | 'task' | 'members' | 'noise' | 'training' | 'calibration'> {
  readonly predicts: 'observation';
  readonly observation: { readonly size: number };
  /** What the agent does; how that becomes commands is behind what it sees. */
  readonly action: { readonly size: number };
  /** At least 1. */
  readonly memorySize: number;
  readonly files: Readonly<Record<GraphName, ModelFile>>;
}

/** What a model of observations has to know of a task. */
export type SeenTask = Pick<AnyTask, 'id' | 'agents' | 'observationSpace' | 'actionSpace' | 'controlDt_s'>;

export type ObservationGraphs = Readonly<Record<GraphName, Uint8Array>>;

/** What a trainer gives: `writeObservationModel` makes a folder of it. */
export interface TrainedObservationModel {
  readonly manifest: ObservationManifest;
  readonly graphs: ObservationGraphs;
  readonly losses: readonly FitProgress[];
}

/** What a manifest says of a training. */
export function trainingFacts(
  config: object,
  seed: number,
  data: Experience,
  { losses, stopped }: { readonly losses: readonly FitProgress[]; readonly stopped: boolean },
): Readonly<Record<string, unknown>> {
  const { update = 0, loss = null } = losses.at(-1) ?? {};
  return { ...config, updates: update, seed, transitions: stepsOf(data), dataHash: experienceHash(data), finalLoss: loss, stopped };
}

/** What a model of observations must agree with: spaces and time step. */
export function seenHash({ id, observationSpace, actionSpace, controlDt_s }: SeenTask): string {
  // JSON has no infinite numbers.
  const plain = (space: Space) => JSON.stringify(space, (_, value: unknown) => (typeof value === 'number' ? String(value) : value));
  return sha256Hex(JSON.stringify([id, plain(observationSpace), plain(actionSpace), controlDt_s]));
}

export function observationManifest(
  task: SeenTask,
  graphs: ObservationGraphs,
  facts: Pick<ObservationManifest, 'name' | 'members' | 'noise' | 'memorySize' | 'training' | 'calibration'>,
): ObservationManifest {
  const files = Object.fromEntries(graphNames.map((name) => [name, { path: `${name}.onnx`, sha256: sha256Hex(graphs[name]) }]));
  return {
    format: manifestFormat,
    task: { id: task.id, hash: seenHash(task) },
    predicts: 'observation',
    observation: { size: flatSizeOf(task.observationSpace) },
    action: { size: flatSizeOf(task.actionSpace) },
    files: files as ObservationManifest['files'],
    ...facts,
  };
}

/**
 * Reads an untrusted manifest of a model of observations.
 * @throws MODEL_REFUSED naming the field that is wrong.
 */
export function parseObservationManifest(model: string, text: string, task: SeenTask): ObservationManifest {
  const refuse = refuserOf(model);
  const manifest = readManifest<ObservationManifest>(text, refuse);
  if (manifest.predicts !== 'observation')
    refuse(`it predicts '${String(manifest.predicts)}', and here one is asked for that predicts 'observation'`);
  checkShared(manifest, task.id, refuse);
  requireSeenTask(manifest, task, refuse);
  if (manifest.memorySize < 1) refuse('memorySize must be at least 1: all that it knows of the past is in its memory');
  for (const [name, space] of [['observation', task.observationSpace] as const, ['action', task.actionSpace] as const]) {
    const [given, wanted] = [manifest[name]?.size, flatSizeOf(space)];
    if (given !== wanted) refuse(`${name}.size is ${String(given)}, the task has ${wanted}`);
  }
  requireFiles(manifest.files, graphNames, refuse);
  return manifest;
}

/** Holds a model to the task that it is to stand in for, one already loaded too. @throws MODEL_REFUSED saying what differs. */
export function requireSeenTask({ task: made }: Pick<ObservationManifest, 'task'>, task: SeenTask, refuse: Refuse): void {
  if (made?.id !== task.id) refuse(`it was made for '${String(made?.id)}', not '${task.id}'`);
  if (made.hash !== seenHash(task)) refuse(`the spaces or time step of ${task.id} have changed since it was made; train it anew`);
}

/** Stands for no bound: a dream that has gone mad stays finite. */
const largest = 1e6;

/** Bounds of a flat row of a space, float64. */
export function flatBounds(space: Space): { readonly low: Float64Array; readonly high: Float64Array } {
  const leaves = leavesOf(space);
  const bounds = (side: 'low' | 'high') =>
    Float64Array.from(
      leaves.flatMap((leaf) => boundsOf(leaf, side)),
      (bound) => Math.min(Math.max(bound, -largest), largest),
    );
  return { low: bounds('low'), high: bounds('high') };
}

function leavesOf(space: Space): Leaf[] {
  return space.kind === 'dict' ? Object.values(space.spaces).flatMap(leavesOf) : [space];
}

function boundsOf(leaf: Leaf, side: 'low' | 'high'): readonly number[] {
  if (leaf.kind === 'box') return leaf[side];
  const counts = leaf.kind === 'discrete' ? [leaf.n] : leaf.nvec;
  return counts.map((count) => (side === 'low' ? 0 : count - 1));
}
