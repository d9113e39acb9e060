/** The tasks of trials, and their physics. Imports only what results depend on, so that their hash is the hash over these files. */
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { PhysicsEngine } from '../../src/core/physics-world.ts';
import { isTask } from '../../src/task/is-task.ts';
import { PhysicsDynamics } from '../../src/task/physics-dynamics.ts';
import type { AnyTask } from '../../src/task/task.ts';
import { TaskEnv } from '../../src/task/task-env.ts';
import { taskFile } from '../agents/run.ts';
import { root } from '../machine.ts';

const own = { 'PaddleBalls-v0': 'bench/gap/paddle-balls.ts' } as const;

/** From the repository root. */
export function fileOfTask(id: string): string {
  return Object.hasOwn(own, id) ? own[id as keyof typeof own] : taskFile(id);
}

/** @throws when its file holds no such task. */
export async function taskOf(id: string): Promise<AnyTask> {
  const module: Readonly<Record<string, unknown>> = await import(pathToFileURL(join(root, fileOfTask(id))).href);
  const task = Object.values(module).find((value) => isTask(value) && value.id === id);
  if (!task) throw new Error(`${fileOfTask(id)} has no task ${id}`);
  return task as AnyTask;
}

/** Physics without wrappers. */
export function truthOf(task: AnyTask, engine: PhysicsEngine, lanes: number): TaskEnv {
  return new TaskEnv(task, new PhysicsDynamics(task, engine), lanes);
}
