/** Episodes such as agents play while they learn: from actions at random to a good policy that hardly explores. */
import { type ArsPolicyData, arsPolicy, randomPolicy } from '../../agents/index.ts';
import type { Policy } from '../../src/core/policy.ts';
import { recordEpisode } from '../../src/data/record.ts';
import { TransitionRecorder, type Transitions } from '../../src/data/transitions.ts';
import { registry } from '../../src/index.ts';
import { Rng } from '../../src/math/rng.ts';
import type { Box } from '../../src/spaces/space.ts';
import type { AnyTask } from '../../src/task/task.ts';

export interface Recording {
  readonly seed: number;
  /** Steps after which an episode is cut off. */
  readonly episodeSteps: number;
  /** Records until it has so many steps, or so many episodes. */
  readonly steps?: number;
  readonly episodes?: number;
}

/** One episode in so many acts at random, each action held, as before an agent has learned anything. */
const RANDOM_ONE_IN = 4;
const HELD_steps = 5;
/** Exploration noise in half ranges of the action, at the beginning of learning and at its end. */
const NOISE = { first: 1, last: 0.1 } as const;
/** Of the noise from step to step in every second episode; in the others it is white. */
const NOISE_CORRELATION = 0.8;

/**
 * Plays and records a task whose actions are a bounded box.
 * @param learned - the good policy.
 */
export async function recordAgentLike(id: string, learned: ArsPolicyData, recording: Recording): Promise<Transitions> {
  const { seed, episodeSteps, steps = Infinity, episodes = Infinity } = recording;
  const task = registry.task(id);
  const env = await registry.truth(id, 1);
  const recorder = new TransitionRecorder(task);
  const rng = new Rng(seed);
  const policies = [randomPolicy(task.actionSpace, 1, HELD_steps), learner(task, learned)] as const;
  let done = 0;
  for (let episode = 0; done < steps && episode < episodes; episode++) {
    const policy = policies[episode % RANDOM_ONE_IN === 0 ? 0 : 1];
    const maxSteps = Math.min(episodeSteps, steps - done);
    done += (await recordEpisode(env, policy, recorder, { seed: rng.uint32(), maxSteps, episode })).steps;
  }
  await env.close();
  return recorder.transitions();
}

/** Each episode is of another moment of learning: the more is learned, the more it acts as the good policy does, and the less it explores. */
export function learner(task: AnyTask, learned: ArsPolicyData): Policy {
  const space = task.actionSpace as Box;
  const good = arsPolicy(task.observationSpace, space, learned, 1);
  const rng = new Rng(0);
  const action = new Float32Array(space.low.length);
  const noise = new Float64Array(action.length);
  let [progress, correlation] = [0, 0];
  return {
    name: 'learner',
    reset(seed) {
      good.reset(seed);
      rng.seed(seed);
      progress = rng.uniform();
      correlation = rng.uniform() < 0.5 ? 0 : NOISE_CORRELATION;
      for (let i = 0; i < noise.length; i++) noise[i] = rng.normal();
    },
    async act(observation) {
      const best = (await good.act(observation)) as Float32Array;
      const spread = NOISE.first + progress * (NOISE.last - NOISE.first);
      for (let i = 0; i < action.length; i++) {
        const [low, high] = [space.low[i]!, space.high[i]!];
        const [middle, half] = [(low + high) / 2, (high - low) / 2];
        const wanted = middle + progress * (best[i]! - middle) + spread * half * noise[i]!;
        action[i] = Math.min(high, Math.max(low, wanted));
        noise[i] = correlation * noise[i]! + Math.sqrt(1 - correlation ** 2) * rng.normal();
      }
      return action;
    },
  };
}
