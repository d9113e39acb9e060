import type { JointSpec, Vector3 } from '../core/scene-spec.ts';
import { aboutAxis, add, compose, dot, type Quad, subtract, type Triple, turned } from '../math/vector3.ts';
import type { Attributes } from './mjcf-attributes.ts';
import type { MjcfContext } from './mjcf-context.ts';
import { complianceFrom } from './mjcf-geoms.ts';
import { direction } from './mjcf-pose.ts';

/** How a coordinate of ours relates to MuJoCo's: qpos = position + offset. Velocities are the same. */
export interface CoordinateOffset {
  /** As the file names it. */
  readonly name: string;
  /** Joint of the scene, and which of its coordinates. */
  readonly joint: string;
  readonly index: number;
  /** rad or m. */
  readonly offset: number;
}

/** What a body's joints make of it. */
export interface JointPlan {
  /** `free`: no joint at all, the body starts where the file puts it. `none`: held by its parent. */
  readonly kind: 'free' | 'none' | 'held';
  /** The joint without its ends; anchors in the world frame, in the rest pose. */
  readonly joint?: Omit<JointSpec, 'parent' | 'child' | 'parentAnchor_m' | 'childAnchor_m'>;
  readonly anchor_m?: Triple;
  readonly offsets: readonly CoordinateOffset[];
  /** Where the body's frame stands when every coordinate is 0. */
  readonly origin_m: Triple;
  readonly turn: Quad;
}

interface FileJoint {
  readonly name: string;
  readonly kind: 'hinge' | 'slide' | 'ball' | 'free';
  readonly attributes: Attributes;
}

const rightAngle = 1e-6;
/** Joints of one body that a message names. */
const mostNamed = 6;
/** A range this little wider than a whole turn is one: files round π. */
const roundedTurn_rad = 1e-3;

/** @param origin_m, turn - of the body's frame as the file puts it, world frame. */
export function planJoints(
  body: { readonly name: string; readonly attributes: Attributes },
  elements: readonly Attributes[],
  origin_m: Triple,
  turn: Quad,
  context: MjcfContext,
): JointPlan {
  const joints = elements.map((attributes): FileJoint => {
    const kind = attributes.tag === 'freejoint' ? 'free' : attributes.choice('type', ['hinge', 'slide', 'ball', 'free'], 'hinge');
    return { name: attributes.text('name') ?? body.name, kind, attributes };
  });
  const place = { origin_m, turn };
  const [first] = joints;
  if (!first) return { kind: 'none', offsets: [], ...place };
  if (joints.length > 1) return planarPlan(body, joints, place, context);
  if (first.kind === 'free') return freePlan(first, place);
  if (first.kind === 'ball') return ballPlan(first, place);
  return scalarPlan(first, place, context);
}

interface Place {
  readonly origin_m: Triple;
  readonly turn: Quad;
}

function freePlan({ attributes }: FileJoint, place: Place): JointPlan {
  for (const name of ['armature', 'damping', 'stiffness', 'frictionloss'])
    if (attributes.tag === 'joint' && attributes.number(name, 0) !== 0) attributes.refuse(`a free joint with ${name} is not supported`);
  return { kind: 'free', offsets: [], ...place };
}

function ballPlan({ name, attributes }: FileJoint, place: Place): JointPlan {
  refuseScalarParts(attributes, 'ball');
  return {
    kind: 'held',
    joint: { name, kind: 'ball', axis: [0, 0, 1], ...inertPart(attributes) },
    offsets: [],
    ...place,
    ...anchorOf(attributes, place),
  };
}

/** What joints of several coordinates cannot have here. */
function refuseScalarParts(attributes: Attributes, kind: string): void {
  if (attributes.isLimited('limited', 'range', true)) attributes.refuse(`a range on a ${kind} joint is not supported`);
  for (const name of ['stiffness', 'frictionloss'])
    if (attributes.number(name, 0) !== 0) attributes.refuse(`${name} on a ${kind} joint is not supported`);
}

function inertPart(attributes: Attributes): Pick<JointSpec, 'damping' | 'armature'> {
  for (const [name, value] of [
    ['springdamper', 0],
    ['actuatorfrclimited', 'false'],
    ['actuatorgravcomp', 'false'],
  ] as const)
    attributes.only(name, value);
  if (attributes.has('actuatorfrcrange') && !attributes.has('actuatorfrclimited')) attributes.refuse('actuatorfrcrange is not supported');
  const damping = attributes.atLeastZero('damping');
  const armature = attributes.atLeastZero('armature');
  return { ...(damping > 0 && { damping }), ...(armature > 0 && { armature }) };
}

function anchorOf(attributes: Attributes, { origin_m, turn }: Place): { anchor_m: Triple } {
  return { anchor_m: add(origin_m, turned(turn, attributes.position('pos'))) };
}

function axisOf(attributes: Attributes, turn: Quad): Triple {
  const given = (attributes.list('axis', 3) ?? [0, 0, 1]) as readonly number[] as Triple;
  return tidy(turned(turn, direction(attributes, 'axis', given)));
}

/** Rounding's −0 and 1e−17 on axes would hide from the engines that an axis is a coordinate axis. */
function tidy(axis: Triple): Vector3 {
  const whole = axis.findIndex((part) => Math.abs(Math.abs(part) - 1) < 1e-14);
  return whole === -1 ? axis : (axis.map((part, i) => (i === whole ? Math.sign(part) : 0)) as unknown as Vector3);
}

function scalarPlan({ name, kind, attributes }: FileJoint, place: Place, context: MjcfContext): JointPlan {
  const isHinge = kind === 'hinge';
  const inUnits = (value: number) => (isHinge ? context.angle(value) : value);
  const axis = axisOf(attributes, place.turn);
  const anchor = anchorOf(attributes, place);
  const ref = inUnits(attributes.number('ref', 0));
  const range = rangeOf(attributes, context)?.map((bound) => inUnits(bound) - ref) as [number, number] | undefined;
  const shift = isHinge && range ? zeroShift(attributes, range) : 0;
  const limits = range?.map((bound) => (isHinge ? Math.min(Math.PI, Math.max(-Math.PI, bound - shift)) : bound)) as
    | [number, number]
    | undefined;
  const offset = ref + shift;
  const stiffness = attributes.atLeastZero('stiffness');
  const dryFriction = attributes.atLeastZero('frictionloss');
  const springRest = inUnits(attributes.number('springref', 0)) - offset;
  const softness = complianceFrom(attributes, 'solreflimit', 'solimplimit');
  const joint = {
    name,
    kind: isHinge ? ('hinge' as const) : ('slide' as const),
    axis,
    ...(limits && { limits }),
    ...(limits && softness && { limitCompliance: softness }),
    ...inertPart(attributes),
    ...(stiffness > 0 && { stiffness, ...(springRest !== 0 && { springRest }) }),
    ...(dryFriction > 0 && { dryFriction }),
  };
  return {
    kind: 'held',
    joint,
    offsets: [{ name, joint: name, index: 0, offset }],
    ...turnedAbout(place, anchor.anchor_m, axis, shift),
    ...anchor,
  };
}

function rangeOf(attributes: Attributes, context: MjcfContext): readonly number[] | undefined {
  if (!attributes.isLimited('limited', 'range', context.compiler.autoLimits)) return undefined;
  const range = attributes.list('range', 2) ?? attributes.refuse('the joint is limited but has no range');
  if (!(range[0]! < range[1]!)) attributes.refuse(`range [${range}]: the first must be below the second`);
  return range;
}

/** A hinge here counts no turns, its position lies in [−π, π]. Where a range does not, zero moves to its middle. */
function zeroShift(attributes: Attributes, [low, high]: readonly [number, number]): number {
  if (low >= -Math.PI && high <= Math.PI) return 0;
  if (high - low > 2 * Math.PI + roundedTurn_rad) attributes.refuse('a range wider than a whole turn is not supported');
  const isRoundedPi = low >= -Math.PI - roundedTurn_rad && high <= Math.PI + roundedTurn_rad;
  return isRoundedPi ? 0 : (low + high) / 2;
}

function turnedAbout({ origin_m, turn }: Place, anchor_m: Triple, axis: Triple, angle_rad: number): Place {
  if (angle_rad === 0) return { origin_m, turn };
  const by = aboutAxis(axis, angle_rad);
  return { origin_m: add(anchor_m, turned(by, subtract(origin_m, anchor_m))), turn: compose(by, turn) };
}

/** Two slides and then a hinge, all at right angles, are one planar joint: its slides move the hinge's anchor, as theirs do. */
function planarPlan(
  body: { readonly name: string; readonly attributes: Attributes },
  joints: readonly FileJoint[],
  place: Place,
  context: MjcfContext,
): JointPlan {
  const series = joints
    .slice(0, mostNamed)
    .map(({ name, kind }) => `'${name}' (${kind})`)
    .join(', ');
  const refuseSeries = (why: string): never =>
    body.attributes.refuse(
      `body '${body.name}' has the joints ${series}; ${why}. Of joints in series only two slides and then a hinge, at right angles, are read`,
    );
  if (joints.map(({ kind }) => kind).join() !== 'slide,slide,hinge') refuseSeries('that series has no joint here');
  const [along, across, axis] = joints.map(({ attributes }) => axisOf(attributes, place.turn)) as [Triple, Triple, Triple];
  if (Math.max(Math.abs(dot(along, across)), Math.abs(dot(along, axis)), Math.abs(dot(across, axis))) > rightAngle)
    refuseSeries('their axes are not at right angles');
  for (const { attributes } of joints) refuseScalarParts(attributes, 'planar');
  const [part, ...others] = joints.map(({ attributes }) => inertPart(attributes));
  if (others.some(({ damping, armature }) => damping !== part!.damping || armature !== part!.armature))
    refuseSeries('they differ in damping or armature');
  const offsets = joints.map(({ name, kind, attributes }, index) => {
    const ref = attributes.number('ref', 0);
    return { name, joint: body.name, index, offset: kind === 'hinge' ? context.angle(ref) : ref };
  });
  const hinge = joints[2]!.attributes;
  const joint = { name: body.name, kind: 'planar' as const, axis, slideAxes: [along, across] as const, ...part! };
  return { kind: 'held', joint, offsets, ...place, ...anchorOf(hinge, place) };
}
