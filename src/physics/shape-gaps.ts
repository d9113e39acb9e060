/** How far apart the shapes of a scene are in a given pose: Rapier's geometry without a world, so that it can be asked of any engine's states. */
import { Ball, Capsule, ConvexPolyhedron, Cuboid, Cylinder, HalfSpace, type Shape } from '@dimforge/rapier3d';
import type { Quaternion, SceneSpec, ShapeForm, ShapeSpec, Vector3 } from '../core/scene-spec.ts';
import { unreachable } from '../errors.ts';
import { composeInto, rotateInto } from '../math/rotation.ts';
import { mayTouch } from './collision-groups.ts';
import { compoundsOf } from './compound.ts';
import { angularVelocityAt, bodyStateSize, type JointTree, jointTree, orientationAt, velocityAt } from './joint-tree.ts';
import { rapierEngine } from './rapier-engine.ts';
import { orientationOf } from './scene-check.ts';

interface Placed {
  readonly body: number;
  readonly form: ShapeForm;
  readonly shape: Shape;
  readonly position_m: Vector3;
  readonly turn: Quaternion;
  /** From its middle to its farthest point, m; a plane has no end. */
  readonly radius_m: number;
}

interface Spot {
  readonly position: { x: number; y: number; z: number };
  readonly turn: { x: number; y: number; z: number; w: number };
}

/** Two shapes that may touch, as indices of bodies. */
export interface ShapePair {
  readonly a: number;
  readonly b: number;
}

export class ShapeGaps {
  readonly pairs: readonly ShapePair[];
  /** Gaps are looked for up to here, m. */
  readonly reach_m: number;
  /** float64 `[pairs]`: m between the two shapes, below 0 the depth of their overlap; `reach_m` where they are farther. */
  readonly gaps_m: Float64Array;
  /** float64 `[pairs]`: m/s at which the gap closes; 0 beyond reach. */
  readonly closing_mps: Float64Array;
  private readonly shapes: readonly Placed[];
  private readonly members: readonly (readonly [number, number])[];
  private readonly spots: readonly Spot[];
  private readonly arm = new Float64Array(3);
  private readonly turned = new Float64Array(4);

  /** Only once Rapier is loaded: see `loadShapeGaps`. */
  constructor(scene: SceneSpec, reach_m: number) {
    this.reach_m = reach_m;
    this.shapes = scene.bodies.flatMap(({ shapes }, body) => shapes.filter(({ collides }) => collides !== false).map(placedOn(body)));
    const specs = scene.bodies.flatMap(({ shapes }) => shapes.filter(({ collides }) => collides !== false));
    const areJoined = joinedBodies(scene, jointTree(scene));
    this.members = this.shapes.flatMap((a, i) =>
      this.shapes.flatMap((b, k) => (i < k && mayTouch(specs[i]!, specs[k]!) && !areJoined(a.body, b.body) ? [[i, k] as const] : [])),
    );
    this.pairs = this.members.map(([i, k]) => ({ a: this.shapes[i]!.body, b: this.shapes[k]!.body }));
    this.gaps_m = new Float64Array(this.pairs.length);
    this.closing_mps = new Float64Array(this.pairs.length);
    this.spots = this.shapes.map(() => ({ position: { x: 0, y: 0, z: 0 }, turn: { x: 0, y: 0, z: 0, w: 1 } }));
  }

  /** Fills `gaps_m` and `closing_mps`. @param bodies - float64 `[bodies, 13]`, see joint-tree.ts; finite. */
  measure(bodies: Float64Array): void {
    this.shapes.forEach((shape, i) => void this.put(shape, this.spots[i]!, bodies));
    this.members.forEach(([i, k], pair) => void this.measurePair(pair, i, k, bodies));
  }

  private put({ body, position_m: [x, y, z], turn }: Placed, { position, turn: into }: Spot, bodies: Float64Array): void {
    const at = body * bodyStateSize;
    rotateInto(bodies, at + orientationAt, x, y, z, this.arm, 0);
    position.x = bodies[at]! + this.arm[0]!;
    position.y = bodies[at + 1]! + this.arm[1]!;
    position.z = bodies[at + 2]! + this.arm[2]!;
    composeInto(bodies, at + orientationAt, turn, 0, this.turned, 0);
    [into.x, into.y, into.z, into.w] = this.turned as unknown as [number, number, number, number];
  }

  private measurePair(pair: number, i: number, k: number, bodies: Float64Array): void {
    const [a, b] = [this.shapes[i]!, this.shapes[k]!];
    const [here, there] = [this.spots[i]!, this.spots[k]!];
    this.gaps_m[pair] = this.reach_m;
    this.closing_mps[pair] = 0;
    if (centreDistance(here, there) - a.radius_m - b.radius_m > this.reach_m) return;
    const contact = a.shape.contactShape(here.position, here.turn, b.shape, there.position, there.turn, this.reach_m);
    if (!contact) return;
    this.gaps_m[pair] = contact.distance;
    const { normal1: normal, point1, point2 } = contact;
    for (const [axis, along] of [normal.x, normal.y, normal.z].entries())
      this.closing_mps[pair]! += along * (velocityAtPoint(bodies, a.body, point1, axis) - velocityAtPoint(bodies, b.body, point2, axis));
  }
}

/** @returns makes them for a scene; Rapier is loaded then. */
export async function loadShapeGaps(): Promise<(scene: SceneSpec, reach_m: number) => ShapeGaps> {
  await rapierEngine();
  return (scene, reach_m) => new ShapeGaps(scene, reach_m);
}

/** Bodies that never touch: both fixed, welded to each other, or joined by a joint of which neither end stands still. */
function joinedBodies(scene: SceneSpec, tree: JointTree): (a: number, b: number) => boolean {
  const { compounds, of } = compoundsOf(scene, tree);
  const isFixed = (compound: number) => compounds[compound]!.inertial === undefined;
  const joined = new Set(tree.joints.flatMap(({ parent, child }) => (isFixed(of[parent]!) ? [] : [`${of[parent]} ${of[child]}`])));
  return (a, b) => {
    const [one, two] = [of[a]!, of[b]!];
    return one === two || (isFixed(one) && isFixed(two)) || joined.has(`${one} ${two}`) || joined.has(`${two} ${one}`);
  };
}

function placedOn(body: number): (spec: ShapeSpec) => Placed {
  return ({ form, pose }) => {
    const own = pose ? orientationOf(pose) : ([0, 0, 0, 1] as const);
    const isAlongY = form.kind === 'capsule' || form.kind === 'cylinder';
    const turn = isAlongY ? standing(own) : own;
    return { body, form, shape: shapeOf(form), position_m: pose?.position_m ?? [0, 0, 0], turn, radius_m: radiusOf(form) };
  };
}

/** Rapier's capsules and cylinders lie along y, ours along z. */
function standing(turn: Quaternion): Quaternion {
  const out = new Float64Array(4);
  composeInto(turn, 0, [Math.SQRT1_2, 0, 0, Math.SQRT1_2], 0, out, 0);
  return [out[0]!, out[1]!, out[2]!, out[3]!];
}

function shapeOf(form: ShapeForm): Shape {
  switch (form.kind) {
    case 'box':
      return new Cuboid(...form.halfExtents_m);
    case 'sphere':
      return new Ball(form.radius_m);
    case 'capsule':
      return new Capsule(form.halfLength_m, form.radius_m);
    case 'cylinder':
      return new Cylinder(form.halfLength_m, form.radius_m);
    case 'plane':
      return new HalfSpace({ x: 0, y: 0, z: 1 });
    case 'mesh':
      return new ConvexPolyhedron(form.vertices_m);
    default:
      return unreachable(form);
  }
}

function radiusOf(form: ShapeForm): number {
  switch (form.kind) {
    case 'box':
      return Math.hypot(...form.halfExtents_m);
    case 'sphere':
      return form.radius_m;
    case 'capsule':
      return form.radius_m + form.halfLength_m;
    case 'cylinder':
      return Math.hypot(form.radius_m, form.halfLength_m);
    case 'plane':
      return Infinity;
    case 'mesh':
      return farthest(form.vertices_m);
    default:
      return unreachable(form);
  }
}

function farthest(vertices_m: Float32Array): number {
  let most = 0;
  for (let at = 0; at < vertices_m.length; at += 3)
    most = Math.max(most, Math.hypot(vertices_m[at]!, vertices_m[at + 1]!, vertices_m[at + 2]!));
  return most;
}

function centreDistance({ position: a }: Spot, { position: b }: Spot): number {
  return Math.hypot(a.x - b.x, a.y - b.y, a.z - b.z);
}

/** Element `axis` of v + ω × arm, m/s. */
function velocityAtPoint(bodies: Float64Array, body: number, point: { x: number; y: number; z: number }, axis: number): number {
  const at = body * bodyStateSize;
  const arm = [point.x - bodies[at]!, point.y - bodies[at + 1]!, point.z - bodies[at + 2]!];
  const turning = at + angularVelocityAt;
  const [j, k] = [(axis + 1) % 3, (axis + 2) % 3];
  return bodies[at + velocityAt + axis]! + bodies[turning + j]! * arm[k]! - bodies[turning + k]! * arm[j]!;
}
