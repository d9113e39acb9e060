import type { BackendKind } from '../core/backend.ts';
import type { RenderMode, RenderResults } from '../core/picture.ts';
import type { AutoresetMode, ResetOptions, VectorEnv, VectorResetResult, VectorStepResult } from '../core/vector-env.ts';
import { GroundtwinError, isGroundtwinError } from '../errors.ts';
import type { Space, Values } from '../spaces/space.ts';
import {
  type BatchLayout,
  fromTensors,
  infoFromWire,
  layoutOf,
  type Mismatch,
  type Reply,
  spaceFromJson,
  Tensor,
  toTensors,
} from '../wire/index.ts';
import type { Channel } from './channel.ts';

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
    this.observationSpace = spaceFromJson(made.observationSpace, 'observationSpace');
    this.actionSpace = spaceFromJson(made.actionSpace, 'actionSpace');
    this.actions = layoutOf(this.actionSpace, made.lanes);
    this.observations = layoutOf(this.observationSpace, made.lanes);
    this.row = layoutOf(this.observationSpace, 1);
  }

  async reset(options: ResetOptions = {}): Promise<VectorResetResult> {
    this.checkOpen();
    const { seed, mask, params } = options;
    const seeds = typeof seed === 'object' ? { seeds: Float64Array.from(seed, (value) => value ?? Number.NaN) } : { seed };
    const reply = await this.channel.request('reset', { env: this.handle, ...seeds, mask, params });
    return { observation: fromTensors(reply.observation, this.observations, brokenReply('observation')), info: infoFromWire(reply.info) };
  }

  async step(actions: Values): Promise<VectorStepResult> {
    this.checkOpen();
    const action = toTensors(actions, this.actions, this.refuseAction);
    const reply = await this.channel.request('step', { env: this.handle, action });
    this.checkLengths(reply);
    return {
      observation: fromTensors(reply.observation, this.observations, brokenReply('observation')),
      reward: reply.reward,
      terminated: reply.terminated,
      truncated: reply.truncated,
      info: infoFromWire(reply.info),
    };
  }

  async snapshot(lane = 0): Promise<Uint8Array> {
    this.checkOpen();
    return (await this.channel.request('snapshot', { env: this.handle, lane })).snapshot;
  }

  async restore(snapshot: Uint8Array, lane = 0): Promise<Values> {
    this.checkOpen();
    const reply = await this.channel.request('restore', { env: this.handle, lane, snapshot: new Tensor(snapshot, [snapshot.length]) });
    return fromTensors(reply.observation, this.row, brokenReply('observation'));
  }

  /** @throws RENDER_UNAVAILABLE always: no message of the protocol carries pictures. */
  async render<M extends RenderMode = 'rgb_array'>(): Promise<RenderResults[M]> {
    this.checkOpen();
    throw new GroundtwinError('RENDER_UNAVAILABLE', { env: this.id, why: 'servers do not send pictures' });
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

  private checkLengths(reply: Reply<'step'>): void {
    const { lanes, agents } = this;
    if (reply.reward.length !== lanes * agents) refuse('reward', `float64 [${lanes}, ${agents}]`);
    if (reply.terminated.length !== lanes || reply.truncated.length !== lanes) refuse('terminated and truncated', `uint8 [${lanes}]`);
  }
}

function brokenReply(field: string): Mismatch {
  return (expected) => refuse(field, expected);
}

function refuse(field: string, expected: string): never {
  throw new GroundtwinError('BAD_MESSAGE', { field, expected });
}
