import type { ModelManifest } from './contract.ts';

/** One call of a model: `rows` = members × tile, block m answered by member m; float32, row-major. */
export interface PredictionInput {
  readonly rows: number;
  /** int32 `[members]`: rows at the beginning of each block that are asked for; the rest is padding, and what is said of it means nothing. Absent = all. */
  readonly filled?: Int32Array;
  /** `[rows, P]`: memory that samples may be put into, instead of new memory at every step. */
  readonly into?: Float32Array;
  /** `[rows, S]`, physical units. */
  readonly state: Float32Array;
  /** `[rows, A]`, commands in their units. */
  readonly action: Float32Array;
  /** `[rows, C]` */
  readonly context: Float32Array;
  /** `[rows, N]` from the manifest's distribution. */
  readonly noise: Float32Array;
  /** `[rows, K]` */
  readonly memory: Float32Array;
}

export interface Prediction {
  /** `[rows, P]`, the next predicted entries in physical units. */
  readonly sample: Float32Array;
  readonly mean?: Float32Array;
  /** `[rows, P]`, standard deviation. */
  readonly scale?: Float32Array;
  readonly memory?: Float32Array;
}

/** Whatever meets the contract: our ensemble, a foreign ONNX, a deliberately broken wrapper round either. */
export interface WorldModel {
  readonly manifest: ModelManifest;
  /** Names everything predictions depend on. */
  readonly fingerprint: string;
  /** @param spread - false where mean and scale are not needed, so that they need not be handed over. Default true. */
  predict(input: PredictionInput, spread?: boolean): Promise<Prediction>;
  close(): Promise<void>;
}
