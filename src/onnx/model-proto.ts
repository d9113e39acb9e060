import { ProtobufWriter } from './protobuf.ts';
import { type DataType, dataTypeCodes, type Shape, type TensorData } from './types.ts';

/** Version of the ONNX file format written, and of the standard operators used. */
export const IR_VERSION = 10;
export const OPSET_VERSION = 21;

/** A named, typed value at a graph's edge; symbolic axes keep their names. */
export interface ValueDescription {
  readonly name: string;
  readonly dtype: DataType;
  readonly shape: Shape;
}

/** A stored tensor: every axis is a number and `data` is row-major. */
export interface InitializerDescription extends ValueDescription {
  readonly data: TensorData;
}

export type AttributeDescription =
  | { readonly kind: 'int'; readonly value: number }
  | { readonly kind: 'ints'; readonly value: readonly number[] }
  | { readonly kind: 'float'; readonly value: number }
  | { readonly kind: 'string'; readonly value: string }
  | { readonly kind: 'graph'; readonly value: GraphDescription };

export interface NodeDescription {
  readonly op: string;
  readonly name: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: Readonly<Record<string, AttributeDescription>>;
}

export interface GraphDescription {
  readonly name: string;
  readonly nodes: readonly NodeDescription[];
  readonly initializers: readonly InitializerDescription[];
  readonly inputs: readonly ValueDescription[];
  readonly outputs: readonly ValueDescription[];
}

/** The bytes of an ONNX ModelProto. Field numbers: onnx/onnx.proto of ONNX 1.16 (IR 10). */
export function encodeModel(graph: GraphDescription): Uint8Array<ArrayBuffer> {
  const writer = new ProtobufWriter();
  writer.integer(1, IR_VERSION);
  writer.string(2, 'groundtwin');
  writer.message(7, (nested) => writeGraph(nested, graph));
  writer.message(8, (opset) => {
    opset.string(1, '');
    opset.integer(2, OPSET_VERSION);
  });
  return Uint8Array.from(writer.finish());
}

function writeGraph(writer: ProtobufWriter, graph: GraphDescription): void {
  for (const node of graph.nodes) writer.message(1, (nested) => writeNode(nested, node));
  writer.string(2, graph.name);
  for (const initializer of graph.initializers) writer.message(5, (nested) => writeInitializer(nested, initializer));
  for (const input of graph.inputs) writer.message(11, (nested) => writeValue(nested, input));
  for (const output of graph.outputs) writer.message(12, (nested) => writeValue(nested, output));
}

function writeNode(writer: ProtobufWriter, node: NodeDescription): void {
  for (const input of node.inputs) writer.string(1, input);
  for (const output of node.outputs) writer.string(2, output);
  writer.string(3, node.name);
  writer.string(4, node.op);
  for (const [name, attribute] of Object.entries(node.attributes)) {
    writer.message(5, (nested) => {
      nested.string(1, name);
      writeAttribute(nested, attribute);
    });
  }
}

/** Field 20 is the attribute's type: FLOAT 1, INT 2, STRING 3, GRAPH 5, INTS 7. */
function writeAttribute(writer: ProtobufWriter, attribute: AttributeDescription): void {
  switch (attribute.kind) {
    case 'float':
      writer.float(2, attribute.value);
      writer.integer(20, 1);
      break;
    case 'int':
      writer.integer(3, attribute.value);
      writer.integer(20, 2);
      break;
    case 'string':
      writer.string(4, attribute.value);
      writer.integer(20, 3);
      break;
    case 'graph':
      writer.message(6, (nested) => writeGraph(nested, attribute.value));
      writer.integer(20, 5);
      break;
    case 'ints':
      for (const value of attribute.value) writer.integer(8, value);
      writer.integer(20, 7);
      break;
  }
}

function writeInitializer(writer: ProtobufWriter, initializer: InitializerDescription): void {
  for (const dimension of initializer.shape) writer.integer(1, Number(dimension));
  writer.integer(2, dataTypeCodes[initializer.dtype]);
  writer.string(8, initializer.name);
  writer.bytes(9, new Uint8Array(initializer.data.buffer, initializer.data.byteOffset, initializer.data.byteLength));
}

function writeValue(writer: ProtobufWriter, value: ValueDescription): void {
  writer.string(1, value.name);
  writer.message(2, (type) =>
    type.message(1, (tensor) => {
      tensor.integer(1, dataTypeCodes[value.dtype]);
      tensor.message(2, (shape) => {
        for (const dimension of value.shape) {
          shape.message(1, (nested) => (typeof dimension === 'number' ? nested.integer(1, dimension) : nested.string(2, dimension)));
        }
      });
    }),
  );
}
