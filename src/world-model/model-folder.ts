import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { writeFileAtomically } from '../data/atomic-file.ts';
import { GroundtwinError, isGroundtwinError } from '../errors.ts';
import { sha256Hex } from '../math/hash.ts';
import { inspectModel, type OnnxRuntime } from '../onnx/index.ts';
import type { AnyTask } from '../task/task.ts';
import { AdjustedModel } from './adjusted-model.ts';
import { contextEntries, type ModelManifest, parseManifest, predictedEntries, widthOf } from './contract.ts';
import { OnnxWorldModel } from './onnx-world-model.ts';
import type { WorldModel } from './world-model.ts';

/** A larger file is refused unread. */
const maxFileBytes = 512 << 20;
/** Operators that can loop for ever, or reach outside the graph. */
const refusedOperators: ReadonlySet<string> = new Set([
  'Loop',
  'Scan',
  'If',
  'SequenceMap',
  'RandomNormal',
  'RandomNormalLike',
  'RandomUniform',
  'RandomUniformLike',
  'Multinomial',
  'Bernoulli',
]);

/** Writes a model folder; the manifest last, so that a folder with a manifest is whole. */
export function writeModel(folder: string, manifest: ModelManifest, predict: Uint8Array): void {
  writeFileAtomically(join(folder, manifest.files.predict.path), predict);
  writeFileAtomically(join(folder, 'manifest.json'), `${JSON.stringify(manifest, null, 2)}\n`);
}

/**
 * Loads an untrusted model folder for a task.
 * @throws MODEL_MISSING, MODEL_REFUSED, MODEL_INVALID.
 */
export async function loadModel(runtime: OnnxRuntime, folder: string, task: AnyTask): Promise<WorldModel> {
  const manifest = parseManifest(folder, new TextDecoder().decode(readPart(folder, 'manifest.json')), task);
  const bytes = readPart(folder, manifest.files.predict.path);
  return openModel(runtime, folder, manifest, bytes, task);
}

/** A model from its parts in memory, checked the same way. */
export async function openModel(
  runtime: OnnxRuntime,
  name: string,
  manifest: ModelManifest,
  predict: Uint8Array,
  task: AnyTask,
): Promise<WorldModel> {
  if (sha256Hex(predict) !== manifest.files.predict.sha256)
    refuse(name, `${manifest.files.predict.path} is not the file that manifest.json names (sha256 differs)`);
  checkGraph(name, manifest, predict, task);
  const session = await runtime.load(predict, { name });
  const { adjustment } = manifest;
  const model = new OnnxWorldModel(manifest, session);
  return adjustment ? new AdjustedModel(model, { ...manifest, adjustment }) : model;
}

function checkGraph(name: string, manifest: ModelManifest, predict: Uint8Array, task: AnyTask): void {
  const graph = inspectModel(predict, name);
  if (graph.externalData) refuse(name, 'its tensors point to other files');
  const bad = graph.operators.filter((operator) => refusedOperators.has(operator) || operator.includes('::'));
  if (bad.length > 0)
    refuse(name, `it uses ${bad.join(', ')}; loops, branches, random numbers and operators outside the standard set are not run`);
  const predicted = widthOf(predictedEntries(task));
  const inputs = {
    state: predicted,
    action: task.commands.length,
    context: widthOf(contextEntries(task)),
    noise: manifest.noise.size,
    memory: manifest.memorySize,
  };
  requireTensors(
    name,
    'input',
    graph.inputs,
    inputs,
    Object.entries(inputs).flatMap(([key, width]) => (width > 0 ? [key] : [])),
  );
  const outputs = { sample: predicted, mean: predicted, scale: predicted, nextMemory: manifest.memorySize };
  requireTensors(name, 'output', graph.outputs, outputs, manifest.memorySize > 0 ? ['sample', 'nextMemory'] : ['sample']);
}

function requireTensors(
  model: string,
  what: string,
  found: ReturnType<typeof inspectModel>['inputs'],
  widths: Readonly<Record<string, number>>,
  required: readonly string[],
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
    if (typeof shape[0] === 'number') refuse(model, `${what} '${name}' is fixed to ${shape[0]} rows; the first axis must be free`);
  }
}

function readPart(folder: string, file: string): Uint8Array {
  try {
    const path = join(folder, file);
    const found = statSync(path);
    if (!found.isFile()) refuse(folder, `${file} is not a file`);
    if (found.size > maxFileBytes) refuse(folder, `${file} has ${found.size} bytes, over the limit of ${maxFileBytes}`);
    return readFileSync(path);
  } catch (error) {
    if (isGroundtwinError(error)) throw error;
    throw new GroundtwinError('MODEL_MISSING', { path: folder, problem: `${file} cannot be read` });
  }
}

function refuse(model: string, problem: string): never {
  throw new GroundtwinError('MODEL_REFUSED', { model, problem });
}
