import type { AutoresetMode, VectorEnv } from '../core/vector-env.ts';
import { GroundtwinError, isGroundtwinError } from '../errors.ts';
import { episodeChecks } from './episode-checks.ts';
import { motionChecks } from './motion-checks.ts';
import { paramsChecks } from './params-checks.ts';
import { refusalChecks } from './refusal-checks.ts';
import { snapshotChecks } from './snapshot-checks.ts';
import { spaceChecks } from './space-checks.ts';

/** Fewer show too little to call anything constant, or alike. */
export const fewestSteps = 10;
export const mostSteps = 10_000;

/** What a check may ask of the maker; a maker that takes none of it says so in `CheckOptions.takes`. */
export interface CheckMakeOptions {
  readonly autoreset?: AutoresetMode;
  readonly maxEpisodeSteps?: number | null;
}
/** A fresh env each time; the check closes it. */
export type MakeEnv = (lanes: number, options?: CheckMakeOptions) => Promise<VectorEnv>;

export interface CheckOptions {
  /** Of each random rollout, 10 to 10,000. Default 60. */
  readonly steps?: number;
  /** First seed. Default 1. */
  readonly seed?: number;
  /** Observation elements that may stay constant: names, or positions in the flattened observation. */
  readonly constant?: readonly (string | number)[];
  /** Steps after which the env as made cuts an episode off; null = never. Absent: not checked. */
  readonly horizon?: number | null;
  /** Which of its options the maker heeds. Default none: then time limit and autoreset are checked as the env has them. */
  readonly takes?: readonly (keyof CheckMakeOptions)[];
  /** Physical parameters with their defaults, as `reset({ params })` takes them. */
  readonly params?: Readonly<Record<string, number>>;
  /** Of these, those that random play need not show. */
  readonly inert?: readonly string[];
  /** Other envs, made anew; a snapshot of each must be refused as foreign. */
  readonly strangers?: readonly (() => Promise<VectorEnv>)[];
  /** Only these checks, by name. */
  readonly only?: readonly string[];
  /** Seconds that go by; without it every check takes 0. */
  readonly clock_s?: () => number;
}

/** The options with their defaults, and envs that are closed again. */
export interface CheckBench extends Required<Omit<CheckOptions, 'horizon' | 'only' | 'clock_s'>> {
  readonly horizon: number | null | undefined;
  using<T>(lanes: number, act: (env: VectorEnv) => Promise<T>, options?: CheckMakeOptions): Promise<T>;
}

export interface Check<Bench> {
  readonly name: string;
  /** What holds when it passes. */
  readonly what: string;
  /** @returns a remark. @throws Broken, or whatever is thrown where it should not be. */
  run(bench: Bench): Promise<string | undefined>;
}

export type EnvCheck = Check<CheckBench>;

export interface CheckResult {
  readonly name: string;
  readonly holds: boolean;
  /** What is wrong, or a remark. */
  readonly detail: string;
  readonly seconds: number;
}

export interface EnvReport {
  readonly env: string;
  readonly holds: boolean;
  readonly checks: readonly CheckResult[];
}

/** Every check, in the order in which they run. */
export const envChecks: readonly EnvCheck[] = [
  ...spaceChecks,
  ...motionChecks,
  ...snapshotChecks,
  ...refusalChecks,
  ...episodeChecks,
  ...paramsChecks,
];

/**
 * Plays an env at random and holds it to the contract of a `VectorEnv`: Gymnasium's meaning of reset and step, and what groundtwin promises beyond it
 * (bits by seed, whatever the batch size; snapshots; typed refusals; unshared memory; reward term by term).
 * Nothing is thrown for a broken env: a check that cannot go on fails with what it met.
 *
 * @param make - as many envs as are asked for, alike; up to 8 lanes.
 * @throws OPTION_INVALID
 */
export async function checkEnv(make: MakeEnv, options: CheckOptions = {}): Promise<EnvReport> {
  const bench = benchOf(make, options);
  const chosen = chosenFrom(envChecks, options.only, 'checkEnv');
  const checks = await runChecks(chosen, bench, options.clock_s);
  return { env: await idOf(bench), holds: checks.every(({ holds }) => holds), checks };
}

/** Those that are named, or all. @throws OPTION_INVALID for a name that none has: a check that is not run must not seem to hold. */
export function chosenFrom<Bench>(
  checks: readonly Check<Bench>[],
  only: readonly string[] | undefined,
  who: string,
): readonly Check<Bench>[] {
  const unknown = only?.find((name) => !checks.some((check) => check.name === name));
  if (unknown !== undefined) {
    const allowed = `names of checks: ${checks.map(({ name }) => name).join(', ')}`;
    throw new GroundtwinError('OPTION_INVALID', { who, option: 'only', value: String(unknown).slice(0, 80), allowed });
  }
  return only ? checks.filter(({ name }) => only.includes(name)) : checks;
}

/** One after the other; what a check throws is its result. @param clock_s - seconds that go by; without it every check takes 0. */
export async function runChecks<Bench>(checks: readonly Check<Bench>[], bench: Bench, clock_s = () => 0): Promise<CheckResult[]> {
  const results: CheckResult[] = [];
  for (const check of checks) {
    const begun_s = clock_s();
    const outcome = await outcomeOf(check, bench);
    results.push({ name: check.name, ...outcome, seconds: clock_s() - begun_s });
  }
  return results;
}

async function outcomeOf<Bench>(check: Check<Bench>, bench: Bench): Promise<{ holds: boolean; detail: string }> {
  try {
    return { holds: true, detail: (await check.run(bench)) ?? '' };
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    return { holds: false, detail: isGroundtwinError(error) ? `${error.code}: ${message}` : message };
  }
}

function benchOf(make: MakeEnv, options: CheckOptions): CheckBench {
  const { steps } = options;
  if (steps !== undefined && (!Number.isInteger(steps) || steps < fewestSteps || steps > mostSteps)) {
    const allowed = `an integer from ${fewestSteps} to ${mostSteps}`;
    throw new GroundtwinError('OPTION_INVALID', { who: 'checkEnv', option: 'steps', value: String(steps), allowed });
  }
  return {
    steps: options.steps ?? 60,
    seed: options.seed ?? 1,
    constant: options.constant ?? [],
    takes: options.takes ?? [],
    params: options.params ?? {},
    inert: options.inert ?? [],
    strangers: options.strangers ?? [],
    horizon: options.horizon,
    async using(lanes, act, made) {
      const env = await make(lanes, made);
      try {
        return await act(env);
      } finally {
        await env.close();
      }
    },
  };
}

async function idOf(bench: CheckBench): Promise<string> {
  try {
    return await bench.using(1, async ({ id }) => id);
  } catch {
    return 'an env that cannot be made';
  }
}
