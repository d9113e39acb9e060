/**
 * What the env layer costs over physics, on any engine: `Env.step` and `VectorEnv.step` beside a bare loop over `world.step()` that writes the
 * same commands, reads the same state and begins the same episodes, does nothing else, and must end in the same state.
 * A script too: `<id> <engine> <warmUp_s> <pairs>`.
 */
import { fileURLToPath } from 'node:url';
import type { EngineName } from '../../src/core/scene-spec.ts';
import { type MutableStateView, viewsOver } from '../../src/core/state-spec.ts';
import { registry } from '../../src/index.ts';
import { Rng } from '../../src/math/rng.ts';
import { allocate, sampleInto, type TypedArray } from '../../src/spaces/space.ts';
import type { TaskEnv } from '../../src/task/task-env.ts';
import type { BenchRow, BenchSize } from '../bench.ts';
import { compare, type Paired, type Side } from './paired.ts';

/** The time limit is in place but never acts. */
const endless = 2 ** 30;
const firstSeed = 7;
/** CPU time of a block: several garbage collections long, or whether one falls into it would decide a pair. */
const block_ms = 250;
const probeSteps = 200;

/** What happens in a block, noted once from the env itself. */
interface Script {
  readonly steps: number;
  /** `[steps, actionSize]` */
  readonly actions: TypedArray;
  /** float64 `[steps, commands]` */
  readonly commands: Float64Array;
  /** `[steps]`, 1 = an episode ends here and another begins. */
  readonly ends: Uint8Array;
  /** State after the last step. */
  readonly final: Float64Array;
}

export interface Overhead extends Paired {
  readonly id: string;
  readonly engine: EngineName;
  /** Control steps of a block. */
  readonly steps: number;
}

/** Ways to call an env. */
type Caller = 'Env.step' | 'VectorEnv.step, one lane' | 'VectorEnv.step, one lane, copy: false';

/** @returns CPU time of a block, env over bare loop. @throws when the bare loop does not end in the same state. */
async function overheadOf(id: string, engine: EngineName, size: BenchSize, caller: Caller = 'Env.step'): Promise<Overhead> {
  const probe = await bareSide(id, engine, await write(id, engine, probeSteps));
  const steps = Math.max(probeSteps, Math.round((probeSteps * block_ms) / (await fastest_ms(probe, size.warmUp_s / 2))));
  const script = await write(id, engine, steps);
  const bare = await bareSide(id, engine, script);
  const ours = caller === 'Env.step' ? envSide(id, engine, script) : vectorSide(id, engine, script, !caller.endsWith('false'));
  return { id, engine, steps, ...(await compare(await ours, bare, size)) };
}

/** Once warm. */
async function fastest_ms(side: Side, time_s: number): Promise<number> {
  const end_ms = performance.now() + 1000 * time_s;
  let fastest = Number.POSITIVE_INFINITY;
  do {
    const started_ms = performance.now();
    await side();
    fastest = Math.min(fastest, performance.now() - started_ms);
  } while (performance.now() < end_ms);
  return fastest;
}

async function envSide(id: string, engine: EngineName, { steps, actions, ends }: Script): Promise<Side> {
  const env = await registry.make(id, { engine, maxEpisodeSteps: endless });
  const action = allocate(env.actionSpace, 1) as TypedArray;
  return async () => {
    await env.reset({ seed: firstSeed });
    for (let step = 0; step < steps; step++) {
      setAction(action, actions, step);
      const { terminated } = await env.step(action);
      if (terminated !== (ends[step] === 1)) throw new Error(`${id}: the env does not do again what it did`);
      if (terminated) await env.reset();
    }
  };
}

async function vectorSide(id: string, engine: EngineName, { steps, actions }: Script, copy: boolean): Promise<Side> {
  const env = await registry.makeVector(id, { engine, copy, autoreset: 'disabled', maxEpisodeSteps: endless });
  const action = allocate(env.actionSpace, 1) as TypedArray;
  return async () => {
    await env.reset({ seed: firstSeed });
    for (let step = 0; step < steps; step++) {
      setAction(action, actions, step);
      const { terminated } = await env.step(action);
      if (terminated[0]) await env.reset();
    }
  };
}

function setAction(action: TypedArray, actions: TypedArray, step: number): void {
  for (let i = 0; i < action.length; i++) action[i] = actions[step * action.length + i]!;
}

/** Plays one block and notes it. */
async function write(id: string, engine: EngineName, steps: number): Promise<Script> {
  const env = await registry.makeVector(id, { engine, autoreset: 'disabled', maxEpisodeSteps: endless });
  const truth = env.backend as TaskEnv;
  const rng = new Rng(firstSeed);
  const action = allocate(env.actionSpace, 1) as TypedArray;
  const actions = allocate(env.actionSpace, steps) as TypedArray;
  const width = truth.commands.length;
  const commands = new Float64Array(steps * width);
  const ends = new Uint8Array(steps);
  await env.reset({ seed: firstSeed });
  for (let step = 0; step < steps; step++) {
    sampleInto(env.actionSpace, rng, action);
    actions.set(action, step * action.length);
    ends[step] = (await env.step(action)).terminated[0]!;
    commands.set(truth.commands, step * width);
    if (ends[step]) await env.reset();
  }
  const final = truth.state.slice();
  await env.close();
  return { steps, actions, commands, ends, final };
}

async function bareSide(id: string, engineName: EngineName, { steps, commands, ends, final }: Script): Promise<() => void> {
  const task = registry.task(id);
  const settings = task.engines[engineName]!;
  const world = (await registry.engine(engineName)).createWorld(task.scene(task.params), settings);
  const pristine = world.save();
  const actuators = task.commands.map(({ name }) => world.actuatorIndex(name));
  const substeps = Math.round(task.controlDt_s / settings.step_s);
  const row = new Float64Array(final.length);
  const view = viewsOver(task.state, row, 1)[0]!;
  const signals = signalsOf(task.state, view);
  const rng = new Rng(0);
  // Episode k of a lane seeded s has the seed s + k · 2^32.
  const begin = (episode: number) => {
    rng.seed(firstSeed + episode * 2 ** 32);
    row.fill(0);
    task.initial(rng, task.params, view);
    world.load(pristine);
    task.place(world, view);
    task.read(world, view);
  };
  const side = () => {
    let episode = 0;
    begin(episode++);
    for (let step = 0; step < steps; step++) {
      for (let i = 0; i < actuators.length; i++) world.setControl(actuators[i]!, commands[step * actuators.length + i]!);
      if (task.accumulate) for (const signal of signals) signal.fill(0);
      for (let i = 0; i < substeps; i++) {
        world.step();
        task.accumulate?.(world, view, 1 / substeps);
      }
      task.read(world, view);
      if (ends[step]) begin(episode++);
    }
  };
  side();
  // Memory and context are the env's own; the rest is physics.
  const isPhysics = physicsElements(task.state);
  if (row.some((value, i) => isPhysics[i] === 1 && value !== final[i]))
    throw new Error(`${id}: the bare loop does not do the same physics`);
  return side;
}

type Shape = Readonly<Record<string, { readonly role: string; readonly size?: number }>>;

/** Accumulated entries that are vectors. */
function signalsOf(shape: Shape, view: MutableStateView): Float64Array[] {
  const values = view as Readonly<Record<string, unknown>>;
  return Object.keys(shape).flatMap((name) =>
    shape[name]!.role === 'signal' && values[name] instanceof Float64Array ? [values[name] as Float64Array] : [],
  );
}

/** What the bare loop must arrive at; signals may be made from memory, which it does not run. */
function physicsElements(shape: Shape): Uint8Array {
  const entries = Object.values(shape);
  const roles = entries.some(({ role }) => role === 'memory') ? ['dynamic'] : ['dynamic', 'signal'];
  return Uint8Array.from(entries.flatMap(({ role, size = 1 }) => Array(size).fill(roles.includes(role) ? 1 : 0)));
}

/** Every env on Rapier, and every way to call the main one, which comes first. */
export async function truthOverheadBench(size: BenchSize): Promise<BenchRow[]> {
  const main = 'CartPoleSwingUp-v0';
  const callers = ['Env.step', 'VectorEnv.step, one lane', 'VectorEnv.step, one lane, copy: false'] as const;
  const others = registry.ids().filter((id) => id !== main);
  const cases: (readonly [string, Caller])[] = [
    ...callers.map((caller) => [main, caller] as const),
    ...others.map((id) => [id, 'Env.step'] as const),
  ];
  const rows: BenchRow[] = [];
  for (const [id, caller] of cases) {
    const { steps, ours_us, peer_us, ratio, low, high } = await overheadOf(id, 'rapier', size, caller);
    const unit = 'µs of CPU a control step; ratio ours / bare loop';
    rows.push({ what: `${id}, ${caller}`, ours: ours_us / steps, peer: peer_us / steps, ratio, low, high, unit });
  }
  return rows;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [id, engine, warmUp_s, pairs] = process.argv.slice(2);
  const figures = await overheadOf(id!, engine as EngineName, { warmUp_s: Number(warmUp_s), pairs: Number(pairs) });
  process.stdout.write(JSON.stringify(figures));
}
