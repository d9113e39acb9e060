/** Why two engines may disagree, and how each reason is taken away. */
import type { SceneSpec } from '../../../src/core/scene-spec.ts';
import type { AnyTask } from '../../../src/task/task.ts';
import { asStiffAs, type Change, dividing, everyJoint, everyShape, rotorsInLinks } from './changes.ts';

export interface Cause {
  readonly id: string;
  /** As in "the gap comes from …". */
  readonly name: string;
  /** What is done to take it away. */
  readonly removal: string;
  /** Whether it may be named in such a scene, alone or with others; the rest is tried alone, for comparison. */
  isNameable(scene: SceneSpec): boolean;
  /** Whether the scene has it at all. */
  applies(scene: SceneSpec): boolean;
  removed(task: AnyTask): Change;
}

/** How many times shorter both engines' steps are. An error of first order falls to this share. */
export const FINER = 4;
/** Sweeps of Rapier's solver, in each of its substeps; envs have 1 to 3. */
const CONVERGED_SWEEPS = 30;
/** Time constants of contacts and stops that hardly give way, s; MuJoCo's own is .02. Such a one needs a step a quarter as long. */
const STIFF = { stiff: 0.004, stiffer: 0.001 } as const;
const IMPEDANCE = [0.98, 0.999, 0.0001] as const;
const STEPS_OF_CONTACT = 4;

const [always, never] = [() => true, () => false];
export const hasContacts = ({ bodies }: SceneSpec) =>
  bodies.some(({ kind, shapes }) => kind === 'dynamic' && shapes.some(({ collides }) => collides !== false));
const hasLimits = ({ joints }: SceneSpec) => joints.some(({ limits }) => limits);
const anyJoint = (has: (joint: SceneSpec['joints'][number]) => number | undefined) => (scene: SceneSpec) =>
  scene.joints.some((joint) => (has(joint) ?? 0) > 0);

const finerSteps = (task: AnyTask): Change => ({
  rapier: (settings) => ({ ...settings, step_s: settings.step_s / FINER }),
  mujoco: (settings) => ({ ...settings, step_s: Math.min(settings.step_s, dividing(task, task.engines.mujoco!.step_s / FINER)) }),
});
const moreSweeps: Change = { rapier: (settings) => ({ ...settings, pgsIterations: CONVERGED_SWEEPS }) };

function softness(id: string, time_s: number): Cause {
  return {
    id,
    name: 'contacts and stops that give way on MuJoCo',
    removal: `contacts and stops of MuJoCo with a time constant of ${time_s * 1000} ms, impedance ${IMPEDANCE[0]} to ${IMPEDANCE[1]}, no margin, and steps of ${(1000 * time_s) / STEPS_OF_CONTACT} ms or less`,
    isNameable: always,
    applies: (scene) => hasContacts(scene) || hasLimits(scene),
    removed: (task) => ({
      ...asStiffAs({ solref: [time_s, 1], solimp: IMPEDANCE }),
      mujoco: (settings) => ({
        ...settings,
        integrator: 'implicitfast',
        step_s: Math.min(settings.step_s, dividing(task, time_s / STEPS_OF_CONTACT)),
      }),
    }),
  };
}

export const causes: readonly Cause[] = [
  {
    id: 'solver',
    name: 'time steps, and sweeps of Rapier’s solver',
    removal: `steps of both engines ${FINER} times shorter, ${CONVERGED_SWEEPS} sweeps of Rapier’s solver a substep`,
    isNameable: always,
    applies: always,
    removed: (task) => ({ ...finerSteps(task), rapier: (settings) => moreSweeps.rapier!(finerSteps(task).rapier!(settings)) }),
  },
  {
    id: 'rotors',
    name: 'rotor inertia, on Rapier a brake',
    removal: 'rotor inertia (armature) made inertia of the link, which both engines have',
    isNameable: always,
    applies: anyJoint(({ armature }) => armature),
    removed: () => ({ scene: rotorsInLinks }),
  },
  softness('softness', STIFF.stiff),
  softness('softness-1ms', STIFF.stiffer),
  {
    id: 'friction',
    name: 'how friction is worked out',
    removal: 'no friction',
    isNameable: always,
    applies: hasContacts,
    removed: () => everyShape(({ torsionalFriction_m: _, rollingFriction_m: __, ...shape }) => ({ ...shape, friction: 0, isRough: false })),
  },
  {
    id: 'steps',
    name: 'time steps alone',
    removal: `steps of both engines ${FINER} times shorter`,
    isNameable: never,
    applies: always,
    removed: finerSteps,
  },
  {
    id: 'sweeps',
    name: 'sweeps of Rapier’s solver alone',
    removal: `${CONVERGED_SWEEPS} sweeps of Rapier’s solver a substep`,
    isNameable: never,
    applies: always,
    removed: () => moreSweeps,
  },
  {
    id: 'damping',
    name: 'damping of the joints',
    removal: 'no damping',
    isNameable: never,
    applies: anyJoint(({ damping }) => damping),
    removed: () => everyJoint((joint) => ({ ...joint, damping: 0 })),
  },
  {
    id: 'springs',
    name: 'springs of the joints',
    removal: 'no springs',
    isNameable: never,
    applies: anyJoint(({ stiffness }) => stiffness),
    removed: () => everyJoint(({ stiffness: _, ...joint }) => joint),
  },
  {
    id: 'limits',
    name: 'how stops are met',
    removal: 'no stops',
    // A robot without them throws its limbs about: another motion altogether.
    isNameable: (scene) => !hasContacts(scene),
    applies: hasLimits,
    removed: () => everyJoint(({ limits: _, limitCompliance: __, ...joint }) => joint),
  },
  {
    id: 'contacts',
    name: 'contacts',
    removal: 'nothing touches anything',
    isNameable: never,
    applies: hasContacts,
    removed: () => everyShape((shape) => ({ ...shape, collides: false })),
  },
  {
    id: 'cone',
    name: 'the pyramid that MuJoCo takes for the cone of friction',
    removal: 'elliptic cones, of ten times the impedance',
    isNameable: never,
    applies: hasContacts,
    removed: () => ({ mujoco: (settings) => ({ ...settings, cone: 'elliptic', impratio: 10 }) }),
  },
];

const waysOfStopping: readonly string[] = ['softness', 'softness-1ms', 'limits'];

/** One way of taking away how contacts and stops give way is enough. */
export function areExclusive(ids: readonly string[]): boolean {
  return ids.filter((id) => waysOfStopping.includes(id)).length > 1;
}

/** @throws for an id that there is none of. */
export function causeOf(id: string): Cause {
  const found = causes.find((cause) => cause.id === id);
  if (!found) throw new Error(`there is no cause '${id}'; there are ${causes.map((cause) => cause.id).join(', ')}`);
  return found;
}
