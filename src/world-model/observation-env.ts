import type { Backend, ResetRequest, StepBatch } from '../core/backend.ts';
import { bytesOf, packSections, unpackSections } from '../core/sections.ts';
import { GroundtwinError } from '../errors.ts';
import {
  allocate,
  arraysOf,
  copyValues,
  flatSizeOf,
  flattenInto,
  rowOf,
  type Space,
  type TypedArray,
  unflattenInto,
  type Values,
} from '../spaces/space.ts';
import type { SavedMemory } from './lane-memory.ts';
import { MemoryLanes } from './memory-lanes.ts';
import { flatBounds, type SeenTask } from './observation-contract.ts';
import type { ObservationModel } from './observation-model.ts';

export interface ObservationEnvOptions {
  /** Close the model with the env: true for a model that was loaded for it alone. */
  readonly ownsModel?: boolean;
}

/**
 * A model of observations as an environment: observation, reward and end are all its own, and so is the first observation of an episode.
 * An episode ends where the model holds it for less likely than not that the task goes on.
 */
export class ObservationEnv implements Backend {
  readonly id: string;
  readonly kind = 'model' as const;
  readonly lanes: number;
  readonly agents = 1;
  readonly observationSpace: Space;
  readonly actionSpace: Space;
  readonly controlDt_s: number;
  readonly canBranch = true;
  readonly fingerprint: string;
  readonly batch: StepBatch;
  private readonly model: ObservationModel;
  private readonly ownsModel: boolean;
  private readonly dream: MemoryLanes;
  /** What the model's `initial` gave; the same at every reset. */
  private initial: Float32Array | undefined;
  private readonly bounds: { readonly low: Float64Array; readonly high: Float64Array };
  /** Elements that are integers. */
  private readonly whole: readonly boolean[];
  private readonly given: Values;
  private readonly givenRows: readonly Values[];
  /** float64 `[lanes, A]`, flat. */
  private readonly actions: Float64Array;
  /** One row, flat. */
  private readonly seen: Float64Array;
  private readonly before: Float32Array;
  private readonly rows: readonly Values[];

  /** @throws OPTION_INVALID for lanes that cannot be, or a task of several agents. */
  constructor(task: SeenTask, model: ObservationModel, lanes: number, options: ObservationEnvOptions = {}) {
    const refuse = (option: string, value: number, allowed: string): never => {
      throw new GroundtwinError('OPTION_INVALID', { who: task.id, option, value: String(value), allowed });
    };
    if (!Number.isInteger(lanes) || lanes < 1) refuse('lanes', lanes, 'an integer of at least 1');
    if ((task.agents ?? 1) > 1) refuse('agents', task.agents!, '1 for a model of observations, which gives one reward');
    this.id = task.id;
    this.lanes = lanes;
    this.observationSpace = task.observationSpace;
    this.actionSpace = task.actionSpace;
    this.controlDt_s = task.controlDt_s;
    this.model = model;
    this.ownsModel = options.ownsModel ?? false;
    this.fingerprint = model.fingerprint;
    this.dream = new MemoryLanes(model, lanes);
    this.before = new Float32Array(this.dream.memory.length);
    this.bounds = flatBounds(task.observationSpace);
    this.given = allocate(task.actionSpace, lanes);
    this.givenRows = Array.from({ length: lanes }, (_, lane) => rowOf(task.actionSpace, this.given, lane));
    this.actions = new Float64Array(lanes * flatSizeOf(task.actionSpace));
    this.seen = new Float64Array(flatSizeOf(task.observationSpace));
    const observation = allocate(task.observationSpace, lanes);
    this.whole = arraysOf(allocate(task.observationSpace, 1)).flatMap((part) =>
      Array.from(part, () => part instanceof Int32Array || part instanceof Uint8Array),
    );
    const reward = new Float64Array(lanes);
    this.batch = {
      observation,
      reward,
      terminated: new Uint8Array(lanes),
      truncated: new Uint8Array(lanes),
      info: { rewardTerms: { learned: reward } },
      problems: Array.from({ length: lanes }, () => null),
    };
    this.rows = Array.from({ length: lanes }, (_, lane) => rowOf(task.observationSpace, observation, lane));
  }

  async reset({ mask, seeds, params }: ResetRequest): Promise<void> {
    if (params && Object.keys(params).length > 0)
      throw new GroundtwinError('OPTION_INVALID', {
        who: this.id,
        option: 'params',
        value: Object.keys(params).join(', ').slice(0, 100),
        allowed: 'absent: a model of observations has no physical parameters',
      });
    this.initial ??= await this.model.initial();
    this.actions.fill(0);
    for (let lane = 0; lane < this.lanes; lane++) if (mask[lane]) this.dream.start(lane, seeds[lane]!, this.initial);
    this.before.set(this.dream.memory);
    await this.dream.predict(this.actions, mask);
    for (let lane = 0; lane < this.lanes; lane++) {
      if (!mask[lane]) continue;
      this.clear(lane);
      if (this.isFinite(lane)) this.show(lane);
      else this.cutOff(lane);
    }
  }

  async step(actions: Values, active: Uint8Array): Promise<void> {
    copyValues(actions, this.given);
    this.givenRows.forEach((row, lane) => void flattenInto(row, this.actions, (lane * this.actions.length) / this.lanes));
    this.before.set(this.dream.memory);
    await this.dream.predict(this.actions, active);
    for (let lane = 0; lane < this.lanes; lane++) {
      if (!active[lane]) continue;
      this.clear(lane);
      if (this.isFinite(lane)) {
        this.show(lane);
        this.batch.reward[lane] = this.dream.reward[lane]!;
        this.batch.terminated[lane] = this.dream.continues[lane]! < 0.5 ? 1 : 0;
      } else this.cutOff(lane);
    }
  }

  save(lane: number): Uint8Array {
    const { head, parts } = this.dream.save(lane);
    return packSections(head, [...parts, ...arraysOf(this.rows[lane]!)].map(bytesOf));
  }

  load(lane: number, saved: Uint8Array): void {
    const { head, parts } = unpackSections<SavedMemory>(saved);
    const leaves = arraysOf(this.rows[lane]!);
    const own = parts.slice(0, parts.length - leaves.length);
    const seen = parts.slice(own.length);
    if (parts.length <= leaves.length || seen.some((part, i) => part.byteLength !== leaves[i]!.byteLength))
      throw new GroundtwinError('SNAPSHOT_INVALID', { problem: `its parts do not fit ${this.id}` });
    this.dream.load(lane, head, own);
    leaves.forEach((leaf: TypedArray, i) => {
      bytesOf(leaf).set(seen[i]!);
    });
    this.clear(lane);
  }

  close(): void | Promise<void> {
    if (this.ownsModel) return this.model.close();
  }

  private clear(lane: number): void {
    this.batch.reward[lane] = 0;
    this.batch.terminated[lane] = 0;
    this.batch.truncated[lane] = 0;
    this.batch.problems[lane] = null;
  }

  private isFinite(lane: number): boolean {
    const { sample, reward, continues, memory } = this.dream;
    return (
      isFiniteRow(sample, lane, this.lanes) && isFiniteRow(memory, lane, this.lanes) && Number.isFinite(reward[lane]! + continues[lane]!)
    );
  }

  /** What was imagined, held inside the space. */
  private show(lane: number): void {
    const { low, high } = this.bounds;
    const { seen, whole } = this;
    for (let i = 0; i < seen.length; i++) {
      const value = this.dream.sample[lane * seen.length + i]!;
      seen[i] = Math.min(Math.max(whole[i] ? Math.round(value) : value, low[i]!), high[i]!);
    }
    unflattenInto(seen, this.rows[lane]!);
  }

  /** Keeps the last good memory and observation; the lane must be reset. */
  private cutOff(lane: number): void {
    const own = this.dream.of(lane);
    own.set(this.before.subarray(lane * own.length, (lane + 1) * own.length));
    this.batch.truncated[lane] = 1;
    this.batch.problems[lane] = new GroundtwinError('PHYSICS_DIVERGED', {
      env: this.id,
      lane,
      what: 'what the model imagines is not finite',
    });
  }
}

function isFiniteRow(values: Float32Array, lane: number, lanes: number): boolean {
  const width = values.length / lanes;
  for (let i = lane * width; i < (lane + 1) * width; i++) if (!Number.isFinite(values[i])) return false;
  return true;
}
