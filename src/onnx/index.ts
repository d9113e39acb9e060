export { type AdamWInputs, type AdamWOptions, type AdamWOutputs, adamW } from './adam-w.ts';
export * from './code-restart.ts';
export { compileInference, type InferenceSpec, type InputSpec } from './compile-inference.ts';
export {
  type CarriedSpec,
  type CompiledTraining,
  compileTraining,
  type FedSpec,
  type FollowUp,
  type LossTensors,
  type ParameterSpec,
  type TableSpec,
  type TensorsByName,
  type TrainingSpec,
} from './compile-training.ts';
export { type ConvolutionOptions, conv2d, convTranspose2d, type TransposedOptions } from './convolution.ts';
export { gradientRules } from './gradient-rules.ts';
export { grad } from './gradients.ts';
export { GraphBuilder, type Operand } from './graph-builder.ts';
export {
  type GuardOptions,
  guardedRuntime,
  type ModelIsolation,
  modelIsolations,
  type RuntimeParts,
  storedGraph,
} from './guarded-runtime.ts';
export * from './image-modules.ts';
export type { ModelLimits } from './isolated-runtime.ts';
export { cpuKernels, type KernelTypes } from './kernels.ts';
export { inspectModel, listOperators, type ModelInspection, type ModelValue } from './model-reader.ts';
export * from './modules.ts';
export { type NodeRuntimeOptions, nodeRuntime, runtimeInUse } from './node-runtime.ts';
export * from './quantisation.ts';
export {
  type OnnxData,
  type OnnxLoadOptions,
  type OnnxRuntime,
  type OnnxSession,
  type OnnxTensor,
  type OrtModule,
  releaseAll,
} from './runtime.ts';
export * from './schedules.ts';
export * from './staged-training.ts';
export { type StoredNode, tensorsWithNaN } from './stored-graph.ts';
export { type TrainingChunk, TrainingProgram, type TrainingState } from './training-program.ts';
export * from './transformer.ts';
export type { AnyDataType, DataType, Dimension, Shape, Tensor, TensorData } from './types.ts';
export { type WebRuntimeOptions, webRuntime } from './web-runtime.ts';
