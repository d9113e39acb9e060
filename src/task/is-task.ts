import type { AnyTask } from './task.ts';

/** Whether a value that a module exports is a task. */
export function isTask(value: unknown): value is AnyTask {
  const task = value as Partial<AnyTask> | null;
  return (
    typeof task === 'object' &&
    task !== null &&
    typeof task.id === 'string' &&
    typeof task.state === 'object' &&
    typeof task.scene === 'function' &&
    typeof task.reward === 'object'
  );
}
