/** The trainings behind the figures of `npm run verify -- agents`, in the order in which they are made. */
import { type MbpoConfig, mbpoDefaults } from '../../agents/mbpo/config.ts';
import { type PetsConfig, petsDefaults } from '../../agents/pets/config.ts';
import { type PpoConfig, ppoDefaults } from '../../agents/ppo/config.ts';
import { redqSmall } from '../../agents/redq/config.ts';
import type { AgentName, Run } from './run.ts';

export const seeds: readonly number[] = [1, 2, 3, 4, 5, 6, 7, 8];
const starts = 10;

/** Several seeds of one agent on one task. */
export type Series = Pick<Run, 'agent' | 'env' | 'config' | 'evaluateEvery'> & Partial<Pick<Run, 'engine' | 'variant' | 'starts'>>;

/** Defaults of Stable-Baselines3, whose rate does not fall; one lane, as there. Normalisation is beside both. */
const ppo: PpoConfig = { ...ppoDefaults, annealRate: false };
const ppoTasks = [
  { env: 'CartPole-v0', steps: 50_000 },
  { env: 'Hopper-v0', steps: 50_000 },
  { env: 'HalfCheetah-v0', steps: 50_000 },
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
  { env: 'Pendulum-v0', steps: 5000, evaluateEvery: 100, learningRate: 1e-3 },
  { env: 'Hopper-v0', steps: 8000, evaluateEvery: 500 },
  { env: 'HalfCheetah-v0', steps: 8000, evaluateEvery: 500 },
  { env: 'CartPoleSwingUp-v0', steps: 6000, evaluateEvery: 125 },
  { env: 'CartPoleSwingUp-v0', steps: 8000, evaluateEvery: 250, engine: 'mujoco' },
  { env: 'Reacher-v0', steps: 2500, evaluateEvery: 50 },
] as const;

/** An iteration of ours is what lies between two judgements. */
function sacSeries(agent: AgentName, engines: readonly Run['engine'][]): Series[] {
  const played = sacTasks.filter((task) => engines.includes('engine' in task ? task.engine : 'rapier'));
  return played.map(({ env, evaluateEvery, ...rest }) => {
    const { engine = 'rapier', ...own } = { engine: undefined, ...rest };
    return { agent, env, engine: engine as Run['engine'], evaluateEvery, config: { ...sac, ...own, reportEvery: evaluateEvery } };
  });
}

/** As many updates a step as in a model, of networks alike, without a model: critics as in REDQ, layers normalised as in DroQ. */
const redq = {
  ...redqSmall,
  capacity: 100_000,
  learningStarts: 250,
  hidden: [64, 64],
  layerNorm: true,
  batch: 128,
  learningRate: 1e-3,
  tau: 0.01,
};

const redqTasks = [
  { env: 'Pendulum-v0', steps: 3000, evaluateEvery: 100 },
  { env: 'Reacher-v0', steps: 2500, evaluateEvery: 50 },
  { env: 'CartPoleSwingUp-v0', steps: 6000, evaluateEvery: 125 },
  { env: 'HalfCheetah-v0', steps: 6000, evaluateEvery: 500 },
] as const;

const redqSeries: readonly Series[] = redqTasks.map(({ env, steps, evaluateEvery }) => ({
  agent: 'redq',
  env,
  evaluateEvery,
  config: { ...redq, steps, reportEvery: evaluateEvery },
}));

/** Long dreams of small models, for mechanisms of a few joints: agents/mbpo/README.md. */
const dreams = (members: number, steps: number, rolloutsPerStep: number) => ({
  rolloutsPerStep,
  rolloutLength: { first: steps, last: steps, from: 0, to: 1 },
  model: {
    ...mbpoDefaults.model,
    ensemble: { ...mbpoDefaults.model.ensemble, members, hidden: [32, 32] },
    elites: members,
    freshUpdates: 1500,
    warmUpdates: 500,
  },
});

/** Trainings whose dreams are too long. */
export const LONG = 'long';

/** Contacts make what a model gets wrong grow fast: dreams of a few steps, or as many dreamed steps in ones that are too long. */
const cheetahDreams = (length: number): MbpoConfig => ({
  ...mbpoDefaults,
  steps: 3000,
  explorationSteps: 1000,
  explorationHold: 1,
  modelEvery: 250,
  rolloutsPerStep: 400 / length,
  rolloutLength: { first: length, last: length, from: 0, to: 1 },
  updatesPerStep: 40,
  model: {
    ...mbpoDefaults.model,
    ensemble: { ...mbpoDefaults.model.ensemble, members: 3 },
    elites: 3,
    freshUpdates: 1500,
    warmUpdates: 500,
  },
  audit: null,
});

const mbpoSeries: readonly Series[] = [
  { env: 'CartPoleSwingUp-v0', evaluateEvery: 125, config: { ...mbpoDefaults, ...dreams(3, 100, 4), steps: 1250, audit: null } },
  {
    env: 'Pendulum-v0',
    evaluateEvery: 100,
    config: {
      ...mbpoDefaults,
      ...dreams(3, 200, 2),
      steps: 1000,
      explorationSteps: 200,
      modelEvery: 100,
      updatesPerStep: 50,
      audit: null,
    },
  },
  { env: 'HalfCheetah-v0', evaluateEvery: 500, config: cheetahDreams(5) },
  { env: 'HalfCheetah-v0', variant: LONG, evaluateEvery: 500, config: cheetahDreams(100) },
].map((series) => ({ agent: 'mbpo', ...series }));

/** On the starts of the truth planner, which `agents.cem_ratio` compares with. */
const petsSeries: readonly Series[] = [
  { env: 'Reacher-v0', evaluateEvery: 50, config: { ...petsDefaults, explorationSteps: 50, episodeSteps: 50 } },
  {
    env: 'Pendulum-v0',
    evaluateEvery: 200,
    config: { ...petsDefaults, explorationSteps: 200, rounds: 2, episodesPerRound: 1, episodeSteps: 200 },
  },
  { env: 'CartPoleSwingUp-v0', evaluateEvery: 1e6, config: petsDefaults },
].map(({ config, ...rest }) => ({ agent: 'pets', ...rest, config: { ...config, steps: stepsOf(config) }, starts: 20 }));

function stepsOf({ explorationSteps, rounds, episodesPerRound, episodeSteps }: PetsConfig): number {
  return explorationSteps + rounds * episodesPerRound * episodeSteps;
}

const series: readonly Series[] = [
  ...ppoSeries('sb3-ppo'),
  ...ppoSeries('ppo'),
  ...petsSeries,
  ...mbpoSeries,
  ...sacSeries('sb3-sac', ['rapier', 'mujoco']),
  ...sacSeries('sac', ['rapier']),
  ...redqSeries,
];

export const runs: readonly Run[] = series.flatMap(({ engine = 'rapier', ...rest }) =>
  seeds.map((seed): Run => ({ starts, ...rest, engine, seed })),
);

/** Agents that learn in a model, of those with trainings on a task. */
export function inModelOn(env: string): readonly AgentName[] {
  return (['mbpo', 'pets'] as const).filter((agent) => series.some((one) => one.agent === agent && one.env === env));
}

/** All of an agent on a task, by seed. @throws when the table has none. */
export function runsOf(
  agent: AgentName,
  env: string,
  { engine = 'rapier', variant }: Pick<Series, 'engine' | 'variant'> = {},
): readonly Run[] {
  const found = runs.filter((run) => run.agent === agent && run.env === env && run.engine === engine && run.variant === variant);
  if (found.length === 0)
    throw new Error(`bench/agents/table.ts has no trainings of ${agent} on ${env} (${engine}, ${variant ?? 'usual'})`);
  return found;
}
