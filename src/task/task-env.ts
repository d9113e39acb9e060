/**
 * A task stepped on some dynamics: the one place where actuate → dynamics → advance → observe, reward, end happen, for truth and model alike.
 */
import type { Backend, BackendKind, InfoColumns, ResetRequest, StepBatch } from '../core/backend.ts';
import type { Dynamics, LaneRows } from '../core/dynamics.ts';
import type { LaneState } from '../core/picture.ts';
import type { Ranges } from '../core/range.ts';
import { bytesOf, packSections, unpackSections } from '../core/sections.ts';
import { layOut, type MutableStateView, type StateShape, type StateSpec, type StateView, viewsOver } from '../core/state-spec.ts';
import { GroundtwinError } from '../errors.ts';
import { Rng } from '../math/rng.ts';
import { allocate, arraysOf, copyValues, rowOf, type Space, type TypedArray, type Values } from '../spaces/space.ts';
import { paramsOfState } from './condition.ts';
import { sameParams } from './physics-dynamics.ts';
import { checkRanges, drawParams } from './randomize.ts';
import type { AnyTask, Params, RewardTerm } from './task.ts';

/** Streams of one episode seed; each concern has its own, so adding noise to one never shifts another. */
const streams = { task: 0, sensor: 1, params: 2 } as const;

interface Side {
  rows: Float64Array;
  views: MutableStateView[];
}

interface SavedLane {
  readonly task: string;
  readonly params: Params;
  readonly taskRng: number[];
  readonly sensorRng: number[];
}

export interface TaskEnvOptions {
  /** Physical parameters drawn anew for each episode, from its seed; those that `reset` is given win. */
  readonly randomize?: Ranges;
}

export class TaskEnv implements Backend {
  readonly id: string;
  readonly kind: BackendKind;
  readonly lanes: number;
  readonly agents: number;
  readonly observationSpace: Space;
  readonly actionSpace: Space;
  readonly controlDt_s: number;
  readonly canBranch = true;
  readonly fingerprint: string;
  readonly batch: StepBatch;
  readonly task: AnyTask;
  readonly dynamics: Dynamics;
  readonly spec: StateSpec;
  private now: Side;
  private following: Side;
  /** What the dynamics gets in this step, from `now` to `following`, and in the next one. */
  private rows: LaneRows;
  private rowsBack: LaneRows;
  private readonly command: Float64Array;
  private readonly commandRows: Float64Array[];
  private readonly actions: Values;
  private readonly actionRows: TypedArray[];
  private readonly observationRows: Values[];
  /** `[lanes]`: parts of an observation that may hold what is not finite. */
  private readonly floatRows: TypedArray[][];
  /** All lanes of what is made of a state and may not be finite. */
  private readonly outcomes: readonly TypedArray[];
  private readonly laneParams: Params[];
  private readonly taskRngs: Rng[];
  private readonly sensorRngs: Rng[];
  private readonly faults: (string | null)[];
  private readonly terms: readonly { weight: number; term: RewardTerm<StateShape>; column: Float64Array }[];
  private readonly rewardInput: RewardInput;
  private readonly ranges: Ranges | undefined;
  private readonly paramsRng = new Rng(0);

  /** @throws OPTION_INVALID for lanes or ranges that cannot be, SCENE_INVALID where an end of all ranges makes no scene. */
  constructor(task: AnyTask, dynamics: Dynamics, lanes: number, options: TaskEnvOptions = {}) {
    if (!Number.isInteger(lanes) || lanes < 1)
      throw new GroundtwinError('OPTION_INVALID', {
        who: task.id,
        option: 'lanes',
        value: String(lanes),
        allowed: 'an integer of at least 1',
      });
    this.ranges = options.randomize;
    if (this.ranges) checkEnds(task, dynamics, this.ranges);
    this.task = task;
    this.dynamics = dynamics;
    this.id = task.id;
    this.kind = dynamics.kind;
    this.lanes = lanes;
    this.agents = task.agents ?? 1;
    this.observationSpace = task.observationSpace;
    this.actionSpace = task.actionSpace;
    this.controlDt_s = task.controlDt_s;
    this.fingerprint = dynamics.fingerprint;
    this.spec = layOut(task.state);
    this.now = this.makeSide();
    this.following = this.makeSide();
    this.command = new Float64Array(lanes * task.commands.length);
    this.commandRows = perLane(lanes, (lane) => this.command.subarray(lane * task.commands.length, (lane + 1) * task.commands.length));
    this.actions = allocate(task.actionSpace, lanes);
    this.actionRows = perLane(lanes, (lane) => rowOf(task.actionSpace, this.actions, lane) as TypedArray);
    this.batch = this.makeBatch();
    this.observationRows = perLane(lanes, (lane) => rowOf(task.observationSpace, this.batch.observation, lane));
    this.floatRows = this.observationRows.map((row) => arraysOf(row).filter(isFloat));
    this.outcomes = [this.batch.reward, ...arraysOf(this.batch.observation).filter(isFloat)];
    this.laneParams = perLane(lanes, () => task.params);
    this.taskRngs = perLane(lanes, () => new Rng(0));
    this.sensorRngs = perLane(lanes, () => new Rng(0));
    this.faults = perLane(lanes, () => null);
    this.rows = this.rowsFrom(this.now, this.following);
    this.rowsBack = this.rowsFrom(this.following, this.now);
    const columns = this.batch.info.rewardTerms as Record<string, Float64Array>;
    this.terms = Object.entries(task.reward).map(([name, term]) => ({ weight: term.weight, term, column: columns[name]! }));
    this.rewardInput = {
      state: this.now.views[0]!,
      action: this.actionRows[0]!,
      command: this.commandRows[0]!,
      next: this.now.views[0]!,
      agent: 0,
    };
  }

  /** float64 `[lanes, size]`, the state of every lane now. Reused: copy what you keep. */
  get state(): Float64Array {
    return this.now.rows;
  }

  /** float64 `[lanes, commands]`: what the actuators got in the last step. Reused. */
  get commands(): Float64Array {
    return this.command;
  }

  /** Named access to one lane's state now. */
  stateView(lane: number): StateView {
    return this.now.views[lane]!;
  }

  /** The physical parameters of a lane's episode. */
  paramsOf(lane: number): Params {
    return this.laneParams[lane]!;
  }

  reset(request: ResetRequest): void | Promise<void> {
    const started: Promise<void>[] = [];
    const overrides = this.checkedParams(request.params);
    for (let lane = 0; lane < this.lanes; lane++) {
      if (!request.mask[lane]) continue;
      this.draw(lane, request.seeds[lane]!, this.episodeParams(request.seeds[lane]!, overrides));
      const pending = this.begin(lane, request.seeds[lane]!);
      if (pending) started.push(pending);
    }
    if (started.length > 0) return Promise.all(started).then(() => this.finishReset(request.mask));
    this.finishReset(request.mask);
  }

  /**
   * Puts a lane into a given state instead of a drawn one: the start of an imagined rollout, a ghost, a resync.
   * @param row - float64 `[size]`.
   * @param params - of the physics it goes on in; those that the state carries itself win (`conditionOn`).
   * @throws SCENE_INVALID for parameters of which no scene can be made; the lane must then be reset.
   */
  setState(lane: number, row: ArrayLike<number>, seed: number, params: Params = this.task.params): void | Promise<void> {
    this.rowAt(this.now, lane).set(row);
    this.takeParams(lane, paramsOfState(this.task, this.now.views[lane]!, params));
    this.taskRngs[lane]!.seed(seed, streams.task);
    this.sensorRngs[lane]!.seed(seed, streams.sensor);
    const pending = this.begin(lane, seed);
    if (pending) return pending.then(() => this.clearLane(lane));
    this.clearLane(lane);
  }

  /**
   * Puts a running lane where another env's lane is: the whole state and the generator of what is not physics, so that both pursue the same goals from here on.
   * Its own dynamics (noise, model memory), sensor noise and last observation stay: the next step starts from there.
   * @param from - an env of the same task.
   */
  adopt(lane: number, from: TaskEnv): void {
    this.rowAt(this.now, lane).set(from.rowAt(from.now, lane));
    this.takeParams(lane, from.laneParams[lane]!);
    this.taskRngs[lane]!.load(from.taskRngs[lane]!.save());
    this.faults[lane] = null;
  }

  /**
   * The real thing changes in the midst of an episode: a payload, more friction, a worn motor. The world is built anew at these parameters and put where the old one was,
   * positions and velocities; contacts begin anew. Holds until the episode ends. A replay of the episode does not know of it.
   * @param params - the parameters that change. @throws OPTION_INVALID, SCENE_INVALID; then nothing has changed.
   */
  perturb(lane: number, params: Params): void | Promise<void> {
    if (this.kind !== 'truth')
      throw new GroundtwinError('OPTION_INVALID', {
        who: this.id,
        option: 'backend',
        value: this.kind,
        allowed: "'truth' to be perturbed",
      });
    refuseUnknownParams(this.task, params);
    const carried = this.task.conditionedOn?.find((name) => Object.hasOwn(params, name));
    if (carried !== undefined)
      throw new GroundtwinError('OPTION_INVALID', {
        who: this.id,
        option: 'perturb',
        value: carried,
        allowed: 'parameters that its state does not carry: those are fixed within an episode, and told to the model',
      });
    const changed = { ...this.laneParams[lane], ...params };
    this.dynamics.check?.(changed);
    this.takeParams(lane, changed);
    // Truth draws nothing, so no seed is used.
    return this.begin(lane, 0);
  }

  step(actions: Values, active: Uint8Array): void | Promise<void> {
    copyValues(actions, this.actions);
    this.following.rows.set(this.now.rows);
    for (let lane = 0; lane < this.lanes; lane++) {
      if (active[lane])
        this.task.actuate(this.now.views[lane]!, this.actionRows[lane]!, this.following.views[lane]!, this.commandRows[lane]!);
    }
    const pending = this.dynamics.advance(this.rows, active);
    if (pending) return pending.then(() => this.finishStep(active));
    this.finishStep(active);
  }

  save(lane: number): Uint8Array {
    const head: SavedLane = {
      task: this.task.id,
      params: this.laneParams[lane]!,
      taskRng: this.taskRngs[lane]!.save(),
      sensorRng: this.sensorRngs[lane]!.save(),
    };
    const observation = arraysOf(this.observationRows[lane]!);
    return packSections(head, [bytesOf(this.rowAt(this.now, lane)), this.dynamics.save(lane), ...observation.map(bytesOf)]);
  }

  load(lane: number, saved: Uint8Array): void {
    const { head, parts } = unpackSections<SavedLane>(saved);
    const observation = arraysOf(this.observationRows[lane]!);
    const row = parts[0];
    const expected = [this.spec.size * 8, parts[1]?.byteLength ?? -1, ...observation.map((leaf) => leaf.byteLength)];
    if (!row || parts.length !== expected.length || parts.some((part, i) => part.byteLength !== expected[i]))
      throw new GroundtwinError('SNAPSHOT_INVALID', { problem: `its parts do not fit ${this.id}` });
    const state = new Float64Array(row.slice().buffer);
    this.checkSaved(head, state);
    this.dynamics.load(lane, parts[1]!, state, this.now.views[lane]!, head.params);
    this.takeParams(lane, head.params);
    this.taskRngs[lane]!.load(head.taskRng);
    this.sensorRngs[lane]!.load(head.sensorRng);
    this.rowAt(this.now, lane).set(state);
    observation.forEach((leaf, i) => void bytesOf(leaf).set(parts[2 + i]!));
    this.clearFlags(lane);
  }

  stateOf(lane: number, side: BackendKind = this.kind): LaneState {
    if (side !== this.kind)
      throw new GroundtwinError('OPTION_INVALID', {
        who: this.id,
        option: 'side',
        value: String(side).slice(0, 40),
        allowed: `'${this.kind}'`,
      });
    return { row: this.rowAt(this.now, lane), params: this.laneParams[lane]! };
  }

  close(): void | Promise<void> {
    return this.dynamics.close();
  }

  /** Saved bytes come from anywhere: nothing of them is taken before all of it is known to fit. */
  private checkSaved(head: SavedLane, state: Float64Array): void {
    const refuse = (problem: string): never => {
      throw new GroundtwinError('SNAPSHOT_INVALID', { problem });
    };
    const names = Object.keys(this.task.params);
    const params: unknown = head?.params;
    if (
      typeof params !== 'object' ||
      params === null ||
      Object.keys(params).length !== names.length ||
      !names.every((name) => Number.isFinite(head.params[name]))
    )
      refuse(`its parameters are not those of ${this.id}`);
    for (const saved of [head.taskRng, head.sensorRng])
      if (!Array.isArray(saved) || saved.length !== 6 || !saved.every(Number.isFinite)) refuse('its generators are damaged');
    if (!state.every(Number.isFinite)) refuse('its state is not finite');
    const own = paramsOfState(this.task, viewsOver(this.task.state, state, 1)[0]!, head.params);
    if (!sameParams(own, head.params)) refuse('its state is of other parameters than its physics');
  }

  /** Refuses before any lane is touched. @returns what wins over defaults and draws. */
  private checkedParams(overrides: Params | undefined): Params | undefined {
    if (!overrides) return undefined;
    refuseUnknownParams(this.task, overrides);
    this.dynamics.check?.({ ...this.task.params, ...overrides });
    return overrides;
  }

  private episodeParams(seed: number, overrides: Params | undefined): Params {
    if (!this.ranges) return overrides ? { ...this.task.params, ...overrides } : this.task.params;
    this.paramsRng.seed(seed, streams.params);
    return { ...this.task.params, ...drawParams(Object.keys(this.task.params), this.ranges, this.paramsRng), ...overrides };
  }

  private draw(lane: number, seed: number, params: Params): void {
    this.takeParams(lane, params);
    this.taskRngs[lane]!.seed(seed, streams.task);
    this.sensorRngs[lane]!.seed(seed, streams.sensor);
    this.rowAt(this.now, lane).fill(0);
    this.task.initial(this.taskRngs[lane]!, this.laneParams[lane]!, this.now.views[lane]!);
  }

  /** Of the lane's episode; shown in `info.params` where they are drawn. */
  private takeParams(lane: number, params: Params): void {
    this.laneParams[lane] = params;
    const columns = this.batch.info.params as Record<string, Float64Array> | undefined;
    for (const name in columns) columns[name]![lane] = params[name]!;
  }

  private begin(lane: number, seed: number): void | Promise<void> {
    return this.dynamics.start(lane, this.rowAt(this.now, lane), this.now.views[lane]!, this.laneParams[lane]!, seed);
  }

  private finishReset(mask: Uint8Array): void {
    for (let lane = 0; lane < this.lanes; lane++) if (mask[lane]) this.clearLane(lane);
  }

  private clearLane(lane: number): void {
    this.clearFlags(lane);
    this.look(lane, this.now.views[lane]!);
  }

  private clearFlags(lane: number): void {
    this.faults[lane] = null;
    this.batch.problems[lane] = null;
    this.batch.terminated[lane] = 0;
    this.batch.truncated[lane] = 0;
    this.batch.reward.fill(0, lane * this.agents, (lane + 1) * this.agents);
    for (const term of this.terms) term.column.fill(0, lane * this.agents, (lane + 1) * this.agents);
  }

  private look(lane: number, state: StateView): void {
    const row = this.observationRows[lane]!;
    this.task.observe(state, row);
    this.task.sense?.(row, this.sensorRngs[lane]!);
  }

  private finishStep(active: Uint8Array): void {
    const { lanes, faults } = this;
    if (!isFiniteWhole(this.following.rows)) this.findFaults(active, (lane) => this.stateFault(lane));
    for (let lane = 0; lane < lanes; lane++) if (active[lane] && faults[lane] === null) this.settle(lane);
    if (!this.outcomes.every(isFiniteWhole)) this.findFaults(active, (lane) => this.outcomeFault(lane));
    for (let lane = 0; lane < lanes; lane++) if (active[lane] && faults[lane] !== null) this.cutOff(lane);
    [this.now, this.following] = [this.following, this.now];
    [this.rows, this.rowsBack] = [this.rowsBack, this.rows];
  }

  private findFaults(active: Uint8Array, faultOf: (lane: number) => string | null): void {
    for (let lane = 0; lane < this.lanes; lane++) if (active[lane]) this.faults[lane] ??= faultOf(lane);
  }

  private settle(lane: number): void {
    const { task } = this;
    const state = this.now.views[lane]!;
    const next = this.following.views[lane]!;
    const action = this.actionRows[lane]!;
    task.advance?.(state, action, next, this.taskRngs[lane]!);
    const input = this.rewardInput;
    input.state = state;
    input.action = action;
    input.command = this.commandRows[lane]!;
    input.next = next;
    for (let agent = 0; agent < this.agents; agent++) {
      input.agent = agent;
      const slot = lane * this.agents + agent;
      this.batch.reward[slot] = this.weigh(slot);
    }
    this.batch.terminated[lane] = task.terminated?.(next) ? 1 : 0;
    this.batch.truncated[lane] = 0;
    this.look(lane, next);
  }

  private stateFault(lane: number): string | null {
    return allFinite(this.following.rows, lane * this.spec.size, this.spec.size) ? null : 'the state is not finite';
  }

  /** What is made of a finite state may still overflow: a square does, and a float32. Then the observation is again that of the last good state. */
  private outcomeFault(lane: number): string | null {
    const rewardIsFinite = allFinite(this.batch.reward, lane * this.agents, this.agents);
    if (rewardIsFinite && this.floatRows[lane]!.every((row) => allFinite(row, 0, row.length))) return null;
    this.task.observe(this.now.views[lane]!, this.observationRows[lane]!);
    return rewardIsFinite ? 'the observation is not finite' : 'the reward is not finite';
  }

  private weigh(slot: number): number {
    let sum = 0;
    for (const { weight, term, column } of this.terms) {
      const part = weight * term.value(this.rewardInput);
      column[slot] = part;
      sum += part;
    }
    return sum;
  }

  /** Keeps the last good state and observation; the lane must be reset. */
  private cutOff(lane: number): void {
    const what = this.faults[lane]!;
    this.clearFlags(lane);
    this.faults[lane] = what;
    this.batch.truncated[lane] = 1;
    this.batch.problems[lane] = new GroundtwinError('PHYSICS_DIVERGED', { env: this.id, lane, what });
    this.rowAt(this.following, lane).set(this.rowAt(this.now, lane));
  }

  private rowsFrom(now: Side, { rows: next, views: nextViews }: Side): LaneRows {
    return { lanes: this.lanes, state: now.rows, next, command: this.command, nextViews, problems: this.faults };
  }

  private rowAt(side: Side, lane: number): Float64Array {
    const { size } = this.spec;
    return side.rows.subarray(lane * size, (lane + 1) * size);
  }

  private makeSide(): Side {
    const rows = new Float64Array(this.lanes * this.spec.size);
    return { rows, views: viewsOver(this.task.state, rows, this.lanes) };
  }

  private paramColumns(ranges: Ranges): InfoColumns {
    return Object.fromEntries(Object.keys(ranges).map((name) => [name, new Float64Array(this.lanes)]));
  }

  private makeBatch(): StepBatch {
    const { info } = this.dynamics;
    const slots = this.lanes * this.agents;
    const rewardTerms = Object.fromEntries(Object.keys(this.task.reward).map((name) => [name, new Float64Array(slots)]));
    return {
      observation: allocate(this.observationSpace, this.lanes),
      reward: new Float64Array(slots),
      terminated: new Uint8Array(this.lanes),
      truncated: new Uint8Array(this.lanes),
      info: {
        rewardTerms,
        ...(this.ranges && { params: this.paramColumns(this.ranges) }),
        ...(info && { [this.kind]: info }),
      } as InfoColumns,
      problems: perLane(this.lanes, () => null),
    };
  }
}

interface RewardInput {
  state: StateView;
  action: ArrayLike<number>;
  command: Float64Array;
  next: StateView;
  agent: number;
}

function perLane<T>(lanes: number, make: (lane: number) => T): T[] {
  return Array.from({ length: lanes }, (_, lane) => make(lane));
}

function isFloat(values: TypedArray): boolean {
  return values instanceof Float32Array || values instanceof Float64Array;
}

function allFinite(values: TypedArray, start: number, length: number): boolean {
  for (let i = start; i < start + length; i++) if (!Number.isFinite(values[i])) return false;
  return true;
}

/** One look at all lanes where nearly always all are well: 0 times what is not finite is NaN. In two sums, since one would wait for each of its additions. */
function isFiniteWhole(values: TypedArray): boolean {
  const half = values.length >> 1;
  let [low, high] = [0, (values[values.length - 1] ?? 0) * 0];
  for (let i = 0; i < half; i++) {
    low += values[i]! * 0;
    high += values[half + i]! * 0;
  }
  return low + high === 0;
}

function checkEnds(task: AnyTask, dynamics: Dynamics, ranges: Ranges): void {
  checkRanges(task.id, ranges, Object.keys(task.params));
  for (const end of ['low', 'high'] as const)
    dynamics.check?.({ ...task.params, ...Object.fromEntries(Object.entries(ranges).map(([name, range]) => [name, range[end]])) });
}

function refuseUnknownParams(task: AnyTask, overrides: Params): void {
  for (const [name, value] of Object.entries(overrides)) {
    if (!Object.hasOwn(task.params, name))
      throw new GroundtwinError('OPTION_INVALID', {
        who: task.id,
        option: `params.${name}`,
        value: String(value),
        allowed: `one of ${Object.keys(task.params).join(', ')}`,
      });
    if (!Number.isFinite(value))
      throw new GroundtwinError('OPTION_INVALID', {
        who: task.id,
        option: `params.${name}`,
        value: String(value),
        allowed: 'a finite number',
      });
  }
}
