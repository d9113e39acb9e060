/** What can be taken out of a scene, or of an engine's settings, to see whether a gap goes with it. */
import type { Compliance, JointSpec, MujocoSettings, RapierSettings, SceneSpec, ShapeSpec } from '../../../src/core/scene-spec.ts';
import type { AnyTask } from '../../../src/task/task.ts';

/** The scene is changed on both engines alike; settings on the engine they belong to. Each of them gets what the one before has made. */
export interface Change {
  readonly scene?: (scene: SceneSpec) => SceneSpec;
  readonly rapier?: (settings: RapierSettings) => RapierSettings;
  readonly mujoco?: (settings: MujocoSettings) => MujocoSettings;
}

/** The task with these changes, one after the other; state, actions and rewards stay. */
export function changedTask(task: AnyTask, changes: readonly Change[]): AnyTask {
  const { rapier, mujoco } = task.engines;
  return {
    ...task,
    scene: (params) => changes.reduce((scene, change) => change.scene?.(scene) ?? scene, task.scene(params)),
    engines: {
      rapier: changes.reduce((settings, change) => change.rapier?.(settings) ?? settings, rapier),
      ...(mujoco && { mujoco: changes.reduce((settings, change) => change.mujoco?.(settings) ?? settings, mujoco) }),
    },
  };
}

/** The longest step that divides the control step and is no longer than this, s. */
export function dividing({ controlDt_s }: Pick<AnyTask, 'controlDt_s'>, longest_s: number): number {
  return controlDt_s / Math.ceil(controlDt_s / longest_s - 1e-9);
}

export function everyJoint(change: (joint: JointSpec) => JointSpec): Change {
  return { scene: (scene) => ({ ...scene, joints: scene.joints.map(change) }) };
}

export function everyShape(change: (shape: ShapeSpec) => ShapeSpec): Change {
  return {
    scene: (scene) => ({ ...scene, bodies: scene.bodies.map((body) => ({ ...body, shapes: body.shapes.map(change) })) }),
  };
}

/** Contacts and stops of this compliance; Rapier, which has none, stays as it is. */
export function asStiffAs(compliance: Required<Pick<Compliance, 'solref' | 'solimp'>>): Change {
  const shapes = everyShape((shape) => ({ ...shape, compliance: { ...compliance, margin: 0 } }));
  const joints = everyJoint((joint) => (joint.limits ? { ...joint, limitCompliance: compliance } : joint));
  return { scene: (scene) => joints.scene!(shapes.scene!(scene)) };
}

/**
 * What turns with a joint turns with its link instead: rotor inertia becomes inertia of the child, about every axis. Both engines have that exactly.
 * The motion is another one: such a link weighs on the joints below and is turned by the bodies that carry it.
 */
export function rotorsInLinks(scene: SceneSpec): SceneSpec {
  const rotorOf = (body: string) => scene.joints.reduce((sum, { child, armature = 0 }) => sum + (child === body ? armature : 0), 0);
  return {
    ...scene,
    joints: scene.joints.map(({ armature: _, ...joint }) => joint),
    bodies: scene.bodies.map((body) => {
      const { inertial } = body;
      const rotor = rotorOf(body.name);
      if (!inertial || rotor === 0) return body;
      const [x, y, z] = inertial.inertia_kgm2;
      return { ...body, inertial: { ...inertial, inertia_kgm2: [x + rotor, y + rotor, z + rotor] } };
    }),
  };
}
