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
import { paddleBalls } from './paddle-balls.ts';

/** From the repository root. */
export function fileOfTask(id: string): string {
  return id === paddleBalls.id ? 'bench/gap/paddle-balls.ts' : taskFile(id);
}

/** @throws when its file holds no such task. */
export async function taskOf(id: string): Promise<AnyTask> {
  if (id === paddleBalls.id) return paddleBalls;
  const module: Readonly<Record<string, unknown>> = await import(pathToFileURL(join(root, taskFile(id))).href);
  const task = Object.values(module).find((value) => isTask(value) && value.id === id);
  if (!task) throw new Error(`${taskFile(id)} has no task ${id}`);
  return task as AnyTask;
}

/** Physics without wrappers. */
export function truthOf(task: AnyTask, engine: PhysicsEngine, lanes: number): TaskEnv {
  return new TaskEnv(task, new PhysicsDynamics(task, engine), lanes);
}
