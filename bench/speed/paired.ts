/** Two ways of doing the same work, timed in turns in one process: what disturbs the machine disturbs both. */
import { bootstrapInterval, median } from '../../src/gap/index.ts';
import { Rng } from '../../src/math/rng.ts';

/** Does its block of work once. */
export type Side = () => void | Promise<void>;

export interface PairedOptions {
  /** Both sides alternate for so long before anything counts: Rapier is WebAssembly, which V8 compiles in tiers for some seconds. */
  readonly warmUp_s: number;
  readonly pairs: number;
}

export interface Paired {
  /** CPU time of one block, user and system, all threads of the process; medians, µs. */
  readonly ours_us: number;
  readonly peer_us: number;
  /** ours / peer: median over the pairs, with the 95 % bootstrap interval of that median. */
  readonly ratio: number;
  readonly low: number;
  readonly high: number;
  readonly pairs: number;
}

/** A B A B …, CPU time. */
export async function compare(ours: Side, peer: Side, { warmUp_s, pairs }: PairedOptions): Promise<Paired> {
  const warm_ms = performance.now() + warmUp_s * 1000;
  do {
    await ours();
    await peer();
  } while (performance.now() < warm_ms);
  const own = new Float64Array(pairs);
  const other = new Float64Array(pairs);
  for (let pair = 0; pair < pairs; pair++) {
    own[pair] = await cpuTimeOf_us(ours);
    other[pair] = await cpuTimeOf_us(peer);
  }
  const ratios = own.map((time_us, pair) => time_us / other[pair]!);
  const { measured, low, high } = bootstrapInterval(ratios, median, new Rng(0));
  return { ours_us: median(own), peer_us: median(other), ratio: measured, low, high, pairs };
}

async function cpuTimeOf_us(side: Side): Promise<number> {
  const before = process.cpuUsage();
  await side();
  const { user, system } = process.cpuUsage(before);
  return user + system;
}
