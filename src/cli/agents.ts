/** The agents that `groundtwin train` knows, one entry each. */
import {
  arsDefaults,
  type CloningConfig,
  cem,
  cloningDefaults,
  cmaEsDefaults,
  compileController,
  dreamerDefaults,
  mbpoDefaults,
  offlineDefaults,
  petsDefaults,
  ppoDefaults,
  redqDefaults,
  sacDefaults,
  tdMpc2Defaults,
  trainArs,
  trainCloning,
  trainCmaEs,
  trainDreamer,
  trainMbpo,
  trainOffline,
  trainPets,
  trainPpo,
  trainRedq,
  trainSac,
  trainTdMpc2,
} from '../../agents/index.ts';
import type { VectorEnv } from '../core/vector-env.ts';
import type { EpisodeSet } from '../data/episode.ts';
import { transitionsOfEpisodes } from '../data/episode-transitions.ts';
import type { TrainingOptions } from '../learning/run-training.ts';
import type { OnnxRuntime } from '../onnx/index.ts';
import type { AnyTask } from '../task/task.ts';
import type { ModelManifest } from '../world-model/contract.ts';
import { recurrentDefaults } from '../world-model/recurrent-cell.ts';

/** Every setting of an agent: it has `steps`, how long it trains at most, and others by their names in code. */
export interface AgentConfig {
  readonly steps: number;
}

/** What every agent says of an iteration: numbers by name, some of them absent or null at times. */
export interface AgentProgress {
  readonly iteration: number;
  readonly steps: number;
}

export interface Training<C> {
  /** Where it acts; for an agent that learns from data alone it tells the spaces. */
  readonly env: VectorEnv;
  readonly task: AnyTask;
  readonly config: C;
  readonly seed: number;
  readonly runtime: OnnxRuntime;
  /** Of an agent that needs data. */
  readonly data: EpisodeSet | undefined;
  readonly options: TrainingOptions<AgentProgress>;
}

/** What a training leaves: a policy, or a model that a planner acts in; neither where it was stopped before there was any. */
export interface Trained {
  readonly policy?: Uint8Array | null;
  readonly model?: { readonly manifest: ModelManifest; readonly predict: Uint8Array } | null;
  readonly steps: number;
}

export interface Agent<C extends AgentConfig = AgentConfig> {
  /** In a few words. */
  readonly what: string;
  readonly defaults: C;
  /** Lanes unless said otherwise. */
  readonly lanes: number;
  /** What `steps` counts. */
  readonly counts: string;
  /** It learns from recorded episodes, and never acts. */
  readonly needsData?: true;
  /** It learns a model of its own from states that truth shows, and so does not act in a model. */
  readonly needsTruth?: true;
  /** Figures of an iteration that say how well it does, the best first, and in what unit; the others are drawn below them. */
  readonly measures: { readonly figures: readonly string[]; readonly unit: string };
  train(training: Training<C>): Promise<Trained>;
}

const returns = (...figures: string[]) => ({ figures, unit: 'return' });
const { clocks_steps: _, iterations: __, ...arsSettings } = arsDefaults;
const { rounds, ...petsSettings } = petsDefaults;
const { explorationSteps, episodesPerRound, episodeSteps } = petsSettings;

/** An agent more is an entry more; its defaults are what `--set` may change, each by its own type. */
const table = {
  ppo: acting('Proximal Policy Optimization, model-free by gradients', ppoDefaults, 8, trainPpo),
  sac: acting('soft actor-critic, model-free from a replay', sacDefaults, 1, trainSac),
  // A thousand of its steps take minutes, for which nobody waits after Ctrl-C.
  redq: acting(
    'randomised ensembled double Q-learning: SAC of more critics and updates',
    { ...redqDefaults, reportEvery: 25 },
    1,
    trainRedq,
  ),
  ars: agent({
    what: 'Augmented Random Search, of a small controller',
    defaults: { ...arsSettings, steps: 1_000_000 },
    lanes: 8,
    counts: 'env steps',
    measures: returns('validation', 'candidates'),
    async train({ env, config, seed, options }) {
      const whole = { ...config, clocks_steps: [], iterations: Number.MAX_SAFE_INTEGER };
      const { policy, steps } = await trainArs(env, whole, seed, options);
      return { policy: compileController(env.observationSpace, env.actionSpace, policy), steps };
    },
  }),
  'cma-es': agent({
    what: 'CMA-ES, of a small controller',
    defaults: cmaEsDefaults,
    lanes: 8,
    counts: 'env steps',
    measures: returns('validation', 'candidates'),
    train: ({ env, config, seed, options }) => trainCmaEs(env, config, seed, options),
  }),
  cloning: agent<CloningConfig>({
    what: 'behaviour cloning from recorded data (--data)',
    defaults: cloningDefaults,
    lanes: 1,
    counts: 'gradient steps',
    needsData: true,
    measures: { figures: ['heldOut', 'loss'], unit: 'loss' },
    train: ({ env, config, seed, runtime, data, options }) => trainCloning(env, data!, config, seed, runtime, options),
  }),
  offline: agent({
    what: 'model-based offline policy optimization from recorded data (--data)',
    defaults: offlineDefaults,
    lanes: 1,
    counts: 'gradient steps',
    needsData: true,
    measures: { figures: ['rollouts.reward'], unit: 'reward of a dreamed step' },
    train: ({ task, config, seed, runtime, data, options }) =>
      trainOffline(task, transitionsOfEpisodes(task, data!, '--data'), config, seed, runtime, options),
  }),
  mbpo: agent({
    what: 'model-based policy optimization: a policy from dreams in a model of its own',
    defaults: mbpoDefaults,
    lanes: 1,
    counts: 'env steps',
    needsTruth: true,
    measures: returns('return'),
    train: ({ env, task, config, seed, runtime, options }) => trainMbpo(env, task, config, seed, runtime, options),
  }),
  pets: agent({
    what: 'learning by planning: a model for --policy cem',
    defaults: { ...petsSettings, steps: explorationSteps + rounds * episodesPerRound * episodeSteps },
    lanes: 1,
    counts: 'env steps',
    needsTruth: true,
    measures: returns('return'),
    async train({ env, task, config: { steps: most, ...config }, seed, runtime, options }) {
      const rounds = Math.ceil((most / env.lanes - config.explorationSteps) / (config.episodesPerRound * config.episodeSteps));
      const { model, steps } = await trainPets(env, task, cem(), { ...config, rounds: Math.max(0, rounds) }, seed, runtime, options);
      return { model: model.stopped ? null : model, steps };
    },
  }),
  tdmpc2: acting('TD-MPC2: plans in a latent model of its own; the policy that it proposes by', tdMpc2Defaults, 1, trainTdMpc2),
  dreamer: acting(
    'learning in dreams of a recurrent model of observations',
    { ...dreamerDefaults, model: recurrentDefaults },
    1,
    trainDreamer,
  ),
} satisfies Readonly<Record<string, Agent>>;

export type AgentName = keyof typeof table;

export const agents: Readonly<Record<AgentName, Agent>> = table;
export const agentNames = Object.keys(table) as readonly AgentName[];

/** One that learns by acting, anywhere. */
function acting<C extends AgentConfig>(
  what: string,
  defaults: C,
  lanes: number,
  train: (env: VectorEnv, config: C, seed: number, runtime: OnnxRuntime, options: TrainingOptions<AgentProgress>) => Promise<Trained>,
): Agent {
  return agent({
    what,
    defaults,
    lanes,
    counts: 'env steps',
    measures: returns('return'),
    train: ({ env, config, seed, runtime, options }) => train(env, config, seed, runtime, options),
  });
}

/** Its config is of its own type inside, and that of its defaults outside. */
function agent<C extends AgentConfig>(entry: Agent<C>): Agent {
  return entry as unknown as Agent;
}
