/** Subjects of known worth, and what the gap suite says of them. */
import type { GapReport } from '../../src/gap/index.ts';
import { negativeControls } from '../../src/gap/index.ts';

/** Tethered and smooth; smooth with stops; in the air and on the ground. */
export const trialEnvs = ['Pendulum-v0', 'CartPoleSwingUp-v0', 'Hopper-v0'] as const;
export const trialSeeds = [1, 2, 3] as const;

/** What no row may fail: truth as an env; exact physics behind the contract of a model; the same with errors that it knows of; with parameters 2 % off. */
export const soundSubjects = ['truth', 'exact', 'doubting', 'off-by-2-percent'] as const;
export const brokenSubjects: readonly string[] = Object.keys(negativeControls).map((name) => `broken:${name}`);

export interface Trial {
  readonly env: (typeof trialEnvs)[number];
  readonly seed: number;
  /** Of `soundSubjects` or `brokenSubjects`. */
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

/** As in `Pendulum-v0-1-one-step-lag`. */
export function nameOf({ env, seed, subject }: Trial): string {
  return `${env}-${seed}-${subject.replace(/^broken:/, '')}`;
}
