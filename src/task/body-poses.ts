import type { PhysicsWorld } from '../core/physics-world.ts';
import { layOut, viewsOver } from '../core/state-spec.ts';
import type { DrawnBody } from '../render/index.ts';
import type { AnyTask } from './task.ts';

/** Where every body and marker of a task stands in a state, for pictures: the state is placed in a world of its own, so it may come from truth, model or log. */
export class BodyPoses {
  /** Those of the scene, then the task's markers. */
  readonly bodies: readonly DrawnBody[];
  private readonly task: AnyTask;
  private readonly world: PhysicsWorld;
  private readonly row: Float64Array;
  private readonly view;
  private readonly out: Float64Array;
  /** float64 `[7]` each, parts of `out`. */
  private readonly markerPoses: readonly Float64Array[];

  /** @param world - of the task's scene; freed by the caller. */
  constructor(task: AnyTask, world: PhysicsWorld) {
    this.task = task;
    this.world = world;
    const { bodies } = world.scene;
    const markers = task.markers ?? [];
    this.bodies = [...bodies, ...markers];
    this.row = new Float64Array(layOut(task.state).size);
    this.view = viewsOver(task.state, this.row, 1)[0]!;
    this.out = new Float64Array(7 * this.bodies.length);
    this.markerPoses = markers.map((_, i) => this.out.subarray(7 * (bodies.length + i), 7 * (bodies.length + i + 1)));
  }

  /** @param state - float64 `[size]`. @returns float64 `[bodies, 7]` in the world: m, quaternion x, y, z, w; reused. */
  of(state: Float64Array): Float64Array {
    this.row.set(state.subarray(0, this.row.length));
    this.task.place(this.world, this.view);
    for (let body = 0; body < this.world.scene.bodies.length; body++) this.world.bodyPose(body, this.out, 7 * body);
    this.markerPoses.forEach((pose, i) => {
      pose.fill(0);
      pose[6] = 1;
      this.task.markers![i]!.place(this.view, pose);
    });
    return this.out;
  }
}
