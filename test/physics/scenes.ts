import type { PhysicsWorld } from '../../src/core/physics-world.ts';
import type { BodySpec, JointSpec, SceneSpec, ShapeSpec, Vector3 } from '../../src/core/scene-spec.ts';

export const gravity_mps2 = 9.81;

export function scene(parts: Partial<SceneSpec>): SceneSpec {
  return { name: 'test', gravity_mps2: [0, 0, -gravity_mps2], bodies: [], joints: [], actuators: [], ...parts };
}

export function fixedBody(name: string, shapes: readonly ShapeSpec[] = []): BodySpec {
  return { name, kind: 'fixed', pose: { position_m: [0, 0, 0] }, shapes };
}

export function dynamicBody(name: string, position_m: Vector3, parts: Partial<BodySpec> = {}): BodySpec {
  return { name, kind: 'dynamic', pose: { position_m }, inertial: { mass_kg: 1, inertia_kgm2: [0.01, 0.01, 0.01] }, shapes: [], ...parts };
}

export function joint(kind: JointSpec['kind'], name: string, parent: string, child: string, parts: Partial<JointSpec> = {}): JointSpec {
  return { name, kind, parent, child, parentAnchor_m: [0, 0, 0], childAnchor_m: [0, 0, 0], axis: [1, 0, 0], ...parts };
}

/** A uniform rod of 1 kg and 1 m on a hinge about y at the origin; angle 0 hangs down. */
export function hangingRod(parts: Partial<JointSpec> = {}, gravity: Vector3 = [0, 0, -gravity_mps2]): SceneSpec {
  return scene({
    gravity_mps2: gravity,
    bodies: [fixedBody('base'), dynamicBody('rod', [0, 0, -0.5], { inertial: { mass_kg: 1, inertia_kgm2: [1 / 12, 1 / 12, 1e-3] } })],
    joints: [joint('hinge', 'hinge', 'base', 'rod', { childAnchor_m: [0, 0, 0.5], axis: [0, 1, 0], ...parts })],
    actuators: [{ name: 'torque', kind: 'force', joint: 'hinge', maxForce: 2 }],
  });
}

/** A cart of 2 kg on a slide along x. */
export function cart(parts: Partial<JointSpec> = {}): SceneSpec {
  return scene({
    bodies: [fixedBody('rail'), dynamicBody('cart', [0, 0, 0], { inertial: { mass_kg: 2, inertia_kgm2: [0.02, 0.02, 0.02] } })],
    joints: [joint('slide', 'slide', 'rail', 'cart', parts)],
    actuators: [{ name: 'push', kind: 'force', joint: 'slide', maxForce: 10 }],
  });
}

/** A box of 2 kg and .2 m on a plane, with a sensor; friction .5 on both. */
export function boxOnPlane(parts: Partial<SceneSpec> = {}): SceneSpec {
  return scene({
    bodies: [
      fixedBody('ground', [{ form: { kind: 'plane' }, friction: 0.5 }]),
      dynamicBody('box', [0, 0, 0.1], {
        inertial: { mass_kg: 2, inertia_kgm2: [0.0133, 0.0133, 0.0133] },
        shapes: [{ form: { kind: 'box', halfExtents_m: [0.1, 0.1, 0.1] }, friction: 0.5 }],
      }),
    ],
    sensors: [{ name: 'touch', kind: 'contactWrench', body: 'box' }],
    ...parts,
  });
}

/** Base, turret (hinge z), arm (slide along a slanted axis, centre of mass off its origin), plate (fixed), hand (hinge y) that hits a plane. */
export function robot(): SceneSpec {
  return scene({
    bodies: [
      fixedBody('ground', [{ form: { kind: 'plane' } }]),
      { ...fixedBody('base'), pose: { position_m: [0, 0, 1] } },
      dynamicBody('turret', [0, 0, 1.2], { inertial: { mass_kg: 2, inertia_kgm2: [0.02, 0.03, 0.04] } }),
      dynamicBody('arm', [0.3, 0.1, 1.2], {
        inertial: { mass_kg: 1, centreOfMass_m: [0.1, -0.05, 0.02], inertia_kgm2: [0.01, 0.02, 0.03] },
      }),
      dynamicBody('plate', [0.5, 0.1, 1.2], { inertial: { mass_kg: 0.5, inertia_kgm2: [0.01, 0.01, 0.01] } }),
      dynamicBody('hand', [0.5, 0.1, 0.6], {
        inertial: { mass_kg: 0.4, centreOfMass_m: [0, 0, -0.1], inertia_kgm2: [0.01, 0.01, 0.005] },
        shapes: [{ form: { kind: 'capsule', radius_m: 0.05, halfLength_m: 0.57 } }],
      }),
    ],
    joints: [
      // Children before parents on purpose: the order of a scene is free.
      joint('hinge', 'wrist', 'plate', 'hand', {
        parentAnchor_m: [0, 0, -0.1],
        childAnchor_m: [0, 0, 0.5],
        axis: [0, 1, 0],
        damping: 0.05,
      }),
      joint('slide', 'reach', 'turret', 'arm', { parentAnchor_m: [0.3, 0.1, 0], axis: [0.8, 0.6, 0], limits: [-2, 2], damping: 1 }),
      joint('hinge', 'turn', 'base', 'turret', { parentAnchor_m: [0, 0, 0.2], axis: [0, 0, 1] }),
      joint('fixed', 'bolt', 'arm', 'plate', { parentAnchor_m: [0.2, 0, 0] }),
    ],
    actuators: [
      { name: 'turning', kind: 'force', joint: 'turn', maxForce: 5 },
      { name: 'reaching', kind: 'force', joint: 'reach', maxForce: 5 },
      { name: 'waving', kind: 'force', joint: 'wrist', maxForce: 3 },
    ],
    sensors: [{ name: 'touch', kind: 'contactWrench', body: 'hand' }],
  });
}

/** m, quaternion x, y, z, w; body frame in the world. */
export function poseOf(world: PhysicsWorld, body: string): Float64Array {
  const out = new Float64Array(7);
  world.bodyPose(world.bodyIndex(body), out);
  return out;
}

/** m/s of the body frame's origin, then rad/s. */
export function velocityOf(world: PhysicsWorld, body: string): Float64Array {
  const out = new Float64Array(6);
  world.bodyVelocity(world.bodyIndex(body), out);
  return out;
}
