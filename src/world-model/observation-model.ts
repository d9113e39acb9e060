import { GroundtwinError } from '../errors.ts';
import { sha256Hex } from '../math/hash.ts';
import { type OnnxSession, type OnnxTensor, releaseAll } from '../onnx/index.ts';
import type { GraphName, ObservationManifest } from './observation-contract.ts';

/** Rows of one call: members × tile, block m answered by member m. All arrays float32, row-major. */
export interface ObserveInput {
  readonly rows: number;
  /** `[rows, K]` */
  readonly memory: Float32Array;
  /** `[rows, A]`, flat; zeros before the first observation of an episode. */
  readonly previousAction: Float32Array;
  /** `[rows, O]`, flat. */
  readonly observation: Float32Array;
}

export interface ImagineInput {
  readonly rows: number;
  /** `[rows, K]` */
  readonly memory: Float32Array;
  /** `[rows, A]`, flat. */
  readonly action: Float32Array;
  /** `[rows, N]` */
  readonly noise: Float32Array;
}

export interface Imagined {
  /** `[rows, K]` */
  readonly nextMemory: Float32Array;
  /** `[rows, O]`, flat: the next observation. */
  readonly sample: Float32Array;
  /** `[rows]`, over all agents. */
  readonly reward: Float32Array;
  /** `[rows]`: probability that the task goes on. */
  readonly continues: Float32Array;
}

/**
 * A model of what an agent sees, with heads for reward and continuation: it knows nothing of a state, and keeps what it has made of the past in a memory.
 * The memory that `initial` gives comes before the first observation: that one is observed, or drawn by `predict`, with zeros for an action.
 */
export interface ObservationModel {
  readonly manifest: ObservationManifest;
  /** Names everything predictions depend on. */
  readonly fingerprint: string;
  /** @returns `[members, K]`. */
  initial(): Promise<Float32Array>;
  /** Takes in what was seen. @returns `[rows, K]`. */
  observe(input: ObserveInput): Promise<Float32Array>;
  predict(input: ImagineInput): Promise<Imagined>;
  /** @param memory - `[rows, K]`. @returns `[rows, O]`: the observation that it stands for. */
  decode(rows: number, memory: Float32Array): Promise<Float32Array>;
  close(): Promise<void>;
}

export type ObservationSessions = Readonly<Record<GraphName, OnnxSession>>;

/** The four graphs, loaded. */
export class OnnxObservationModel implements ObservationModel {
  readonly manifest: ObservationManifest;
  readonly fingerprint: string;
  private readonly sessions: ObservationSessions;

  constructor(manifest: ObservationManifest, sessions: ObservationSessions) {
    const { files, members, task, noise } = manifest;
    this.manifest = manifest;
    this.sessions = sessions;
    const hashes = [files.initial, files.observe, files.predict, files.decode].map(({ sha256 }) => sha256);
    this.fingerprint = sha256Hex(JSON.stringify([hashes, members, task.hash, noise]));
  }

  async initial(): Promise<Float32Array> {
    const { members, memorySize } = this.manifest;
    const results = await this.sessions.initial.run({}, ['memory']);
    return this.checked(results, 'memory', members, memorySize);
  }

  async observe({ rows, ...given }: ObserveInput): Promise<Float32Array> {
    const results = await this.sessions.observe.run(feeds(this.sessions.observe, rows, given), ['nextMemory']);
    return this.checked(results, 'nextMemory', rows, this.manifest.memorySize);
  }

  async predict({ rows, ...given }: ImagineInput): Promise<Imagined> {
    const results = await this.sessions.predict.run(feeds(this.sessions.predict, rows, given), imaginedOutputs);
    return {
      nextMemory: this.checked(results, 'nextMemory', rows, this.manifest.memorySize),
      sample: this.checked(results, 'sample', rows, this.manifest.observation.size),
      reward: this.checked(results, 'reward', rows, 1),
      continues: this.checked(results, 'continue', rows, 1),
    };
  }

  async decode(rows: number, memory: Float32Array): Promise<Float32Array> {
    const results = await this.sessions.decode.run(feeds(this.sessions.decode, rows, { memory }), ['observation']);
    return this.checked(results, 'observation', rows, this.manifest.observation.size);
  }

  close(): Promise<void> {
    return releaseAll(Object.values(this.sessions));
  }

  /** @throws MODEL_REFUSED: axes without a fixed size are only known once a graph ran. */
  private checked(results: Record<string, OnnxTensor>, name: string, rows: number, width: number): Float32Array {
    const data = results[name]!.data as Float32Array;
    if (data.length !== rows * width)
      throw new GroundtwinError('MODEL_REFUSED', {
        model: this.manifest.name,
        problem: `it returned ${data.length} numbers as ${name} for ${rows} rows of ${width}`,
      });
    return data;
  }
}

const imaginedOutputs = ['nextMemory', 'sample', 'reward', 'continue'] as const;

/** A graph is fed what it asks for: an exporter may prune an input that it does not use. */
function feeds(session: OnnxSession, rows: number, given: Readonly<Record<string, Float32Array>>): Record<string, OnnxTensor> {
  return Object.fromEntries(
    session.inputNames.map((name) => [name, { type: 'float32', data: given[name]!, dims: [rows, given[name]!.length / rows] }]),
  );
}
