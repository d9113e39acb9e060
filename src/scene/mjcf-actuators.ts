import type { ActuatorSpec, JointSpec } from '../core/scene-spec.ts';
import type { Attributes } from './mjcf-attributes.ts';
import type { MjcfContext } from './mjcf-context.ts';
import type { CoordinateOffset } from './mjcf-joints.ts';
import { shown } from './mjcf-schema.ts';

/** How the file's control of an actuator becomes ours: ours = scale · theirs + offset. */
export interface ControlScale {
  readonly actuator: string;
  /** The gear of a motor; 1 / gear of a servo. */
  readonly scale: number;
  readonly offset: number;
  /** The file's ctrlrange, in its own units; absent = any control. */
  readonly range?: readonly [number, number];
}

/** Stands for "no limit" where a file gives none: N·m or N. */
const unlimitedForce = 1e9;

type Law =
  | { readonly kind: 'force'; readonly gain: number }
  | { readonly kind: 'position'; readonly stiffness: number; readonly damping: number }
  | { readonly kind: 'velocity'; readonly damping: number };

/** @param joints - of the scene. @param offsets - of its coordinates. */
export function readActuator(
  attributes: Attributes,
  context: MjcfContext,
  joints: readonly JointSpec[],
  offsets: readonly CoordinateOffset[],
  isTaken: (name: string) => boolean,
): { actuator: ActuatorSpec; control: ControlScale } {
  const joint = drivenJoint(attributes, joints, offsets);
  const name = attributes.text('name') ?? joint.name;
  if (name === '' || isTaken(name))
    attributes.refuse(`the actuator name '${shown(name)}' is empty or already taken (one without a name has that of its joint)`);
  const gear = gearOf(attributes);
  const law = lawOf(attributes);
  const range = rangeOf(attributes, context, 'ctrllimited', 'ctrlrange');
  const ownForce = law.kind === 'force' ? strongest(range) * Math.abs(law.gain) : Infinity;
  const maxForce = Math.min(unlimitedForce, Math.abs(gear) * Math.min(ownForce, symmetricCap(attributes, context)));
  if (!(maxForce > 0)) attributes.refuse('the actuator can exert no force');
  const zero = offsets.find(({ joint: owner }) => owner === joint.name)!.offset;
  const common = { name, joint: joint.name, maxForce };
  const own = { actuator: name, ...(range && { range }) };
  switch (law.kind) {
    case 'force':
      return { actuator: { ...common, kind: 'force' }, control: { ...own, scale: gear * law.gain, offset: 0 } };
    case 'position': {
      const stiffness = gear ** 2 * law.stiffness;
      return {
        actuator: { ...common, kind: 'position', stiffness, damping: gear ** 2 * law.damping },
        control: { ...own, scale: 1 / gear, offset: -zero || 0 },
      };
    }
    case 'velocity':
      return {
        actuator: { ...common, kind: 'velocity', damping: gear ** 2 * law.damping },
        control: { ...own, scale: 1 / gear, offset: 0 },
      };
  }
}

function drivenJoint(attributes: Attributes, joints: readonly JointSpec[], offsets: readonly CoordinateOffset[]): JointSpec {
  const name = attributes.required('joint');
  const joint = joints.find((candidate) => candidate.name === name);
  if (joint?.kind === 'hinge' || joint?.kind === 'slide') return joint;
  const isPart = joint !== undefined || offsets.some((coordinate) => coordinate.name === name);
  return attributes.refuse(
    isPart
      ? `the joint '${shown(name)}' is part of a joint of several coordinates, which cannot be driven`
      : `there is no joint '${shown(name)}' to drive`,
  );
}

function gearOf(attributes: Attributes): number {
  const [gear, ...others] = attributes.overlaid('gear', [1, 0, 0, 0, 0, 0]);
  if (others.some((part) => part !== 0)) attributes.refuse('a gear of several numbers is not supported');
  return gear === 0 ? attributes.refuse('gear is 0') : gear!;
}

function lawOf(attributes: Attributes): Law {
  switch (attributes.tag) {
    case 'motor':
      return { kind: 'force', gain: 1 };
    case 'position':
      return servo(attributes, attributes.number('kp', 1), attributes.atLeastZero('kv'));
    case 'velocity':
      return { kind: 'velocity', damping: above(attributes, 'kv', attributes.number('kv', 1)) };
    default:
      return generalLaw(attributes);
  }
}

const above = (attributes: Attributes, name: string, value: number) =>
  value > 0 ? value : attributes.refuse(`${name} is ${value}; it must be above 0`);

function servo(attributes: Attributes, stiffness: number, damping: number): Law {
  return { kind: 'position', stiffness: above(attributes, 'kp', stiffness), damping };
}

/** What `general` says of a motor, a position servo or a velocity servo; nothing else is read. */
function generalLaw(attributes: Attributes): Law {
  attributes.choice('dyntype', ['none'], 'none');
  attributes.choice('gaintype', ['fixed'], 'fixed');
  const [gain, ...moreGain] = attributes.overlaid('gainprm', [1, 0, 0, 0, 0, 0, 0, 0, 0, 0]) as [number, ...number[]];
  const [constant, position, velocity, ...moreBias] = attributes.overlaid('biasprm', Array(10).fill(0)) as [
    number,
    number,
    number,
    ...number[],
  ];
  const hasBias = attributes.choice('biastype', ['none', 'affine'], 'none') === 'affine';
  if (moreGain.some((part) => part !== 0)) attributes.refuse('gainprm beyond its first number is not supported');
  if (!hasBias) return gain === 0 ? attributes.refuse('the actuator has no gain') : { kind: 'force', gain };
  const isServo = constant === 0 && moreBias.every((part) => part === 0) && velocity <= 0;
  if (isServo && position === -gain && gain > 0) return servo(attributes, gain, -velocity || 0);
  if (isServo && position === 0 && velocity === -gain && gain > 0) return { kind: 'velocity', damping: gain };
  return attributes.refuse('<general> is read where it says the same as motor, position or velocity; this one does not');
}

function rangeOf(attributes: Attributes, context: MjcfContext, limited: string, name: string): readonly [number, number] | undefined {
  if (!attributes.isLimited(limited, name, context.compiler.autoLimits)) return undefined;
  const [low, high] = (attributes.list(name, 2) ?? attributes.refuse(`the actuator is limited but has no ${name}`)) as [number, number];
  if (!(low < high)) attributes.refuse(`${name} [${low}, ${high}]: the first must be below the second`);
  return [low, high];
}

const strongest = (range: readonly [number, number] | undefined) => (range ? Math.max(Math.abs(range[0]), Math.abs(range[1])) : Infinity);

/** The cap of our actuators is the same both ways. */
function symmetricCap(attributes: Attributes, context: MjcfContext): number {
  const range = rangeOf(attributes, context, 'forcelimited', 'forcerange');
  if (range && range[0] !== -range[1]) attributes.refuse(`forcerange [${range}] must be the same both ways`);
  return range ? range[1] : Infinity;
}
