import { readFileSync, realpathSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { writeFileAtomically } from '../data/atomic-file.ts';
import { GroundtwinError, isGroundtwinError } from '../errors.ts';
import { sha256Hex } from '../math/hash.ts';
import { inspectModel, type ModelInspection, type OnnxRuntime } from '../onnx/index.ts';
import type { AnyTask } from '../task/task.ts';
import { AdjustedModel } from './adjusted-model.ts';
import { contextEntries, type ModelManifest, parseManifest, predictedEntries, tileRows, widthOf } from './contract.ts';
import { refuseUnsafeGraph } from './graph-rules.ts';
import { OnnxWorldModel } from './onnx-world-model.ts';
import { probeModel } from './probe-model.ts';
import type { WorldModel } from './world-model.ts';

/** Graphs that are larger together are refused unread. */
const maxGraphBytes = 512 << 20;
/** What the smallest call of a model may be fed: one tile for every member. */
const maxCallBytes = 64 << 20;
/** What people keep beside a model, curves of its training at most. */
const maxManifestBytes = 4 << 20;

/** A model that lies in no folder: downloaded, or made a moment ago. */
export interface ModelBytes {
  /** Text of `manifest.json`. */
  readonly manifest: string;
  /** Its graphs, by the paths that the manifest gives them. */
  readonly files: Readonly<Record<string, Uint8Array>>;
}

/** Where an untrusted model comes from: its folder, or its bytes. */
export type ModelSource = string | ModelBytes;

/** Writes a model folder; the manifest last, so that a folder with a manifest is whole. */
export function writeModel(folder: string, manifest: ModelManifest, predict: Uint8Array): void {
  writeFileAtomically(join(folder, manifest.files.predict.path), predict);
  writeFileAtomically(join(folder, 'manifest.json'), `${JSON.stringify(manifest, null, 2)}\n`);
}

/**
 * Loads an untrusted model for a task, from its folder or from bytes, and runs it once.
 * @throws MODEL_MISSING, MODEL_REFUSED, MODEL_INVALID; MODEL_STOPPED from a runtime with limits.
 */
export async function loadModel(runtime: OnnxRuntime, source: ModelSource, task: AnyTask): Promise<WorldModel> {
  const { name, text, graphs } = partsOf(source);
  const manifest = parseManifest(name, text(), task);
  const [predict] = graphs([manifest.files.predict.path]);
  return openModel(runtime, name, manifest, predict!, task);
}

/** What a model consists of. */
export interface ModelParts {
  readonly name: string;
  /** Of its manifest. @throws MODEL_MISSING, MODEL_REFUSED. */
  text(): string;
  /** Files of it, all or none: nothing is read where they are too large together. @throws MODEL_MISSING, MODEL_REFUSED. */
  graphs(paths: readonly string[]): Uint8Array[];
}

export function partsOf(source: ModelSource): ModelParts {
  return typeof source === 'string' ? inFolder(source) : inMemory(source);
}

function inFolder(folder: string): ModelParts {
  const text = () => new TextDecoder().decode(readPart(folder, 'manifest.json', maxManifestBytes));
  const graphs = (paths: readonly string[]) => {
    paths.reduce((left, path) => left - sizeOfPart(folder, path, left).bytes, maxGraphBytes);
    return paths.map((path) => readPart(folder, path, maxGraphBytes));
  };
  return { name: folder, text, graphs };
}

function inMemory({ manifest, files }: ModelBytes): ModelParts {
  const name = 'a model in memory';
  const graph = (path: string): Uint8Array => {
    if (Object.hasOwn(files ?? {}, path)) return files[path]!;
    throw new GroundtwinError('MODEL_MISSING', { path: name, problem: `it has no file ${path}` });
  };
  return { name, text: () => String(manifest), graphs: (paths) => paths.map(graph) };
}

/** A model from its parts in memory, checked the same way. */
export async function openModel(
  runtime: OnnxRuntime,
  name: string,
  manifest: ModelManifest,
  predict: Uint8Array,
  task: AnyTask,
): Promise<WorldModel> {
  const { files, members: count, state, action, context, noise, memorySize } = manifest;
  requireModestCall(name, count, widthOf(state) + action.length + widthOf(context) + noise.size + memorySize);
  if (sha256Hex(predict) !== files.predict.sha256)
    refuse(name, `${files.predict.path} is not the file that manifest.json names (sha256 differs)`);
  checkGraph(name, manifest, predict, task);
  const session = await runtime.load(predict, { name });
  try {
    const { adjustment } = manifest;
    const graph = new OnnxWorldModel(manifest, session);
    const model = adjustment ? new AdjustedModel(graph, { ...manifest, adjustment }) : graph;
    await probeModel(name, model, task);
    return model;
  } catch (error) {
    // What went wrong first is what is told.
    await session.release().catch(() => {});
    throw error;
  }
}

/** What the host itself must hold ready, before any graph is asked. @param width - of all inputs together. */
export function requireModestCall(name: string, members: number, width: number): void {
  const bytes = 4 * tileRows * members * width;
  if (bytes > maxCallBytes) refuse(name, `its smallest call takes ${bytes} bytes, over the limit of ${maxCallBytes}`);
}

/** What a graph asks for and gives. @throws MODEL_REFUSED for one that must not be run, MODEL_INVALID. */
export function inspectSafely(name: string, bytes: Uint8Array): ModelInspection {
  const graph = inspectModel(bytes, name);
  refuseUnsafeGraph(name, bytes, graph);
  return graph;
}

function checkGraph(name: string, manifest: ModelManifest, predict: Uint8Array, task: AnyTask): void {
  const graph = inspectSafely(name, predict);
  const predicted = widthOf(predictedEntries(task));
  const inputs = {
    state: predicted,
    action: task.commands.length,
    context: widthOf(contextEntries(task)),
    noise: manifest.noise.size,
    memory: manifest.memorySize,
  };
  const isShares = (input: ModelInspection['inputs'][number]) => input.name === 'shares';
  const shares = graph.inputs.find(isShares);
  if (shares && !(shares.dtype === 'int64' && shares.shape.length === 1 && shares.shape[0] === manifest.members))
    refuse(name, `input 'shares' is ${shares.dtype ?? 'not a tensor'} [${shares.shape}]; it must be int64 [${manifest.members}]`);
  requireTensors(
    name,
    'input',
    graph.inputs.filter((input) => !isShares(input)),
    inputs,
    Object.entries(inputs).flatMap(([key, width]) => (width > 0 ? [key] : [])),
  );
  const outputs = { sample: predicted, mean: predicted, scale: predicted, nextMemory: manifest.memorySize };
  requireTensors(name, 'output', graph.outputs, outputs, manifest.memorySize > 0 ? ['sample', 'nextMemory'] : ['sample']);
}

/** @param fixedRows - of a graph whose rows are not free. */
export function requireTensors(
  model: string,
  what: string,
  found: ModelInspection['inputs'],
  widths: Readonly<Record<string, number>>,
  required: readonly string[],
  fixedRows?: number,
): void {
  for (const key of required) if (!found.some((tensor) => tensor.name === key)) refuse(model, `its graph has no ${what} '${key}'`);
  for (const { name, dtype, shape } of found) {
    const width = widths[name];
    if (width === undefined) {
      if (what === 'input') refuse(model, `its graph asks for an input '${name}' that the contract does not know`);
      continue;
    }
    if (dtype !== 'float32') refuse(model, `${what} '${name}' is ${dtype ?? 'not a tensor'}; it must be float32`);
    const last = shape.at(-1);
    if (shape.length !== 2 || (typeof last === 'number' && last !== width))
      refuse(model, `${what} '${name}' has shape [${shape}]; it must be [rows, ${width}]`);
    if (fixedRows !== undefined && typeof shape[0] === 'number' && shape[0] !== fixedRows)
      refuse(model, `${what} '${name}' has ${shape[0]} rows; it must have ${fixedRows}`);
    if (fixedRows === undefined && typeof shape[0] === 'number')
      refuse(model, `${what} '${name}' is fixed to ${shape[0]} rows; the first axis must be free`);
  }
}

function readPart(folder: string, file: string, limit: number): Uint8Array {
  return orMissing(folder, file, () => readFileSync(sizeOfPart(folder, file, limit).path));
}

/** Where a file of a model really lies, and its bytes. @param left - that it may have. */
function sizeOfPart(folder: string, file: string, left: number): { readonly path: string; readonly bytes: number } {
  return orMissing(folder, file, () => {
    const path = realpathSync(join(folder, file));
    if (dirname(path) !== realpathSync(folder)) refuse(folder, `${file} is a link that leads out of its folder`);
    const found = statSync(path);
    if (!found.isFile()) refuse(folder, `${file} is not a file`);
    if (found.size > left) refuse(folder, `${file} has ${found.size} bytes, over the ${left} that are left for it`);
    return { path, bytes: found.size };
  });
}

function orMissing<T>(folder: string, file: string, act: () => T): T {
  try {
    return act();
  } catch (error) {
    if (isGroundtwinError(error)) throw error;
    throw new GroundtwinError('MODEL_MISSING', { path: folder, problem: `${file} cannot be read` });
  }
}

function refuse(model: string, problem: string): never {
  throw new GroundtwinError('MODEL_REFUSED', { model, problem });
}
