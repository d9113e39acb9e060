/**
 * Truth and model in lock-step on the same actions: what the model predicts is compared with physics at every step, and put right by resync.
 */
import type { Backend, InfoColumns, ResetRequest, StepBatch } from '../core/backend.ts';
import type { LaneState } from '../core/picture.ts';
import { packSections, unpackSections } from '../core/sections.ts';
import { elementDifference, type StateEntry } from '../core/state-spec.ts';
import { RecentTransitions } from '../data/recent-transitions.ts';
import type { Transitions } from '../data/transitions.ts';
import { GroundtwinError, isGroundtwinError } from '../errors.ts';
import { rowOf, type Space, type Values } from '../spaces/space.ts';
import type { Params } from '../task/task.ts';
import type { TaskEnv } from '../task/task-env.ts';
import { predictedEntries, widthOf } from '../world-model/contract.ts';
import type { ModelDynamics } from '../world-model/model-dynamics.ts';
import { checkDrift, checkFamiliarity, type DriftCalibration, type Familiarity } from '../world-model/trust.ts';
import { type DriftColumns, DriftMonitor } from './drift-monitor.ts';

/** When the model is put back onto truth: after every n steps, when an entry's error passes a bound (in its unit), or never (free run). */
export type Resync = { readonly every: number } | { readonly threshold: Readonly<Record<string, number>> } | 'never';

export interface TwinOptions {
  /** Whose observation, reward and end the agent gets; the other side's are in `info.twin`. Default 'truth'. */
  readonly observe?: 'truth' | 'model';
  /** Default: every 16 steps. */
  readonly resync?: Resync;
  /** Watches truth for changes, told in `info.twin.drift`: by what the model's manifest has under `trust` (true), or as stated here. Default false. */
  readonly drift?: boolean | DriftOptions;
}

export interface DriftOptions {
  /** Default: the manifest's `trust.familiarity` and `trust.drift`. */
  readonly familiarity?: Familiarity;
  readonly calibration?: DriftCalibration;
  /** Steps a lane that `recent` gives back. Default 1000. */
  readonly remember?: number;
}

const maxRemembered = 1_000_000;

/**
 * `info.twin`, columns of one row a lane, all of the step just made (before a resync):
 * `truth.<entry>`, `prediction.<entry>`, `error.<entry>` (prediction − truth, the short way for angles) in the entry's unit;
 * `uncertainty.<entry>` (the model's own deviation, all sources, one step) ; `otherReward`, `otherTerminated` of the side not observed;
 * `stepsSinceResync` before this step's resync; `resynced` 0 or 1; `drift` where it is watched, see `DriftColumns`.
 */
export class TwinEnv implements Backend {
  readonly id: string;
  readonly kind = 'twin' as const;
  readonly lanes: number;
  readonly agents: number;
  readonly observationSpace: Space;
  readonly actionSpace: Space;
  readonly controlDt_s: number;
  readonly canBranch = true;
  readonly fingerprint: string;
  readonly truth: TaskEnv;
  readonly model: TaskEnv;
  private readonly dynamics: ModelDynamics;
  private readonly observed: TaskEnv;
  private readonly other: TaskEnv;
  private readonly resync: Resync;
  private readonly entries: readonly StateEntry[];
  private readonly bounds: readonly { readonly entry: StateEntry; readonly bound: number }[];
  private readonly columns: TwinColumns;
  private readonly episodeSeeds: Float64Array;
  /** Where truth is watched: its alarms are acknowledged here. */
  readonly drift: DriftMonitor | undefined;
  private readonly memory: RecentTransitions | undefined;
  /** Truth's state before the step, for the monitor. */
  private readonly before: Float64Array;
  readonly batch: StepBatch;

  /** @param truth - owned from now on, as is `model`, whose dynamics should know its disagreement. */
  constructor(truth: TaskEnv, model: TaskEnv, dynamics: ModelDynamics, options: TwinOptions = {}) {
    this.truth = truth;
    this.model = model;
    this.dynamics = dynamics;
    this.id = truth.id;
    this.lanes = truth.lanes;
    this.agents = truth.agents;
    this.observationSpace = truth.observationSpace;
    this.actionSpace = truth.actionSpace;
    this.controlDt_s = truth.controlDt_s;
    requireSide(truth, 'observe', options.observe ?? 'truth');
    this.observed = options.observe === 'model' ? model : truth;
    this.other = options.observe === 'model' ? truth : model;
    this.resync = checkedResync(truth, options.resync ?? { every: 16 });
    this.entries = predictedEntries(truth.task);
    this.bounds = typeof this.resync === 'object' && 'threshold' in this.resync ? this.boundsOf(this.resync.threshold) : [];
    const watch = options.drift === true ? {} : options.drift || undefined;
    this.drift = watch && monitorOf(truth, dynamics, watch);
    this.memory = watch && new RecentTransitions(truth.task, this.lanes, checkedMemory(truth, watch));
    this.fingerprint = [truth, model, ...(this.drift ? [this.drift] : [])].map(({ fingerprint }) => fingerprint).join('+');
    this.before = new Float64Array(this.drift ? truth.state.length : 0);
    this.columns = { ...makeColumns(this.entries, this.lanes, this.agents), ...(this.drift && { drift: this.drift.columns }) };
    this.episodeSeeds = new Float64Array(this.lanes);
    this.batch = { ...this.observed.batch, info: { ...this.observed.batch.info, twin: this.columns as unknown as InfoColumns } };
  }

  async reset(request: ResetRequest): Promise<void> {
    await this.truth.reset(request);
    for (let lane = 0; lane < this.lanes; lane++) {
      if (!request.mask[lane]) continue;
      this.episodeSeeds[lane] = request.seeds[lane]!;
      await this.align(lane);
      this.drift?.begin(lane);
      this.memory?.begin(lane);
      this.clear(lane);
    }
  }

  async step(actions: Values, active: Uint8Array): Promise<void> {
    if (this.drift) this.before.set(this.truth.state);
    await this.truth.step(actions, active);
    await this.model.step(actions, active);
    if (this.drift) {
      await this.drift.observe(this.before, this.truth.commands, this.truth.state, active);
      this.remember(actions, active);
    }
    for (let lane = 0; lane < this.lanes; lane++) if (active[lane]) this.compare(lane);
  }

  /**
   * Changes the real thing in the midst of an episode, as a payload or a worn bearing does; the model is told nothing. See `TaskEnv.perturb`.
   * @throws OPTION_INVALID, SCENE_INVALID.
   */
  async perturb(lane: number, params: Params): Promise<void> {
    await this.truth.perturb(lane, params);
  }

  /**
   * The last steps of truth in every lane, for `recalibrate` or to train on; snapshots do not hold them.
   * @throws OPTION_INVALID for a twin made without `drift`.
   */
  recent(): Transitions {
    if (this.memory) return this.memory.transitions();
    throw new GroundtwinError('OPTION_INVALID', { who: `${this.id} twin`, option: 'drift', value: 'false', allowed: 'true for recent()' });
  }

  async save(lane: number): Promise<Uint8Array> {
    const { stepsSinceResync, resynced } = this.columns;
    const head: SavedTwin = { stepsSinceResync: stepsSinceResync[lane]!, resynced: resynced[lane]!, seed: this.episodeSeeds[lane]! };
    return packSections(head, [this.truth.save(lane), this.model.save(lane), ...(this.drift ? [this.drift.save(lane)] : [])]);
  }

  async load(lane: number, saved: Uint8Array): Promise<void> {
    const { head, parts } = unpackSections<SavedTwin>(saved);
    if (parts.length !== (this.drift ? 3 : 2))
      throw new GroundtwinError('SNAPSHOT_INVALID', { problem: 'it does not hold both sides of a twin' });
    if (!isSavedTwin(head)) throw new GroundtwinError('SNAPSHOT_INVALID', { problem: 'its twin part is not readable' });
    const before = this.truthNow(lane);
    const watched = this.drift?.save(lane);
    this.truth.load(lane, parts[0]!);
    try {
      this.drift?.load(lane, parts[2]!);
      this.model.load(lane, parts[1]!);
    } catch (error) {
      if (before) this.truth.load(lane, before);
      if (watched) this.drift!.load(lane, watched);
      throw error;
    }
    this.memory?.begin(lane);
    this.clear(lane);
    this.columns.stepsSinceResync[lane] = head.stepsSinceResync;
    this.columns.resynced[lane] = head.resynced;
    this.episodeSeeds[lane] = head.seed;
  }

  stateOf(lane: number, side: 'truth' | 'model' = 'truth'): LaneState {
    requireSide(this.truth, 'side', side);
    return this[side].stateOf(lane);
  }

  async close(): Promise<void> {
    await this.truth.close();
    await this.model.close();
  }

  /** A lane's truth, to go back to; undefined for one that was never reset, of which there is none. */
  private truthNow(lane: number): Uint8Array | undefined {
    try {
      return this.truth.save(lane);
    } catch (error) {
      if (isGroundtwinError(error, 'ENV_NOT_RESET')) return undefined;
      throw error;
    }
  }

  /** Begins the model's episode in truth's state. Truth has drawn its start already: the model must go on drawing from there. */
  private async align(lane: number): Promise<void> {
    const size = this.truth.spec.size;
    await this.model.setState(
      lane,
      this.truth.state.subarray(lane * size, (lane + 1) * size),
      this.episodeSeeds[lane]!,
      this.truth.paramsOf(lane),
    );
    this.model.adopt(lane, this.truth);
  }

  private remember(actions: Values, active: Uint8Array): void {
    const { truth, before, memory } = this;
    const row = (values: Float64Array, lane: number) => {
      const width = values.length / this.lanes;
      return values.subarray(lane * width, (lane + 1) * width);
    };
    for (let lane = 0; lane < this.lanes; lane++)
      if (active[lane] && !truth.batch.problems[lane])
        memory!.add(lane, row(before, lane), rowOf(this.actionSpace, actions, lane), row(truth.commands, lane), row(truth.state, lane));
  }

  private compare(lane: number): void {
    this.measure(lane);
    const { columns } = this;
    const free = columns.resynced[lane] ? 1 : columns.stepsSinceResync[lane]! + 1;
    columns.stepsSinceResync[lane] = free;
    columns.otherTerminated[lane] = this.other.batch.terminated[lane]!;
    for (let slot = lane * this.agents; slot < (lane + 1) * this.agents; slot++) columns.otherReward[slot] = this.other.batch.reward[slot]!;
    this.passOnDivergence(lane);
    columns.resynced[lane] = this.isDue(lane, free) ? 1 : 0;
    // The agent keeps the observation it was shown; from the next step on the model moves from truth.
    if (columns.resynced[lane]) this.model.adopt(lane, this.truth);
  }

  /** A twin whose truth broke down is over, whichever side is watched. */
  private passOnDivergence(lane: number): void {
    const problem = this.truth.batch.problems[lane];
    if (!problem) return;
    this.batch.problems[lane] = problem;
    this.batch.truncated[lane] = 1;
  }

  private measure(lane: number): void {
    const size = this.truth.spec.size;
    const broken = this.model.batch.problems[lane] != null;
    let element = 0;
    for (const entry of this.entries) {
      const [truth, prediction, error, uncertainty] = [
        this.columns.truth[entry.name]!,
        this.columns.prediction[entry.name]!,
        this.columns.error[entry.name]!,
        this.columns.uncertainty[entry.name]!,
      ];
      for (let i = 0; i < entry.size; i++, element++) {
        const at = lane * entry.size + i;
        truth[at] = this.truth.state[lane * size + entry.offset + i]!;
        // A model that broke down predicts nothing; its lane stands still at its last good state.
        prediction[at] = broken ? Number.NaN : this.model.state[lane * size + entry.offset + i]!;
        error[at] = elementDifference(entry.kind, prediction[at]!, truth[at]!);
        uncertainty[at] = this.deviation(lane, element);
      }
    }
  }

  /** Both sources: what a member is unsure of, and what members disagree on. */
  private deviation(lane: number, element: number): number {
    const at = lane * widthOf(this.entries) + element;
    const { scale, disagreement } = this.dynamics.uncertainty;
    const parts = [scale[at]!, disagreement[at]!].filter(Number.isFinite);
    return parts.length === 0 ? Number.NaN : Math.hypot(...parts);
  }

  private isDue(lane: number, free: number): boolean {
    if (this.resync === 'never') return false;
    if ('every' in this.resync) return free >= this.resync.every;
    return this.bounds.some(({ entry, bound }) => {
      const errors = this.columns.error[entry.name]!;
      for (let i = 0; i < entry.size; i++) if (Math.abs(errors[lane * entry.size + i]!) > bound) return true;
      return false;
    });
  }

  private boundsOf(threshold: Readonly<Record<string, number>>) {
    return Object.entries(threshold).map(([name, bound]) => {
      const entry = this.entries.find((candidate) => candidate.name === name);
      if (!entry || !(bound > 0))
        throw new GroundtwinError('OPTION_INVALID', {
          who: `${this.id} twin`,
          option: `resync.threshold.${name}`,
          value: String(bound),
          allowed: `above 0, for one of ${this.entries.map((candidate) => candidate.name).join(', ')}`,
        });
      return { entry, bound };
    });
  }

  private clear(lane: number): void {
    this.columns.stepsSinceResync[lane] = 0;
    this.columns.resynced[lane] = 0;
    this.columns.otherTerminated[lane] = 0;
    this.columns.otherReward.fill(0, lane * this.agents, (lane + 1) * this.agents);
    this.measure(lane);
  }
}

interface SavedTwin {
  readonly stepsSinceResync: number;
  readonly resynced: number;
  readonly seed: number;
}

interface TwinColumns {
  readonly truth: Record<string, Float64Array>;
  readonly prediction: Record<string, Float64Array>;
  readonly error: Record<string, Float64Array>;
  readonly uncertainty: Record<string, Float64Array>;
  readonly stepsSinceResync: Int32Array;
  readonly resynced: Uint8Array;
  readonly otherReward: Float64Array;
  readonly otherTerminated: Uint8Array;
  readonly drift?: DriftColumns;
}

function isSavedTwin(head: unknown): head is SavedTwin {
  const { stepsSinceResync, resynced, seed } = (head ?? {}) as Partial<Record<keyof SavedTwin, unknown>>;
  return [stepsSinceResync, resynced, seed].every((value) => Number.isInteger(value) && (value as number) >= 0);
}

function makeColumns(entries: readonly StateEntry[], lanes: number, agents: number): TwinColumns {
  const perEntry = () => Object.fromEntries(entries.map((entry) => [entry.name, new Float64Array(lanes * entry.size)]));
  return {
    truth: perEntry(),
    prediction: perEntry(),
    error: perEntry(),
    uncertainty: perEntry(),
    stepsSinceResync: new Int32Array(lanes),
    resynced: new Uint8Array(lanes),
    otherReward: new Float64Array(lanes * agents),
    otherTerminated: new Uint8Array(lanes),
  };
}

/** @throws OPTION_INVALID when neither the options nor the manifest say what to hold truth against. */
function monitorOf(truth: TaskEnv, dynamics: ModelDynamics, options: DriftOptions): DriftMonitor {
  const { trust } = dynamics.model.manifest;
  const { familiarity = trust?.familiarity, calibration = trust?.drift } = options;
  const refuse = (problem: string): never => {
    throw new GroundtwinError('OPTION_INVALID', {
      who: `${truth.id} twin`,
      option: 'drift',
      value: problem,
      allowed:
        'a familiarity and a calibration, as measureTrust gives them; a model that has them under trust in its manifest needs only true',
    });
  };
  if (!familiarity || !calibration) return refuse(`without ${familiarity ? 'a calibration' : 'a familiarity'}`);
  const predicted = widthOf(predictedEntries(truth.task));
  checkFamiliarity(familiarity, predicted, refuse);
  checkDrift(calibration, predicted, refuse);
  return new DriftMonitor(truth.task, dynamics.model, familiarity, calibration, truth.lanes);
}

function checkedMemory(truth: TaskEnv, { remember = 1000 }: DriftOptions): number {
  if (Number.isInteger(remember) && remember >= 1 && remember <= maxRemembered) return remember;
  throw new GroundtwinError('OPTION_INVALID', {
    who: `${truth.id} twin`,
    option: 'drift.remember',
    value: String(remember),
    allowed: `an integer from 1 to ${maxRemembered}`,
  });
}

function requireSide(truth: TaskEnv, option: string, side: string): void {
  if (side !== 'truth' && side !== 'model')
    throw new GroundtwinError('OPTION_INVALID', {
      who: `${truth.id} twin`,
      option,
      value: String(side),
      allowed: "'truth' or 'model'",
    });
}

function hasBounds(threshold: unknown): boolean {
  return typeof threshold === 'object' && threshold !== null && Object.keys(threshold).length > 0;
}

function checkedResync(truth: TaskEnv, resync: Resync): Resync {
  const valid =
    resync === 'never' ||
    (typeof resync === 'object' &&
      resync !== null &&
      ('threshold' in resync ? hasBounds(resync.threshold) : Number.isInteger(resync.every) && resync.every >= 1));
  if (!valid)
    throw new GroundtwinError('OPTION_INVALID', {
      who: `${truth.id} twin`,
      option: 'resync',
      value: JSON.stringify(resync),
      allowed: "'never', { every: steps of at least 1 } or { threshold: { entry: bound } }",
    });
  return resync;
}
