import type { PhysicsWorld } from '../core/physics-world.ts';
import type { BodySpec } from '../core/scene-spec.ts';
import { layOut, viewsOver } from '../core/state-spec.ts';
import type { AnyTask } from './task.ts';

/** Where every body of a task stands in a state, for pictures: the state is placed in a world of its own, so it may come from truth, model or log. */
export class BodyPoses {
  readonly bodies: readonly BodySpec[];
  private readonly task: AnyTask;
  private readonly world: PhysicsWorld;
  private readonly row: Float64Array;
  private readonly view;
  private readonly out: Float64Array;

  /** @param world - of the task's scene; freed by the caller. */
  constructor(task: AnyTask, world: PhysicsWorld) {
    this.task = task;
    this.world = world;
    this.bodies = world.scene.bodies;
    this.row = new Float64Array(layOut(task.state).size);
    this.view = viewsOver(task.state, this.row, 1)[0]!;
    this.out = new Float64Array(7 * this.bodies.length);
  }

  /** @param state - float64 `[size]`. @returns float64 `[bodies, 7]` in the world: m, quaternion x, y, z, w; reused. */
  of(state: Float64Array): Float64Array {
    this.row.set(state.subarray(0, this.row.length));
    this.task.place(this.world, this.view);
    this.bodies.forEach((_, body) => {
      this.world.bodyPose(body, this.out, 7 * body);
    });
    return this.out;
  }
}
