/** Episodes played by truth and dream side by side, as poses for the report's player. */

import type { PhysicsEngine } from '../core/physics-world.ts';
import { layOut } from '../core/state-spec.ts';
import type { Transitions } from '../data/transitions.ts';
import type { DrawnBody } from '../render/index.ts';
import type { Replay } from '../report/index.ts';
import { allocate, unflattenInto } from '../spaces/space.ts';
import { BodyPoses } from '../task/body-poses.ts';
import type { AnyTask } from '../task/task.ts';
import type { TaskEnv } from '../task/task-env.ts';

export interface ReplayOptions {
  readonly task: AnyTask;
  readonly engine: PhysicsEngine;
  /** One lane each, without wrappers; closed by the caller. */
  readonly truth: TaskEnv;
  readonly dream: TaskEnv;
  readonly heldOut: Transitions;
  /** Steps the dream runs free before it is put back onto truth. */
  readonly resyncEvery: number;
  /** `[size]` of the predicted elements: one unit of error each. */
  readonly scale: Float64Array;
  readonly predicted: Int32Array;
  readonly mostSteps: number;
}

/** Replays the first episode of the data. */
export async function replayOf(options: ReplayOptions): Promise<Replay> {
  const { task, truth, dream, heldOut } = options;
  const size = truth.spec.size;
  const steps = Math.min(heldOut.episode.lastIndexOf(heldOut.episode[0]!) + 1, options.mostSteps);
  const paths = { truth: [] as Float64Array[], dream: [] as Float64Array[] };
  const rewards = { truth: [0], dream: [0] };
  const resyncs: number[] = [];
  const look = () => {
    paths.truth.push(truth.state.slice(0, size));
    paths.dream.push(dream.state.slice(0, size));
  };
  const actions = allocate(task.actionSpace, 1);
  const active = Uint8Array.of(1);
  await truth.setState(0, heldOut.state.subarray(0, size), 0);
  await dream.setState(0, heldOut.state.subarray(0, size), 0);
  look();
  for (let step = 0; step < steps; step++) {
    if (step > 0 && step % options.resyncEvery === 0) {
      // Both begin again from what was recorded: an unstable pole would carry even a rounded start far away.
      const row = heldOut.state.subarray(step * size, (step + 1) * size);
      await truth.setState(0, row, 0);
      await dream.setState(0, row, step);
      resyncs.push(step);
    }
    unflattenInto(heldOut.action, actions, step * (heldOut.action.length / heldOut.count));
    await truth.step(actions, active);
    await dream.step(actions, active);
    rewards.truth.push(truth.batch.reward[0]!);
    rewards.dream.push(dream.batch.reward[0]!);
    look();
  }
  return { ...pictured(options, paths), resyncs, rewards };
}

/** What states are pictured and compared by. */
export type PictureParts = Pick<ReplayOptions, 'task' | 'engine' | 'scale' | 'predicted'>;

/** @param paths - whole states float64 `[size]` of each step, as many on either side. */
export function pictured(
  parts: PictureParts,
  paths: Readonly<Record<'truth' | 'dream', readonly Float64Array[]>>,
): Omit<Replay, 'rewards'> {
  const { task, engine } = parts;
  const ghost = engine.createWorld(task.scene(task.params), task.engines.rapier);
  const poses = new BodyPoses(task, ghost);
  const frames = {
    truth: paths.truth.flatMap((state) => [...poses.of(state)]),
    dream: paths.dream.flatMap((state) => [...poses.of(state)]),
  };
  ghost.free();
  return {
    dt_s: task.controlDt_s,
    bodies: poses.bodies.map(drawn),
    frames,
    view: { plane: 'xz', bounds: boundsOf(frames) },
    resyncs: [],
    errors: paths.truth.map((state, step) => distance(state, paths.dream[step]!, parts)),
  };
}

/** Root mean square over the predicted elements, in standard deviations. Angles take the short way. */
function distance(truth: Float64Array, dream: Float64Array, { predicted, scale, task }: PictureParts): number {
  const angles = new Set(layOut(task.state).entries.flatMap((entry) => (entry.kind === 'angle' ? [entry.offset] : [])));
  let sum = 0;
  predicted.forEach((element, i) => {
    const gap = dream[element]! - truth[element]!;
    const short = angles.has(element) ? Math.atan2(Math.sin(gap), Math.cos(gap)) : gap;
    sum += (short / scale[i]!) ** 2;
  });
  return Math.sqrt(sum / predicted.length);
}

function drawn({ name, shapes }: DrawnBody): Replay['bodies'][number] {
  return {
    name,
    shapes: shapes.map(({ form, pose, colour }) => ({ form, ...(pose ? { pose } : {}), ...(colour ? { colour } : {}) })),
  };
}

/** Everything that moves, with room around it. */
function boundsOf(frames: { truth: readonly number[]; dream: readonly number[] }): Replay['view']['bounds'] {
  const margin_m = 1.2;
  let [left_m, right_m, bottom_m, top_m] = [Infinity, -Infinity, Infinity, -Infinity];
  for (let i = 0; i < frames.truth.length; i += 7) {
    left_m = Math.min(left_m, frames.truth[i]!);
    right_m = Math.max(right_m, frames.truth[i]!);
    bottom_m = Math.min(bottom_m, frames.truth[i + 2]!);
    top_m = Math.max(top_m, frames.truth[i + 2]!);
  }
  return { left_m: left_m - margin_m, right_m: right_m + margin_m, bottom_m: bottom_m - margin_m / 2, top_m: top_m + margin_m / 2 };
}
