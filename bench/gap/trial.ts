/** Subjects of known worth, and what the gap suite says of them. */
import type { GapReport } from '../../src/gap/gap-report.ts';
import { negativeControls } from '../../src/gap/negative-controls.ts';

/**
 * Tethered and smooth; smooth with stops; free bodies that fly, meet and turn.
 * A legged robot is none of them: its feet stand on what the solver remembers from step to step, which no state tells, and physics that knows the state alone is .09 σ off after two steps.
 */
export const trialEnvs = ['Pendulum-v0', 'CartPoleSwingUp-v0', 'PaddleBalls-v0'] as const;
export const trialSeeds = [1, 2, 3] as const;

/** What no row may fail: truth as an env; exact physics behind the contract of a model; the same with errors that it knows of; with parameters 2 % off. */
export const soundSubjects = ['truth', 'exact', 'doubting', 'off-by-2-percent'] as const;
export const brokenSubjects: readonly string[] = Object.keys(negativeControls).map((name) => `broken:${name}`);

/** Of the leaderboard: tasks that the suite asks all of its questions about. */
export const boardEnvs = [
  'Pendulum-v0',
  'CartPole-v0',
  'CartPoleSwingUp-v0',
  'InvertedPendulum-v0',
  'InvertedDoublePendulum-v0',
  'Reacher-v0',
  'Hopper-v0',
  'HalfCheetah-v0',
  'Walker2d-v0',
  'Ant-v0',
] as const;
/** Both engines, and what was learned from truth. */
export const boardSubjects = ['truth', 'engine:mujoco', 'ensemble', 'recurrent'] as const;

export interface Trial {
  readonly env: string;
  readonly seed: number;
  /** Of `soundSubjects`, `brokenSubjects` or `boardSubjects`. */
  readonly subject: string;
}

export interface RecordedTrial extends Trial {
  readonly rows: readonly Pick<
    GapReport['rows'][number],
    'id' | 'title' | 'horizon' | 'measured' | 'low' | 'high' | 'verdict' | 'reason'
  >[];
  /** Why there is nothing to break on this task, if there is not; then there are no rows. */
  readonly refused?: string;
  readonly seconds: number;
  /** Hash of what it depends on. */
  readonly code: string;
}

export const trials: readonly Trial[] = trialSeeds.flatMap((seed) =>
  trialEnvs.flatMap((env) => [...soundSubjects, ...brokenSubjects].map((subject): Trial => ({ env, seed, subject }))),
);

export const boardTrials: readonly Trial[] = boardEnvs.flatMap((env) =>
  boardSubjects.map((subject): Trial => ({ env, seed: trialSeeds[0], subject })),
);

/** Those of the leaderboard that are none of the others come last. */
export const everyTrial: readonly Trial[] = [...new Map([...trials, ...boardTrials].map((trial) => [nameOf(trial), trial])).values()];

/** As in `Pendulum-v0-1-one-step-lag`. */
export function nameOf({ env, seed, subject }: Trial): string {
  return `${env}-${seed}-${subject.replace(/^broken:/, '').replace(':', '-')}`;
}
