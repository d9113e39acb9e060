/** A planted hole in the reward of dreams: what a training makes of it that holds itself to truth, and one that only looks on. */
import { type MbpoAudit, type MbpoConfig, mbpoDefaults, onnxPolicy, trainMbpo } from '../../agents/index.ts';
import { pendulum } from '../../envs/pendulum/task.ts';
import { auditRules, mean } from '../../src/gap/index.ts';
import { makeVector } from '../../src/index.ts';
import { nodeRuntime } from '../../src/onnx/index.ts';
import { anyTask, defineTask } from '../../src/task/task.ts';
import { playEpisodes } from '../../src/vector/evaluate.ts';
import type { Context, Measured } from './row.ts';

/** Beyond this, dreams are paid for speed, four times over, where truth takes it off: a sign error in a corner that random actions hardly see. */
export const HOLE_SPEED_radps = 4;

/** The pendulum as dreams are paid for it. */
const withHole = anyTask(
  defineTask({
    ...pendulum,
    reward: {
      ...pendulum.reward,
      velocity: {
        weight: -0.1,
        value: ({ state: { velocity_radps } }) => (Math.abs(velocity_radps) > HOLE_SPEED_radps ? -4 : 1) * velocity_radps ** 2,
      },
    },
  }),
);

export interface HoleSizes {
  readonly steps: number;
  /** Of the policy that comes out, each on a start of its own. */
  readonly evaluationStarts: number;
}

export const holeSizes: HoleSizes = { steps: 2150, evaluationStarts: 20 };

/** A training with the hole. */
export interface HoleRun {
  /** By audit: mean reward a step, as dreamed and in truth, from the same starts. */
  readonly curve: readonly { readonly realSteps: number; readonly imagined: number; readonly truth: number; readonly holds: boolean }[];
  readonly realSteps: number;
  /** Mean true return of the policy that it hands back. */
  readonly trueReturn: number;
  /** The audit that stopped it; null = none did. */
  readonly stopped: MbpoAudit | null;
}

export interface HoleFigures {
  readonly seed: number;
  /** Audits are made, but nothing follows from them. */
  readonly watching: HoleRun;
  readonly acting: HoleRun;
  /** Whether the audits stopped the training and named a state in the hole. */
  readonly isNamed: boolean;
  /** Whether, without them, what is dreamed rose while truth fell, from the first audit to the last. */
  readonly isExploited: boolean;
  /** Whether the policy of the training that was stopped does better in truth than that of the other. */
  readonly isSaved: boolean;
}

const SEEDS = [1, 2, 3, 4, 5, 6, 7, 8];

/** 1 = in every training. Both curves of each are in the raw figures. */
export async function holeCaught({ log }: Pick<Context, 'log'>, seeds: readonly number[] = SEEDS): Promise<Measured> {
  const raw: HoleFigures[] = [];
  for (const seed of seeds) {
    const { isNamed, isExploited, isSaved, ...figures } = await playHole(seed);
    raw.push({ isNamed, isExploited, isSaved, ...figures });
    log(`hole, seed ${seed}: named ${isNamed}, exploited without audits ${isExploited}, saved ${isSaved}`);
  }
  return { measured: Number(raw.every(({ isNamed, isExploited, isSaved }) => isNamed && isExploited && isSaved)), raw };
}

const AUDIT_STEPS = 200;
const SEGMENT = 20;

function configOf({ steps }: HoleSizes, isActing: boolean): MbpoConfig {
  const { sac, model } = mbpoDefaults;
  return {
    ...mbpoDefaults,
    steps,
    explorationSteps: 150,
    explorationHold: 4,
    modelEvery: 50,
    rolloutsPerStep: 20,
    rolloutLength: { first: 10, last: 10, from: 0, to: 1 },
    updatesPerStep: 5,
    sac: { ...sac, hidden: [32, 32], batch: 128, layerNorm: true, tau: 0.01 },
    model: { ...model, ensemble: { ...model.ensemble, members: 3, hidden: [32, 32] }, elites: 3, freshUpdates: 1000, warmUpdates: 300 },
    audit: {
      every: 250,
      episodes: 1,
      steps: AUDIT_STEPS,
      segment: SEGMENT,
      draws: 3,
      rules: { ...auditRules, stopAfter: 3, ...(isActing ? {} : { mostExcess: 1e9, mostEnds: 1 }) },
    },
  };
}

/** The same training twice, once heeding its audits and once not. */
export async function playHole(seed: number, sizes = holeSizes, log: (line: string) => void = () => {}): Promise<HoleFigures> {
  const [watching, acting] = [await playOne(seed, sizes, false, log), await playOne(seed, sizes, true, log)];
  const [first, last] = [watching.curve[0], watching.curve.at(-1)];
  const speed = acting.stopped?.widest.imagined.state['velocity_radps (rad/s)'];
  return {
    seed,
    watching,
    acting,
    isNamed: typeof speed === 'number' && Math.abs(speed) > HOLE_SPEED_radps,
    isExploited: first !== undefined && last !== undefined && last.imagined > first.imagined && last.truth < first.truth,
    isSaved: acting.trueReturn > watching.trueReturn,
  };
}

async function playOne(seed: number, sizes: HoleSizes, isActing: boolean, log: (line: string) => void): Promise<HoleRun> {
  const runtime = nodeRuntime();
  const env = await makeVector(pendulum.id, { lanes: 1, copy: false });
  const curve: HoleRun['curve'][number][] = [];
  const { policy, steps, stopped } = await trainMbpo(env, anyTask(pendulum), configOf(sizes, isActing), seed, runtime, {
    imagined: withHole,
    onProgress: ({ audit }) => {
      if (!audit) return;
      const { realSteps, holds, return: of, why } = audit;
      curve.push({ realSteps, imagined: of.imagined / SEGMENT, truth: of.truth / SEGMENT, holds });
      log(
        `${isActing ? 'heeding' : 'not heeding'}: ${realSteps} steps, a step ${(of.imagined / SEGMENT).toFixed(1)} dreamed, ${(of.truth / SEGMENT).toFixed(1)} true; ${why}`,
      );
    },
  });
  await env.close();
  return { curve, realSteps: steps, trueReturn: await trueReturn(policy, sizes.evaluationStarts), stopped };
}

async function trueReturn(policy: Uint8Array, lanes: number): Promise<number> {
  const env = await makeVector(pendulum.id, { lanes });
  const player = await onnxPolicy(nodeRuntime(), policy, env);
  const { returns } = await playEpisodes(env, player, { seed: 1_000_000, policySeed: 0, maxSteps: pendulum.horizon });
  await player.close();
  await env.close();
  return mean(returns);
}
