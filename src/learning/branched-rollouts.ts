import { layOut } from '../core/state-spec.ts';
import type { Rng } from '../math/rng.ts';
import { allocate, type Box, flatSizeOf, type TypedArray } from '../spaces/space.ts';
import type { AnyTask } from '../task/task.ts';
import { TaskEnv } from '../task/task-env.ts';
import { ModelDynamics } from '../world-model/model-dynamics.ts';
import type { WorldModel } from '../world-model/world-model.ts';
import { requireBoundedBox } from './action-scale.ts';
import { refuseOption } from './config-checks.ts';
import { toActions, writeObservations } from './flat-rows.ts';
import { rewardOf } from './lane-steps.ts';

/**
 * Acts for many rows at once.
 * @param observation - float32 `[rows, size]`, flat. @param out - float32 `[rows, actions]`, gets actions in −1 … 1.
 */
export type BatchPolicy = (observation: Float32Array, rows: number, out: Float32Array) => void | Promise<void>;

/** One step of many lanes, row-major; reused by the next step. */
export interface StepRows {
  readonly lanes: number;
  /** uint8 `[lanes]`, 1 = the row counts. */
  readonly active: Uint8Array;
  /** float32 `[lanes, size]`, `[lanes, actions]` in −1 … 1, `[lanes]`, `[lanes, size]`. */
  readonly observation: Float32Array;
  readonly action: Float32Array;
  readonly reward: Float32Array;
  readonly next: Float32Array;
  /** float32 `[lanes]`: 0 where the task ended with the step, else 1. */
  readonly continues: Float32Array;
}

export interface RolloutSettings {
  /** Of each rollout, at most [k]. */
  readonly steps: number;
  /** Reward taken off for each unit of the members' disagreement [λ of Yu et al. 2020]. */
  readonly penalty: number;
  /** Ends a rollout where the members disagree more, at the cost of so much reward (Kidambi et al. 2020); null = never. */
  readonly halt: { readonly above: number; readonly cost: number } | null;
}

export interface RolloutFigures {
  readonly rows: number;
  /** Mean reward of a row, nothing taken off. */
  readonly reward: number;
  /** Share of the rows with which the task ended, as imagined. */
  readonly ends: number;
  /** Mean disagreement of a row; null where it was not asked for. */
  readonly disagreement: number | null;
  /** Rows that were not finite, and so broke their rollout off. */
  readonly broken: number;
  /** Rollouts that were halted. */
  readonly halted: number;
}

/**
 * Rollouts of a few steps in a learned model, branched off from real states (Janner et al. 2019, "When to Trust Your Model"), with the task's own reward and end.
 * Each is dreamed by one member from start to end, by its seed; seeds follow each other, so that all members dream as many.
 *
 * Disagreement is the standard deviation of the members' means, each element in units of `scale`, and its root sum of squares over the elements: of the measures compared by
 * Lu et al. 2022 ("Revisiting Design Choices in Offline Model-Based Reinforcement Learning") one that tells errors best; Yu et al. 2020 (MOPO) take the member furthest off.
 */
export class BranchedRollouts {
  readonly lanes: number;
  private readonly task: AnyTask;
  private readonly model: WorldModel;
  private readonly scale: ArrayLike<number>;
  private readonly space: Box;
  private readonly actions: TypedArray;
  private readonly rows: { -readonly [K in keyof StepRows]: StepRows[K] };
  private readonly disagreement: Float64Array;
  /** By whether every member is asked about every lane, which takes as many times as long. */
  private readonly dreams = new Map<boolean, { readonly env: TaskEnv; readonly dynamics: ModelDynamics }>();

  /**
   * @param task - whose reward and end count. @param model - the caller closes it.
   * @param scale - `[P]`, above 0: of the predicted elements, as a rule the standard deviation of their change in a step.
   * @param lanes - dreamed side by side.
   * @throws OPTION_INVALID for actions that are no bounded box.
   */
  constructor(task: AnyTask, model: WorldModel, scale: ArrayLike<number>, lanes: number) {
    const [observationSize, floats] = [flatSizeOf(task.observationSpace), (width: number) => new Float32Array(lanes * width)];
    this.task = task;
    this.model = model;
    this.scale = scale;
    this.lanes = lanes;
    this.space = requireBoundedBox(task.id, task.actionSpace);
    this.actions = allocate(task.actionSpace, lanes) as TypedArray;
    this.rows = {
      lanes,
      active: new Uint8Array(lanes),
      observation: floats(observationSize),
      action: floats(flatSizeOf(task.actionSpace)),
      reward: floats(1),
      next: floats(observationSize),
      continues: floats(1),
    };
    this.disagreement = new Float64Array(lanes);
  }

  /**
   * @param starts - float64 `[count, stateSize]`.
   * @param into - gets each step of each batch of rollouts; rows are reused.
   * @throws OPTION_INVALID where disagreement is asked of a model that does not tell its means.
   */
  async dream(
    starts: Float64Array,
    rng: Rng,
    policy: BatchPolicy,
    settings: RolloutSettings,
    into: (rows: StepRows) => void,
  ): Promise<RolloutFigures> {
    const { size } = layOut(this.task.state);
    const total: Totals = { rows: 0, reward: 0, ends: 0, disagreement: 0, broken: 0, halted: 0 };
    const isAsked = settings.penalty > 0 || settings.halt !== null;
    if (isAsked && !this.model.manifest.outputs.includes('mean'))
      refuseOption('BranchedRollouts', 'model', 'one that tells no means', 'one that does, to compare its members by');
    const { env, dynamics } = this.dreamOf(isAsked);
    for (let first = 0; first < starts.length / size; first += this.lanes) {
      this.begin(env, starts.subarray(first * size, (first + this.lanes) * size), rng);
      for (let step = 0; step < settings.steps && this.rows.active.includes(1); step++) {
        await this.act(env, policy);
        this.look(env, isAsked ? dynamics : undefined, settings, total);
        into(this.rows);
        this.goOn();
      }
    }
    const { rows, broken, halted } = total;
    const mean = (sum: number) => sum / Math.max(1, rows);
    return {
      rows,
      reward: mean(total.reward),
      ends: mean(total.ends),
      disagreement: isAsked ? mean(total.disagreement) : null,
      broken,
      halted,
    };
  }

  private dreamOf(isAsked: boolean) {
    const known = this.dreams.get(isAsked);
    if (known) return known;
    const dynamics = new ModelDynamics(this.task, this.model, this.lanes, { disagreement: isAsked });
    const made = { env: new TaskEnv(this.task, dynamics, this.lanes), dynamics };
    this.dreams.set(isAsked, made);
    return made;
  }

  private begin(env: TaskEnv, starts: Float64Array, rng: Rng): void {
    const { size } = env.spec;
    const seed = rng.uint32();
    this.rows.active.fill(0);
    for (let lane = 0; lane < starts.length / size; lane++) {
      void env.setState(lane, starts.subarray(lane * size, (lane + 1) * size), seed + lane);
      this.rows.active[lane] = 1;
    }
    writeObservations(env.observationSpace, env.batch.observation, this.lanes, this.rows.observation);
  }

  private async act(env: TaskEnv, policy: BatchPolicy): Promise<void> {
    await policy(this.rows.observation, this.lanes, this.rows.action);
    toActions(this.space, this.rows.action, this.actions);
    await env.step(this.actions, this.rows.active);
  }

  /** Takes a step in, and says in `active` which rows of it count. */
  private look(env: TaskEnv, dynamics: ModelDynamics | undefined, { penalty, halt }: RolloutSettings, total: Totals): void {
    const { active, reward, continues, next } = this.rows;
    const { batch, agents } = env;
    writeObservations(env.observationSpace, batch.observation, this.lanes, next);
    if (dynamics) this.compare(dynamics);
    for (let lane = 0; lane < this.lanes; lane++) {
      if (!active[lane]) continue;
      if (batch.problems[lane] || Number.isNaN(this.disagreement[lane])) {
        active[lane] = 0;
        total.broken++;
        continue;
      }
      const sum = rewardOf(batch.reward, lane, agents);
      const apart = this.disagreement[lane]!;
      const isHalted = halt !== null && apart > halt.above;
      reward[lane] = sum - penalty * apart - (isHalted ? halt.cost : 0);
      continues[lane] = batch.terminated[lane] || isHalted ? 0 : 1;
      total.rows++;
      total.reward += sum;
      total.ends += batch.terminated[lane]!;
      total.disagreement += apart;
      total.halted += Number(isHalted);
    }
  }

  private compare({ uncertainty }: ModelDynamics): void {
    const { scale, lanes, disagreement } = this;
    for (let lane = 0; lane < lanes; lane++) disagreement[lane] = disagreementAt(uncertainty.disagreement, lane, scale);
  }

  /** Lanes that ended sit the rest out. */
  private goOn(): void {
    const { active, continues, observation, next } = this.rows;
    for (let lane = 0; lane < this.lanes; lane++) active[lane] = active[lane]! & continues[lane]!;
    [this.rows.observation, this.rows.next] = [next, observation];
  }
}

/** Root sum of squares of a lane's figures, each in units of its scale. A model of one member never disagrees; of one that tells no means nothing is known. */
export function disagreementAt(figures: Float64Array, lane: number, scale: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < scale.length; i++) sum += (figures[lane * scale.length + i]! / scale[i]!) ** 2;
  return Math.sqrt(sum);
}

interface Totals {
  rows: number;
  reward: number;
  ends: number;
  disagreement: number;
  broken: number;
  halted: number;
}
