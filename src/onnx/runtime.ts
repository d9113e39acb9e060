import type { InferenceSession, Tensor as OrtTensor } from 'onnxruntime-node';
import { GroundtwinError } from '../errors.ts';
import { MAXIMUM_MODEL_BYTES, type ModelValue } from './model-reader.ts';
import type { AnyDataType } from './types.ts';

/** Values of a fed or returned tensor. int64 is `BigInt64Array`, bool `Uint8Array`, float16 `Uint16Array`, string `string[]`. */
export type OnnxData =
  | Float32Array
  | Float64Array
  | Uint8Array
  | Int8Array
  | Uint16Array
  | Int16Array
  | Int32Array
  | Uint32Array
  | BigInt64Array
  | BigUint64Array
  | readonly string[];

/** A concrete tensor, row-major. Fed data is read in place and must not change until `run` is done; returned data belongs to the caller. */
export interface OnnxTensor {
  readonly type: AnyDataType;
  readonly data: OnnxData;
  readonly dims: readonly number[];
}

/** One loaded model. Release it: sessions hold memory outside the JavaScript heap. */
export interface OnnxSession {
  readonly inputNames: readonly string[];
  readonly outputNames: readonly string[];
  readonly inputs: readonly ModelValue[];
  readonly outputs: readonly ModelValue[];
  /**
   * Runs the model once. On Node it holds the thread until it is done: keep each call short.
   *
   * @param outputs - names to compute and return; all, if not given.
   * @throws RUNTIME_FAILED when an input is missing or of another shape or type, an index is out of range, or the session was released.
   */
  run(feeds: Readonly<Record<string, OnnxTensor>>, outputs?: readonly string[]): Promise<Record<string, OnnxTensor>>;
  release(): Promise<void>;
}

export interface OnnxLoadOptions {
  /** How errors name the model. */
  readonly name?: string;
  /** Graphs of one model that are loaded, this one included: bounds on what it may cost hold for all together. Default 1. */
  readonly together?: number;
}

/** Where models run: `nodeRuntime` here, `webRuntime` in a browser. Models come as bytes only, so that no model can point at files. */
export interface OnnxRuntime {
  /** @throws MODEL_INVALID when the bytes cannot be loaded, RUNTIME_MISSING when the runtime cannot. */
  load(bytes: Uint8Array, options?: OnnxLoadOptions): Promise<OnnxSession>;
}

/** Releases every one, whatever happens to the others. @throws what the first that failed threw. */
export async function releaseAll(open: readonly { release(): Promise<void> }[]): Promise<void> {
  const outcomes = await Promise.allSettled(open.map((one) => one.release()));
  const failed = outcomes.find(({ status }) => status === 'rejected');
  if (failed) throw (failed as PromiseRejectedResult).reason;
}

/** What both packages of ONNX Runtime offer. */
export type OrtModule = Pick<typeof import('onnxruntime-node'), 'InferenceSession' | 'Tensor' | 'env'>;

/** One of the packages, loaded, and how its sessions are made. */
export interface OrtPackage {
  readonly name: 'onnxruntime-node' | 'onnxruntime-web';
  readonly runtime: OrtModule;
  readonly sessionOptions: InferenceSession.SessionOptions;
}

/** @throws RUNTIME_MISSING with why the package `name` cannot be loaded. */
export function runtimeMissing(runtime: OrtPackage['name'], error: unknown): never {
  throw new GroundtwinError('RUNTIME_MISSING', { runtime, problem: messageOf(error) });
}

/** A runtime on one of the packages. @param findPackage - asked at each load; throws RUNTIME_MISSING when there is none. */
export function ortRuntime(findPackage: () => Promise<OrtPackage>): OnnxRuntime {
  return {
    async load(bytes, loadOptions = {}) {
      const model = loadOptions.name ?? 'model';
      if (bytes.length > MAXIMUM_MODEL_BYTES)
        throw new GroundtwinError('MODEL_INVALID', { model, problem: `${bytes.length} bytes, more than ${MAXIMUM_MODEL_BYTES}` });
      const { runtime, sessionOptions } = await findPackage();
      const session = await runtime.InferenceSession.create(bytes, sessionOptions).catch((error: unknown) => {
        throw new GroundtwinError('MODEL_INVALID', { model, problem: messageOf(error) });
      });
      return new OrtSession(session, runtime.Tensor, model);
    },
  };
}

class OrtSession implements OnnxSession {
  readonly inputNames: readonly string[];
  readonly outputNames: readonly string[];
  readonly inputs: readonly ModelValue[];
  readonly outputs: readonly ModelValue[];
  readonly #session: InferenceSession;
  readonly #Tensor: typeof OrtTensor;
  readonly #model: string;
  #released = false;

  constructor(session: InferenceSession, TensorType: typeof OrtTensor, model: string) {
    this.#session = session;
    this.#Tensor = TensorType;
    this.#model = model;
    this.inputNames = session.inputNames;
    this.outputNames = session.outputNames;
    this.inputs = session.inputMetadata.map(describeValue);
    this.outputs = session.outputMetadata.map(describeValue);
  }

  async run(
    feeds: Readonly<Record<string, OnnxTensor>>,
    outputs: readonly string[] = this.outputNames,
  ): Promise<Record<string, OnnxTensor>> {
    if (this.#released) this.#fail('the session was released');
    try {
      const fed: Record<string, OrtTensor> = {};
      for (const [name, tensor] of Object.entries(feeds)) fed[name] = this.#wrap(tensor);
      const fetched = await this.#session.run(fed, outputs);
      const results: Record<string, OnnxTensor> = {};
      for (const name of outputs) results[name] = unwrap(fetched[name]!);
      return results;
    } catch (error) {
      return this.#fail(messageOf(error));
    }
  }

  async release(): Promise<void> {
    if (this.#released) return;
    this.#released = true;
    await this.#session.release();
  }

  #wrap({ type, data, dims }: OnnxTensor): OrtTensor {
    return new this.#Tensor(type as 'float32', data as Float32Array, dims);
  }

  #fail(problem: string): never {
    throw new GroundtwinError('RUNTIME_FAILED', { model: this.#model, problem });
  }
}

function unwrap(tensor: InferenceSession.ReturnType[string]): OnnxTensor {
  const { type, data, dims } = tensor as OrtTensor;
  return { type: type as AnyDataType, data: data as OnnxData, dims };
}

function describeValue(metadata: InferenceSession.ValueMetadata): ModelValue {
  if (!metadata.isTensor) return { name: metadata.name, dtype: undefined, shape: [] };
  return { name: metadata.name, dtype: metadata.type as AnyDataType, shape: metadata.shape };
}

function messageOf(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).replace(/\.?\s*$/, '');
}
