/** A camera for scenes that declare none. */
import type { Camera } from '../core/picture.ts';
import type { BodySpec, JointSpec, Pose, SceneSpec, ShapeForm, ShapeSpec, Vector3 } from '../core/scene-spec.ts';
import { unreachable } from '../errors.ts';
import { turnOut, writeTurn } from '../math/rotation-matrix.ts';

/** From the front, a little from the right and from above, so that solids show three sides. Unit. */
const towardsCamera: Vector3 = [0.2328, -0.9312, 0.2805];
const fieldOfView_rad = 0.7;
/** Room round what is seen. */
const margin = 1.1;
/** Half a side of what is looked at where there is nothing to see. */
const smallest_m = 0.1;

/** Lower corner, then upper, m. */
type Extent = [number, number, number, number, number, number];

/**
 * Looks from the front (−y) at all of a scene in its rest pose, and at where its hinges and stopped slides can bring it one by one; planes do not count.
 * It stands still: a scene whose bodies go far declares a camera of its own that follows one.
 * @param aspect - width / height of the picture.
 */
export function defaultCamera(scene: Pick<SceneSpec, 'bodies' | 'joints'>, aspect: number): Camera {
  const extent = extentOf(scene);
  const middle = (axis: number) => (extent[axis]! + extent[3 + axis]!) / 2;
  const half = (axis: number) => Math.max((extent[3 + axis]! - extent[axis]!) / 2, smallest_m);
  const target: Vector3 = [middle(0), middle(1), middle(2)];
  const distance_m = margin * distanceFor([half(0), half(1), half(2)], aspect);
  return {
    position_m: [
      target[0] + distance_m * towardsCamera[0],
      target[1] + distance_m * towardsCamera[1],
      target[2] + distance_m * towardsCamera[2],
    ],
    target_m: target,
    fieldOfView_rad,
  };
}

/** How far off every corner of a box of these half sides is just in the picture. */
function distanceFor(half: Vector3, aspect: number): number {
  const [bx, by, bz] = towardsCamera;
  const halfHeight = Math.tan(fieldOfView_rad / 2);
  // Right is level, and so is made of x and y alone.
  const level = Math.sqrt(bx * bx + by * by);
  const right = [-by / level, bx / level, 0];
  const up = [(-bz * bx) / level, (-bz * by) / level, level];
  let distance_m = 0;
  for (let corner = 0; corner < 8; corner++) {
    const at = half.map((side, axis) => ((corner >> axis) & 1 ? side : -side));
    const along = (direction: readonly number[]) => at[0]! * direction[0]! + at[1]! * direction[1]! + at[2]! * direction[2]!;
    const nearer = along(towardsCamera);
    distance_m = Math.max(distance_m, nearer + Math.abs(along(right)) / (halfHeight * aspect), nearer + Math.abs(along(up)) / halfHeight);
  }
  return distance_m;
}

function extentOf({ bodies, joints }: Pick<SceneSpec, 'bodies' | 'joints'>): Extent {
  const whole = nothing();
  const ofBodies = bodies.map(extentOfBody);
  for (const extent of ofBodies) join(whole, extent);
  for (const joint of joints) {
    const carried = nothing();
    const names = carriedBy(joint, joints);
    bodies.forEach(({ name }, body) => {
      if (names.has(name)) join(carried, ofBodies[body]!);
    });
    const parent = bodies.find(({ name }) => name === joint.parent);
    if (parent && carried[0] <= carried[3]) join(whole, sweptBy(joint, inWorld(parent.pose, joint.parentAnchor_m), carried));
  }
  return whole[0] <= whole[3] ? whole : [0, 0, 0, 0, 0, 0];
}

/** The child of a joint and all that hangs on it. */
function carriedBy(joint: JointSpec, joints: readonly JointSpec[]): Set<string> {
  const names = new Set([joint.child]);
  // A set is walked in the order of what was added, also while it grows; joints are a tree, so this ends.
  for (const name of names) for (const other of joints) if (other.parent === name) names.add(other.child);
  return names;
}

/** Where one joint alone can bring what it carries. Its axis is that of the parent's frame; in the rest pose of most scenes, the world's. */
function sweptBy(joint: JointSpec, anchor: ArrayLike<number>, carried: Extent): Extent {
  const swept: Extent = [...carried];
  if (joint.kind === 'slide' && joint.limits)
    for (const way of joint.limits) join(swept, carried.map((value, i) => value + way * joint.axis[i % 3]!) as Extent);
  if (joint.kind !== 'hinge' && joint.kind !== 'ball') return swept;
  const reach = reachFrom(anchor, carried, joint);
  for (let axis = 0; axis < 3; axis++) {
    const across = joint.kind === 'ball' ? 1 : Math.sqrt(Math.max(0, 1 - joint.axis[axis]! ** 2));
    swept[axis] = Math.min(swept[axis]!, anchor[axis]! - reach * across);
    swept[3 + axis] = Math.max(swept[3 + axis]!, anchor[axis]! + reach * across);
  }
  return swept;
}

/** How far from the anchor the furthest corner is; from the axis, for a hinge. */
function reachFrom(anchor: ArrayLike<number>, carried: Extent, { kind, axis }: JointSpec): number {
  let reach2 = 0;
  for (let corner = 0; corner < 8; corner++) {
    const [x, y, z] = [0, 1, 2].map((i) => carried[(corner >> i) & 1 ? 3 + i : i]! - anchor[i]!) as [number, number, number];
    const along = kind === 'hinge' ? x * axis[0] + y * axis[1] + z * axis[2] : 0;
    reach2 = Math.max(reach2, x * x + y * y + z * z - along * along);
  }
  return Math.sqrt(reach2);
}

function extentOfBody({ pose, shapes }: BodySpec): Extent {
  const extent = nothing();
  for (const shape of shapes) addShape(extent, pose, shape);
  return extent;
}

function addShape(extent: Extent, body: Pose, { form, pose = { position_m: [0, 0, 0] } }: ShapeSpec): void {
  const { points, radius_m } = outlineOf(form);
  for (const point of points) {
    const place = inWorld(body, inWorld(pose, point));
    join(extent, [...place.map((value) => value - radius_m), ...place.map((value) => value + radius_m)] as unknown as Extent);
  }
}

/** Points whose hull, grown by the radius, holds the form. */
function outlineOf(form: ShapeForm): { points: ArrayLike<number>[]; radius_m: number } {
  switch (form.kind) {
    case 'plane':
      return { points: [], radius_m: 0 };
    case 'sphere':
      return { points: [[0, 0, 0]], radius_m: form.radius_m };
    case 'capsule':
    case 'cylinder':
      return { points: [-form.halfLength_m, form.halfLength_m].map((z) => [0, 0, z]), radius_m: form.radius_m };
    case 'box':
      return {
        points: Array.from({ length: 8 }, (_, corner) => form.halfExtents_m.map((half, axis) => ((corner >> axis) & 1 ? half : -half))),
        radius_m: 0,
      };
    case 'mesh':
      return {
        points: Array.from({ length: form.vertices_m.length / 3 }, (_, i) => form.vertices_m.subarray(3 * i, 3 * i + 3)),
        radius_m: 0,
      };
    default:
      return unreachable(form);
  }
}

function inWorld({ position_m, orientation_xyzw: [x, y, z, w] = [0, 0, 0, 1] }: Pose, point: ArrayLike<number>): Float64Array {
  const turn = new Float64Array(9);
  const out = new Float64Array(3);
  writeTurn(x, y, z, w, turn, 0);
  turnOut(turn, 0, point, out, 0);
  return out.map((value, i) => value + position_m[i]!);
}

function nothing(): Extent {
  return [Infinity, Infinity, Infinity, -Infinity, -Infinity, -Infinity];
}

function join(extent: Extent, other: Extent): void {
  for (let i = 0; i < 3; i++) {
    extent[i] = Math.min(extent[i]!, other[i]!);
    extent[3 + i] = Math.max(extent[3 + i]!, other[3 + i]!);
  }
}
