/** Ways to a goal: dreamed by a model, then executed in physics from the same start. */
import { elementDifference } from '../core/state-spec.ts';
import { GroundtwinError } from '../errors.ts';
import { Rng } from '../math/rng.ts';
import {
  apartness,
  closenessAt,
  type GoalEntry,
  goalDistance,
  goalTask,
  goalValue,
  keepOffLimits,
  type PlanSketch,
  playPlans,
  RepelledScorer,
  requireCounts,
  requireWithin,
  rewardOf,
  type SequenceRecipe,
  sketchOf,
} from '../planning/index.ts';
import { flatSizeOf } from '../spaces/space.ts';
import { TaskEnv } from '../task/task-env.ts';
import { ModelDynamics } from '../world-model/model-dynamics.ts';
import { ModelScorer } from '../world-model/model-scorer.ts';
import type { WorldModel } from '../world-model/world-model.ts';
import { mean } from './statistics.ts';

/** How much of a plan's score is where it ends; the rest is how close it is on the way, so that of two that get there the earlier wins. */
const shareOfEnd = 0.9;

/** More plans than anybody compares. */
const mostPlans = 64;

export interface ImagineOptions {
  /** Physics without wrappers, one lane; it is reset. The caller closes it. */
  readonly truth: TaskEnv;
  /** Of the same task. */
  readonly model: WorldModel;
  readonly goal: readonly GoalEntry[];
  /** Finds each plan in one decision from nothing. */
  readonly planner: SequenceRecipe;
  /** How many. 1 to 64. */
  readonly plans: number;
  /** Seed of the start. */
  readonly start: number;
  /** Of search and imagined noise. */
  readonly seed: number;
  /**
   * How far apart plans are to be: root mean square of the differences of their actions, averaged over eighths of the plan, in units of half the action range.
   * A wish, not a promise: see `apart` of each plan. 0.001 to 2, default 0.5.
   */
  readonly separation?: number;
  readonly onProgress?: (done: number, of: number) => void;
}

/** How a plan ends, by labels of the goal's entries and in their units. Of a dream, means over the model's members, of angles the circular ones. */
export interface PlanOutcome {
  /** Sum of the task's own rewards. */
  readonly return: number;
  /** How far off the goal at the end: 0 = there, 1 = as far as the scales of its entries. */
  readonly distance: number;
  /** What was planned for, 0 to 1: of 1 / (1 + distance), nine tenths at the end and a tenth the mean over the plan; nothing after the end of an episode. */
  readonly closeness: number;
  /** Steps until the plan or the episode ended. */
  readonly steps: number;
  readonly final: Readonly<Record<string, number>>;
  /** From the start on, `horizon + 1` values; after the end of an episode the last goes on. */
  readonly path: Readonly<Record<string, readonly number[]>>;
}

export interface ImaginedPlan {
  /** `[horizon][actionSize]` */
  readonly actions: readonly (readonly number[])[];
  /** Least separation from another plan; null for an only one. */
  readonly apart: number | null;
  readonly imagined: PlanOutcome;
  readonly executed: PlanOutcome;
  /** Imagined − executed. */
  readonly difference: {
    readonly return: number;
    readonly distance: number;
    readonly closeness: number;
    readonly steps: number;
    readonly final: Readonly<Record<string, number>>;
    /** Root mean square over the whole path. */
    readonly path: Readonly<Record<string, number>>;
  };
}

/**
 * Several ways to a goal, found in the model alone, then executed.
 * @returns plans that the model thinks best first. @throws OPTION_INVALID.
 */
export async function imagine(options: ImagineOptions): Promise<ImaginedPlan[]> {
  const { truth, model, goal, plans, start, seed, separation = 0.5 } = options;
  requireCounts('imagine', { plans, goal: goal.length });
  requireWithin('imagine', { separation: [separation, 1e-3, 2] });
  if (plans > mostPlans || truth.lanes !== 1)
    throw new GroundtwinError('OPTION_INVALID', {
      who: 'imagine',
      option: plans > mostPlans ? 'plans' : 'truth',
      value: plans > mostPlans ? String(plans) : `${truth.lanes} lanes`,
      allowed: plans > mostPlans ? `at most ${mostPlans}` : 'an env of one lane',
    });
  await truth.reset({ mask: Uint8Array.of(1), seeds: Float64Array.of(start) });
  const [row, snapshot] = [truth.state.slice(), truth.save(0)];
  const found = await findPlans({ ...options, separation }, row);
  const sketches = found.map((plan) => sketchOf(truth.actionSpace, plan, options.planner.horizon));
  const { members } = model.manifest;
  const dream = new TaskEnv(truth.task, new ModelDynamics(truth.task, model, members), members);
  const results: ImaginedPlan[] = [];
  for (const [i, plan] of found.entries()) {
    for (let member = 0; member < members; member++) await dream.setState(member, row, seed * members + member, truth.paramsOf(0));
    const imagined = await outcomeOf(dream, plan, goal);
    truth.load(0, snapshot);
    const executed = await outcomeOf(truth, plan, goal);
    const apart = leastApart(sketches, i);
    results.push({
      actions: rowsOf(plan, flatSizeOf(truth.actionSpace)),
      apart,
      imagined,
      executed,
      difference: differ(imagined, executed, goal),
    });
  }
  return results.sort((a, b) => b.imagined.closeness - a.imagined.closeness);
}

/** One plan after the other, each pushed off those before it: the first is what the search finds by itself, the others are other ways. */
async function findPlans(
  { truth, model, goal, planner, plans, seed, separation, onProgress }: ImagineOptions & { readonly separation: number },
  row: Float64Array,
): Promise<Float32Array[]> {
  const { task } = truth;
  const { horizon } = planner;
  const ending = goalValue(task, goal, shareOfEnd * horizon);
  const scorer = new ModelScorer(goalTask(task, goal, 1 - shareOfEnd), model, 1, keepOffLimits, ending);
  scorer.begin(row);
  // Half of what the best of plans scores a step: enough to leave a plan already found for another that gets there, too little to leave for one that does not.
  const repelled = new RepelledScorer(scorer, task.actionSpace, separation, 0.5);
  const first = new Float32Array(repelled.actionSize);
  const rng = new Rng(seed);
  const found: Float32Array[] = [];
  while (found.length < plans) {
    // All plans are judged under the same imagined noise.
    scorer.seed(seed);
    const search = planner.make(repelled, task.actionSpace);
    await search.plan(rng, first);
    found.push(search.sequence.slice());
    repelled.keepOff(sketchOf(task.actionSpace, search.sequence, horizon));
    onProgress?.(found.length, plans);
  }
  return found;
}

async function outcomeOf(env: TaskEnv, plan: Float32Array, goal: readonly GoalEntry[]): Promise<PlanOutcome> {
  const horizon = plan.length / flatSizeOf(env.actionSpace);
  const read = (lane: number) => (entry: GoalEntry) => env.state[lane * env.spec.size + entry.element]!;
  const see = (lane: number) => goal.map(read(lane));
  const lanes = Array.from({ length: env.lanes }, (_, lane) => ({ return: 0, closeness: 0, steps: 0, path: [see(lane)] }));
  const everyLane = new Float32Array(env.lanes * plan.length);
  lanes.forEach((_, lane) => void everyLane.set(plan, lane * plan.length));
  const running = await playPlans(env, everyLane, horizon, (lane, step) => {
    const own = lanes[lane]!;
    own.return += rewardOf(env, lane);
    own.closeness += ((1 - shareOfEnd) * closenessAt(goalDistance(goal, read(lane)))) / horizon;
    own.steps = step + 1;
    own.path.push(see(lane));
  });
  lanes.forEach((own, lane) => {
    if (running[lane]) own.closeness += shareOfEnd * closenessAt(goalDistance(goal, read(lane)));
  });
  for (const { path } of lanes) while (path.length <= horizon) path.push(path.at(-1)!);
  const paths = goal.map((entry, i) =>
    Array.from({ length: horizon + 1 }, (_, step) =>
      meanOf(
        entry,
        lanes.map(({ path }) => path[step]![i]!),
      ),
    ),
  );
  return {
    return: mean(lanes.map((lane) => lane.return)),
    distance: mean(lanes.map(({ path }) => goalDistance(goal, (entry) => path.at(-1)![goal.indexOf(entry)]!))),
    closeness: mean(lanes.map((lane) => lane.closeness)),
    steps: mean(lanes.map((lane) => lane.steps)),
    final: byLabel(goal, (_, i) => paths[i]!.at(-1)!),
    path: byLabel(goal, (_, i) => paths[i]!),
  };
}

function differ(imagined: PlanOutcome, executed: PlanOutcome, goal: readonly GoalEntry[]): ImaginedPlan['difference'] {
  return {
    return: imagined.return - executed.return,
    distance: imagined.distance - executed.distance,
    closeness: imagined.closeness - executed.closeness,
    steps: imagined.steps - executed.steps,
    final: byLabel(goal, ({ kind, label }) => elementDifference(kind, imagined.final[label]!, executed.final[label]!)),
    path: byLabel(goal, ({ kind, label }) =>
      Math.sqrt(mean(imagined.path[label]!.map((value, step) => elementDifference(kind, value, executed.path[label]![step]!) ** 2))),
    ),
  };
}

function byLabel<T>(goal: readonly GoalEntry[], of: (entry: GoalEntry, i: number) => T): Record<string, T> {
  return Object.fromEntries(goal.map((entry, i) => [entry.label, of(entry, i)]));
}

function leastApart(sketches: readonly PlanSketch[], own: number): number | null {
  const others = sketches.filter((_, i) => i !== own).map((other) => apartness(sketches[own]!, other));
  return others.length === 0 ? null : Math.min(...others);
}

/** Of angles, the direction of the mean vector. A single value is its own mean, to the bit. */
function meanOf({ kind }: GoalEntry, values: readonly number[]): number {
  if (kind !== 'angle' || values.length === 1) return mean(values);
  return Math.atan2(mean(values.map(Math.sin)), mean(values.map(Math.cos)));
}

function rowsOf(plan: Float32Array, width: number): number[][] {
  return Array.from({ length: plan.length / width }, (_, step) => Array.from(plan.subarray(step * width, (step + 1) * width)));
}
