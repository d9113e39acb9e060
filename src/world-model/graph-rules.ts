/** What a model's graph may hold, judged from its bytes before anything runs. */
import { GroundtwinError } from '../errors.ts';
import { type ModelInspection, type StoredNode, storedGraph, tensorsWithNaN } from '../onnx/index.ts';

/**
 * Operators of the standard ONNX set (up to opset 23) that give the same for the same, end, and touch nothing outside the graph.
 * Not on the list: control flow (Loop, Scan, If, SequenceMap), random numbers, text, sequences and optionals, images from bytes, training.
 */
export const allowedOperators: ReadonlySet<string> = new Set(
  `Abs Acos Acosh Add AffineGrid And ArgMax ArgMin Asin Asinh Atan Atanh Attention AveragePool BatchNormalization BitShift BitwiseAnd BitwiseNot
  BitwiseOr BitwiseXor BlackmanWindow Cast CastLike Ceil Celu CenterCropPad Clip Col2Im Compress Concat Constant ConstantOfShape Conv ConvInteger
  ConvTranspose Cos Cosh CumSum DFT DeformConv DepthToSpace DequantizeLinear Det Div Dropout DynamicQuantizeLinear Einsum Elu Equal Erf Exp Expand
  EyeLike Flatten Floor GRU Gather GatherElements GatherND Gelu Gemm GlobalAveragePool GlobalLpPool GlobalMaxPool Greater GreaterOrEqual GridSample
  GroupNormalization HammingWindow HannWindow HardSigmoid HardSwish Hardmax Identity InstanceNormalization IsInf IsNaN LRN LSTM LayerNormalization
  LeakyRelu Less LessOrEqual Log LogSoftmax LpNormalization LpPool MatMul MatMulInteger Max MaxPool MaxRoiPool MaxUnpool Mean
  MeanVarianceNormalization MelWeightMatrix Min Mish Mod Mul Neg NonMaxSuppression NonZero Not OneHot Or PRelu Pad Pow QLinearConv QLinearMatMul
  QuantizeLinear RMSNormalization RNN Range Reciprocal ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp ReduceMax ReduceMean ReduceMin ReduceProd
  ReduceSum ReduceSumSquare Relu Reshape Resize ReverseSequence RoiAlign RotaryEmbedding Round STFT Scatter ScatterElements ScatterND Selu Shape
  Shrink Sigmoid Sign Sin Sinh Size Slice Softmax Softplus Softsign SpaceToDepth Split Sqrt Squeeze Sub Sum Swish Tan Tanh TensorScatter
  ThresholdedRelu Tile TopK Transpose Trilu Unique Unsqueeze Upsample Where Xor`.split(/\s+/),
);

/** @throws MODEL_REFUSED naming what is not allowed, MODEL_INVALID when a stored tensor is malformed. */
export function refuseUnsafeGraph(model: string, bytes: Uint8Array, { operators, externalData, functions }: ModelInspection): void {
  const refuse = (problem: string): never => {
    throw new GroundtwinError('MODEL_REFUSED', { model, problem });
  };
  if (externalData) refuse('its tensors point to other files');
  const bad = operators.filter((operator) => !allowedOperators.has(operator));
  if (bad.length > 0)
    refuse(
      `it uses ${bad.slice(0, 8).join(', ').slice(0, 200)}; loops, branches, random numbers and operators outside the standard set are not run`,
    );
  if (functions > 0) refuse('it brings functions of its own; have the exporter inline them');
  const graph = storedGraph(bytes, model);
  // ONNX Runtime breaks off the whole process over it.
  if (graph.nodes.some(saysOtherOutputs)) refuse('a Split of it says to have another number of outputs than it has');
  const broken = tensorsWithNaN(graph);
  if (broken.length > 0) refuse(`its stored numbers hold NaN, in ${broken.slice(0, 3).join(', ').slice(0, 200)}`);
}

function saysOtherOutputs({ operator, outputs, attributes }: StoredNode): boolean {
  return operator === 'Split' && (attributes.get('num_outputs')?.integer ?? outputs.length) !== outputs.length;
}
