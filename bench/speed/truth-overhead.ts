/**
 * What the env layer costs over physics: `Env.step` and `VectorEnv.step` beside a bare loop over `world.step()`
 * that writes the same forces to the same actuators, reads the same joints and begins the same episodes, and does nothing else.
 */
import { elementsWithRole, layOut, viewsOver } from '../../src/core/state-spec.ts';
import { registry } from '../../src/index.ts';
import { Rng } from '../../src/math/rng.ts';
import { rapierEngine } from '../../src/physics/rapier-engine.ts';
import { allocate, sampleInto, type TypedArray } from '../../src/spaces/space.ts';
import type { TaskEnv } from '../../src/task/task-env.ts';
import type { BenchRow, BenchSize } from '../bench.ts';
import { compare, type Side } from './paired.ts';

/** Control steps of a block: some 50 ms. */
const blockSteps = 1500;
/** The time limit is in place but never acts. */
const endless = 2 ** 30;
const firstSeed = 7;

/** What happens in a block, noted once from the env itself. */
interface Script {
  /** `[steps, actionSize]` */
  readonly actions: TypedArray;
  /** float64 `[steps, commands]` */
  readonly commands: Float64Array;
  /** `[steps]`, 1 = an episode ends here and another begins. */
  readonly ends: Uint8Array;
  /** State after the last step. */
  readonly final: Float64Array;
}

/** One way to call the env. */
const callers = {
  'Env.step': async (id: string, script: Script): Promise<Side> => {
    const env = await registry.make(id, { maxEpisodeSteps: endless });
    const action = allocate(env.actionSpace, 1) as TypedArray;
    return async () => {
      await env.reset({ seed: firstSeed });
      for (let step = 0; step < blockSteps; step++) {
        setAction(action, script, step);
        const { terminated } = await env.step(action);
        if (terminated) await env.reset();
      }
    };
  },
  'VectorEnv.step, one lane': (id: string, script: Script) => vectorSide(id, script, true),
  'VectorEnv.step, one lane, copy: false': (id: string, script: Script) => vectorSide(id, script, false),
} as const;
type Caller = keyof typeof callers;

async function vectorSide(id: string, script: Script, copy: boolean): Promise<Side> {
  const env = await registry.makeVector(id, { copy, autoreset: 'disabled', maxEpisodeSteps: endless });
  const action = allocate(env.actionSpace, 1) as TypedArray;
  return async () => {
    await env.reset({ seed: firstSeed });
    for (let step = 0; step < blockSteps; step++) {
      setAction(action, script, step);
      const { terminated } = await env.step(action);
      if (terminated[0]) await env.reset();
    }
  };
}

function setAction(action: TypedArray, { actions }: Script, step: number): void {
  for (let i = 0; i < action.length; i++) action[i] = actions[step * action.length + i]!;
}

/** @returns CPU time a control step, env over bare loop. @throws when the bare loop does not end in the same state. */
async function truthOverhead(id: string, caller: Caller, size: BenchSize): Promise<BenchRow> {
  const script = await write(id);
  const bare = await bareSide(id, script);
  const { ours_us, peer_us, ratio, low, high } = await compare(await callers[caller](id, script), bare, size);
  return {
    what: `${id}, ${caller}`,
    ours: ours_us / blockSteps,
    peer: peer_us / blockSteps,
    ratio,
    low,
    high,
    unit: 'µs of CPU a control step; ratio ours / bare loop',
  };
}

/** Plays one block and notes it. */
async function write(id: string): Promise<Script> {
  const env = await registry.makeVector(id, { autoreset: 'disabled', maxEpisodeSteps: endless });
  const truth = env.backend as TaskEnv;
  const rng = new Rng(firstSeed);
  const action = allocate(env.actionSpace, 1) as TypedArray;
  const actions = allocate(env.actionSpace, blockSteps) as TypedArray;
  const width = truth.commands.length;
  const commands = new Float64Array(blockSteps * width);
  const ends = new Uint8Array(blockSteps);
  await env.reset({ seed: firstSeed });
  for (let step = 0; step < blockSteps; step++) {
    sampleInto(env.actionSpace, rng, action);
    actions.set(action, step * action.length);
    ends[step] = (await env.step(action)).terminated[0]!;
    commands.set(truth.commands, step * width);
    if (ends[step]) await env.reset();
  }
  const final = truth.state.slice();
  await env.close();
  return { actions, commands, ends, final };
}

async function bareSide(id: string, { commands, ends, final }: Script): Promise<Side> {
  const task = registry.task(id);
  const settings = task.engines.rapier;
  const world = (await rapierEngine()).createWorld(task.scene(task.params), settings);
  const pristine = world.save();
  const actuators = task.commands.map(({ name }) => world.actuatorIndex(name));
  const substeps = Math.round(task.controlDt_s / settings.step_s);
  const row = new Float64Array(final.length);
  const view = viewsOver(task.state, row, 1)[0]!;
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
    for (let step = 0; step < blockSteps; step++) {
      for (let i = 0; i < actuators.length; i++) world.setControl(actuators[i]!, commands[step * actuators.length + i]!);
      for (let i = 0; i < substeps; i++) {
        world.step();
        task.accumulate?.(world, view, 1 / substeps);
      }
      task.read(world, view);
      if (ends[step]) begin(episode++);
    }
  };
  side();
  // Memory is task code's, which the bare loop does not run.
  const moved = elementsWithRole(layOut(task.state), 'dynamic');
  if (moved.some((i) => row[i] !== final[i])) throw new Error(`${id}: the bare loop does not do the same physics`);
  return side;
}

/** Every env, and every way to call the main one. */
export async function truthOverheadBench(size: BenchSize): Promise<BenchRow[]> {
  const rows: BenchRow[] = [];
  for (const caller of Object.keys(callers) as Caller[]) rows.push(await truthOverhead('CartPoleSwingUp-v0', caller, size));
  for (const id of registry.ids().filter((one) => one !== 'CartPoleSwingUp-v0')) rows.push(await truthOverhead(id, 'Env.step', size));
  return rows;
}
