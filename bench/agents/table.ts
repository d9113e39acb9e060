/** The trainings behind the figures of `npm run verify -- agents`, in the order in which they are made. */
import { type PpoConfig, ppoDefaults } from '../../agents/ppo/config.ts';
import type { AgentName, Run } from './run.ts';

export const seeds: readonly number[] = [1, 2, 3, 4, 5, 6, 7, 8];
const starts = 10;

/** Several seeds of one agent on one task. */
export type Series = Pick<Run, 'agent' | 'env' | 'config' | 'evaluateEvery'> & { readonly engine?: Run['engine'] };

/** Defaults of Stable-Baselines3, whose rate does not fall; one lane, as there. Normalisation is beside both. */
const ppo: PpoConfig = { ...ppoDefaults, annealRate: false };
const ppoTasks = [
  { env: 'CartPole-v0', steps: 50_000 },
  { env: 'Hopper-v0', steps: 100_000 },
  { env: 'HalfCheetah-v0', steps: 100_000 },
] as const;

function ppoSeries(agent: AgentName): Series[] {
  return ppoTasks.map(({ env, steps }) => ({ agent, env, config: { ...ppo, steps }, evaluateEvery: 10_000 }));
}

/** Defaults of Stable-Baselines3, but for random steps enough to fill some batches. */
const sac = {
  capacity: 100_000,
  learningStarts: 500,
  trainEvery: 1,
  updates: 1,
  hidden: [256, 256],
  critics: 2,
  targetCritics: 2,
  actorValue: 'least',
  layerNorm: false,
  batch: 256,
  learningRate: 3e-4,
  discount: 0.99,
  tau: 0.005,
  entropyWeight: 'auto',
  targetEntropy: null,
  policyEvery: 1,
} as const;

/** Judged equally often whoever plays, since a return is reached when it is first judged. The rate on Pendulum is that of RL Baselines3 Zoo. */
const sacTasks = [
  { env: 'Pendulum-v0', steps: 5000, evaluateEvery: 200, learningRate: 1e-3 },
  { env: 'Hopper-v0', steps: 10_000, evaluateEvery: 500 },
  { env: 'HalfCheetah-v0', steps: 20_000, evaluateEvery: 1000 },
  { env: 'CartPoleSwingUp-v0', steps: 20_000, evaluateEvery: 250 },
  { env: 'CartPoleSwingUp-v0', steps: 20_000, evaluateEvery: 250, engine: 'mujoco' },
  { env: 'Reacher-v0', steps: 10_000, evaluateEvery: 250 },
] as const;

/** An iteration of ours is what lies between two judgements. */
function sacSeries(agent: AgentName): Series[] {
  return sacTasks.map(({ env, evaluateEvery, ...rest }) => {
    const { engine = 'rapier', ...own } = { engine: undefined, ...rest };
    return { agent, env, engine: engine as Run['engine'], evaluateEvery, config: { ...sac, ...own, reportEvery: evaluateEvery } };
  });
}

const series: readonly Series[] = [...ppoSeries('sb3-ppo'), ...ppoSeries('ppo'), ...sacSeries('sb3-sac')];

export const runs: readonly Run[] = series.flatMap(({ engine = 'rapier', ...rest }) =>
  seeds.map((seed): Run => ({ ...rest, engine, seed, starts })),
);

/** All of an agent on a task, by seed. @throws when the table has none. */
export function runsOf(agent: AgentName, env: string, engine: Run['engine'] = 'rapier'): readonly Run[] {
  const found = runs.filter((run) => run.agent === agent && run.env === env && run.engine === engine);
  if (found.length === 0) throw new Error(`bench/agents/table.ts has no trainings of ${agent} on ${env} (${engine})`);
  return found;
}
