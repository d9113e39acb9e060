import type { Policy } from '../../src/core/policy.ts';
import { flatSizeOf, flattenInto, rowOf, type Values } from '../../src/spaces/space.ts';
import { seenLimitCostOf } from '../../src/task/limits.ts';
import type { AnyTask } from '../../src/task/task.ts';
import { MemoryLanes } from '../../src/world-model/memory-lanes.ts';
import { MemoryScorer } from '../../src/world-model/memory-scorer.ts';
import type { ObservationModel } from '../../src/world-model/observation-model.ts';
import { type CemConfig, cemDefaults } from './config.ts';
import { planning } from './planning.ts';

/**
 * Acts by planning in a model of observations. What it saw and did in the episode so far goes into a memory, from which plans are imagined.
 * @param lanes - how many envs it acts in at once.
 * @param samples - dreams of each candidate by each member.
 */
export function cemInMemory(
  task: Pick<AnyTask, 'observationSpace' | 'actionSpace' | 'state'>,
  model: ObservationModel,
  lanes: number,
  { config = cemDefaults, samples = 1 }: { readonly config?: CemConfig; readonly samples?: number } = {},
): Policy {
  const { members } = model.manifest;
  const memories = new MemoryLanes(model, lanes * members);
  const scorer = new MemoryScorer(model, lanes, samples, seenLimitCostOf(task, config.limits));
  const observed = new Float64Array(lanes * members * flatSizeOf(task.observationSpace));
  const done = new Float64Array(lanes * members * flatSizeOf(task.actionSpace));
  const all = new Uint8Array(lanes * members).fill(1);
  const planner = planning('cem in the memory of a model', task, scorer, config, async (observation, seed) => {
    if (seed !== undefined) await begin(seed);
    repeat(task.observationSpace, observation, members, observed);
    await memories.observe(done, observed, all);
    scorer.begin(memories.memory);
  });
  const begin = async (seed: number) => {
    scorer.seed(seed);
    const initial = await model.initial();
    for (let lane = 0; lane < all.length; lane++) memories.start(lane, lane, initial);
    done.fill(0);
  };
  return {
    ...planner,
    async act(observation) {
      const actions = await planner.act(observation);
      repeat(task.actionSpace, actions, members, done);
      return actions;
    },
  };
}

/** Writes every lane's value once for each member, flat. */
function repeat(space: AnyTask['observationSpace'], values: Values, members: number, out: Float64Array): void {
  const size = flatSizeOf(space);
  for (let row = 0; row * size < out.length; row++) flattenInto(rowOf(space, values, Math.floor(row / members)), out, row * size);
}
