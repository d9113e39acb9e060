/** A training of ours under the eyes of a judge. Imports only what results depend on, so that their hash is the hash over these files. */
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Policy } from '../../src/core/policy.ts';
import { layOut } from '../../src/core/state-spec.ts';
import type { VectorEnv } from '../../src/core/vector-env.ts';
import { nodeRuntime } from '../../src/onnx/node-runtime.ts';
import type { OnnxRuntime } from '../../src/onnx/runtime.ts';
import { rapierEngine } from '../../src/physics/rapier-engine.ts';
import { allocate, flatSizeOf, type TypedArray } from '../../src/spaces/space.ts';
import { isTask } from '../../src/task/is-task.ts';
import { PhysicsDynamics } from '../../src/task/physics-dynamics.ts';
import type { AnyTask } from '../../src/task/task.ts';
import { TaskEnv } from '../../src/task/task-env.ts';
import { playEpisodes } from '../../src/vector/evaluate.ts';
import { SyncVectorEnv } from '../../src/vector/sync-vector-env.ts';
import { timeLimit } from '../../src/wrappers/time-limit.ts';
import { root } from '../machine.ts';
import { FIRST_START, type Played, type Point, type Run, taskFile } from './run.ts';

/** As `PpoTraining` and the others are. */
export interface Training {
  readonly isDone: boolean;
  /** Real steps taken. */
  readonly steps: number;
  iterate(): Promise<unknown>;
  /** ONNX, of the likeliest actions; or what acts in so many lanes, and is closed after. */
  policy(lanes: number): Uint8Array<ArrayBuffer> | Promise<OpenPolicy>;
  close(): Promise<void>;
}

export type OpenPolicy = Policy & { close(): Promise<void> };

export type OpenTraining = (env: VectorEnv, task: AnyTask, runtime: OnnxRuntime) => Promise<Training>;

/** Trains to the end on Rapier, one lane. */
export async function playTraining(run: Run, open: OpenTraining): Promise<Played> {
  const task = await taskOf(run.env);
  const runtime = nodeRuntime();
  const env = await truthOf(task, 1);
  const fresh = await truthOf(task, run.starts);
  const training = await open(env, task, runtime);
  const began = spent();
  const curve: Point[] = [];
  const judging: Spent = { seconds: 0, cpu_s: 0 };
  const elapsed = () => without(spent(), judging);
  for (let judged = 0; !training.isDone; ) {
    await training.iterate();
    if (!training.isDone && Math.floor(training.steps / run.evaluateEvery) === judged) continue;
    judged = Math.floor(training.steps / run.evaluateEvery);
    const before = spent();
    const { seconds, cpu_s } = elapsed();
    const worth = await meanReturn(fresh, runtime, await training.policy(fresh.lanes), task.horizon);
    curve.push({ steps: training.steps, return: worth, seconds: rounded(seconds), cpu_s: rounded(cpu_s) });
    const judgement = without(spent(), before);
    judging.seconds += judgement.seconds;
    judging.cpu_s += judgement.cpu_s;
  }
  const loop = without(elapsed(), began);
  const all = spent();
  const steps = training.steps;
  await training.close();
  return {
    curve,
    wall_s: rounded(all.seconds),
    cpu_s: rounded(all.cpu_s),
    stepsPerSecond: rounded(steps / loop.seconds),
    stepsPerCpuSecond: rounded(steps / loop.cpu_s),
  };
}

/** Since the process began. */
interface Spent {
  seconds: number;
  cpu_s: number;
}

function spent(): Spent {
  const { user, system } = process.cpuUsage();
  return { seconds: performance.now() / 1000, cpu_s: (user + system) / 1e6 };
}

function without(all: Spent, part: Spent): Spent {
  return { seconds: all.seconds - part.seconds, cpu_s: all.cpu_s - part.cpu_s };
}

async function taskOf(id: string): Promise<AnyTask> {
  const module: Readonly<Record<string, unknown>> = await import(pathToFileURL(join(root, taskFile(id))).href);
  const task = Object.values(module).find((value) => isTask(value) && value.id === id);
  if (!task) throw new Error(`${taskFile(id)} has no task ${id}`);
  return task as AnyTask;
}

async function truthOf(task: AnyTask, lanes: number): Promise<SyncVectorEnv> {
  const source = new TaskEnv(task, new PhysicsDynamics(task, await rapierEngine()), lanes);
  return new SyncVectorEnv(source, {
    inner: [timeLimit(task.horizon)],
    stateSpec: layOut(task.state),
    autoreset: 'disabled',
    copy: false,
    entropy: () => 0,
  });
}

async function meanReturn(env: VectorEnv, runtime: OnnxRuntime, found: Uint8Array | OpenPolicy, horizon: number): Promise<number> {
  const policy = found instanceof Uint8Array ? await openGraph(env, runtime, found) : found;
  const { returns } = await playEpisodes(env, policy, { seed: FIRST_START, policySeed: 0, maxSteps: horizon });
  await policy.close();
  return returns.reduce((sum, value) => sum + value, 0) / returns.length;
}

/** Not `onnxPolicy`: it guards against strangers' graphs, with much code that no result here depends on. */
async function openGraph(env: VectorEnv, runtime: OnnxRuntime, graph: Uint8Array): Promise<OpenPolicy> {
  const session = await runtime.load(graph, { name: 'policy' });
  const actions = allocate(env.actionSpace, env.lanes) as TypedArray;
  return {
    name: 'policy',
    reset: () => {},
    async act(observation) {
      const dims = [env.lanes, flatSizeOf(env.observationSpace)];
      const { action } = await session.run({ observation: { type: 'float32', data: observation as Float32Array, dims } }, ['action']);
      for (let i = 0; i < actions.length; i++) actions[i] = Number(action!.data[i]);
      return actions;
    },
    close: () => session.release(),
  };
}

function rounded(value: number): number {
  return Math.round(value * 1000) / 1000;
}
