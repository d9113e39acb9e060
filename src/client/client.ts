import type { AutoresetMode } from '../core/vector-env.ts';
import type { Clock, Reply, ServerInfo } from '../wire/index.ts';
import type { ModelBytes } from '../world-model/model-folder.ts';
import { Channel } from './channel.ts';
import { measureGap, type RemoteGapHooks, type RemoteGapReport, type RemoteGapRequest } from './gap.ts';
import type { ConnectOptions } from './options.ts';
import { RemoteVectorEnv } from './remote-vector-env.ts';
import { publish } from './upload.ts';

export interface RemoteMakeRequest {
  /** Default 1. */
  readonly lanes?: number;
  readonly autoreset?: AutoresetMode;
  /** Options of the registry on the server: backend, model and the like. Plain data. */
  readonly [option: string]: unknown;
}

/** A session with a server; makes envs there. */
export class Client {
  private readonly channel: Channel;
  private readonly clock: Clock;

  constructor(channel: Channel, clock: Clock) {
    this.channel = channel;
    this.clock = clock;
  }

  /** What the server said of itself at the last greeting. */
  get info(): ServerInfo {
    return this.channel.info;
  }

  /** How often the session was resumed over a new socket. */
  get resumes(): number {
    return this.channel.resumes;
  }

  /** Plain data about each env the server can make. */
  async list(): Promise<readonly Readonly<Record<string, unknown>>[]> {
    return (await this.channel.request('list', {})).envs as readonly Readonly<Record<string, unknown>>[];
  }

  /** @throws ENV_UNKNOWN, OPTION_INVALID, CAPACITY and whatever making it there throws. */
  async make(id: string, request: RemoteMakeRequest = {}): Promise<RemoteVectorEnv> {
    const { lanes = 1, autoreset, ...options } = request;
    return new RemoteVectorEnv(this.channel, await this.channel.request('make', { id, lanes, autoreset, options }));
  }

  /** What one env is: spaces, state with units, reward terms, parameters. @throws ENV_UNKNOWN. */
  async describe(id: string): Promise<Reply<'describe'>> {
    return this.channel.request('describe', { id });
  }

  /**
   * Brings a model to the server, for option `model` of `make`; what is there already is not sent again.
   * @returns its id, good for this session. @throws CAPACITY.
   */
  async publishModel({ manifest, files }: ModelBytes): Promise<string> {
    return publish(this.channel, 'model', { ...files, 'manifest.json': new TextEncoder().encode(manifest) });
  }

  /** Brings an ONNX policy to the server, for `evaluate`; see `onnxPolicy` for what its graph must be. @returns its id. */
  async publishPolicy(graph: Uint8Array): Promise<string> {
    return publish(this.channel, 'policy', { 'policy.onnx': graph });
  }

  /**
   * Has the server measure how far a model, or whatever else stands for truth, may be trusted: `groundtwin gap` in a process over there. The session goes on meanwhile.
   * @throws CAPACITY, OPTION_INVALID, ENV_UNKNOWN, STEP_DEADLINE past the deadline, CALL_UNSUPPORTED of a server that measures none, and what the measurement throws.
   */
  gap(id: string, request: RemoteGapRequest = {}, hooks: RemoteGapHooks = {}): Promise<RemoteGapReport> {
    return measureGap(this.channel, this.clock, id, request, hooks);
  }

  /** Waits for the server to answer. */
  async ping(): Promise<void> {
    await this.channel.request('ping', {});
  }

  /** Ends the session; its envs are closed at once. */
  async close(): Promise<void> {
    await this.channel.close();
  }

  /** Cuts the socket as a broken network would; the session goes on over a new one. For tests and drills. */
  dropSocket(): void {
    this.channel.dropSocket();
  }
}

/**
 * Connects to a groundtwin server.
 * @throws CONNECTION_REFUSED, CONNECTION_UNAUTHORISED, CONNECTION_ORIGIN, CONNECTION_VERSION, CONNECTION_TIMEOUT, CAPACITY, DRAINING.
 */
export async function connect(options: ConnectOptions): Promise<Client> {
  const channel = new Channel(options);
  await channel.open();
  return new Client(channel, options.clock);
}
