/** Kept policies against chance and idleness, played live. */
import { type ArsPolicyData, arsPolicy, randomPolicy } from '../../agents/index.ts';
import { EVALUATION_SEED } from '../../src/cli/main-job.ts';
import type { Policy } from '../../src/core/policy.ts';
import { bootstrapInterval, type Interval, mean } from '../../src/gap/index.ts';
import { registry } from '../../src/index.ts';
import { Rng } from '../../src/math/rng.ts';
import { allocate, contains, rowOf, type Space } from '../../src/spaces/space.ts';
import { evaluate } from '../../src/vector/evaluate.ts';

/** One entry a start, the same starts for all three. */
export interface Returns {
  /** Of the first start; the others follow. No search has played any of them. */
  readonly firstSeed: number;
  readonly learned: readonly number[];
  readonly random: readonly number[];
  readonly idle: readonly number[];
}

/** Of one env, on fresh starts. */
export interface Verdict {
  readonly env: string;
  readonly learned: number;
  readonly random: number;
  readonly idle: number;
  /** Mean gain over each by start, with its 95 % bootstrap interval. */
  readonly overRandom: Interval;
  readonly overIdle: Interval;
  /** Whether both intervals are above zero. */
  readonly holds: boolean;
  readonly returns: Returns;
}

export const evaluationStarts = 40;
const RANDOM_POLICY_SEED = 1;
const BOOTSTRAP_SEED = 1;

/** Plays a policy, random actions and none on the same fresh starts, as long as the task lasts, each in worlds of its own. */
export async function compare(id: string, policy: ArsPolicyData, starts = evaluationStarts): Promise<Returns> {
  const { observationSpace, actionSpace } = registry.task(id);
  return {
    firstSeed: EVALUATION_SEED,
    learned: await returnsOf(id, arsPolicy(observationSpace, actionSpace, policy, starts), starts),
    random: await returnsOf(id, randomPolicy(actionSpace, starts), starts),
    idle: await returnsOf(id, idlePolicy(actionSpace, starts), starts),
  };
}

async function returnsOf(id: string, player: Policy, starts: number): Promise<number[]> {
  const env = await registry.makeVector(id, { lanes: starts, copy: false });
  try {
    const maxSteps = registry.task(id).horizon;
    const { returns } = await evaluate(env, player, { seed: EVALUATION_SEED, policySeed: RANDOM_POLICY_SEED, maxSteps });
    return [...returns];
  } finally {
    await env.close();
  }
}

export function verdict(env: string, returns: Returns): Verdict {
  const { learned, random, idle } = returns;
  const over = (other: readonly number[]) =>
    bootstrapInterval(
      learned.map((value, i) => value - other[i]!),
      (sample) => mean(sample),
      new Rng(BOOTSTRAP_SEED),
    );
  const [overRandom, overIdle] = [over(random), over(idle)];
  const holds = overRandom.low > 0 && overIdle.low > 0;
  return { env, learned: mean(learned), random: mean(random), idle: mean(idle), overRandom, overIdle, holds, returns };
}

/** Zero everywhere: no force, or where actions are integers the first of them. */
function idlePolicy(space: Space, lanes: number): Policy {
  const actions = allocate(space, lanes);
  if (!contains(space, rowOf(space, actions, 0))) throw new Error('zero is not an action of this env');
  return { name: 'idle', reset: () => {}, act: () => actions };
}
