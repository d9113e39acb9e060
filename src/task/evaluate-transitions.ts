/** What a task says of states and actions, without physics: for people who keep their model elsewhere. */
import type { Dynamics, LaneRows } from '../core/dynamics.ts';
import { elementsWithRole, layOut } from '../core/state-spec.ts';
import { GroundtwinError } from '../errors.ts';
import { allocate, contains, copyValues, describeSpace, flatSizeOf, rowOf, unflattenInto, type Values } from '../spaces/space.ts';
import type { AnyTask } from './task.ts';
import { TaskEnv } from './task-env.ts';

/** Rows of flat numbers, row-major, in the units and order that `groundtwin describe <id>` shows. */
export interface TransitionBatch {
  /** `[n, stateSize]`. */
  readonly state: ArrayLike<number>;
  /** `[n, actionSize]`, flat; inside the action space. */
  readonly action: ArrayLike<number>;
  /**
   * `[n, stateSize]`: what a model predicts for a control step later; only `dynamic` and `signal` entries are read, since `memory` and `context` are the task's to go on with.
   * Absent: nothing moved, so that the states themselves are judged; terms about change see none.
   */
  readonly next?: ArrayLike<number>;
  /** Of row 0; row i has `seed + i`. For goals that the task draws anew and for sensor noise. Default 0. */
  readonly seed?: number;
}

export interface TransitionJudgement {
  readonly count: number;
  /** `[n, …]` in the observation space, of the state after the step. */
  readonly observation: Values;
  /** float64 `[n, agents]`: sum of the weighted terms. */
  readonly reward: Float64Array;
  /** Each term, weight included, float64 `[n, agents]`. */
  readonly rewardTerms: Readonly<Record<string, Float64Array>>;
  /** uint8 `[n]`. */
  readonly terminated: Uint8Array;
  /** float64 `[n, commands]`: what the actuators get in this state for this action; what a model of the contract is asked with. */
  readonly command: Float64Array;
  /** float64 `[n, stateSize]`: the whole state after the step, the entries that the task goes on with included; the `state` of the call after. */
  readonly next: Float64Array;
  /** `[n]`: why a row could not be judged (a reward or observation that is not finite); its reward is then 0 and its state stays. */
  readonly problems: (string | null)[];
}

/** Rows judged together: enough to spread what a call costs, few enough to stay small. */
const chunkRows = 1024;
/** 10 million rows of 100 numbers are 8 GB. */
const mostRows = 10_000_000;

/**
 * Observation, reward term by term and end for states and actions, by the task's own code: the same that physics and dreams are judged by.
 * @throws OPTION_INVALID when lengths do not fit each other or a number is not finite or outside the action space.
 */
export function evaluateTransitions(task: AnyTask, batch: TransitionBatch): TransitionJudgement {
  const { size } = layOut(task.state);
  const count = checkedCount(task, batch, size);
  const judged = emptyJudgement(task, count, size);
  const given = new GivenDynamics(task, batch.next, size);
  for (let first = 0; first < count; first += chunkRows) {
    const rows = Math.min(chunkRows, count - first);
    given.first = first;
    judgeRows(new TaskEnv(task, given, rows), batch, first, judged);
  }
  return judged;
}

function emptyJudgement(task: AnyTask, count: number, size: number): TransitionJudgement {
  const slots = () => new Float64Array(count * (task.agents ?? 1));
  return {
    count,
    observation: allocate(task.observationSpace, count),
    reward: slots(),
    rewardTerms: Object.fromEntries(Object.keys(task.reward).map((name) => [name, slots()])),
    terminated: new Uint8Array(count),
    command: new Float64Array(count * task.commands.length),
    next: new Float64Array(count * size),
    problems: new Array<string | null>(count).fill(null),
  };
}

function judgeRows(env: TaskEnv, { state, action, seed = 0 }: TransitionBatch, first: number, into: TransitionJudgement): void {
  const { lanes, task } = env;
  const { size } = env.spec;
  const row = new Float64Array(size);
  for (let lane = 0; lane < lanes; lane++) {
    for (let i = 0; i < size; i++) row[i] = state[(first + lane) * size + i]!;
    void env.setState(lane, row, seed + first + lane);
  }
  void env.step(actionsOf(task, action, first, lanes), new Uint8Array(lanes).fill(1));
  const { observation, reward, terminated, info, problems } = env.batch;
  for (let lane = 0; lane < lanes; lane++)
    copyValues(rowOf(task.observationSpace, observation, lane), rowOf(task.observationSpace, into.observation, first + lane));
  into.reward.set(reward, first * env.agents);
  for (const [name, column] of Object.entries(info.rewardTerms as Record<string, Float64Array>))
    into.rewardTerms[name]!.set(column, first * env.agents);
  into.terminated.set(terminated, first);
  into.command.set(env.commands, first * task.commands.length);
  into.next.set(env.state, first * size);
  for (const [lane, problem] of problems.entries()) if (problem) into.problems[first + lane] = problem.message;
}

/** @throws OPTION_INVALID naming the first row that is outside the action space. */
function actionsOf(task: AnyTask, action: ArrayLike<number>, first: number, rows: number): Values {
  const { actionSpace } = task;
  const width = flatSizeOf(actionSpace);
  const actions = allocate(actionSpace, rows);
  const flat = new Float64Array(width);
  for (let row = 0; row < rows; row++) {
    for (let i = 0; i < width; i++) flat[i] = action[(first + row) * width + i]!;
    const values = rowOf(actionSpace, actions, row);
    unflattenInto(flat, values);
    if (!flat.every(Number.isFinite) || !contains(actionSpace, values))
      refuse(task, `action[${first + row}]`, `[${flat.slice(0, 8)}]`, `inside ${describeSpace(actionSpace)}`);
  }
  return actions;
}

/** @throws OPTION_INVALID. */
function checkedCount(task: AnyTask, { state, action, next, seed = 0 }: TransitionBatch, size: number): number {
  const lengths = { state: size, action: flatSizeOf(task.actionSpace), ...(next === undefined ? {} : { next: size }) };
  const count = state?.length / size;
  for (const [name, width] of Object.entries(lengths)) {
    const got = { state, action, next }[name as keyof typeof lengths]?.length;
    if (got !== count * width || !Number.isInteger(count) || count > mostRows)
      refuse(
        task,
        name,
        `of length ${got}`,
        `n rows of ${width} numbers, the same n in each of ${Object.keys(lengths).join(', ')}, at most ${mostRows}`,
      );
  }
  for (const [name, values] of Object.entries({ state, next: next ?? [] })) {
    for (let i = 0; i < values.length; i++)
      if (!Number.isFinite(values[i])) refuse(task, `${name}[${Math.floor(i / size)}][${i % size}]`, String(values[i]), 'a finite number');
  }
  if (!Number.isInteger(seed) || seed < 0 || seed + count > 2 ** 52) refuse(task, 'seed', String(seed), 'an integer of at least 0');
  return count;
}

function refuse(task: AnyTask, option: string, value: string, allowed: string): never {
  throw new GroundtwinError('OPTION_INVALID', { who: `evaluateTransitions of ${task.id}`, option, value, allowed });
}

/** Moves nothing: writes down what it was given. */
class GivenDynamics implements Dynamics {
  readonly kind = 'model' as const;
  readonly fingerprint = 'given';
  /** Row of the batch that lane 0 stands for. */
  first = 0;
  private readonly next: ArrayLike<number> | undefined;
  private readonly size: number;
  private readonly moved: Int32Array;

  constructor(task: AnyTask, next: ArrayLike<number> | undefined, size: number) {
    this.next = next;
    this.size = size;
    this.moved = elementsWithRole(layOut(task.state), 'dynamic', 'signal');
  }

  start(): void {}

  advance({ lanes, next }: LaneRows): void {
    if (!this.next) return;
    for (let lane = 0; lane < lanes; lane++)
      for (const element of this.moved) next[lane * this.size + element] = this.next[(this.first + lane) * this.size + element]!;
  }

  save(): Uint8Array {
    return new Uint8Array(0);
  }

  load(): void {}

  close(): void {}
}
