export type { TensorTree } from './checks.ts';
export type { Clock } from './clock.ts';
export { errorFromWire, errorToWire, isWireError, type WireError } from './error-form.ts';
export { decodeFrame, encodeFrame } from './frame.ts';
export { type FrameLimits, KIBIBYTE, MEBIBYTE, REPLY_LIMITS, REQUEST_LIMITS } from './limits.ts';
export {
  checkEnvelope,
  checkReply,
  checkReplyEnvelope,
  checkRequest,
  HELLO_SEQ,
  OPS,
  type Op,
  PROTOCOL,
  type Reply,
  type Request,
  type ServerInfo,
  type SessionLimits,
  seqIn,
  TOKEN_SUBPROTOCOL_PREFIX,
} from './messages.ts';
export { type SpaceJson, spaceFromJson, spaceToJson } from './space-json.ts';
export {
  addCost,
  allocateBatch,
  bytesOfBatch,
  stackedLayout,
  stackInfo,
  stepsIn,
  stepsOf,
  type WireCost,
} from './stacked.ts';
export { Tensor } from './tensor.ts';
export { validateHeader } from './validate.ts';
export { type BatchLayout, fromTensors, infoFromWire, infoToWire, layoutOf, type Mismatch, toTensors } from './values.ts';
