/** What runs in a worker of a vector env: truth of one task, for some of its lanes, in a thread or a process of its own. */
import { isMainThread } from 'node:worker_threads';
import { envs } from '../envs/index.ts';
import type { MadeWith } from './core/vector-env.ts';
import { nodeRuntime } from './onnx/index.ts';
import { mujocoEngine } from './physics/mujoco-engine.ts';
import { rapierEngine } from './physics/rapier-engine.ts';
import { Registry } from './registry/registry.ts';
import { conditionOn } from './task/condition.ts';
import { isTask } from './task/is-task.ts';
import { serveInProcess } from './vector/process-worker.ts';
import { serveInThread } from './vector/thread-worker.ts';
import type { WorkerConfig } from './vector/worker-protocol.ts';

async function build({ id, lanes, taskModules, options }: WorkerConfig) {
  const engines = { rapier: rapierEngine, mujoco: mujocoEngine };
  const registry = new Registry({ tasks: envs, engines, runtime: nodeRuntime(), entropy: () => 0 });
  for (const module of taskModules) await registerTasks(registry, module);
  const { engine, randomize, condition = [], observeCondition: observe = false } = options as Partial<Omit<MadeWith, 'wrappers'>>;
  return registry.truth(conditionOn(registry.task(id), condition, { observe }), lanes, engine, randomize);
}

async function registerTasks(registry: Registry, module: string): Promise<void> {
  const exported = Object.values((await import(module)) as Record<string, unknown>);
  // A module may export a task twice, and may export again one that ships with the package.
  for (const task of new Set(exported)) if (isTask(task) && !registry.ids().includes(task.id)) registry.register(task);
}

await (isMainThread ? serveInProcess(build) : serveInThread(build));
