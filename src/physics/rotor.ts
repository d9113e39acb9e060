import type { SceneSpec, Vector3 } from '../core/scene-spec.ts';
import { rotateBackInto, rotateInto } from '../math/rotation.ts';
import type { JointTree } from './joint-tree.ts';
import { orientationOf } from './scene-check.ts';

/**
 * What a joint moves when it moves alone, in the rest pose: kg·m² of a hinge, kg of a slide. Of a robot that floats, both halves share the motion.
 */
export function movedInertia(scene: SceneSpec, tree: JointTree, joint: number): number {
  const { spec, child } = tree.joints[joint]!;
  const below = new Uint8Array(scene.bodies.length);
  below[child] = 1;
  for (const i of tree.order) if (below[tree.joints[i]!.parent]) below[tree.joints[i]!.child] = 1;
  const root = tree.root[child]!;
  const floats =
    scene.bodies[root]!.kind === 'dynamic' ||
    tree.order.some((i) => tree.joints[i]!.spec.kind === 'planar' && tree.joints[i]!.parent === root);
  const inertiaOf = (isOne: (body: number) => boolean): number =>
    scene.bodies.reduce(
      (sum, _, body) => (isOne(body) ? sum + bodyInertia(scene, body, spec.kind === 'slide', anchorOf(scene, tree, joint)) : sum),
      0,
    );
  const carried = inertiaOf((body) => below[body] === 1);
  if (!floats) return carried;
  const rest = inertiaOf((body) => !below[body] && tree.root[body] === root && scene.bodies[body]!.kind === 'dynamic');
  return (carried * rest) / (carried + rest);
}

interface Line {
  readonly point: Float64Array;
  readonly axis: Float64Array;
}

/** The joint's axis in the world, in the rest pose. */
function anchorOf(scene: SceneSpec, tree: JointTree, joint: number): Line {
  const { spec, child } = tree.joints[joint]!;
  const { pose } = scene.bodies[child]!;
  const [point, axis] = [turned(pose, spec.childAnchor_m), turned(pose, spec.axis)];
  for (let i = 0; i < 3; i++) point[i]! += pose.position_m[i]!;
  return { point, axis };
}

function turned(pose: SceneSpec['bodies'][number]['pose'], [x, y, z]: Vector3): Float64Array {
  const out = new Float64Array(3);
  rotateInto(orientationOf(pose), 0, x, y, z, out, 0);
  return out;
}

function bodyInertia(scene: SceneSpec, body: number, isSlide: boolean, { point, axis }: Line): number {
  const { inertial, pose } = scene.bodies[body]!;
  if (!inertial) return 0;
  if (isSlide) return inertial.mass_kg;
  const arm = turned(pose, inertial.centreOfMass_m ?? [0, 0, 0]).map((value, i) => value + pose.position_m[i]! - point[i]!);
  const along = arm[0]! * axis[0]! + arm[1]! * axis[1]! + arm[2]! * axis[2]!;
  const square = arm[0]! ** 2 + arm[1]! ** 2 + arm[2]! ** 2 - along ** 2;
  const local = new Float64Array(3);
  rotateBackInto(orientationOf(pose), 0, axis[0]!, axis[1]!, axis[2]!, local, 0);
  rotateBackInto(inertial.principalAxes_xyzw ?? [0, 0, 0, 1], 0, local[0]!, local[1]!, local[2]!, local, 0);
  const own = inertial.inertia_kgm2.reduce((sum, moment, i) => sum + moment * local[i]! ** 2, 0);
  return own + inertial.mass_kg * square;
}

const bisections = 60;

/**
 * The damping c that makes a brake against the velocity before a step act as armature over the whole of it. Within a step of `substeps` the brake
 * does not follow: the velocity relaxes, and a force F changes it by F/c · (1 − rⁿ) with r = I/(I + c·h/n). That has to be F·h/(I + A).
 * @param inertia - I, what the joint moves. @param armature - A, above 0. @param step_s - h.
 */
export function rotorDamping(inertia: number, armature: number, step_s: number, substeps: number): number {
  const wanted = step_s / (inertia + armature);
  const change = (c: number): number => (1 - (inertia / (inertia + (c * step_s) / substeps)) ** substeps) / c;
  // n·h/(I·n) at c → 0, falling with c: between A/h, which is right for I → 0, and 2 A/h, which is right for A → 0.
  let [low, high] = [armature / step_s, (2 * armature) / step_s];
  for (let i = 0; i < bisections; i++) {
    const middle = (low + high) / 2;
    if (change(middle) > wanted) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}
