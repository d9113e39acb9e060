/** Model-based policy optimization whose dreams are far longer than a model of so few steps is good for, against dreams of the usual length. */
import { type MbpoConfig, mbpoDefaults, onnxPolicy, trainMbpo } from '../../agents/index.ts';
import { mean, stratifiedInterval } from '../../src/gap/index.ts';
import { makeVector, registry } from '../../src/index.ts';
import { nodeRuntime } from '../../src/onnx/index.ts';
import { playEpisodes } from '../../src/vector/evaluate.ts';
import type { Context, Measured } from './row.ts';

/** First seed of the starts that policies are judged on; trainings are seeded beyond 2³¹. */
const EVALUATION_SEED = 1_000_000;

export interface LongRolloutSizes {
  readonly env: string;
  /** Real steps of a training. */
  readonly steps: number;
  /** Steps of a rollout. */
  readonly usual: number;
  readonly long: number;
  /** Of the policy that comes out, each on a start of its own. */
  readonly evaluationStarts: number;
}

export const longRolloutSizes: LongRolloutSizes = { env: 'CartPoleSwingUp-v0', steps: 625, usual: 10, long: 100, evaluationStarts: 20 };

export interface LongRolloutFigures {
  readonly seed: number;
  /** Steps of a rollout. */
  readonly length: number;
  /** Mean true return of the policy at the end. */
  readonly trueReturn: number;
  /** By iteration: real steps, and the mean reward of a dreamed step. */
  readonly dreamed: readonly { readonly steps: number; readonly reward: number }[];
}

/** Everything but the length is alike: as many imagined steps, the same small model of few steps, no audits that would shorten the dreams. */
export function configOf({ steps }: LongRolloutSizes, length: number): MbpoConfig {
  const { sac, model } = mbpoDefaults;
  const dreamedPerStep = 400;
  return {
    ...mbpoDefaults,
    steps,
    explorationSteps: 250,
    explorationHold: 5,
    modelEvery: 125,
    rolloutsPerStep: Math.round(dreamedPerStep / length),
    rolloutLength: { first: length, last: length, from: 0, to: 1 },
    updatesPerStep: 40,
    sac: { ...sac, hidden: [64, 64], batch: 128, layerNorm: true, tau: 0.01, policyEvery: 2 },
    model: { ...model, ensemble: { ...model.ensemble, members: 3, hidden: [32, 32] }, elites: 3, freshUpdates: 1500, warmUpdates: 500 },
    audit: null,
  };
}

/** One training. */
async function playLongRollout(seed: number, length: number, sizes = longRolloutSizes): Promise<LongRolloutFigures> {
  const runtime = nodeRuntime();
  const dreamed: LongRolloutFigures['dreamed'][number][] = [];
  const env = await makeVector(sizes.env, { lanes: 1, copy: false });
  const { policy } = await trainMbpo(env, registry.task(sizes.env), configOf(sizes, length), seed, runtime, {
    onProgress: ({ steps, rollouts }) => void dreamed.push({ steps, reward: rollouts.reward }),
  });
  await env.close();
  const test = await makeVector(sizes.env, { lanes: sizes.evaluationStarts });
  const player = await onnxPolicy(runtime, policy, test);
  const { horizon } = registry.task(sizes.env);
  const { returns } = await playEpisodes(test, player, { seed: EVALUATION_SEED, policySeed: 0, maxSteps: horizon });
  await player.close();
  await test.close();
  return { seed, length, trueReturn: mean(returns), dreamed };
}

const SEEDS = [1, 2, 3, 4, 5, 6, 7, 8];

/** 1 = the difference, long less usual, is below 0 with its whole 95 % interval over seeds. */
export async function longRolloutHurts(
  { log }: Pick<Context, 'log'>,
  sizes = longRolloutSizes,
  seeds: readonly number[] = SEEDS,
): Promise<Measured> {
  const runs: { readonly usual: LongRolloutFigures; readonly long: LongRolloutFigures }[] = [];
  for (const seed of seeds) {
    const [usual, long] = [await playLongRollout(seed, sizes.usual, sizes), await playLongRollout(seed, sizes.long, sizes)];
    runs.push({ usual, long });
    log(
      `rollouts of ${sizes.usual} and ${sizes.long} steps, seed ${seed}: ${usual.trueReturn.toFixed(1)} and ${long.trueReturn.toFixed(1)}`,
    );
  }
  const returns = (which: 'usual' | 'long') => [runs.map((run) => run[which].trueReturn)];
  const difference = stratifiedInterval([returns('long'), returns('usual')], (long, usual) => mean(long[0]!) - mean(usual[0]!));
  return { measured: Number(difference.high < 0), raw: { difference, runs } };
}
