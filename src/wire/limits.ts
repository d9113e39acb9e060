/** Bounds of one frame; every byte of a frame falls under one of them before anything is decoded. */
export interface FrameLimits {
  readonly maxFrameBytes: number;
  readonly maxHeaderBytes: number;
  /** Containers inside each other, the header map included. */
  readonly maxDepth: number;
  /** Values in the header: every key, scalar, list and map counts one. */
  readonly maxItems: number;
  readonly maxStringBytes: number;
  readonly maxTensors: number;
}

export const KIBIBYTE = 1024;
export const MEBIBYTE = 1024 * KIBIBYTE;

/** What a server accepts unless told otherwise. */
export const REQUEST_LIMITS: FrameLimits = Object.freeze({
  maxFrameBytes: MEBIBYTE,
  maxHeaderBytes: 64 * KIBIBYTE,
  maxDepth: 8,
  maxItems: 4096,
  maxStringBytes: 4 * KIBIBYTE,
  maxTensors: 64,
});

/** What a client accepts unless told otherwise: replies carry spaces, info columns and pixels. */
export const REPLY_LIMITS: FrameLimits = Object.freeze({
  maxFrameBytes: 64 * MEBIBYTE,
  maxHeaderBytes: 4 * MEBIBYTE,
  maxDepth: 8,
  maxItems: 262_144,
  maxStringBytes: 4 * KIBIBYTE,
  maxTensors: 1024,
});

/** Axes of a tensor on the wire. */
export const MAX_TENSOR_RANK = 8;
