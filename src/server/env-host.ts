/** The envs of one session, and the carrying out of requests on them. */
import type { AutoresetMode, ResetOptions, VectorEnv, VectorStepResult } from '../core/vector-env.ts';
import { GroundtwinError } from '../errors.ts';
import { fromTensors, infoFromWire, infoToWire, MEBIBYTE, type Op, type Request, spaceToJson, Tensor, toTensors } from '../wire/index.ts';
import type { ModelBytes } from '../world-model/model-folder.ts';
import { type BlobStore, SessionBlobs } from './blob-store.ts';
import { evaluatePolicy, type LoadPolicy } from './evaluate-policy.ts';
import { GapJobs, type SharedGaps } from './gap-jobs.ts';
import { type Answer, brokenEnv, type Claim, type Conditions, type HostedEnv, hostedEnv } from './hosted-env.ts';
import { perturb, recent, render, state } from './insight.ts';
import type { ServerLimits } from './limits.ts';
import { type Logger, placesOf } from './logger.ts';
import { play } from './play.ts';
import { model, predict } from './predict.ts';
import { rollout } from './rollout.ts';
import { seedsOf } from './seeds.ts';
import { branch, restore, snapshot } from './snapshots.ts';

/** What a remote caller asked for; the registry decides which of the rest it honours. */
export interface RemoteMakeOptions {
  readonly lanes: number;
  readonly autoreset?: AutoresetMode;
  readonly [option: string]: unknown;
}
/** @param model - one that the caller uploaded, which `options.model` names by its id. */
export type MakeEnv = (id: string, options: RemoteMakeOptions, model?: ModelBytes) => Promise<VectorEnv>;
/** Plain data about each env that can be made; at least `id`. */
export type ListEnvs = () => readonly Readonly<Record<string, unknown>>[];
/** Plain data about one env: its entry in the list and more. @throws ENV_UNKNOWN. */
export type DescribeEnv = (id: string) => Readonly<Record<string, unknown>>;

/** What sessions of one server share. */
export interface SharedEnvs {
  readonly make: MakeEnv;
  readonly list: ListEnvs;
  readonly describe: DescribeEnv;
  readonly loadPolicy: LoadPolicy | undefined;
  readonly limits: ServerLimits;
  readonly logger: Logger;
  readonly blobs: BlobStore;
  readonly gaps: SharedGaps;
  lanesInUse: number;
  workersInUse: number;
  envsInUse: number;
  lastHandle: number;
  steps: number;
}

export type SessionOp = Exclude<Op, 'hello'>;
type Handlers = { readonly [O in SessionOp]: (request: Request<O>, conditions: Conditions) => Promise<Answer> | Answer };

const UPLOADED = /^sha256:[0-9a-f]{64}$/;
const PREFIX = 'sha256:';

export class EnvHost {
  private readonly shared: SharedEnvs;
  private readonly blobs: SessionBlobs;
  private readonly gaps: GapJobs;
  private readonly envs = new Map<number, HostedEnv>();
  private lanes = 0;
  private closed = false;
  private readonly handlers: Handlers = {
    list: () => ({ envs: this.shared.list() }),
    describe: ({ id }) => this.shared.describe(id),
    make: (request) => this.make(request),
    reset: (request) => this.reset(request),
    step: (request) => this.step(request),
    rollout: (request, conditions) => this.rollout(request, conditions),
    evaluate: (request, conditions) => this.evaluate(request, conditions),
    snapshot: (request, conditions) => snapshot(this.hosted(request.env), request, conditions),
    restore: (request, conditions) => restore(this.hosted(request.env), request, this.snapshotOf(request.snapshot), conditions),
    branch: (request, conditions) => branch(this.hosted(request.env), this.hosted(request.into ?? request.env), request, conditions),
    state: (request) => state(this.hosted(request.env), request),
    perturb: (request) => perturb(this.hosted(request.env), request),
    recent: (request) => recent(this.hosted(request.env)),
    play: (request, conditions) => this.play(request, conditions),
    model: (request) => model(this.hosted(request.env)),
    predict: (request) => predict(this.hosted(request.env), request),
    gap: (request) => ({ job: this.gaps.begin(request, this.modelOf(request.model)) }),
    gapProgress: ({ job }) => this.gaps.look(job),
    gapCancel: ({ job }) => {
      this.gaps.cancel(job);
      return {};
    },
    render: (request) => render(this.hosted(request.env), request),
    upload: ({ sha256, bytes }) => ({ have: this.blobs.begin(sha256, bytes) }),
    chunk: ({ sha256, offset, data }) => ({ have: this.blobs.add(sha256, offset, data) }),
    publish: ({ kind, files }) => ({ id: this.blobs.publish(kind, files) }),
    close: (request) => this.closeEnv(request.env),
    ping: () => ({}),
  };

  constructor(shared: SharedEnvs) {
    this.shared = shared;
    this.blobs = new SessionBlobs(shared.blobs, shared.limits);
    this.gaps = new GapJobs(shared.gaps);
  }

  /** @throws whatever the env throws; ENV_HANDLE_UNKNOWN, CAPACITY, ACTION_SHAPE. */
  carryOut<O extends SessionOp>(op: O, request: Request<O>, conditions: Conditions): Promise<Answer> | Answer {
    return (this.handlers[op] as (request: Request<O>, conditions: Conditions) => Promise<Answer> | Answer)(request, conditions);
  }

  /** A long call on this env, if one is going on, ends before its next step. */
  interrupt(handle: number): void {
    const hosted = this.envs.get(handle);
    if (hosted) hosted.isWanted = false;
  }

  /** Gives up an env whose request overran: nobody may use it again, and it is closed whenever it comes back. */
  condemn(handle: number | undefined): void {
    if (handle !== undefined && this.envs.has(handle)) this.closeEnv(handle).catch(() => {});
  }

  /** Closes every env; errors are logged. */
  async close(): Promise<void> {
    this.closed = true;
    this.gaps.close();
    this.blobs.close();
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
    const model = this.modelOf(options.model);
    // Any other number is refused when the env is made, and must not be counted until then.
    const workers = isCount(options.workers) ? options.workers : 0;
    const claim: Claim = { lanes, workers, modelBytes: model ? sizeOf(model) : 0 };
    this.reserve(claim);
    let env: VectorEnv;
    try {
      env = await this.shared.make(id, { ...options, lanes, ...(autoreset ? { autoreset } : {}) }, model);
    } catch (error) {
      this.release(claim);
      throw error;
    }
    return this.host(env, claim);
  }

  private async host(env: VectorEnv, claim: Claim): Promise<Answer> {
    if (this.closed || env.lanes !== claim.lanes) {
      this.release(claim);
      await this.shut(env);
      throw new GroundtwinError('INTERNAL', { op: 'make' });
    }
    this.shared.lastHandle += 1;
    const handle = this.shared.lastHandle;
    this.envs.set(handle, hostedEnv(env, handle, claim));
    return describe(env, handle, this.maxEpisodeStepsOf(env));
  }

  /** Null for an env without a time limit, or of which none is known. */
  private maxEpisodeStepsOf({ id, madeWith }: VectorEnv): number | null {
    if (madeWith?.maxEpisodeSteps !== undefined) return madeWith.maxEpisodeSteps;
    const { horizon } = this.shared.describe(id);
    return typeof horizon === 'number' ? horizon : null;
  }

  /** Of an option that names what was uploaded; anything else is the registry's business. */
  private modelOf(name: unknown): ModelBytes | undefined {
    if (typeof name !== 'string' || !UPLOADED.test(name)) return undefined;
    const { 'manifest.json': manifest, ...files } = this.blobs.filesOf('model', name);
    if (!manifest) throw new GroundtwinError('MODEL_MISSING', { path: name, problem: 'it was published without a manifest.json' });
    if (manifest.length > MAX_MANIFEST_BYTES)
      throw new GroundtwinError('MODEL_REFUSED', { model: name, problem: `its manifest is larger than ${MAX_MANIFEST_BYTES} bytes` });
    return { manifest: new TextDecoder().decode(manifest), files };
  }

  private snapshotOf(given: string | Uint8Array): Uint8Array {
    return typeof given === 'string' ? this.blobs.bytesOf(given.startsWith(PREFIX) ? given.slice(PREFIX.length) : given) : given;
  }

  private async reset(request: Request<'reset'>): Promise<Answer> {
    const { env, observations } = this.hosted(request.env);
    const result = await env.reset(resetOptionsOf(request));
    return { observation: toTensors(result.observation, observations, brokenEnv('reset')), info: infoToWire(result.info, env.lanes) };
  }

  private step(request: Request<'step'>): Promise<Answer> | Answer {
    const hosted = this.hosted(request.env);
    const { env, actions } = hosted;
    const action = fromTensors(request.action, actions, (expected, got) => {
      throw new GroundtwinError('ACTION_SHAPE', { env: env.id, expected, got });
    });
    const result = env.stepNow ? env.stepNow(action) : env.step(action);
    return result instanceof Promise ? result.then((late) => this.stepped(hosted, late)) : this.stepped(hosted, result);
  }

  private stepped({ env, observations }: HostedEnv, result: VectorStepResult): Answer {
    this.shared.steps += env.lanes;
    return {
      observation: toTensors(result.observation, observations, brokenEnv('step')),
      reward: new Tensor(result.reward, [env.lanes, env.agents]),
      terminated: result.terminated,
      truncated: result.truncated,
      info: infoToWire(result.info, env.lanes),
    };
  }

  private async rollout(request: Request<'rollout'>, conditions: Conditions): Promise<Answer> {
    const hosted = this.hosted(request.env);
    const answer = await rollout(hosted, request, conditions);
    this.shared.steps += answer.steps * hosted.env.lanes;
    return answer;
  }

  private async play(request: Request<'play'>, conditions: Conditions): Promise<Answer> {
    const hosted = this.hosted(request.env);
    const { steps, ...answer } = await play(hosted, request, conditions);
    this.shared.steps += steps * hosted.env.lanes;
    return answer;
  }

  private evaluate(request: Request<'evaluate'>, conditions: Conditions): Promise<Answer> {
    const hosted = this.hosted(request.env);
    const { blobs, shared } = this;
    const sources = { load: shared.loadPolicy, blobs, maxEpisodeSteps: this.maxEpisodeStepsOf(hosted.env) };
    return evaluatePolicy(hosted, request, sources, conditions);
  }

  private async closeEnv(handle: number): Promise<Answer> {
    const hosted = this.hosted(handle);
    hosted.isWanted = false;
    this.envs.delete(handle);
    this.release(hosted.claim);
    await this.shut(hosted.env);
    return {};
  }

  private async shut(env: VectorEnv): Promise<void> {
    try {
      await env.close();
    } catch (error) {
      this.shared.logger.error('env.close.failed', { env: env.id, at: placesOf(error) });
    }
  }

  private reserve(claim: Claim): void {
    const { maxEnvsPerSession, maxLanesPerSession, maxLanes, maxWorkers } = this.shared.limits;
    if (this.envs.size >= maxEnvsPerSession) refuse('envs a session', maxEnvsPerSession);
    if (this.lanes + claim.lanes > maxLanesPerSession) refuse('lanes a session', maxLanesPerSession);
    if (this.shared.lanesInUse + claim.lanes > maxLanes) refuse('lanes', maxLanes);
    if (this.shared.workersInUse + claim.workers > maxWorkers) refuse('workers', maxWorkers);
    this.shared.blobs.reserve(claim.modelBytes);
    this.count(claim, 1);
  }

  private release(claim: Claim): void {
    this.shared.blobs.release(claim.modelBytes);
    this.count(claim, -1);
  }

  private count({ lanes, workers }: Claim, sign: 1 | -1): void {
    this.lanes += sign * lanes;
    this.shared.lanesInUse += sign * lanes;
    this.shared.workersInUse += sign * workers;
    this.shared.envsInUse += sign;
  }
}

/** What a person may write into a manifest. */
const MAX_MANIFEST_BYTES = 4 * MEBIBYTE;

function describe(env: VectorEnv, handle: number, maxEpisodeSteps: number | null): Answer {
  const { id, kind, lanes, agents, autoreset, controlDt_s, renderModes = [], canBranch = true } = env;
  const spaces = { observationSpace: spaceToJson(env.observationSpace), actionSpace: spaceToJson(env.actionSpace) };
  return { env: handle, id, kind, lanes, agents, autoreset, controlDt_s, ...spaces, maxEpisodeSteps, renderModes, canBranch };
}

function resetOptionsOf(request: Request<'reset'>): ResetOptions {
  const seed = seedsOf(request);
  return {
    ...(seed === undefined ? {} : { seed }),
    ...(request.mask ? { mask: request.mask.slice() } : {}),
    ...(request.params ? { params: request.params } : {}),
  };
}

function sizeOf({ files }: ModelBytes): number {
  return Object.values(files).reduce((sum, { length }) => sum + length, 0);
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function refuse(what: string, limit: number): never {
  throw new GroundtwinError('CAPACITY', { what, limit });
}
