/** A long run in a process of its own: does it take more and more memory? */

import { fileURLToPath } from 'node:url';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { EngineName } from '../../src/core/scene-spec.ts';
import { Rng } from '../../src/math/rng.ts';
import { sample } from '../../src/spaces/space.ts';
import type { SyncVectorEnv } from '../../src/vector/sync-vector-env.ts';

export interface GrowthSize {
  /** Env steps before anything counts, and after. */
  readonly warmUp: number;
  readonly steps: number;
  readonly samples: number;
}

export const growthSize: GrowthSize = { warmUp: 200_000, steps: 1_000_000, samples: 25 };

export interface GrowthFigures {
  readonly steps: number;
  readonly episodes: number;
  readonly restores: number;
  /** Of resident memory, MB: median of the last fifth of the samples less that of the first. */
  readonly growth_MB: number;
  /** Least squares over all samples. */
  readonly slope_MBperMillion: number;
  /** After a collection each: MB. */
  readonly resident_MB: readonly number[];
  readonly heap_MB: readonly number[];
  /** Of all WebAssembly modules together. */
  readonly wasm_MB: readonly number[];
  /** Worlds alive after all envs are closed. */
  readonly worldsLeft: number;
}

const envs: readonly { readonly id: string; readonly engine: EngineName }[] = [
  { id: 'CartPoleSwingUp-v0', engine: 'rapier' },
  { id: 'Hopper-v0', engine: 'rapier' },
  { id: 'Hopper-v0', engine: 'mujoco' },
];
const lanes = 4;
/** Rounds of steps, all envs in turn, between two restores. */
const ROUNDS_PER_RESTORE = 25;
const megabyte = 2 ** 20;

interface WasmMemory {
  readonly buffer: ArrayBuffer;
}

interface WasmInstance {
  readonly exports: Readonly<Record<string, unknown>>;
}

/** What the types of Node 20 leave out. */
interface Wasm {
  readonly Memory: new (...args: never[]) => WasmMemory;
  instantiate(source: unknown, imports?: unknown): Promise<WasmInstance & { readonly instance?: WasmInstance }>;
}

/** Memories of the WebAssembly modules that are started after this call. */
function watchWasm(): WasmMemory[] {
  const memories: WasmMemory[] = [];
  const wasm = (globalThis as unknown as { WebAssembly: Wasm }).WebAssembly;
  const start = wasm.instantiate;
  wasm.instantiate = async (source, imports) => {
    const started = await start(source, imports);
    for (const part of Object.values((started.instance ?? started).exports)) if (part instanceof wasm.Memory) memories.push(part);
    return started;
  };
  return memories;
}

/** For a process of its own: flags and WebAssembly are changed for good. */
export async function measureGrowth({ warmUp, steps, samples }: GrowthSize): Promise<GrowthFigures> {
  const memories = watchWasm();
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  // Not before WebAssembly is watched.
  const { registry } = await import('../../src/index.ts');
  const { liveRapierWorlds } = await import('../../src/physics/rapier-engine.ts');
  const { liveMujocoWorlds } = await import('../../src/physics/mujoco-engine.ts');
  const runs = await Promise.all(
    envs.map(async ({ id, engine }, i) => new Run(await registry.makeVector(id, { engine, lanes, autoreset: 'sameStep' }), i)),
  );
  for (const run of runs) await run.begin();
  const play = async (wanted: number): Promise<void> => {
    for (let done = 0; done < wanted; done += lanes * runs.length) for (const run of runs) await run.round();
  };
  await play(warmUp);
  const [resident_MB, heap_MB, wasm_MB]: [number[], number[], number[]] = [[], [], []];
  for (let sample = 0; sample <= samples; sample++) {
    if (sample > 0) await play(steps / samples);
    await new Promise((resolve) => setImmediate(resolve));
    collect();
    const { rss, heapUsed } = process.memoryUsage();
    resident_MB.push(rss / megabyte);
    heap_MB.push(heapUsed / megabyte);
    wasm_MB.push(memories.reduce((sum, { buffer }) => sum + buffer.byteLength, 0) / megabyte);
  }
  for (const run of runs) await run.env.close();
  const [episodes, restores] = (['episodes', 'restores'] as const).map((what) => runs.reduce((sum, run) => sum + run[what], 0));
  const worldsLeft = liveRapierWorlds() + liveMujocoWorlds();
  const slope_MBperMillion = (slopeOf(resident_MB) * 1e6 * samples) / steps;
  const growth_MB = growthOf(resident_MB);
  return { steps, episodes: episodes!, restores: restores!, growth_MB, slope_MBperMillion, resident_MB, heap_MB, wasm_MB, worldsLeft };
}

/** One env under way. */
class Run {
  readonly env: SyncVectorEnv;
  episodes = 0;
  restores = 0;
  private rounds = 0;
  private readonly rng: Rng;
  private readonly kept: Uint8Array[] = [];

  constructor(env: SyncVectorEnv, seed: number) {
    this.env = env;
    this.rng = new Rng(seed);
  }

  async begin(): Promise<void> {
    await this.env.reset({ seed: 5 });
  }

  /** One step of every lane; now and then a lane is put where another was a while ago. */
  async round(): Promise<void> {
    const { env, rng } = this;
    const actions = sample(env.actionSpace, rng, lanes);
    const { terminated, truncated } = await env.step(actions);
    for (let lane = 0; lane < lanes; lane++) this.episodes += terminated[lane]! | truncated[lane]!;
    if (++this.rounds % ROUNDS_PER_RESTORE !== 0) return;
    this.kept.push(await env.snapshot(rng.integer(lanes)));
    if (this.kept.length < 4) return;
    await env.restore(this.kept.shift()!, rng.integer(lanes));
    this.restores++;
  }
}

function growthOf(samples: readonly number[]): number {
  const part = Math.max(1, Math.floor(samples.length / 5));
  return medianOf(samples.slice(-part)) - medianOf(samples.slice(0, part));
}

function medianOf(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)]!;
}

/** Per sample. */
function slopeOf(values: readonly number[]): number {
  const [x, y] = [(values.length - 1) / 2, values.reduce((sum, value) => sum + value, 0) / values.length];
  const [top, bottom] = values.reduce(([t, b], value, i) => [t + (i - x) * (value - y), b + (i - x) ** 2], [0, 0]);
  return top! / bottom!;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [warmUp, steps, samples] = process.argv.slice(2).map(Number);
  process.stdout.write(JSON.stringify(await measureGrowth({ warmUp: warmUp!, steps: steps!, samples: samples! })));
}
