import type { BackendKind, InfoColumns } from '../core/backend.ts';
import { type RenderMode, type RenderResults, renderModes, type ViewOptions } from '../core/picture.ts';
import type { AutoresetMode, LaneStates, ResetOptions, VectorEnv, VectorResetResult, VectorStepResult } from '../core/vector-env.ts';
import type { Transitions } from '../data/transitions.ts';
import { GroundtwinError, isGroundtwinError } from '../errors.ts';
import { arraysOf, type Space, type Values } from '../spaces/space.ts';
import type { AnyTask } from '../task/task.ts';
import type { EpisodeReturns } from '../vector/evaluate.ts';
import {
  type BatchLayout,
  fromTensors,
  infoFromWire,
  layoutOf,
  type Mismatch,
  type Reply,
  spaceFromJson,
  stackedLayout,
  Tensor,
  type TensorTree,
  toTensors,
} from '../wire/index.ts';
import type { Channel } from './channel.ts';
import { pictureFrom } from './picture.ts';
import { RemoteModel } from './remote-model.ts';
import { partBytes, upload } from './upload.ts';

/** A trajectory; every array has the step as its first axis. */
export interface Rollout {
  /** Made; at most those asked for. */
  readonly steps: number;
  /** `[steps, lanes, …]` */
  readonly observation: Values;
  /** float64 `[steps, lanes, agents]` */
  readonly reward: Float64Array;
  /** `[steps, lanes]` */
  readonly terminated: Uint8Array;
  readonly truncated: Uint8Array;
  /** Where asked for: columns of one length in every step as arrays `[steps, lanes, …]`, others as lists with an entry a step. */
  readonly info?: InfoColumns;
}

/** Lanes to be put into states, and steps from where lanes are. */
export interface PlayRequest {
  /** Lanes to place, int32 `[k]`; default the first k. */
  readonly lanes?: Int32Array;
  /** float64 `[k, size]`: whole states of the task. */
  readonly state?: Float64Array;
  /** float64 `[k]`, integers: of noise and of what is not physics. Default 0. */
  readonly seeds?: Float64Array;
  /** `[steps, lanes, …]` in the action space; of lanes that are not active anything of it. */
  readonly actions?: Values;
  /** uint8 `[lanes]`; default every lane that was ever placed. */
  readonly active?: Uint8Array;
}

/** What acts on the server: at random, or an ONNX graph that `Client.publishPolicy` has put there. */
export type RemotePolicy = { readonly kind: 'random' } | { readonly kind: 'onnx'; readonly policy: string };

export interface RemoteEvaluateOptions {
  readonly seed?: ResetOptions['seed'];
  /** Of the policy's own randomness. Default 0. */
  readonly policySeed?: number;
  /** Default: the env's time limit; must be given where it has none. */
  readonly maxSteps?: number;
}

/** An env on a server. Results are copied out of the socket's memory once and shared with nobody. */
export class RemoteVectorEnv implements VectorEnv {
  readonly id: string;
  readonly kind: BackendKind = 'remote';
  /** What it stands on over there. */
  readonly remoteKind: BackendKind;
  readonly lanes: number;
  readonly agents: number;
  readonly observationSpace: Space;
  readonly actionSpace: Space;
  readonly controlDt_s: number;
  readonly autoreset: AutoresetMode;
  /** Steps until truncation; null = none. */
  readonly maxEpisodeSteps: number | null;
  readonly renderModes: readonly RenderMode[];
  readonly canBranch: boolean;
  private readonly channel: Channel;
  private readonly handle: number;
  private readonly actions: BatchLayout;
  private readonly observations: BatchLayout;
  private readonly row: BatchLayout;
  private closed = false;

  /** @param made - the server's reply to `make`. @throws BAD_MESSAGE, SPACE_INVALID for spaces that make no sense. */
  constructor(channel: Channel, made: Reply<'make'>) {
    this.channel = channel;
    this.handle = made.env;
    this.id = made.id;
    this.remoteKind = made.kind;
    this.lanes = made.lanes;
    this.agents = made.agents;
    this.autoreset = made.autoreset;
    this.controlDt_s = made.controlDt_s;
    this.maxEpisodeSteps = made.maxEpisodeSteps;
    this.renderModes = renderModes.filter((mode) => made.renderModes.includes(mode));
    this.canBranch = made.canBranch;
    this.observationSpace = spaceFromJson(made.observationSpace, 'observationSpace');
    this.actionSpace = spaceFromJson(made.actionSpace, 'actionSpace');
    this.actions = layoutOf(this.actionSpace, made.lanes);
    this.observations = layoutOf(this.observationSpace, made.lanes);
    this.row = layoutOf(this.observationSpace, 1);
  }

  async reset(options: ResetOptions = {}): Promise<VectorResetResult> {
    this.checkOpen();
    const { seed, mask, params } = options;
    const reply = await this.channel.request('reset', { env: this.handle, ...seedsToWire(seed), mask, params });
    return { observation: fromTensors(reply.observation, this.observations, brokenReply('observation')), info: infoFromWire(reply.info) };
  }

  async step(actions: Values): Promise<VectorStepResult> {
    this.checkOpen();
    const action = toTensors(actions, this.actions, this.refuseAction);
    const reply = await this.channel.request('step', { env: this.handle, action });
    this.checkLengths(reply, 1);
    return {
      observation: fromTensors(reply.observation, this.observations, brokenReply('observation')),
      reward: reply.reward,
      terminated: reply.terminated,
      truncated: reply.truncated,
      info: infoFromWire(reply.info),
    };
  }

  /**
   * Many steps in one round trip, the same to the bit as that many calls of `step`. Fewer are made where lanes end that are not reset by themselves,
   * where the infos fill the reply, and before a step that is refused: `steps` says how many.
   * @param actions - `[steps, lanes, …]` in the action space.
   * @throws ROLLOUT_TOO_LONG before anything is done, and whatever the first step throws.
   */
  async rollout(actions: Values, options: { readonly info?: boolean } = {}): Promise<Rollout> {
    this.checkOpen();
    const asked = Math.max(1, Math.ceil(arraysOf(actions)[0]!.length / lengthOf(this.actions)));
    const tensors = toTensors(actions, stackedLayout(this.actions, asked), this.refuseAction);
    const reply = await this.channel.request('rollout', { env: this.handle, actions: tensors, ...options });
    const { steps, reward, terminated, truncated } = reply;
    if (steps > asked) refuse('steps', `at most ${asked}`);
    this.checkLengths(reply, steps);
    const observation = fromTensors(reply.observation, stackedLayout(this.observations, steps), brokenReply('observation'));
    const info = reply.info && infoFromWire(reply.info);
    return { steps, observation, reward, terminated, truncated, ...(info ? { info } : {}) };
  }

  /**
   * One episode a lane, played on the server; lanes are left where that ends. Closing the env ends it with ENV_CLOSED.
   * @throws BLOB_UNKNOWN, MODEL_REFUSED, MODEL_INVALID, OPTION_INVALID.
   */
  async evaluate(policy: RemotePolicy, options: RemoteEvaluateOptions = {}): Promise<EpisodeReturns> {
    this.checkOpen();
    const { seed, policySeed, maxSteps } = options;
    const request = { env: this.handle, policy, ...seedsToWire(seed), policySeed, maxSteps };
    const reply = await this.channel.request('evaluate', request, Number.POSITIVE_INFINITY);
    if (reply.returns.length !== this.lanes || reply.lengths.length !== this.lanes) refuse('returns and lengths', `of ${this.lanes} lanes`);
    return reply;
  }

  /**
   * Beneath time limits, ends and resets: puts lanes into states, then steps the active ones. Whoever steps the env as an env afterwards resets it first.
   * @returns `placed` float64 `[k, size]`, what those lanes hold now; then of each step, `[steps, lanes, …]`: whole states, rewards, ends, and whether a lane broke down (it stays where it last was well).
   * @throws CALL_UNSUPPORTED where the env stands on what cannot be put into a state; OPTION_INVALID, ENV_NOT_RESET, ROLLOUT_TOO_LONG.
   */
  async play({ lanes, state, seeds, actions, active }: PlayRequest): Promise<Reply<'play'>> {
    this.checkOpen();
    const steps = actions === undefined ? 0 : Math.max(1, Math.ceil(arraysOf(actions)[0]!.length / lengthOf(this.actions)));
    const reply = await this.channel.request('play', {
      env: this.handle,
      lanes,
      state,
      seeds,
      ...(actions === undefined ? {} : { actions: toTensors(actions, stackedLayout(this.actions, steps), this.refuseAction) }),
      active,
    });
    this.checkLengths({ ...reply, truncated: reply.problem }, steps);
    if (reply.placed.length !== (state?.length ?? 0)) refuse('placed', 'as many numbers as were sent');
    return reply;
  }

  /** The model that it stands on; the env is closed with it. @throws CALL_UNSUPPORTED where there is none, MODEL_REFUSED where it is not one of the task. */
  async model(task: AnyTask): Promise<RemoteModel> {
    this.checkOpen();
    const said = await this.channel.request('model', { env: this.handle });
    return new RemoteModel(this.channel, this.handle, task, said, () => this.close());
  }

  async snapshot(lane = 0): Promise<Uint8Array> {
    this.checkOpen();
    return (await this.channel.request('snapshot', { env: this.handle, lane })).snapshot;
  }

  /** Every lane, packed, for `restoreAll`. */
  async snapshotAll(): Promise<Uint8Array> {
    this.checkOpen();
    return (await this.channel.request('snapshot', { env: this.handle, all: true })).snapshot;
  }

  async restore(snapshot: Uint8Array, lane = 0): Promise<Values> {
    this.checkOpen();
    const reply = await this.channel.request('restore', { env: this.handle, lane, snapshot: await this.sendable(snapshot) });
    return fromTensors(reply.observation, this.row, brokenReply('observation'));
  }

  /** Every lane at once, in an env of as many. @returns `[lanes, …]`; zeros in lanes that had not been reset. */
  async restoreAll(snapshot: Uint8Array): Promise<Values> {
    this.checkOpen();
    const reply = await this.channel.request('restore', { env: this.handle, all: true, snapshot: await this.sendable(snapshot) });
    return fromTensors(reply.observation, this.observations, brokenReply('observation'));
  }

  /**
   * Copies a lane, whole, into others; its bytes stay on the server.
   * @param into - an env of the same session and task; default this one. @returns the observations, `[lanes.length, …]`.
   */
  async branch(lane: number, lanes: readonly number[], into: RemoteVectorEnv = this): Promise<Values> {
    this.checkOpen();
    into.checkOpen();
    if (into.channel !== this.channel) throw new GroundtwinError('ENV_HANDLE_UNKNOWN', { env: into.handle });
    const request = { env: this.handle, lane, into: into.handle, lanes: Int32Array.from(lanes) };
    const reply = await this.channel.request('branch', request);
    return fromTensors(reply.observation, layoutOf(this.observationSpace, lanes.length), brokenReply('observation'));
  }

  async state(side?: 'truth' | 'model'): Promise<LaneStates> {
    this.checkOpen();
    const { state, params } = await this.channel.request('state', { env: this.handle, side });
    return { state: this.columnsOf(state), params: this.columnsOf(params) };
  }

  async perturb(lane: number, params: Readonly<Record<string, number>>): Promise<void> {
    this.checkOpen();
    await this.channel.request('perturb', { env: this.handle, lane, params });
  }

  /** The last steps of truth, of a twin that watches for drift. @throws CALL_UNSUPPORTED, OPTION_INVALID. */
  async recent(): Promise<Transitions> {
    this.checkOpen();
    return this.channel.request('recent', { env: this.handle });
  }

  async render<M extends RenderMode = 'rgb_array'>(mode = 'rgb_array' as M, options: ViewOptions = {}): Promise<RenderResults[M]> {
    this.checkOpen();
    return pictureFrom(mode, await this.channel.request('render', { ...options, env: this.handle, mode }));
  }

  async close(): Promise<void> {
    if (this.closed) return;
    this.closed = true;
    try {
      await this.channel.request('close', { env: this.handle });
    } catch (error) {
      // The session is gone, and the env with it.
      if (!isGroundtwinError(error, 'CONNECTION_CLOSED') && !isGroundtwinError(error, 'CONNECTION_LOST')) throw error;
    }
  }

  private readonly refuseAction: Mismatch = (expected, got) => {
    throw new GroundtwinError('ACTION_SHAPE', { env: this.id, expected, got });
  };

  private checkOpen(): void {
    if (this.closed) throw new GroundtwinError('ENV_CLOSED', { env: this.id });
  }

  private checkLengths(reply: Pick<Reply<'step'>, 'reward' | 'terminated' | 'truncated'>, steps: number): void {
    const { lanes, agents } = this;
    const rows = steps * lanes;
    if (reply.reward.length !== rows * agents) refuse('reward', `float64 [${rows}, ${agents}]`);
    if (reply.terminated.length !== rows || reply.truncated.length !== rows) refuse('terminated and truncated', `uint8 [${rows}]`);
  }

  /** What does not fit a frame goes ahead as an upload. */
  private async sendable(snapshot: Uint8Array): Promise<Tensor | string> {
    if (snapshot.length <= partBytes(this.channel)) return new Tensor(snapshot, [snapshot.length]);
    return `sha256:${await upload(this.channel, snapshot)}`;
  }

  private columnsOf(tensors: Readonly<Record<string, TensorTree>>): Record<string, Float64Array> {
    return Object.fromEntries(
      Object.entries(tensors).map(([name, tensor]) => [
        name,
        tensor instanceof Tensor && tensor.data instanceof Float64Array && tensor.data.length % this.lanes === 0
          ? tensor.data
          : refuse('state and params', 'float64 arrays of every lane'),
      ]),
    );
  }
}

function lengthOf(layout: BatchLayout): number {
  return layout.kind === 'leaf' ? layout.length : lengthOf(layout.parts[0]!);
}

function seedsToWire(seed: ResetOptions['seed']) {
  return typeof seed === 'object' ? { seeds: Float64Array.from(seed, (value) => value ?? Number.NaN) } : { seed };
}

function brokenReply(field: string): Mismatch {
  return (expected) => refuse(field, expected);
}

function refuse(field: string, expected: string): never {
  throw new GroundtwinError('BAD_MESSAGE', { field, expected });
}
