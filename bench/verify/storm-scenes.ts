/** Scenes for rows that are hard on an engine. */
import type { BodySpec, SceneSpec, ShapeSpec } from '../../src/core/scene-spec.ts';

const half_m = 0.05;
const wall: ShapeSpec = { form: { kind: 'box', halfExtents_m: [0.02, 0.4, 0.4] } };
const quarterTurn = [0, 0, Math.SQRT1_2, Math.SQRT1_2] as const;

function boxBody(name: string, height_m: number, mass_kg: number): BodySpec {
  const moment_kgm2 = (mass_kg * (2 * half_m) ** 2) / 6;
  return {
    name,
    kind: 'dynamic',
    pose: { position_m: [0, 0, height_m] },
    inertial: { mass_kg, inertia_kgm2: [moment_kgm2, moment_kgm2, moment_kgm2] },
    shapes: [{ form: { kind: 'box', halfExtents_m: [half_m, half_m, half_m] } }],
  };
}

/** Free boxes of 10 cm in a pen. */
export function pileScene(boxes: number, mass_kg = 1): SceneSpec {
  const pen: BodySpec = {
    name: 'pen',
    kind: 'fixed',
    pose: { position_m: [0, 0, 0] },
    shapes: [
      { form: { kind: 'plane' } },
      { ...wall, pose: { position_m: [0.42, 0, 0.4] } },
      { ...wall, pose: { position_m: [-0.42, 0, 0.4] } },
      { ...wall, pose: { position_m: [0, 0.42, 0.4], orientation_xyzw: quarterTurn } },
      { ...wall, pose: { position_m: [0, -0.42, 0.4], orientation_xyzw: quarterTurn } },
    ],
  };
  return {
    name: 'pile',
    gravity_mps2: [0, 0, -9.81],
    bodies: [pen, ...Array.from({ length: boxes }, (_, i) => boxBody(`box-${i}`, half_m + 2.2 * half_m * i, mass_kg))],
    joints: [],
    actuators: [],
  };
}

/** What of a scene may be out of all proportion; 1 = sane. */
export interface Extremes {
  readonly mass: number;
  readonly gain: number;
  readonly gravity: number;
}

/** A few free boxes in the pen, beside three rods with motors: one for positions, one for velocities, one for forces on a rotor. */
export function machineScene({ mass, gain, gravity }: Extremes): SceneSpec {
  const pile = pileScene(5, mass);
  const rods = ['position', 'velocity', 'force'] as const;
  return {
    ...pile,
    name: 'machine',
    gravity_mps2: [0, 0, -9.81 * gravity],
    bodies: [...pile.bodies, ...rods.map((name, i): BodySpec => ({ ...boxBody(name, 1, mass), pose: { position_m: [2 + i, 0, 1] } }))],
    joints: rods.map((name, i) => ({
      name,
      kind: name === 'velocity' ? 'slide' : 'hinge',
      parent: 'pen',
      child: name,
      parentAnchor_m: [2 + i, 0, 1.2],
      childAnchor_m: [0, 0, 0.2],
      axis: [0, 1, 0],
      ...(name === 'force' && { armature: 0.01 * gain, damping: 0.1 }),
    })),
    actuators: [
      { name: 'position', kind: 'position', joint: 'position', maxForce: 50 * gain, stiffness: 20 * gain, damping: gain },
      { name: 'velocity', kind: 'velocity', joint: 'velocity', maxForce: 50 * gain, damping: 5 * gain },
      { name: 'force', kind: 'force', joint: 'force', maxForce: 5 * gain },
    ],
  };
}
