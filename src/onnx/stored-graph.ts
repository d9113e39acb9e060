/** The nodes and stored tensors of a model's main graph, read without loading it: what its cost and its numbers can be told from. */
import {
  type ProtobufField,
  ProtobufProblem,
  protobufFields,
  protobufFieldsOnce,
  protobufIntegerCount,
  protobufIntegers,
  protobufText,
  required,
  withinFields,
} from './protobuf.ts';

export interface StoredTensor {
  /** Code of `TensorProto.DataType`. */
  readonly type: number;
  readonly shape: readonly number[];
  /** Row-major, little-endian; a view into the model. Undefined where integers are stored one varint each. */
  readonly bytes: Uint8Array | undefined;
  /** Of integer tensors with few elements. */
  readonly integers: readonly number[] | undefined;
}

/** The attributes that shapes may hang on. */
export interface StoredAttribute {
  readonly integer: number | undefined;
  readonly integers: readonly number[];
  readonly text: string | undefined;
  readonly tensor: StoredTensor | undefined;
}

export interface StoredNode {
  readonly operator: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: ReadonlyMap<string, StoredAttribute>;
}

export interface StoredGraph {
  readonly nodes: readonly StoredNode[];
  readonly tensors: ReadonlyMap<string, StoredTensor>;
}

/** More than any shape has axes; longer ones are data. */
const mostIntegers = 64;
/** Integers that a tensor may list as numbers of varying length: exporters store larger ones as they lie in memory. */
const mostListed = 65_536;
/** Bytes of an element by type code: float32, uint8, int8, uint16, int16, int32, int64, bool, float16, float64, uint32, uint64, bfloat16. */
const elementBytes: Readonly<Record<number, number>> = {
  1: 4,
  2: 1,
  3: 1,
  4: 2,
  5: 2,
  6: 4,
  7: 8,
  9: 1,
  10: 2,
  11: 8,
  12: 4,
  13: 8,
  16: 2,
};
const [float32, int32, int64, float16, float64, uint32, uint64, bfloat16] = [1, 6, 7, 10, 11, 12, 13, 16];

/**
 * Reads an untrusted ModelProto, in time linear in its size.
 * @throws ProtobufProblem when the bytes are malformed, a tensor holds another number of elements than its shape says, is sparse, or of no numeric type, or what is
 * written may be read in two ways.
 */
export function readStoredGraph(bytes: Uint8Array): StoredGraph {
  const nodes: StoredNode[] = [];
  const tensors = new Map<string, StoredTensor>();
  withinFields(() => {
    for (const field of protobufFieldsOnce(bytes, 7)) if (field.number === 7) readGraph(required(field), nodes, tensors);
  });
  return { nodes, tensors };
}

function readGraph(bytes: Uint8Array, nodes: StoredNode[], tensors: Map<string, StoredTensor>): void {
  for (const field of protobufFields(bytes)) {
    if (field.number === 1) nodes.push(readNode(required(field)));
    else if (field.number === 5) {
      const { name, tensor } = readTensor(required(field));
      if (tensors.has(name)) throw new ProtobufProblem(`the tensor '${name.slice(0, 60)}' is stored twice over`);
      tensors.set(name, tensor);
    } else if (field.number === 15) throw new ProtobufProblem('a sparse tensor is stored, whose size its bytes do not show');
  }
}

function readNode(bytes: Uint8Array): StoredNode {
  let operator = '';
  const inputs: string[] = [];
  const outputs: string[] = [];
  const attributes = new Map<string, StoredAttribute>();
  for (const field of protobufFields(bytes)) {
    if (field.number === 1) inputs.push(protobufText(field));
    else if (field.number === 2) outputs.push(protobufText(field));
    else if (field.number === 4) operator = protobufText(field);
    else if (field.number === 5) readAttribute(required(field), attributes);
  }
  return { operator, inputs, outputs, attributes };
}

/** Fields of AttributeProto that hold its value, by the code of its type (field 20): f, i, s, t, g, floats, ints, strings, tensors, graphs. */
const valueField: Readonly<Record<number, number>> = { 1: 2, 2: 3, 3: 4, 4: 5, 5: 6, 6: 7, 7: 8, 8: 9, 9: 10, 10: 11 };
const [typeInteger, typeText, typeTensor, typeIntegers] = [2, 3, 4, 7];

/** Refuses what may be read in two ways, since whoever runs the model may read it in the other: a second attribute of a name, a value beside the one of its type. */
function readAttribute(bytes: Uint8Array, attributes: Map<string, StoredAttribute>): void {
  let name = '';
  let type = 0;
  const values: ProtobufField[] = [];
  for (const field of protobufFields(bytes)) {
    if (field.number === 1) name = protobufText(field);
    else if (field.number === 20) type = field.integer ?? 0;
    else if (field.number === 22 || field.number === 23)
      throw new ProtobufProblem('a constant is sparse, whose size its bytes do not show');
    // 13 is documentation.
    else if (field.number !== 13) values.push(field);
  }
  const own = valueField[type];
  const called = `the attribute '${name.slice(0, 60)}'`;
  if (attributes.has(name)) throw new ProtobufProblem(`${called} is given twice`);
  if (own === undefined) throw new ProtobufProblem(`${called} is of no type that is read (code ${type})`);
  if (values.some(({ number }) => number !== own) || (own < 7 && values.length > 1))
    throw new ProtobufProblem(`${called} has values besides the one of its type (code ${type})`);
  attributes.set(name, attributeOf(type, values));
}

function attributeOf(type: number, values: readonly ProtobufField[]): StoredAttribute {
  const [value] = values;
  return {
    // What is not written is zero, or empty.
    integer: type === typeInteger ? (value?.integer ?? 0) : undefined,
    text: type === typeText ? (value ? protobufText(value) : '') : undefined,
    tensor: value && type === typeTensor ? readTensor(required(value)).tensor : undefined,
    integers: type === typeIntegers ? values.flatMap(fewIntegers) : [],
  };
}

function fewIntegers(field: ProtobufField): number[] {
  if ((field.bytes?.length ?? 0) > mostIntegers * 10) throw new ProtobufProblem(`an attribute lists more than ${mostIntegers} integers`);
  return protobufIntegers(field);
}

/** The field of TensorProto in which the elements of a type lie, if not in raw_data: float_data 4, int64_data 7, double_data 10, uint64_data 11, else int32_data. */
const dataField: Readonly<Record<number, number>> = { [float32]: 4, [int64]: 7, [float64]: 10, [uint32]: 11, [uint64]: 11 };
const [int32Data, rawData] = [5, 9];
/** Beside them: dims 1, data_type 2, name 8, doc_string 12, external_data 13, data_location 14, metadata_props 16. */
const describing: ReadonlySet<number> = new Set([1, 2, 8, 12, 13, 14, 16]);

/** Refuses what may be read in two ways: elements in two places, or in that of another type. */
function readTensor(bytes: Uint8Array): { name: string; tensor: StoredTensor } {
  let name = '';
  let type = 0;
  const shape: number[] = [];
  const elements: ProtobufField[] = [];
  for (const field of protobufFields(bytes)) {
    if (field.number === 1) shape.push(...fewIntegers(field));
    else if (field.number === 2) type = field.integer ?? 0;
    else if (field.number === 8) name = protobufText(field);
    else if (!describing.has(field.number)) elements.push(field);
  }
  const called = `the tensor '${name.slice(0, 60)}'`;
  const size = elementBytes[type];
  if (size === undefined) throw new ProtobufProblem(`${called} is of no numeric type that is read (code ${type})`);
  const { data, listed, count } = readElements(called, type, elements);
  const wanted = shape.reduce((product, length) => product * length, 1);
  const held = data ? data.length / size : count;
  if (shape.some((length) => length < 0) || held !== wanted)
    throw new ProtobufProblem(`${called} has shape [${shape}] and holds ${held} elements`);
  return { name, tensor: { type, shape, bytes: data, integers: integersOf(type, data, listed) } };
}

/** As they lie in memory (`data`), or integers one by one, `listed` where they are few. */
function readElements(called: string, type: number, fields: readonly ProtobufField[]) {
  const own = dataField[type] ?? int32Data;
  const [first] = fields;
  if (!first) return { data: undefined, listed: [], count: 0 };
  if (fields.some(({ number }) => number !== first.number)) throw new ProtobufProblem(`${called} is stored twice over`);
  if (first.number !== rawData && first.number !== own)
    throw new ProtobufProblem(`${called} of type code ${type} is stored in field ${first.number}, where its elements cannot lie`);
  if (first.number === rawData || type === float32 || type === float64) {
    if (fields.length > 1) throw new ProtobufProblem(`${called} is stored twice over`);
    return { data: required(first), listed: undefined, count: 0 };
  }
  let count = 0;
  for (const field of fields) {
    // None takes more than ten bytes: what is far too long need not be counted.
    count += (field.bytes?.length ?? 0) > 10 * mostListed ? Number.POSITIVE_INFINITY : protobufIntegerCount(field);
    if (count > mostListed) throw new ProtobufProblem(`more than ${mostListed} integers are listed one by one`);
  }
  const all = () => {
    const integers = fields.flatMap(protobufIntegers);
    if (own === int32Data && integers.some((value) => value !== (value | 0)))
      throw new ProtobufProblem(`${called} lists numbers of more than 32 bits where 32 are kept`);
    return integers;
  };
  // Halves are listed as the integers of their bits.
  if (type === float16 || type === bfloat16) return { data: new Uint8Array(Uint16Array.from(all()).buffer), listed: undefined, count };
  return { data: undefined, listed: count <= mostIntegers ? all() : undefined, count };
}

function integersOf(type: number, data: Uint8Array | undefined, listed: readonly number[] | undefined): readonly number[] | undefined {
  if (type !== int32 && type !== int64) return undefined;
  if (!data) return listed;
  const width = elementBytes[type]!;
  if (data.length > mostIntegers * width) return undefined;
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  return Array.from({ length: data.length / width }, (_, i) =>
    type === int64 ? Number(view.getBigInt64(i * width, true)) : view.getInt32(i * width, true),
  );
}

/** Names of stored tensors, Constant nodes included, that hold a NaN. Infinities are no fault: attention masks are made of them. */
export function tensorsWithNaN({ nodes, tensors }: StoredGraph): string[] {
  const constants = nodes.flatMap((node) =>
    [...node.attributes.values()].flatMap(({ tensor }) => (tensor ? [[node.outputs[0] ?? node.operator, tensor] as const] : [])),
  );
  return [...tensors, ...constants].filter(([, tensor]) => holdsNaN(tensor)).map(([name]) => name);
}

/** Layout of the float types: bytes, and the bits of exponent and fraction in the highest part of an element. */
function holdsNaN({ type, bytes }: StoredTensor): boolean {
  if (!bytes) return false;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const some = (step: number, isNaNAt: (at: number) => boolean) => {
    for (let at = 0; at < bytes.length; at += step) if (isNaNAt(at)) return true;
    return false;
  };
  switch (type) {
    case float32:
      return some(4, (at) => Number.isNaN(view.getFloat32(at, true)));
    case float64:
      return some(8, (at) => Number.isNaN(view.getFloat64(at, true)));
    case float16:
      return some(2, (at) => (view.getUint16(at, true) & 0x7fff) > 0x7c00);
    case bfloat16:
      return some(2, (at) => (view.getUint16(at, true) & 0x7fff) > 0x7f80);
    default:
      return false;
  }
}
