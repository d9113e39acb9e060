/** What of a scene stays the same: which bodies move as one, how large they are, and where nothing holds them. */
import type { BodySpec, JointSpec, SceneSpec, ShapeForm, Vector3 } from '../../core/scene-spec.ts';
import { unreachable } from '../../errors.ts';
import { dot, scaled, subtract, turned } from '../../math/vector3.ts';
import { type JointTree, jointTree } from '../../physics/joint-tree.ts';
import { orientationOf } from '../../physics/scene-check.ts';

/** Bodies that hang together by joints and move: a robot, a free box. */
export interface MovingPart {
  readonly bodies: readonly number[];
  /** Unit vectors of the world along which neither joint nor motor holds it: three for a free body, none for one hinged to the ground. */
  readonly free: readonly Vector3[];
  /** Whether no joint ties it to what stands still. */
  readonly isLoose: boolean;
}

export interface MechanismFacts {
  readonly scene: SceneSpec;
  readonly tree: JointTree;
  readonly parts: readonly MovingPart[];
  /** `[bodies]`, −1 for what stands still. */
  readonly partOf: Int32Array;
  /** `[bodies]`, m: the longest extent of its largest shape; of a body without one, of a uniform rod of its inertia. 0 for a plane or nothing. */
  readonly size_m: Float64Array;
  readonly largest_m: number;
}

export function mechanismFacts(scene: SceneSpec): MechanismFacts {
  const tree = jointTree(scene);
  const topOf = Int32Array.from(scene.bodies, (_, body) => topMoving(scene, tree, body));
  const tops = [...new Set(topOf)].filter((top) => top >= 0).sort((a, b) => a - b);
  const parts = tops.map((top) => {
    const holder = tree.holder[top]! < 0 ? undefined : tree.joints[tree.holder[top]!]!;
    const bodies = [...scene.bodies.keys()].filter((body) => topOf[body] === top);
    return { bodies, free: holder ? slidingFreely(scene, holder.spec, holder.parent) : everywhere, isLoose: holder === undefined };
  });
  const size_m = Float64Array.from(scene.bodies, sizeOf);
  const largest_m = Math.max(...parts.flatMap(({ bodies }) => bodies.map((body) => size_m[body]!)), 1e-6);
  return { scene, tree, parts, partOf: Int32Array.from(topOf, (top) => tops.indexOf(top)), size_m, largest_m };
}

const everywhere: readonly Vector3[] = [
  [1, 0, 0],
  [0, 1, 0],
  [0, 0, 1],
];

/** The highest moving body above this one, itself included; −1 for one that stands still. */
function topMoving({ bodies }: SceneSpec, tree: JointTree, body: number): number {
  if (bodies[body]!.kind === 'fixed') return -1;
  const holder = tree.holder[body]!;
  const above = holder < 0 ? -1 : tree.joints[holder]!.parent;
  if (above < 0) return body;
  const top = topMoving({ bodies } as SceneSpec, tree, above);
  if (top >= 0) return top;
  // Welded to what stands still, it stands still.
  return tree.joints[holder]!.spec.kind === 'fixed' ? -1 : body;
}

/** Along which a joint to what stands still lets its child fall and fly, the world's axes. */
function slidingFreely(scene: SceneSpec, joint: JointSpec, parent: number): readonly Vector3[] {
  const isHeld = [joint.damping, joint.armature, joint.stiffness, joint.dryFriction].some(Boolean);
  if (isHeld || scene.actuators.some((actuator) => actuator.joint === joint.name)) return [];
  const turn = orientationOf(scene.bodies[parent]!.pose);
  if (joint.kind === 'planar') return joint.slideAxes!.map((axis) => turned(turn, axis));
  return joint.kind === 'slide' && !joint.limits ? [turned(turn, joint.axis)] : [];
}

/** Whether nothing holds a part against this vector. */
export function isFreeAlong({ free }: MovingPart, vector: Vector3): boolean {
  const held = free.reduce((rest, axis) => subtract(rest, scaled(axis, dot(vector, axis))), vector);
  return dot(vector, vector) > 0 && dot(held, held) < 1e-12 * dot(vector, vector);
}

function sizeOf({ shapes, inertial }: BodySpec): number {
  const longest = Math.max(0, ...shapes.map(({ form }) => extentOf(form)));
  if (longest > 0 || !inertial) return longest;
  return Math.sqrt((12 * Math.max(...inertial.inertia_kgm2)) / inertial.mass_kg);
}

function extentOf(form: ShapeForm): number {
  switch (form.kind) {
    case 'box':
      return 2 * Math.max(...form.halfExtents_m);
    case 'sphere':
      return 2 * form.radius_m;
    case 'capsule':
      return 2 * (form.halfLength_m + form.radius_m);
    case 'cylinder':
      return 2 * Math.max(form.halfLength_m, form.radius_m);
    case 'plane':
      return 0;
    case 'mesh':
      return Math.max(...[0, 1, 2].map((axis) => span(form.vertices_m, axis)));
    default:
      return unreachable(form);
  }
}

function span(vertices_m: Float32Array, axis: number): number {
  let [low, high] = [Infinity, -Infinity];
  for (let at = axis; at < vertices_m.length; at += 3) {
    low = Math.min(low, vertices_m[at]!);
    high = Math.max(high, vertices_m[at]!);
  }
  return high - low;
}
