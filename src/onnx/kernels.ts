import type { DataType, Tensor } from './types.ts';

/** Element types by operator that a runtime computes. */
export type KernelTypes = Readonly<Record<string, readonly DataType[]>>;

const floats: readonly DataType[] = ['float32', 'float64'];
const signed: readonly DataType[] = [...floats, 'int32', 'int64'];
const numeric: readonly DataType[] = [...signed, 'uint8'];
const all: readonly DataType[] = [...numeric, 'bool'];

/**
 * What ONNX Runtime 1.30 computes on CPUs, onnxruntime-node and onnxruntime-web alike, of the element types a graph may be built from.
 * The standard allows more, and the runtime says what it lacks only when a model is loaded. test/onnx/kernels.test.ts holds every entry to both packages.
 */
export const cpuKernels: KernelTypes = {
  ...listed(['Exp', 'Log', 'Sqrt', 'Tanh', 'Sigmoid', 'Sin', 'Cos', 'Floor', 'Softmax', 'LogSoftmax'], floats),
  ...listed(['Erf', 'Conv', 'ConvTranspose'], ['float32']),
  ...listed(['Relu'], [...floats, 'int32']),
  ...listed(['Pow', 'Neg', 'MatMul', 'ReduceSum', 'ReduceMean', 'ReduceSumSquare'], signed),
  ...listed(['Add', 'Sub', 'Mul', 'Div', 'Min', 'Max', 'Greater', 'GreaterOrEqual', 'Less', 'LessOrEqual'], numeric),
  ...listed(['Abs', 'Sign', 'Clip', 'ArgMax', 'Where'], numeric),
  ...listed(['And', 'Or', 'Not'], ['bool']),
  ...listed(
    ['Equal', 'Cast', 'ReduceMax', 'Transpose', 'Reshape', 'Concat', 'Slice', 'Pad', 'Gather', 'Expand', 'Shape', 'ScatterND', 'Split'],
    all,
  ),
  ...listed(['Loop', 'If'], all),
};

/** The element type that a node's kernel is chosen by. */
export function kernelType(op: string, inputs: readonly Tensor[]): DataType | undefined {
  return inputs[op === 'Where' ? 1 : 0]?.dtype;
}

function listed(operators: readonly string[], dtypes: readonly DataType[]): KernelTypes {
  return Object.fromEntries(operators.map((operator) => [operator, dtypes]));
}
