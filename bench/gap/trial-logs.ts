/** What a trial is played and learned from. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { onnxPolicy } from '../../agents/onnx/policy.ts';
import type { Policy } from '../../src/core/policy.ts';
import { recordEpisode } from '../../src/data/record.ts';
import { TransitionRecorder, type Transitions } from '../../src/data/transitions.ts';
import { randomPolicy } from '../../src/learning/random-policy.ts';
import { Rng } from '../../src/math/rng.ts';
import { nodeRuntime } from '../../src/onnx/node-runtime.ts';
import { rapierEngine } from '../../src/physics/rapier-engine.ts';
import { allocate, type Space, type TypedArray } from '../../src/spaces/space.ts';
import type { AnyTask } from '../../src/task/task.ts';
import type { TaskEnv } from '../../src/task/task-env.ts';
import { root } from '../machine.ts';
import { truthOf } from './trial-task.ts';

/** Control steps, at most, of an episode. */
const LONGEST = 200;
/** Control steps that a random action is held for: it moves a mechanism further than white noise. */
const HELD = 3;

/** Episodes of the reference policy, each with more or less of what is done at random, from nothing to everything. */
export async function logOf(task: AnyTask, seed: number, steps: number): Promise<Transitions> {
  const env = truthOf(task, await rapierEngine(), 1);
  const reference = await referenceOf(env);
  const recorder = new TransitionRecorder(task);
  const rng = new Rng(seed, 7);
  const policy = partlyRandom(task.actionSpace, reference, rng);
  for (let episode = 0, done = 0; done < steps; episode++)
    done += (await recordEpisode(env, policy, recorder, { seed: rng.uint32(), maxSteps: LONGEST, episode })).steps;
  await reference.close();
  await env.close();
  return recorder.transitions();
}

/** The policy kept for the task; random actions where there is none. */
async function referenceOf(env: TaskEnv): Promise<Policy & { close(): Promise<void> }> {
  const file = join(root, 'bench', 'results', 'references', `${env.task.id}.onnx`);
  if (!existsSync(file)) return { ...randomPolicy(env.actionSpace, 1), close: async () => {} };
  return onnxPolicy(nodeRuntime(), readFileSync(file), env);
}

/** Mixes numbers; of choices takes one or the other, as often. */
function partlyRandom(space: Space, reference: Policy, rng: Rng): Policy {
  const random = randomPolicy(space, 1);
  const action = allocate(space, 1) as TypedArray;
  const other = allocate(space, 1) as TypedArray;
  let [share, step] = [0, 0];
  return {
    name: 'reference and random',
    reset(seed) {
      reference.reset(seed);
      random.reset(rng.uint32());
      [share, step] = [rng.uniform(), 0];
    },
    async act(observation) {
      const wanted = (await reference.act(observation)) as TypedArray;
      if (step++ % HELD === 0) other.set((await random.act(observation)) as TypedArray);
      if (space.kind === 'box') for (const i of action.keys()) action[i] = (1 - share) * wanted[i]! + share * other[i]!;
      else action.set(rng.uniform() < share ? other : wanted);
      return action;
    },
  };
}
