import type { SceneSpec } from '../../core/scene-spec.ts';
import { scaled, type Triple } from '../../math/vector3.ts';
import type { AnyTask } from '../../task/task.ts';

/** The task in another world: same states, commands and time step. */
export function inChangedScene(task: AnyTask, change: (scene: SceneSpec) => SceneSpec): AnyTask {
  return { ...task, scene: (params) => change(task.scene(params)) };
}

/** Everything passes through everything. */
export function withoutContacts(scene: SceneSpec): SceneSpec {
  const bodies = scene.bodies.map((body) => ({ ...body, shapes: body.shapes.map((shape) => ({ ...shape, collides: false })) }));
  return { ...scene, bodies };
}

export function withGravityTimes(factor: number): (scene: SceneSpec) => SceneSpec {
  return (scene) => ({ ...scene, gravity_mps2: scaled(scene.gravity_mps2 as Triple, factor) });
}
