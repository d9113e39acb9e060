import type { BodySpec, JointSpec, SceneSpec } from '../core/scene-spec.ts';

/** Which world axes a body can turn about: x, y, z. */
export type TurningAxes = readonly [boolean, boolean, boolean];

const everywhere: TurningAxes = [true, true, true];
const nowhere: TurningAxes = [false, false, false];

/**
 * The axes that the joints between a body and the ground leave it to turn about. Locking the others changes nothing but rounding:
 * it spares the solver the tiny off-axis velocities, subnormal numbers that make a step of a cart-pole take twice as long.
 * Only a hinge or planar joint along a coordinate axis, above slides and bolts, with every frame parallel to the world, is recognised; all else may turn freely.
 * A body carried by one that turns is never locked: Rapier's rows for a joint between two turned and locked bodies are singular, and an arm of
 * two links at rest would gain hundreds of rad/s in a step.
 * @param scene - checked. @returns one per body, scene order.
 */
export function turningAxes(scene: SceneSpec): readonly TurningAxes[] {
  const bodies = new Map(scene.bodies.map((body) => [body.name, body]));
  const above = new Map(scene.joints.map((joint) => [joint.child, joint]));
  return scene.bodies.map((body) => axesOf(body, bodies, above));
}

function axesOf(body: BodySpec, bodies: ReadonlyMap<string, BodySpec>, above: ReadonlyMap<string, JointSpec>): TurningAxes {
  let hinged: number | undefined;
  let here = body;
  for (let joint = above.get(here.name); joint; joint = above.get(here.name)) {
    if (joint.kind === 'ball') return everywhere;
    if (joint.kind === 'hinge' || joint.kind === 'planar') {
      const axis = coordinateAxis(joint.axis);
      if (axis < 0 || here !== body) return everywhere;
      hinged = axis;
    }
    here = bodies.get(joint.parent)!;
  }
  if (here.kind !== 'fixed' || !isParallelToWorld(here)) return everywhere;
  return hinged === undefined ? nowhere : [hinged === 0, hinged === 1, hinged === 2];
}

/** 0, 1, 2 for ±x, ±y, ±z; −1 for any other direction. */
export function coordinateAxis(axis: readonly [number, number, number]): number {
  return axis.filter((part) => part === 0).length === 2 ? axis.findIndex((part) => part !== 0) : -1;
}

function isParallelToWorld(body: BodySpec): boolean {
  const turn = body.pose.orientation_xyzw;
  return turn === undefined || (turn[0] === 0 && turn[1] === 0 && turn[2] === 0);
}
