/** The envs of one session, and the carrying out of requests on them. */
import type { AutoresetMode, ResetOptions, VectorEnv } from '../core/vector-env.ts';
import { GroundtwinError } from '../errors.ts';
import {
  type BatchLayout,
  fromTensors,
  infoFromWire,
  infoToWire,
  layoutOf,
  type Mismatch,
  type Op,
  type Request,
  spaceToJson,
  Tensor,
  toTensors,
} from '../wire/index.ts';
import type { ServerLimits } from './limits.ts';
import { type Logger, placesOf } from './logger.ts';

/** What a remote caller asked for; the registry decides which of the rest it honours. */
export interface RemoteMakeOptions {
  readonly lanes: number;
  readonly autoreset?: AutoresetMode;
  readonly [option: string]: unknown;
}
export type MakeEnv = (id: string, options: RemoteMakeOptions) => Promise<VectorEnv>;
/** Plain data about each env that can be made; at least `id`. */
export type ListEnvs = () => readonly Readonly<Record<string, unknown>>[];

/** What sessions of one server share. */
export interface SharedEnvs {
  readonly make: MakeEnv;
  readonly list: ListEnvs;
  readonly limits: ServerLimits;
  readonly logger: Logger;
  lanesInUse: number;
  envsInUse: number;
  lastHandle: number;
  steps: number;
}

interface HostedEnv {
  readonly handle: number;
  readonly env: VectorEnv;
  readonly actions: BatchLayout;
  readonly observations: BatchLayout;
}

export type SessionOp = Exclude<Op, 'hello'>;
type Answer = Readonly<Record<string, unknown>>;
type Handlers = { readonly [O in SessionOp]: (request: Request<O>) => Promise<Answer> | Answer };

export class EnvHost {
  private readonly shared: SharedEnvs;
  private readonly envs = new Map<number, HostedEnv>();
  private lanes = 0;
  private closed = false;
  private readonly handlers: Handlers = {
    list: () => ({ envs: this.shared.list() }),
    make: (request) => this.make(request),
    reset: (request) => this.reset(request),
    step: (request) => this.step(request),
    snapshot: async (request) => ({ snapshot: await this.hosted(request.env).env.snapshot(request.lane ?? 0) }),
    restore: (request) => this.restore(request),
    close: (request) => this.closeEnv(request.env),
    ping: () => ({}),
  };

  constructor(shared: SharedEnvs) {
    this.shared = shared;
  }

  /** @throws whatever the env throws; ENV_HANDLE_UNKNOWN, CAPACITY, ACTION_SHAPE. */
  async carryOut<O extends SessionOp>(op: O, request: Request<O>): Promise<Answer> {
    return (this.handlers[op] as (request: Request<O>) => Promise<Answer> | Answer)(request);
  }

  /** Gives up an env whose request overran: nobody may use it again, and it is closed whenever it comes back. */
  condemn(handle: number | undefined): void {
    if (handle !== undefined && this.envs.has(handle)) this.closeEnv(handle).catch(() => {});
  }

  /** Closes every env; errors are logged. */
  async close(): Promise<void> {
    this.closed = true;
    await Promise.allSettled([...this.envs.keys()].map((handle) => this.closeEnv(handle)));
  }

  private hosted(handle: number): HostedEnv {
    const hosted = this.envs.get(handle);
    if (!hosted) throw new GroundtwinError('ENV_HANDLE_UNKNOWN', { env: handle });
    return hosted;
  }

  private async make(request: Request<'make'>): Promise<Answer> {
    const { id, lanes, autoreset } = request;
    const options = request.options ? (infoFromWire(request.options) as Record<string, unknown>) : {};
    this.reserve(lanes);
    let env: VectorEnv;
    try {
      env = await this.shared.make(id, { ...options, lanes, ...(autoreset ? { autoreset } : {}) });
    } catch (error) {
      this.release(lanes);
      throw error;
    }
    return this.host(env, lanes);
  }

  private async host(env: VectorEnv, reserved: number): Promise<Answer> {
    if (this.closed || env.lanes !== reserved) {
      this.release(reserved);
      await this.shut(env);
      throw new GroundtwinError('INTERNAL', { op: 'make' });
    }
    this.shared.lastHandle += 1;
    const handle = this.shared.lastHandle;
    this.envs.set(handle, {
      handle,
      env,
      actions: layoutOf(env.actionSpace, env.lanes),
      observations: layoutOf(env.observationSpace, env.lanes),
    });
    return describe(env, handle);
  }

  private async reset(request: Request<'reset'>): Promise<Answer> {
    const { env, observations } = this.hosted(request.env);
    const result = await env.reset(resetOptionsOf(request));
    return { observation: toTensors(result.observation, observations, brokenEnv('reset')), info: infoToWire(result.info, env.lanes) };
  }

  private async step(request: Request<'step'>): Promise<Answer> {
    const { env, actions, observations } = this.hosted(request.env);
    const action = fromTensors(request.action, actions, (expected, got) => {
      throw new GroundtwinError('ACTION_SHAPE', { env: env.id, expected, got });
    });
    const result = await env.step(action);
    this.shared.steps += env.lanes;
    return {
      observation: toTensors(result.observation, observations, brokenEnv('step')),
      reward: new Tensor(result.reward, [env.lanes, env.agents]),
      terminated: result.terminated,
      truncated: result.truncated,
      info: infoToWire(result.info, env.lanes),
    };
  }

  private async restore(request: Request<'restore'>): Promise<Answer> {
    const { env } = this.hosted(request.env);
    const observation = await env.restore(request.snapshot.slice(), request.lane ?? 0);
    return { observation: toTensors(observation, layoutOf(env.observationSpace, 1), brokenEnv('restore')) };
  }

  private async closeEnv(handle: number): Promise<Answer> {
    const { env } = this.hosted(handle);
    this.envs.delete(handle);
    this.release(env.lanes);
    await this.shut(env);
    return {};
  }

  private async shut(env: VectorEnv): Promise<void> {
    try {
      await env.close();
    } catch (error) {
      this.shared.logger.error('env.close.failed', { env: env.id, at: placesOf(error) });
    }
  }

  private reserve(lanes: number): void {
    const { maxEnvsPerSession, maxLanesPerSession, maxLanes } = this.shared.limits;
    if (this.envs.size >= maxEnvsPerSession) refuse('envs a session', maxEnvsPerSession);
    if (this.lanes + lanes > maxLanesPerSession) refuse('lanes a session', maxLanesPerSession);
    if (this.shared.lanesInUse + lanes > maxLanes) refuse('lanes', maxLanes);
    this.count(lanes, 1);
  }

  private release(lanes: number): void {
    this.count(-lanes, -1);
  }

  private count(lanes: number, envs: number): void {
    this.lanes += lanes;
    this.shared.lanesInUse += lanes;
    this.shared.envsInUse += envs;
  }
}

function describe(env: VectorEnv, handle: number): Answer {
  const { id, kind, lanes, agents, autoreset, controlDt_s } = env;
  const spaces = { observationSpace: spaceToJson(env.observationSpace), actionSpace: spaceToJson(env.actionSpace) };
  return { env: handle, id, kind, lanes, agents, autoreset, controlDt_s, ...spaces };
}

function resetOptionsOf(request: Request<'reset'>): ResetOptions {
  const seed = request.seeds ? [...request.seeds].map((value) => (Number.isNaN(value) ? null : value)) : request.seed;
  return {
    ...(seed === undefined ? {} : { seed }),
    ...(request.mask ? { mask: request.mask.slice() } : {}),
    ...(request.params ? { params: request.params } : {}),
  };
}

/** The env, not the client, broke its contract. */
function brokenEnv(op: Op): Mismatch {
  return () => {
    throw new GroundtwinError('INTERNAL', { op });
  };
}

function refuse(what: string, limit: number): never {
  throw new GroundtwinError('CAPACITY', { what, limit });
}
