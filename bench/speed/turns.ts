/** Ways of doing the same work, in this process or another, timed in turns by CPU time: what disturbs the machine disturbs them all. */
import { bootstrapInterval, median } from '../../src/gap/index.ts';
import { Rng } from '../../src/math/rng.ts';

export interface TimingSize {
  /** For each side; all sides take turns, as they do when they are timed. */
  readonly warmUp_s: number;
  readonly pairs: number;
  /** Wall-clock time of one block, about. */
  readonly block_s: number;
}

export const fullTiming: TimingSize = Object.freeze({ warmUp_s: 5, pairs: 15, block_s: 0.6 });

/** One way of doing the work. @returns CPU time of so many steps, s. */
export type TimedSide = (steps: number) => Promise<number>;

export interface Timing {
  /** CPU time of a step, µs: median over the blocks. */
  readonly step_us: number;
  readonly stepsPerSecond: number;
  /** Steps of a block. */
  readonly steps: number;
}

export interface Timings<Name extends string> {
  readonly sides: Readonly<Record<Name, Timing>>;
  /** CPU time of a step in each block, µs; block i of every side belongs together. */
  readonly blocks_us: Readonly<Record<Name, Float64Array>>;
}

/** A B C A B C …, first to warm up, then for the record. */
export async function timeInTurns<Name extends string>(sides: Readonly<Record<Name, TimedSide>>, size: TimingSize): Promise<Timings<Name>> {
  const { pairs } = size;
  const names = Object.keys(sides) as Name[];
  const steps = await warmUp(sides, size);
  const blocks_us = Object.fromEntries(names.map((name) => [name, new Float64Array(pairs)])) as Record<Name, Float64Array>;
  for (let pair = 0; pair < pairs; pair++)
    for (const name of names) blocks_us[name][pair] = (1e6 * (await sides[name](steps[name]))) / steps[name];
  const timings = names.map((name) => {
    const step_us = median(blocks_us[name]);
    return [name, { step_us, stepsPerSecond: 1e6 / step_us, steps: steps[name] }];
  });
  return { sides: Object.fromEntries(timings) as Record<Name, Timing>, blocks_us };
}

/** Of a block, unless a step takes longer than a block should. */
const fewestSteps = 20;

/** @returns how many steps of each fill a block. */
async function warmUp<Name extends string>(
  sides: Readonly<Record<Name, TimedSide>>,
  { warmUp_s, block_s }: TimingSize,
): Promise<Record<Name, number>> {
  const names = Object.keys(sides) as Name[];
  const steps = Object.fromEntries(names.map((name) => [name, fewestSteps])) as Record<Name, number>;
  const spent_s = Object.fromEntries(names.map((name) => [name, 0])) as Record<Name, number>;
  do {
    for (const name of names) {
      const began_ms = performance.now();
      await sides[name](steps[name]);
      const took_s = (performance.now() - began_ms) / 1000;
      spent_s[name] += took_s;
      steps[name] = Math.max(fewestSteps, Math.round(steps[name] * Math.min(10, block_s / took_s)));
    }
  } while (names.some((name) => spent_s[name] < warmUp_s));
  return steps;
}

export interface Speed {
  /** Steps a second of ours over those of the peer: median over the pairs, with the 95 % bootstrap interval of that median. */
  readonly ratio: number;
  readonly low: number;
  readonly high: number;
}

/** @param ours_us - CPU time of a step in each block. @param peer_us - the same of the peer, in the blocks beside. */
export function speedOf(ours_us: Float64Array, peer_us: Float64Array): Speed {
  const {
    measured: ratio,
    low,
    high,
  } = bootstrapInterval(
    ours_us.map((time_us, pair) => peer_us[pair]! / time_us),
    median,
    new Rng(0),
  );
  return { ratio, low, high };
}

/** CPU time of this process, user and system, all its threads, s. */
export async function cpuTime_s(work: () => Promise<void> | void): Promise<number> {
  const before = process.cpuUsage();
  await work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1e6;
}
