/** Who is measured. */

import type { AnyTask } from '../task/task.ts';
import { TaskEnv } from '../task/task-env.ts';
import { ModelDynamics } from '../world-model/model-dynamics.ts';
import type { WorldModel } from '../world-model/world-model.ts';
import type { HeldOut } from './held-out.ts';
import { type Played, type Player, playerOf } from './play.ts';

export type OpenEnv = (lanes: number) => Promise<TaskEnv>;

/** Anything that says what follows from a state and actions: a learned model, a second engine, a changed truth, truth itself. */
export interface Subject {
  readonly name: string;
  readonly task: AnyTask;
  /** Absent where none stands behind it. */
  readonly model?: WorldModel;
  /** As an env with so many lanes, without wrappers; the caller closes it. */
  readonly open: OpenEnv;
  /** For whoever sees all actions of a plan at once, as many video models do: plays instead of `open` where plans are known whole. */
  readonly play?: (plan: HeldOut, copies: number, seed: number) => Promise<Played>;
  /** Gives back what it owns. */
  close(): Promise<void>;
}

/** A learned model; closed with the subject. */
export function modelSubject(task: AnyTask, model: WorldModel): Subject {
  return {
    name: model.manifest.name,
    task,
    model,
    open: async (lanes) => new TaskEnv(task, new ModelDynamics(task, model, lanes), lanes),
    close: () => model.close(),
  };
}

/** Whatever steps the task; what is behind it closes with its envs. */
export function envSubject(name: string, task: AnyTask, open: OpenEnv): Subject {
  return { name, task, open, close: async () => {} };
}

/** @param lanes - at once, where it goes step by step. */
export async function withPlayer<T>(subject: Subject, lanes: number, use: (player: Player) => Promise<T>): Promise<T> {
  const { play, task } = subject;
  if (play) return use({ task, play: (plan, copies, seed) => play(plan, copies, seed) });
  const env = await subject.open(lanes);
  try {
    return await use(playerOf(env));
  } finally {
    await env.close();
  }
}
