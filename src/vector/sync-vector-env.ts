import type { Backend, BackendKind, InfoColumns, StepBatch } from '../core/backend.ts';
import { requireKnown } from '../core/options.ts';
import { type Painter, type RenderMode, type RenderResults, renderModes, type ViewOptions } from '../core/picture.ts';
import type { StateSpec } from '../core/state-spec.ts';
import type {
  AutoresetMode,
  LaneStates,
  MadeWith,
  ResetOptions,
  VectorEnv,
  VectorResetResult,
  VectorStepResult,
} from '../core/vector-env.ts';
import type { WrappedSpec, Wrapper, WrapperFactory } from '../core/wrapper.ts';
import { GroundtwinError } from '../errors.ts';
import { allocate, cloneValues, rowOf, type Space, type Values } from '../spaces/space.ts';
import { type ActionTaker, actionTaker } from './actions.ts';
import { cloneColumns } from './info.ts';
import { laneStates } from './lane-states.ts';
import type { Pacer } from './pacer.ts';
import { packSnapshot, unpackSnapshot } from './snapshot.ts';

export interface SyncVectorEnvOptions {
  /** Those that belong to how the env is made, such as its time limit; within all others. Innermost first. */
  readonly inner?: readonly WrapperFactory[];
  /** Innermost first. */
  readonly wrappers?: readonly WrapperFactory[];
  /** What to tell of how the env was made. */
  readonly madeWith?: Omit<MadeWith, 'wrappers'>;
  readonly autoreset?: AutoresetMode;
  /** False: results are views into reused buffers, valid until the next call. Default true. */
  readonly copy?: boolean;
  /** First seed of lanes that were never given one; integers in [0, 2^32). */
  readonly entropy: () => number;
  /** Draws what `render` is asked for; freed with the env. Absent = no pictures. */
  readonly painter?: Painter;
  /** Of the task; absent = `state` refuses. */
  readonly stateSpec?: StateSpec;
  /** Holds steps back to real time or a multiple of it; absent = as fast as they come. */
  readonly pacer?: Pacer;
}

const resetOptions = { seed: true, mask: true, params: true } satisfies Record<keyof ResetOptions, true>;
const viewOptions = { lane: true, side: true, camera: true, width: true, height: true, shadows: true } satisfies Record<
  keyof ViewOptions,
  true
>;

/** Where a lane is in its episode. */
const stages = { never: 0, running: 1, ended: 2 } as const;
/** Seeds below this are first episodes; the rest of a seed counts the episodes before it. */
const seedLimit = 2 ** 32;

/**
 * Wrappers, autoreset and checks round one backend: what `make` returns for truth, model and twin.
 * All lanes are stepped together, in this process unless the backend does otherwise.
 */
export class SyncVectorEnv implements VectorEnv {
  readonly id: string;
  readonly kind: BackendKind;
  readonly lanes: number;
  readonly agents: number;
  readonly observationSpace: Space;
  readonly actionSpace: Space;
  readonly controlDt_s: number;
  readonly autoreset: AutoresetMode;
  readonly madeWith?: MadeWith;
  /** The unwrapped backend: its state rows, twin and worlds. */
  readonly backend: Backend;
  private readonly wrappers: readonly Wrapper[];
  private readonly copy: boolean;
  private readonly entropy: () => number;
  private readonly painter: Painter | undefined;
  private readonly pacer: Pacer | undefined;
  private readonly stateSpec: StateSpec | undefined;
  private readonly stage: Uint8Array;
  private readonly active: Uint8Array;
  private readonly resetMask: Uint8Array;
  private readonly seeds: Float64Array;
  private readonly baseSeed: Float64Array;
  private readonly episode: Float64Array;
  private readonly takeActions: ActionTaker;
  private readonly actions: Values;
  private observation: Values;
  /** Memory of the last same-step result, where it may be used again. */
  private former: InfoColumns | undefined;
  private closed = false;
  /** A step or reset is going on that waits for something. */
  private isBusy = false;

  constructor(backend: Backend, options: SyncVectorEnvOptions) {
    this.backend = backend;
    this.id = backend.id;
    this.kind = backend.kind;
    this.lanes = backend.lanes;
    this.agents = backend.agents;
    this.controlDt_s = backend.controlDt_s;
    this.autoreset = options.autoreset ?? 'nextStep';
    if (!['nextStep', 'sameStep', 'disabled'].includes(this.autoreset))
      this.refuse('autoreset', String(this.autoreset).slice(0, 40), "'nextStep', 'sameStep' or 'disabled'");
    this.copy = options.copy ?? true;
    this.entropy = options.entropy;
    this.painter = options.painter;
    this.pacer = options.pacer;
    this.stateSpec = options.stateSpec;
    const inner = options.inner ?? [];
    const stack = wrap(backend, [...inner, ...(options.wrappers ?? [])]);
    this.wrappers = stack.wrappers;
    if (options.madeWith) this.madeWith = { ...options.madeWith, wrappers: this.wrappers.slice(inner.length).map(({ name }) => name) };
    this.observationSpace = stack.observationSpace;
    this.actionSpace = stack.actionSpace;
    this.stage = new Uint8Array(this.lanes);
    this.active = new Uint8Array(this.lanes);
    this.resetMask = new Uint8Array(this.lanes);
    this.seeds = new Float64Array(this.lanes);
    this.baseSeed = new Float64Array(this.lanes).fill(-1);
    this.episode = new Float64Array(this.lanes);
    this.takeActions = actionTaker(this.id, this.actionSpace, this.lanes);
    this.actions = allocate(this.actionSpace, this.lanes);
    this.observation = backend.batch.observation;
  }

  get renderModes(): readonly RenderMode[] {
    return this.painter && this.backend.stateOf ? renderModes : [];
  }

  get canBranch(): boolean {
    return this.backend.canBranch;
  }

  async reset(options: ResetOptions = {}): Promise<VectorResetResult> {
    this.requireFree('reset');
    requireKnown(this.id, 'reset', options, resetOptions);
    const mask = options.mask ?? new Uint8Array(this.lanes).fill(1);
    if (mask.length !== this.lanes) this.refuse('mask', `${mask.length} long`, `${this.lanes} long`);
    const before = { baseSeed: this.baseSeed.slice(), episode: this.episode.slice() };
    try {
      this.takeSeeds(options.seed, mask);
      const pending = this.resetLanes(mask, options.params);
      if (pending) await this.busyUntil(pending);
    } catch (error) {
      this.baseSeed.set(before.baseSeed);
      this.episode.set(before.episode);
      throw error;
    }
    return { observation: this.given(this.observation), info: this.info(this.backend.batch) };
  }

  async step(actions: Values): Promise<VectorStepResult> {
    return this.stepNow(actions);
  }

  stepNow(actions: Values): VectorStepResult | Promise<VectorStepResult> {
    this.requireFree('step');
    const { active, wrappers, pacer } = this;
    const allActive = this.chooseActive();
    this.takeActions(actions, active, this.actions);
    pacer?.begin();
    let inner = this.actions;
    for (let i = wrappers.length - 1; i >= 0; i--) inner = wrappers[i]!.action?.(inner, active) ?? inner;
    const pending = this.backend.step(inner, active);
    const result = pending ? pending.then(() => this.finishStep(allActive)) : this.finishStep(allActive);
    return result instanceof Promise ? this.busyUntil(result) : result;
  }

  async snapshot(lane = 0): Promise<Uint8Array> {
    this.requireOpen();
    this.requireBegun(lane);
    const { id, kind, fingerprint } = this.backend;
    const wrappers = this.wrappers.map((wrapper) => ({ name: wrapper.name, memory: wrapper.save?.(lane) ?? [] }));
    const head = {
      env: id,
      kind,
      fingerprint,
      wrappers,
      seed: this.baseSeed[lane]!,
      episode: this.episode[lane]!,
      stage: this.stage[lane]!,
    };
    return packSnapshot(head, await this.backend.save(lane));
  }

  async restore(snapshot: Uint8Array, lane = 0): Promise<Values> {
    this.requireOpen();
    this.requireLane(lane);
    const { id, kind, fingerprint } = this.backend;
    const { head, lane: saved } = unpackSnapshot(snapshot, {
      env: id,
      kind,
      fingerprint,
      wrapperNames: this.wrappers.map((wrapper) => wrapper.name),
    });
    await this.backend.load(lane, saved);
    const mask = new Uint8Array(this.lanes);
    mask[lane] = 1;
    this.wrappers.forEach((wrapper, i) => {
      wrapper.reset?.(mask, this.backend.batch, this.seeds);
      wrapper.load?.(lane, head.wrappers[i]!.memory);
    });
    this.baseSeed[lane] = head.seed;
    this.episode[lane] = head.episode;
    this.stage[lane] = head.stage;
    this.observe();
    return cloneValues(rowOf(this.observationSpace, this.observation, lane));
  }

  async render<M extends RenderMode = 'rgb_array'>(mode = 'rgb_array' as M, options: ViewOptions = {}): Promise<RenderResults[M]> {
    this.requireOpen();
    requireKnown(this.id, 'render', options, viewOptions);
    const lane = options.lane ?? 0;
    this.requireBegun(lane);
    if (!this.painter || !this.backend.stateOf)
      throw new GroundtwinError('RENDER_UNAVAILABLE', {
        env: this.id,
        why: 'it was made without a painter, or keeps its states to itself',
      });
    // A state at hand is taken now, so that a step made meanwhile does not show.
    const state = this.backend.stateOf(lane, options.side);
    return this.painter.render(mode, state instanceof Promise ? await state : state, options);
  }

  async state(side?: 'truth' | 'model'): Promise<LaneStates> {
    this.requireFree('state');
    for (let lane = 0; lane < this.lanes; lane++) this.requireBegun(lane);
    if (!this.stateSpec || !this.backend.stateOf)
      throw new GroundtwinError('CALL_UNSUPPORTED', { env: this.id, call: 'state', why: 'what it stands on keeps no state of the task' });
    return laneStates(this.stateSpec, this.backend, side);
  }

  async perturb(lane: number, params: Readonly<Record<string, number>>): Promise<void> {
    this.requireFree('perturb');
    this.requireBegun(lane);
    if (!this.backend.perturb)
      throw new GroundtwinError('CALL_UNSUPPORTED', {
        env: this.id,
        call: 'perturb',
        why: 'what it stands on cannot be changed from here',
      });
    await this.backend.perturb(lane, params);
  }

  async close(): Promise<void> {
    if (this.closed) return;
    this.closed = true;
    this.painter?.free();
    this.pacer?.cancel();
    await this.backend.close();
  }

  /** Lanes to step; with `nextStep` an ended lane sits this step out and is reset instead. @returns whether none does. */
  private chooseActive(): boolean {
    const { stage, active, lanes } = this;
    let all = true;
    for (let lane = 0; lane < lanes; lane++) {
      if (stage[lane] === stages.running) {
        active[lane] = 1;
        continue;
      }
      if (stage[lane] === stages.never || this.autoreset === 'disabled') throw new GroundtwinError('ENV_NOT_RESET', { env: this.id, lane });
      active[lane] = 0;
      all = false;
    }
    return all;
  }

  private finishStep(allActive: boolean): VectorStepResult | Promise<VectorStepResult> {
    const { active, backend, wrappers, pacer } = this;
    for (let i = 0; i < wrappers.length; i++) wrappers[i]!.step?.(backend.batch, active);
    this.observe();
    const anyEnded = this.markEnds();
    const mustBegin = this.autoreset === 'nextStep' ? !allActive : this.autoreset === 'sameStep' && (anyEnded || !allActive);
    return mustBegin || pacer ? this.finishLater(mustBegin) : this.result();
  }

  private async finishLater(mustBegin: boolean): Promise<VectorStepResult> {
    if (mustBegin && this.autoreset === 'nextStep') await this.resetInactive();
    const result = mustBegin && this.autoreset === 'sameStep' ? await this.sameStepResult() : this.result();
    await this.pacer?.wait();
    return result;
  }

  private resetInactive(): Promise<void> {
    for (let lane = 0; lane < this.lanes; lane++) this.resetMask[lane] = this.active[lane] ? 0 : 1;
    return this.nextEpisodes(this.resetMask);
  }

  /** @returns whether any lane ended on this step. */
  private markEnds(): boolean {
    const { active, stage, lanes } = this;
    const { terminated, truncated } = this.backend.batch;
    let any = false;
    for (let lane = 0; lane < lanes; lane++) {
      if (!active[lane] || !(terminated[lane] || truncated[lane])) continue;
      stage[lane] = stages.ended;
      any = true;
    }
    return any;
  }

  /** Begins anew what ended on this step, and keeps how it ended. */
  private async sameStepResult(): Promise<VectorStepResult> {
    const { reward, terminated, truncated } = this.backend.batch;
    const kept = cloneColumns(
      { reward, terminated, truncated, finalObservation: this.observation as InfoColumns, finalInfo: this.info(this.backend.batch) },
      this.former,
    );
    if (!this.copy) this.former = kept;
    // A lane restored as ended is begun anew, but nothing of it ended on this step.
    const finalMask = new Uint8Array(this.lanes);
    for (let lane = 0; lane < this.lanes; lane++) {
      this.resetMask[lane] = this.stage[lane] === stages.ended ? 1 : 0;
      finalMask[lane] = this.resetMask[lane]! & this.active[lane]!;
    }
    await this.nextEpisodes(this.resetMask);
    const { finalObservation, finalInfo, ...ends } = kept;
    const final = finalMask.includes(1) ? { finalMask, finalObservation, finalInfo } : { finalMask };
    return { observation: this.given(this.observation), ...ends, info: { ...this.info(this.backend.batch), ...final } };
  }

  private async nextEpisodes(mask: Uint8Array): Promise<void> {
    this.countEpisodes(mask, 1);
    try {
      await this.resetLanes(mask);
    } catch (error) {
      // Whoever steps again after a crash gets the very episodes that were due.
      this.countEpisodes(mask, -1);
      throw error;
    }
  }

  private countEpisodes(mask: Uint8Array, by: number): void {
    for (let lane = 0; lane < this.lanes; lane++) if (mask[lane]) this.episode[lane] = this.episode[lane]! + by;
  }

  private resetLanes(mask: Uint8Array, params?: Readonly<Record<string, number>>): void | Promise<void> {
    // Episode k of a lane seeded s has seed s + k·2^32: printable, distinct, and any episode can be begun again from its number alone.
    for (let lane = 0; lane < this.lanes; lane++) if (mask[lane]) this.seeds[lane] = this.baseSeed[lane]! + this.episode[lane]! * seedLimit;
    const pending = this.backend.reset(params ? { mask, seeds: this.seeds, params } : { mask, seeds: this.seeds });
    if (pending) return pending.then(() => this.finishReset(mask));
    this.finishReset(mask);
  }

  private finishReset(mask: Uint8Array): void {
    for (const wrapper of this.wrappers) wrapper.reset?.(mask, this.backend.batch, this.seeds);
    for (let lane = 0; lane < this.lanes; lane++) if (mask[lane]) this.stage[lane] = stages.running;
    this.observe();
  }

  private takeSeeds(seed: ResetOptions['seed'], mask: Uint8Array): void {
    if (typeof seed === 'object' && seed.length !== this.lanes) this.refuse('seed', `a list of ${seed.length}`, `a list of ${this.lanes}`);
    for (let lane = 0; lane < this.lanes; lane++) {
      if (!mask[lane]) continue;
      const own = typeof seed === 'number' ? seed + lane : (seed?.[lane] ?? null);
      if (own !== null) this.seedLane(lane, own);
      else if (this.baseSeed[lane]! < 0) this.seedLane(lane, this.entropy());
      else this.episode[lane] = this.episode[lane]! + 1;
    }
  }

  private seedLane(lane: number, seed: number): void {
    if (!Number.isSafeInteger(seed) || seed < 0) this.refuse('seed', String(seed), 'an integer from 0 to 9007199254740991');
    this.baseSeed[lane] = seed % seedLimit;
    this.episode[lane] = Math.floor(seed / seedLimit);
  }

  private observe(): void {
    let outer = this.backend.batch.observation;
    for (let i = 0; i < this.wrappers.length; i++) outer = this.wrappers[i]!.observation?.(outer) ?? outer;
    this.observation = outer;
  }

  private result(): VectorStepResult {
    const { batch } = this.backend;
    const { reward, terminated, truncated } = batch;
    const observation = this.given(this.observation);
    const columns = this.info(batch);
    const info = this.autoreset === 'sameStep' ? { ...columns, finalMask: new Uint8Array(this.lanes) } : columns;
    if (!this.copy) return { observation, reward, terminated, truncated, info };
    return { observation, reward: reward.slice(), terminated: terminated.slice(), truncated: truncated.slice(), info };
  }

  private info(batch: StepBatch): InfoColumns {
    const columns = hasProblem(batch.problems) ? { ...batch.info, problem: batch.problems.slice() } : batch.info;
    return this.copy ? cloneColumns(columns) : columns;
  }

  private given(values: Values): Values {
    return this.copy ? cloneValues(values) : values;
  }

  private async busyUntil<T>(pending: Promise<T>): Promise<T> {
    this.isBusy = true;
    try {
      return await pending;
    } finally {
      this.isBusy = false;
    }
  }

  private requireFree(call: string): void {
    this.requireOpen();
    if (this.isBusy) throw new GroundtwinError('ENV_BUSY', { env: this.id, call });
  }

  private requireOpen(): void {
    if (this.closed) throw new GroundtwinError('ENV_CLOSED', { env: this.id });
  }

  private requireLane(lane: number): void {
    if (!Number.isInteger(lane) || lane < 0 || lane >= this.lanes)
      this.refuse('lane', String(lane), `an integer from 0 to ${this.lanes - 1}`);
  }

  private requireBegun(lane: number): void {
    this.requireLane(lane);
    if (this.stage[lane] === stages.never) throw new GroundtwinError('ENV_NOT_RESET', { env: this.id, lane });
  }

  private refuse(option: string, value: string, allowed: string): never {
    throw new GroundtwinError('OPTION_INVALID', { who: this.id, option, value, allowed });
  }
}

/** @throws OPTION_INVALID for a name instead of a wrapper, and for a maker of wrappers that was not called. */
function wrapperOf(factory: WrapperFactory, below: WrappedSpec): Wrapper {
  const wrapper: unknown = typeof factory === 'function' ? factory(below) : null;
  if (typeof wrapper === 'object' && wrapper !== null && 'name' in wrapper) return wrapper as Wrapper;
  throw new GroundtwinError('OPTION_INVALID', {
    who: below.id,
    option: 'wrappers',
    value: typeof factory === 'function' ? `${factory.name || 'a function'}, which makes no wrapper` : String(factory).slice(0, 40),
    allowed: 'a list of what calls such as clipAction() or timeLimit(100) return',
  });
}

function hasProblem(problems: StepBatch['problems']): boolean {
  for (let lane = 0; lane < problems.length; lane++) if (problems[lane] !== null) return true;
  return false;
}

function wrap(backend: Backend, factories: readonly WrapperFactory[]) {
  let { observationSpace, actionSpace } = backend;
  const wrappers = factories.map((factory) => {
    const wrapper = wrapperOf(factory, { id: backend.id, lanes: backend.lanes, agents: backend.agents, observationSpace, actionSpace });
    observationSpace = wrapper.observationSpace ?? observationSpace;
    actionSpace = wrapper.actionSpace ?? actionSpace;
    return wrapper;
  });
  return { wrappers, observationSpace, actionSpace };
}
