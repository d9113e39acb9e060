import { GroundtwinError } from '../errors.ts';
import {
  type ProtobufField,
  ProtobufProblem,
  protobufFields,
  protobufFieldsOnce,
  protobufText,
  required,
  withinFields,
} from './protobuf.ts';
import { type AnyDataType, type Dimension, dataTypeCodes } from './types.ts';

/** Bounds on an untrusted model, so that inspecting one takes bounded time and memory. */
export const MAXIMUM_MODEL_BYTES = 1 << 30;
export const MAXIMUM_GRAPH_DEPTH = 16;
export const MAXIMUM_NODES = 200_000;

/** One input or output of a model. `dtype` is undefined for sequences, maps and element types ONNX Runtime cannot feed from JavaScript. */
export interface ModelValue {
  readonly name: string;
  readonly dtype: AnyDataType | undefined;
  readonly shape: readonly Dimension[];
}

/** What a model's bytes say about it, read without running or loading anything. */
export interface ModelInspection {
  /** Operator types used anywhere, subgraphs and functions included, sorted. Outside the standard domain: `domain::Type`. */
  readonly operators: readonly string[];
  readonly inputs: readonly ModelValue[];
  readonly outputs: readonly ModelValue[];
  /** Version by operator domain; the standard domain is ''. */
  readonly opsets: Readonly<Record<string, number>>;
  /** Whether any tensor points to another file: refuse such models from strangers, since loading them reads paths the model chose. */
  readonly externalData: boolean;
  /** Functions that the model brings, which may take the place of standard operators. */
  readonly functions: number;
  readonly nodes: number;
}

interface Walk {
  readonly operators: Set<string>;
  externalData: boolean;
  functions: number;
  nodes: number;
}

/**
 * Reads operator types, inputs and outputs from the bytes of an ONNX ModelProto, bounded in depth, nodes and size.
 *
 * @param model - how errors name the model.
 * @throws MODEL_INVALID when the bytes are malformed, hold no graph or pass a bound.
 */
export function inspectModel(bytes: Uint8Array, model = 'model'): ModelInspection {
  try {
    return withinFields(() => readModel(bytes));
  } catch (error) {
    if (error instanceof ProtobufProblem) throw new GroundtwinError('MODEL_INVALID', { model, problem: error.message });
    throw error;
  }
}

/** The operator types of a model, subgraphs and functions included; see `inspectModel`. @throws MODEL_INVALID */
export function listOperators(bytes: Uint8Array, model = 'model'): readonly string[] {
  return inspectModel(bytes, model).operators;
}

function readModel(bytes: Uint8Array): ModelInspection {
  if (bytes.length > MAXIMUM_MODEL_BYTES) throw new ProtobufProblem(`${bytes.length} bytes, more than ${MAXIMUM_MODEL_BYTES}`);
  const walk: Walk = { operators: new Set(), externalData: false, functions: 0, nodes: 0 };
  const opsets: Record<string, number> = {};
  let edges: { inputs: ModelValue[]; outputs: ModelValue[] } | undefined;
  for (const field of protobufFieldsOnce(bytes, 7)) {
    if (field.number === 7) edges = readGraph(required(field), walk, 1);
    else if (field.number === 8) Object.assign(opsets, readOpset(required(field)));
    else if (field.number === 20) readTrainingInfo(required(field), walk);
    else if (field.number === 25) readFunction(required(field), walk);
  }
  if (!edges) throw new ProtobufProblem('there is no graph');
  if (Object.keys(opsets).length === 0) throw new ProtobufProblem('there is no operator set version');
  const { externalData, functions, nodes } = walk;
  return { operators: [...walk.operators].sort(), ...edges, opsets, externalData, functions, nodes };
}

function readOpset(bytes: Uint8Array): Record<string, number> {
  let domain = '';
  let version = 0;
  for (const field of protobufFields(bytes)) {
    if (field.number === 1) domain = protobufText(field);
    else if (field.number === 2) version = field.integer ?? 0;
  }
  return { [domain]: version };
}

function readTrainingInfo(bytes: Uint8Array, walk: Walk): void {
  for (const field of protobufFields(bytes)) if (field.number <= 2) readGraph(required(field), walk, 1);
}

function readFunction(bytes: Uint8Array, walk: Walk): void {
  walk.functions++;
  for (const field of protobufFields(bytes)) {
    if (field.number === 7) readNode(required(field), walk, 1);
    else if (field.number === 11) readAttribute(required(field), walk, 1);
  }
}

function readGraph(bytes: Uint8Array, walk: Walk, depth: number): { inputs: ModelValue[]; outputs: ModelValue[] } {
  if (depth > MAXIMUM_GRAPH_DEPTH) throw new ProtobufProblem(`graphs nested deeper than ${MAXIMUM_GRAPH_DEPTH}`);
  const inputs: ModelValue[] = [];
  const outputs: ModelValue[] = [];
  const stored = new Set<string>();
  for (const field of protobufFields(bytes)) {
    if (field.number === 1) readNode(required(field), walk, depth);
    else if (field.number === 5) stored.add(readTensorName(required(field), walk));
    else if (field.number === 11) inputs.push(readValue(required(field)));
    else if (field.number === 12) outputs.push(readValue(required(field)));
    else if (field.number === 15) readSparse(required(field), walk);
  }
  for (const list of [inputs, outputs])
    if (new Set(list.map(({ name }) => name)).size < list.length) throw new ProtobufProblem('two inputs or outputs of one name');
  return { inputs: inputs.filter((input) => !stored.has(input.name)), outputs };
}

function readNode(bytes: Uint8Array, walk: Walk, depth: number): void {
  walk.nodes++;
  if (walk.nodes > MAXIMUM_NODES) throw new ProtobufProblem(`more than ${MAXIMUM_NODES} nodes`);
  let type = '';
  let domain = '';
  for (const field of protobufFields(bytes)) {
    if (field.number === 4) type = protobufText(field);
    else if (field.number === 7) domain = protobufText(field);
    else if (field.number === 5) readAttribute(required(field), walk, depth);
  }
  if (type === '') throw new ProtobufProblem('a node without an operator type');
  walk.operators.add(domain === '' || domain === 'ai.onnx' ? type : `${domain}::${type}`);
}

/** Fields that can hold graphs or tensors: t 5, g 6, tensors 10, graphs 11, sparse_tensor 22, sparse_tensors 23. */
function readAttribute(bytes: Uint8Array, walk: Walk, depth: number): void {
  for (const field of protobufFields(bytes)) {
    if (field.number === 6 || field.number === 11) readGraph(required(field), walk, depth + 1);
    else if (field.number === 5 || field.number === 10) readTensorName(required(field), walk);
    else if (field.number === 22 || field.number === 23) readSparse(required(field), walk);
  }
}

function readSparse(bytes: Uint8Array, walk: Walk): void {
  for (const field of protobufFields(bytes)) if (field.number <= 2) readTensorName(required(field), walk);
}

/** `external_data` is field 13 and `data_location` field 14 (1 = external). */
function readTensorName(bytes: Uint8Array, walk: Walk): string {
  let name = '';
  for (const field of protobufFields(bytes)) {
    if (field.number === 8) name = protobufText(field);
    else if (field.number === 13 || (field.number === 14 && field.integer !== 0)) walk.externalData = true;
  }
  return name;
}

function readValue(bytes: Uint8Array): ModelValue {
  let name = '';
  let dtype: AnyDataType | undefined;
  let shape: Dimension[] = [];
  for (const field of protobufFieldsOnce(bytes, 1, 2)) {
    if (field.number === 1) name = protobufText(field);
    else if (field.number === 2) {
      // A type is a tensor, or one of the others: of several the last would count.
      const types = [...protobufFields(required(field))].filter(({ number }) => number !== 6);
      if (types.length > 1) throw new ProtobufProblem(`'${name.slice(0, 60)}' is of several types`);
      for (const type of types) if (type.number === 1) ({ dtype, shape } = readTensorType(required(type)));
    }
  }
  return { name, dtype, shape };
}

function readTensorType(bytes: Uint8Array): { dtype: AnyDataType | undefined; shape: Dimension[] } {
  let dtype: AnyDataType | undefined;
  let shape: Dimension[] = [];
  for (const field of protobufFieldsOnce(bytes, 1, 2)) {
    if (field.number === 1) dtype = dataTypeOf(field.integer);
    else if (field.number === 2) shape = [...protobufFields(required(field))].map(readDimension);
  }
  return { dtype, shape };
}

function readDimension(field: ProtobufField): Dimension {
  const [size, ...more] = [...protobufFields(required(field))].filter(({ number }) => number <= 2);
  if (more.length > 0) throw new ProtobufProblem('an axis has several sizes');
  if (!size) return '?';
  return size.number === 1 ? (size.integer ?? 0) : protobufText(size);
}

function dataTypeOf(code: number | undefined): AnyDataType | undefined {
  const names = Object.keys(dataTypeCodes) as AnyDataType[];
  return names.find((name) => dataTypeCodes[name] === code);
}
