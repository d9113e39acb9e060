import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import type { BodySpec, JointSpec, SceneSpec, ShapeSpec } from '../../src/core/scene-spec.ts';
import { checkScene } from '../../src/physics/scene-check.ts';
import { assetRobot } from '../../src/scene/assets.ts';
import { parseMjcf, type RobotFile } from '../../src/scene/mjcf.ts';

type Numbers = readonly number[];
interface GoldenJoint {
  readonly name: string;
  readonly kind: 'free' | 'ball' | 'slide' | 'hinge';
  readonly body: number;
  readonly axis: Numbers;
  readonly anchor: Numbers;
  readonly rest: number;
  readonly range: readonly [number, number] | null;
  readonly damping: number;
  readonly armature: number;
  readonly stiffness: number;
  readonly springRest: number;
  readonly dryFriction: number;
  readonly margin: number;
  readonly solref: Numbers;
  readonly solimp: Numbers;
}
interface GoldenGeom {
  readonly body: number;
  readonly kind: string;
  readonly size: Numbers;
  readonly position: Numbers;
  readonly zAxis: Numbers;
  readonly friction: Numbers;
  readonly condim: number;
  readonly contype: number;
  readonly conaffinity: number;
  readonly margin: number;
  readonly solref: Numbers;
  readonly solimp: Numbers;
}
interface GoldenRobot {
  readonly timestep: number;
  readonly integrator: string;
  readonly gravity: Numbers;
  readonly touches: boolean;
  readonly totalMass: number;
  readonly bodies: readonly {
    readonly name: string;
    readonly mass: number;
    readonly centre: Numbers;
    readonly inertia: Numbers;
    readonly hasJoint: boolean;
  }[];
  readonly joints: readonly GoldenJoint[];
  readonly geoms: readonly GoldenGeom[];
  readonly actuators: readonly { readonly joint: number; readonly gear: number; readonly range: readonly [number, number] | null }[];
}

const golden: { readonly robots: Readonly<Record<string, GoldenRobot>> } = JSON.parse(
  readFileSync(new URL('../goldens/robots.golden.json', import.meta.url), 'utf8'),
);
const tolerance = 1e-6;
/** MuJoCo's own, of a contact or stop whose file keeps silent. */
const defaultSolref = [0.02, 1];
const defaultSolimp = [0.9, 0.95, 0.001, 0.5, 2];

const features = () => parseMjcf(readFileSync(new URL('files/features.xml', import.meta.url), 'utf8'), { file: 'features.xml' });
const robotOf = (name: string): RobotFile => (name === 'features' ? features() : assetRobot(`robots/${name}.xml`));

function near(got: Numbers, expected: Numbers, what: string): void {
  expect(got.length, what).to.equal(expected.length);
  for (const [i, value] of expected.entries())
    expect(got[i], `${what}[${i}]`).to.be.closeTo(value, tolerance * Math.max(1, Math.abs(value)));
}

/** Columns of a rotation, written out on its own so as not to lean on the code under test. */
function columns([x, y, z, w]: readonly [number, number, number, number]): readonly [Numbers, Numbers, Numbers] {
  return [
    [w * w + x * x - y * y - z * z, 2 * (x * y + w * z), 2 * (x * z - w * y)],
    [2 * (x * y - w * z), w * w - x * x + y * y - z * z, 2 * (y * z + w * x)],
    [2 * (x * z + w * y), 2 * (y * z - w * x), w * w - x * x - y * y + z * z],
  ];
}

/** xx, yy, zz, xy, xz, yz about the centre of mass, along the world's axes; bodies stand parallel to them. */
function inertiaOf({ inertial }: BodySpec): Numbers {
  const axes = columns(inertial!.principalAxes_xyzw ?? [0, 0, 0, 1]);
  const element = (i: number, j: number) =>
    inertial!.inertia_kgm2.reduce((sum, moment, k) => sum + moment * axes[k]![i]! * axes[k]![j]!, 0);
  return [element(0, 0), element(1, 1), element(2, 2), element(0, 1), element(0, 2), element(1, 2)];
}

const sum = (a: Numbers, b: Numbers) => a.map((value, i) => value + b[i]!);

/** Every coordinate of hinges, slides and planar joints, and every ball, in the shape of a golden joint. */
function coordinatesOf({ scene, offsets }: RobotFile) {
  const bodies = new Map(scene.bodies.map((body) => [body.name, body]));
  return scene.joints
    .filter(({ kind }) => kind !== 'fixed')
    .flatMap((joint) => {
      const anchor = sum(bodies.get(joint.parent)!.pose.position_m, joint.parentAnchor_m);
      near(sum(bodies.get(joint.child)!.pose.position_m, joint.childAnchor_m), anchor, `${joint.name}: anchors in the world`);
      const own = offsets.filter((offset) => offset.joint === joint.name);
      return partsOf(joint).map((part, i) => ({ ...part, joint, anchor, offset: own[i]?.offset ?? 0, name: own[i]?.name ?? joint.name }));
    });
}

function partsOf(joint: JointSpec): { kind: string; axis: Numbers }[] {
  if (joint.kind !== 'planar') return [{ kind: joint.kind, axis: joint.axis }];
  const [along, across] = joint.slideAxes!;
  return [
    { kind: 'slide', axis: along },
    { kind: 'slide', axis: across },
    { kind: 'hinge', axis: joint.axis },
  ];
}

function compareJoint(got: ReturnType<typeof coordinatesOf>[number], expected: GoldenJoint): void {
  const { joint, offset } = got;
  const who = `${got.name} as ${expected.name}`;
  expect(got.kind, who).to.equal(expected.kind);
  expect([joint.damping ?? 0, joint.armature ?? 0], `${who}: damping and armature`).to.deep.equal([expected.damping, expected.armature]);
  if (expected.kind !== 'slide') near(got.anchor, expected.anchor, `${who}: anchor`);
  if (expected.kind === 'ball') return;
  near(got.axis, expected.axis, `${who}: axis`);
  near([offset], [expected.rest], `${who}: rest`);
  expect(joint.stiffness ?? 0, who).to.equal(expected.stiffness);
  if (expected.stiffness > 0) near([(joint.springRest ?? 0) + offset], [expected.springRest], `${who}: spring`);
  near([joint.dryFriction ?? 0], [expected.dryFriction], `${who}: dry friction`);
  // A planar joint has no stops.
  if (!expected.range || joint.kind === 'planar') {
    expect(joint.limits, who).to.equal(undefined);
    return;
  }
  near(
    joint.limits!.map((bound) => bound + offset),
    expected.range,
    `${who}: range`,
  );
  near(joint.limitCompliance?.solref ?? defaultSolref, expected.solref, `${who}: solref`);
  near(joint.limitCompliance?.solimp ?? defaultSolimp, expected.solimp, `${who}: solimp`);
  near([joint.limitCompliance?.margin ?? 0], [expected.margin], `${who}: margin`);
}

function sizeOf({ form }: ShapeSpec): Numbers {
  if (form.kind === 'box') return form.halfExtents_m;
  if (form.kind === 'sphere') return [form.radius_m];
  return form.kind === 'capsule' || form.kind === 'cylinder' ? [form.radius_m, form.halfLength_m] : [];
}

function compareShape(body: BodySpec, shape: ShapeSpec, expected: GoldenGeom, what: string): void {
  expect(shape.form.kind, what).to.equal(expected.kind);
  near(sizeOf(shape), expected.size, `${what}: size`);
  near([shape.friction!], [expected.friction[0]!], `${what}: friction`);
  near([shape.torsionalFriction_m ?? 0], [expected.condim >= 4 ? expected.friction[1]! : 0], `${what}: torsional friction`);
  near([shape.rollingFriction_m ?? 0], [expected.condim === 6 ? expected.friction[2]! : 0], `${what}: rolling friction`);
  expect(shape.isRough ?? true, what).to.equal(expected.condim !== 1);
  near(shape.compliance?.solref ?? defaultSolref, expected.solref, `${what}: solref`);
  near(shape.compliance?.solimp ?? defaultSolimp, expected.solimp, `${what}: solimp`);
  near([shape.compliance?.margin ?? 0], [expected.margin], `${what}: margin`);
  // MuJoCo moves a mesh's frame to its centre of mass.
  if (expected.kind === 'mesh') return;
  const zAxis = columns(shape.pose?.orientation_xyzw ?? [0, 0, 0, 1])[2];
  const cosine = zAxis.reduce((total, part, i) => total + part * expected.zAxis[i]!, 0);
  if (expected.kind !== 'plane')
    near(sum(body.pose.position_m, shape.pose?.position_m ?? [0, 0, 0]), expected.position, `${what}: position`);
  if (expected.kind !== 'sphere') near([expected.kind === 'plane' ? cosine : Math.abs(cosine)], [1], `${what}: z axis`);
}

/** Of each body, by index: the union of its shapes' sets, which decides what it can touch. */
function touching(sets: readonly { readonly body: number; readonly group: number; readonly mask: number }[], count: number): string[] {
  const pairs: string[] = [];
  const meet = (a: number, b: number) =>
    sets.some(
      (one) => one.body === a && sets.some((other) => other.body === b && ((one.group & other.mask) | (other.group & one.mask)) !== 0),
    );
  for (let a = 0; a < count; a++) for (let b = a + 1; b < count; b++) if (meet(a, b)) pairs.push(`${a} ${b}`);
  return pairs;
}

const setsOf = (bodies: SceneSpec['bodies']) =>
  bodies.flatMap(({ shapes }, body) =>
    shapes.filter(({ collides }) => collides !== false).map(({ group = 1, mask = 1 }) => ({ body, group, mask })),
  );

describe('robots of assets/ against what MuJoCo compiles from the originals', () => {
  for (const [name, original] of Object.entries(golden.robots))
    describe(name, () => {
      const robot = robotOf(name);
      const { scene } = robot;
      // The originals' targets come last; ours are no bodies but marks of the task.
      const own = coordinatesOf(robot);
      const expected = {
        ...original,
        bodies: original.bodies.slice(0, scene.bodies.length - 1),
        joints: original.joints.slice(0, own.length + original.joints.filter(({ kind }) => kind === 'free').length),
        geoms: original.geoms.filter(({ body }) => body < scene.bodies.length),
      };
      const count = expected.bodies.length + 1;

      it('is a valid scene with the settings and gravity of the original', () => {
        checkScene(scene, robot.mujoco);
        expect(robot.mujoco).to.deep.include({ step_s: expected.timestep, integrator: expected.integrator });
        expect(scene.gravity_mps2).to.deep.equal(expected.gravity);
      });

      it('has its masses, centres of mass and inertias', () => {
        for (const [i, body] of expected.bodies.entries()) {
          const own = scene.bodies[i + 1]!;
          if (own.kind === 'fixed') continue;
          near([own.inertial!.mass_kg], [body.mass], `${own.name}: mass`);
          near(sum(own.pose.position_m, own.inertial!.centreOfMass_m ?? [0, 0, 0]), body.centre, `${own.name}: centre`);
          near(inertiaOf(own), body.inertia, `${own.name}: inertia`);
        }
      });

      it('has its joints: axes, anchors, ranges, springs, dampings, rotors', () => {
        const theirs = expected.joints.filter(({ kind }) => kind !== 'free');
        expect(own).to.have.length(theirs.length);
        for (const [i, joint] of theirs.entries()) compareJoint(own[i]!, joint);
        expect(expected.joints.length - theirs.length, 'free bodies').to.equal(
          scene.bodies.filter((body) => body.kind === 'dynamic' && !scene.joints.some(({ child }) => child === body.name)).length,
        );
      });

      it('has the shapes of its bodies, and the ground', () => {
        for (const [i, body] of scene.bodies.slice(0, count).entries()) {
          const theirs = expected.geoms
            .filter((geom) => geom.body === i && (i > 0 || geom.kind === 'plane'))
            .slice(0, i > 0 ? undefined : 1);
          const own = i > 0 ? body.shapes : body.shapes.filter(({ form }) => form.kind === 'plane');
          expect(own.length, body.name).to.equal(theirs.length);
          for (const [k, geom] of theirs.entries()) compareShape(body, own[k]!, geom, `${body.name} shape ${k}`);
        }
      });

      it('lets the same bodies touch', () => {
        const theirs = expected.touches
          ? expected.geoms.map(({ body, contype, conaffinity }) => ({ body, group: contype, mask: conaffinity }))
          : [];
        expect(touching(setsOf(scene.bodies), count)).to.deep.equal(touching(theirs, count));
      });

      it('has its actuators', () => {
        for (const [i, { gear, range, joint }] of expected.actuators.entries()) {
          const control = robot.controls[i]!;
          const actuator = scene.actuators[i]!;
          const driven = expected.joints[joint]!;
          expect(control.range ?? null).to.deep.equal(range);
          expect(coordinatesOf(robot).findIndex((part) => part.joint.name === actuator.joint)).to.equal(
            expected.joints.filter(({ kind }) => kind !== 'free').indexOf(driven),
          );
          if (actuator.kind !== 'force') continue;
          expect(control.scale).to.equal(gear);
          near([actuator.maxForce], [Math.abs(gear) * Math.max(...range!.map(Math.abs))], 'maxForce');
        }
        expect(scene.actuators.length).to.equal(expected.actuators.length);
      });
    });
});

describe('a robot file', () => {
  it('moves the zero of a hinge whose range leaves a turn, and says so', () => {
    const { scene, offsets } = assetRobot('robots/dm-cheetah.xml');
    expect(offsets.find(({ name }) => name === 'back-ankle')!.offset).to.be.closeTo(-Math.PI / 2, 1e-12);
    const { limits } = scene.joints.find(({ name }) => name === 'back-ankle')!;
    near(limits!, [(-140 * Math.PI) / 180, (140 * Math.PI) / 180], 'limits');
  });

  it('gives a servo in units of its joint', () => {
    const { scene, controls, offsets } = features();
    const zero = offsets.find(({ name }) => name === 'given')!.offset;
    // force = gear · (kp · (control − gear · q) − kv · gear · q̇), q = position + zero.
    expect(scene.actuators[1]).to.deep.equal({ name: 'hold', kind: 'position', joint: 'given', maxForce: 6, stiffness: 80, damping: 8 });
    expect(controls[1]).to.deep.equal({ actuator: 'hold', scale: 0.5, offset: -zero });
    expect(scene.actuators[2]).to.deep.equal({ name: 'roll', kind: 'velocity', joint: 'tiny', maxForce: 1e9, damping: 4 });
    expect(scene.actuators[3]).to.deep.include({ kind: 'position', stiffness: 7, damping: 0.5 });
    expect(controls[0]).to.deep.equal({ actuator: 'push', scale: -5, offset: 0, range: [-1, 2] });
  });
});
