import { join } from 'node:path';
import { writeFileAtomically } from '../data/atomic-file.ts';
import { sha256Hex } from '../math/hash.ts';
import { type OnnxRuntime, type OnnxSession, releaseAll } from '../onnx/index.ts';
import { refuserOf } from './contract.ts';
import { inspectSafely, type ModelSource, partsOf, requireModestCall, requireTensors } from './model-folder.ts';
import {
  type GraphName,
  graphNames,
  type ObservationGraphs,
  type ObservationManifest,
  parseObservationManifest,
  type SeenTask,
} from './observation-contract.ts';
import { OnnxObservationModel } from './observation-model.ts';
import { probeObservationModel } from './probe-model.ts';

/** Writes a model folder; the manifest last, so that a folder with a manifest is whole. */
export function writeObservationModel(
  folder: string,
  { manifest, graphs }: { readonly manifest: ObservationManifest; readonly graphs: ObservationGraphs },
): void {
  for (const name of graphNames) writeFileAtomically(join(folder, manifest.files[name].path), graphs[name]);
  writeFileAtomically(join(folder, 'manifest.json'), `${JSON.stringify(manifest, null, 2)}\n`);
}

/** Which kind of model it says to be; one that says nothing is left to the loader of models of states to refuse. */
export function predictsObservations(source: ModelSource): boolean {
  try {
    const manifest = JSON.parse(partsOf(source).text()) as { readonly predicts?: unknown } | null;
    return manifest?.predicts === 'observation';
  } catch {
    return false;
  }
}

/**
 * Loads an untrusted model of observations for a task, from its folder or from bytes.
 * @throws MODEL_MISSING, MODEL_REFUSED, MODEL_INVALID; MODEL_STOPPED from a runtime with limits.
 */
export async function loadObservationModel(runtime: OnnxRuntime, source: ModelSource, task: SeenTask): Promise<OnnxObservationModel> {
  const { name, text, graphs: read } = partsOf(source);
  const manifest = parseObservationManifest(name, text(), task);
  const bytes = read(graphNames.map((graph) => manifest.files[graph].path));
  const graphs = Object.fromEntries(graphNames.map((graph, i) => [graph, bytes[i]]));
  return openObservationModel(runtime, name, manifest, graphs as unknown as ObservationGraphs);
}

/** A model from its parts in memory, checked the same way. */
export async function openObservationModel(
  runtime: OnnxRuntime,
  name: string,
  manifest: ObservationManifest,
  graphs: ObservationGraphs,
): Promise<OnnxObservationModel> {
  const { members, memorySize, observation, action, noise } = manifest;
  requireModestCall(name, members, memorySize + observation.size + action.size + noise.size);
  for (const graph of graphNames) checkGraph(name, manifest, graph, graphs[graph]);
  const sessions: Partial<Record<GraphName, OnnxSession>> = {};
  try {
    for (const graph of graphNames)
      sessions[graph] = await runtime.load(graphs[graph], { name: `${name}/${graph}`, together: graphNames.length });
    const model = new OnnxObservationModel(manifest, sessions as Record<GraphName, OnnxSession>);
    await probeObservationModel(name, model);
    return model;
  } catch (error) {
    // What went wrong first is what is told.
    await releaseAll(Object.values(sessions)).catch(() => {});
    throw error;
  }
}

function checkGraph(name: string, manifest: ObservationManifest, graph: GraphName, bytes: Uint8Array): void {
  const file = manifest.files[graph];
  if (sha256Hex(bytes) !== file.sha256) refuserOf(name)(`${file.path} is not the file that manifest.json names (sha256 differs)`);
  const who = `${name}/${graph}`;
  const { inputs, outputs } = inspectSafely(who, bytes);
  const { given, got } = tensorsOf(manifest)[graph];
  // An exporter prunes what a graph does not use; without noise or memory there is none to use.
  requireTensors(who, 'input', inputs, given, []);
  requireTensors(who, 'output', outputs, got, Object.keys(got), graph === 'initial' ? manifest.members : undefined);
}

type Widths = Readonly<Record<string, number>>;

/** Inputs and outputs of each graph, and how wide they are. */
function tensorsOf({ memorySize, observation, action, noise }: ObservationManifest): Record<GraphName, { given: Widths; got: Widths }> {
  return {
    initial: { given: {}, got: { memory: memorySize } },
    observe: { given: { memory: memorySize, previousAction: action.size, observation: observation.size }, got: { nextMemory: memorySize } },
    predict: {
      given: { memory: memorySize, action: action.size, noise: noise.size },
      got: { nextMemory: memorySize, sample: observation.size, reward: 1, continue: 1 },
    },
    decode: { given: { memory: memorySize }, got: { observation: observation.size } },
  };
}
