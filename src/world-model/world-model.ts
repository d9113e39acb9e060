import type { ModelManifest } from './contract.ts';

/** One call of a model: `rows` in a block for each member, of equal length unless `shares` says otherwise; block m is answered by member m. float32, row-major. */
export interface PredictionInput {
  readonly rows: number;
  /** int64 `[members]`: rows of each block; only for a model that `takesShares`. */
  readonly shares?: BigInt64Array;
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
  /** Whether blocks may be of different lengths, so that none needs to be padded to that of another. */
  readonly takesShares?: boolean;
  /** @param spread - false where mean and scale are not needed, so that they need not be handed over. Default true. */
  predict(input: PredictionInput, spread?: boolean): Promise<Prediction>;
  close(): Promise<void>;
}
