/** Where plans are tried: in a learned model, in physics, or in the memory of a model of observations. Any planner works in any of them. */
import { layOut, viewsOver } from '../core/state-spec.ts';
import { GroundtwinError } from '../errors.ts';
import { flatSizeOf, flattenInto, rowOf, type Space, type Values } from '../spaces/space.ts';
import { seenLimitCostOf } from '../task/limits.ts';
import type { AnyTask } from '../task/task.ts';
import { MemoryLanes } from '../world-model/memory-lanes.ts';
import { MemoryScorer } from '../world-model/memory-scorer.ts';
import { ModelScorer } from '../world-model/model-scorer.ts';
import type { ObservationModel } from '../world-model/observation-model.ts';
import type { WorldModel } from '../world-model/world-model.ts';
import { keepOffLimits, type PlanningView, type ViewOptions } from './planning-view.ts';

/**
 * In the learned model, from nothing but observations: of truth, of the model or of a twin.
 * @param lanes - how many envs it acts in at once.
 * @throws OPTION_INVALID for a task whose observation does not determine its state.
 */
export function inModel(task: AnyTask, model: WorldModel, lanes: number, options: ViewOptions = {}): PlanningView {
  const { infer } = task;
  if (!infer)
    throw new GroundtwinError('OPTION_INVALID', {
      who: 'planning in a model',
      option: 'env',
      value: task.id,
      allowed: 'a task whose observation determines its state',
    });
  const rows = new Float64Array(lanes * layOut(task.state).size);
  const views = viewsOver(task.state, rows, lanes);
  const scorer = new ModelScorer(task, model, lanes, options.limits ?? keepOffLimits, options.terminal);
  return {
    where: 'in the model',
    actionSpace: task.actionSpace,
    scorer,
    look(observation, seed) {
      if (seed !== undefined) scorer.seed(seed);
      for (let lane = 0; lane < lanes; lane++) infer(rowOf(task.observationSpace, observation, lane), views[lane]!);
      scorer.begin(rows);
    },
  };
}

export interface MemoryViewOptions extends ViewOptions {
  /** Dreams of each candidate by each member. Default 1. */
  readonly samples?: number;
}

/**
 * In a model of observations. What was seen and done in the episode so far goes into a memory, from which plans are imagined.
 * @param lanes - how many envs it acts in at once.
 * @throws OPTION_INVALID for a terminal value of states: there are none.
 */
export function inMemory(
  task: Pick<AnyTask, 'observationSpace' | 'actionSpace' | 'state'>,
  model: ObservationModel,
  lanes: number,
  { limits = keepOffLimits, terminal, samples = 1 }: MemoryViewOptions = {},
): PlanningView {
  if (terminal?.of === 'state')
    throw new GroundtwinError('OPTION_INVALID', {
      who: 'planning in the memory of a model',
      option: 'terminal',
      value: "of 'state'",
      allowed: "of 'observation': this model knows no states",
    });
  const { members } = model.manifest;
  const memories = new MemoryLanes(model, lanes * members);
  const scorer = new MemoryScorer(model, lanes, samples, seenLimitCostOf(task, limits), terminal);
  const observed = new Float64Array(lanes * members * flatSizeOf(task.observationSpace));
  const done = new Float64Array(lanes * members * flatSizeOf(task.actionSpace));
  const all = new Uint8Array(lanes * members).fill(1);
  const begin = async (seed: number) => {
    scorer.seed(seed);
    const initial = await model.initial();
    for (let lane = 0; lane < all.length; lane++) memories.start(lane, lane, initial);
    done.fill(0);
  };
  return {
    where: 'in the memory of a model',
    actionSpace: task.actionSpace,
    scorer,
    async look(observation, seed) {
      if (seed !== undefined) await begin(seed);
      repeat(task.observationSpace, observation, members, observed);
      await memories.observe(done, observed, all);
      scorer.begin(memories.memory);
    },
    acted: (actions) => repeat(task.actionSpace, actions, members, done),
  };
}

/** Writes every lane's value once for each member, flat. */
function repeat(space: Space, values: Values, members: number, out: Float64Array): void {
  const size = flatSizeOf(space);
  for (let row = 0; row * size < out.length; row++) flattenInto(rowOf(space, values, Math.floor(row / members)), out, row * size);
}
