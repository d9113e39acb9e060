/** The agents that `groundtwin train` knows, one entry each. */
import {
  arsDefaults,
  type CloningConfig,
  cloningDefaults,
  cmaEsDefaults,
  compileController,
  ppoDefaults,
  trainArs,
  trainCloning,
  trainCmaEs,
  trainPpo,
} from '../../agents/index.ts';
import type { VectorEnv } from '../core/vector-env.ts';
import type { EpisodeSet } from '../data/episode.ts';
import type { TrainingOptions } from '../learning/run-training.ts';
import type { OnnxRuntime } from '../onnx/index.ts';

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
  readonly config: C;
  readonly seed: number;
  readonly runtime: OnnxRuntime;
  /** Of an agent that needs data. */
  readonly data: EpisodeSet | undefined;
  readonly options: TrainingOptions<AgentProgress>;
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
  /** Figures of an iteration that say how well it does, the best first, and in what unit; the others are drawn below them. */
  readonly measures: { readonly figures: readonly string[]; readonly unit: string };
  train(training: Training<C>): Promise<{ readonly policy: Uint8Array; readonly steps: number }>;
}

const returns = (...figures: string[]) => ({ figures, unit: 'return' });
const { clocks_steps: _, iterations: __, ...arsSettings } = arsDefaults;

/** An agent more is an entry more; its defaults are what `--set` may change, each by its own type. */
const table = {
  ppo: agent({
    what: 'Proximal Policy Optimization, model-free by gradients',
    defaults: ppoDefaults,
    lanes: 8,
    counts: 'env steps',
    measures: returns('return'),
    train: ({ env, config, seed, runtime, options }) => trainPpo(env, config, seed, runtime, options),
  }),
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
} satisfies Readonly<Record<string, Agent>>;

export type AgentName = keyof typeof table;

export const agents: Readonly<Record<AgentName, Agent>> = table;
export const agentNames = Object.keys(table) as readonly AgentName[];

/** Its config is of its own type inside, and that of its defaults outside. */
function agent<C extends AgentConfig>(entry: Agent<C>): Agent {
  return entry as unknown as Agent;
}
