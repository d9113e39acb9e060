/** Learning by planning, and what it ends with, played. Kept apart so that the hash over what it imports is the hash over what its result depends on. */
import { cem } from '../../agents/cem/recipe.ts';
import { petsDefaults } from '../../agents/pets/config.ts';
import { trainPets } from '../../agents/pets/train.ts';
import { cartPoleSwingUp } from '../../envs/cart-pole-swing-up/task.ts';
import { pendulum } from '../../envs/pendulum/task.ts';
import { reacher } from '../../envs/reacher/task.ts';
import { randomPolicy } from '../../src/learning/random-policy.ts';
import { nodeRuntime } from '../../src/onnx/index.ts';
import { rapierEngine } from '../../src/physics/rapier-engine.ts';
import { inModel, planningPolicy } from '../../src/planning/index.ts';
import { PhysicsDynamics } from '../../src/task/physics-dynamics.ts';
import { type AnyTask, anyTask } from '../../src/task/task.ts';
import { TaskEnv } from '../../src/task/task-env.ts';
import { evaluate } from '../../src/vector/evaluate.ts';
import { SyncVectorEnv } from '../../src/vector/sync-vector-env.ts';
import { openModel } from '../../src/world-model/model-folder.ts';
import { timeLimit } from '../../src/wrappers/time-limit.ts';

interface Learned {
  readonly task: AnyTask;
  readonly config: typeof petsDefaults;
}

/** By id. Episodes are whole but where the first part holds what there is to learn. */
export const learnedTasks: Readonly<Record<string, Learned>> = Object.fromEntries(
  [
    { task: anyTask(cartPoleSwingUp), config: petsDefaults },
    { task: anyTask(pendulum), config: { ...petsDefaults, explorationSteps: 200, rounds: 4, episodesPerRound: 1, episodeSteps: 200 } },
    { task: anyTask(reacher), config: { ...petsDefaults, explorationSteps: 50, rounds: 5, episodesPerRound: 2, episodeSteps: 50 } },
  ].map((learned) => [learned.task.id, learned]),
);

export interface LearnedPlay {
  readonly seed: number;
  /** Real steps that were learned from. */
  readonly steps: number;
  /** After each round: real steps so far, and the mean return of its episodes, as long as those were. */
  readonly rounds: readonly { readonly steps: number; readonly return: number }[];
  /** One a start, whole episodes. */
  readonly returns: readonly number[];
  readonly seconds: number;
}

export interface LearnedPlayOptions {
  /** Of the first start; the others follow. */
  readonly firstStart: number;
  readonly starts: number;
  /** Smaller ones only in tests. */
  readonly config?: typeof petsDefaults;
  readonly maxSteps?: number;
}

export async function playLearnedPlanner(id: string, seed: number, options: LearnedPlayOptions): Promise<LearnedPlay> {
  const { task, config: usual } = learnedTasks[id]!;
  const { firstStart, starts, config = usual, maxSteps = task.horizon } = options;
  const runtime = nodeRuntime();
  const began_ms = performance.now();
  const rounds: { steps: number; return: number }[] = [];
  const env = await physics(task, 1);
  const onProgress = ({ steps, return: sum }: { steps: number; return: number }) => void rounds.push({ steps, return: sum });
  const { model: trained, steps } = await trainPets(env, task, cem(), config, seed, runtime, { onProgress });
  await env.close();
  const model = await openModel(runtime, trained.manifest.name, trained.manifest, trained.predict, task);
  const fresh = await physics(task, starts);
  const policy = planningPolicy(inModel(task, model, starts), cem());
  const { returns } = await evaluate(fresh, policy, { seed: firstStart, policySeed: seed, maxSteps });
  await fresh.close();
  await model.close();
  return { seed, steps, rounds, returns: Array.from(returns), seconds: (performance.now() - began_ms) / 1000 };
}

/** Mean return of random actions on the same starts. */
export async function playRandom(id: string, { firstStart, starts }: LearnedPlayOptions): Promise<number[]> {
  const { task } = learnedTasks[id]!;
  const env = await physics(task, starts);
  const { returns } = await evaluate(env, randomPolicy(task.actionSpace, starts), {
    seed: firstStart,
    policySeed: 1,
    maxSteps: task.horizon,
  });
  await env.close();
  return Array.from(returns);
}

async function physics(task: AnyTask, lanes: number): Promise<SyncVectorEnv> {
  const truth = new TaskEnv(task, new PhysicsDynamics(task, await rapierEngine()), lanes);
  return new SyncVectorEnv(truth, { wrappers: [timeLimit(task.horizon)], autoreset: 'disabled', entropy: () => 0 });
}
