/** What a recorded training is asked for, and what comes of it. */
import type { EngineName } from '../../src/core/scene-spec.ts';
import type { Machine } from '../machine.ts';

/** `sb3-…` is Stable-Baselines3's, through our Python client. */
export type AgentName = 'ppo' | 'sac' | 'redq' | 'mbpo' | 'pets' | 'sb3-ppo' | 'sb3-sac';

/** One training, from nothing, on one core. */
export interface Run<Config = object> {
  readonly agent: AgentName;
  readonly env: string;
  readonly engine: EngineName;
  /** Of the same agent on the same task with other settings; absent = the usual ones. */
  readonly variant?: string;
  readonly seed: number;
  /** With our names, also of an agent that is not ours; `steps` among them. */
  readonly config: Config & { readonly steps: number };
  /** The policy is judged after so many steps more, and at the end. */
  readonly evaluateEvery: number;
  /** Episodes of one judgement, from the same fresh starts each time. */
  readonly starts: number;
}

/** What the likeliest actions of a policy were worth on truth. */
export interface Point {
  /** Real steps taken until then. */
  readonly steps: number;
  /** Mean over the starts. */
  readonly return: number;
  /** Wall-clock since the process began, without judging; it is the machine's alone only where nothing else ran. */
  readonly seconds: number;
  /** CPU time of the same, with that of the server where the agent has one. */
  readonly cpu_s: number;
}

export interface Played {
  readonly curve: readonly Point[];
  /** Of everything, judging too. */
  readonly wall_s: number;
  readonly cpu_s: number;
  /** Of the training loop alone, without judging. */
  readonly stepsPerSecond: number;
  readonly stepsPerCpuSecond: number;
}

/** A file of bench/results/agents. */
export interface Recorded extends Run, Played {
  /** Hash of what it depends on; see `runHash`. */
  readonly code: string;
  readonly machine: Machine;
}

/** First of the starts that are judged from; trainings begin theirs at 2³¹. */
export const FIRST_START = 1_000_000;

/** As in `ppo/Hopper-v0-3`, `sb3-sac/CartPoleSwingUp-v0-mujoco-1` or `mbpo/HalfCheetah-v0-long-2`. */
export function nameOf({ agent, env, engine, variant, seed }: Pick<Run, 'agent' | 'env' | 'engine' | 'variant' | 'seed'>): string {
  return `${agent}/${[env, ...(engine === 'rapier' ? [] : [engine]), ...(variant === undefined ? [] : [variant]), seed].join('-')}`;
}

/** File of the task with this id, from the repository root. */
export function taskFile(id: string): string {
  const folder = id
    .replace(/-v\d+$/, '')
    .replace(/([a-z])([A-Z])/g, '$1-$2')
    .toLowerCase();
  return `envs/${folder}/task.ts`;
}
