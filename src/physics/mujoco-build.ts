import type { MainModule, MjData, MjModel } from '@mujoco/mujoco';
import { jointLayout } from '../core/joints.ts';
import type { MujocoSettings, SceneSpec } from '../core/scene-spec.ts';
import { GroundtwinError } from '../errors.ts';
import { bodyLabel, jointLabel, sceneXml } from './mujoco-xml.ts';

/** A compiled scene and where its bodies and joints lie in MuJoCo's arrays. */
export interface BuiltModel {
  readonly model: MjModel;
  readonly data: MjData;
  /** `[bodies]`, scene order: MuJoCo's body, and the top of its tree. */
  readonly bodyIds: Int32Array;
  readonly rootIds: Int32Array;
  /** `[bodies]`, first element of a free body in qpos and qvel; −1 for others. */
  readonly freePositionAt: Int32Array;
  readonly freeVelocityAt: Int32Array;
  /** `[joints]`, first element of a joint in qpos and qvel; −1 for a fixed joint. */
  readonly positionAt: Int32Array;
  readonly velocityAt: Int32Array;
  /** `[nq]` and `[nv]`: the scene's body that each element moves, for messages. */
  readonly bodyOfPosition: Int32Array;
  readonly bodyOfVelocity: Int32Array;
}

/**
 * @param scene - checked. @returns a model and its data, which the caller must free.
 * @throws SCENE_INVALID with MuJoCo's words where it refuses the scene.
 */
export function buildModel(mujoco: MainModule, scene: SceneSpec, settings: MujocoSettings): BuiltModel {
  const text = sceneXml(scene, settings);
  const model = saying(scene, () => mujoco.MjModel.from_xml_string(text));
  try {
    const data = saying(scene, () => new mujoco.MjData(model));
    return { model, data, ...addresses(mujoco, model, scene) };
  } catch (error) {
    model.delete();
    throw error;
  }
}

function saying<T>(scene: SceneSpec, make: () => T): T {
  try {
    return make();
  } catch (error) {
    throw new GroundtwinError('SCENE_INVALID', { scene: scene.name, problem: `MuJoCo refuses it: ${wordsOf(error)}` });
  }
}

/** What MuJoCo says, on one line. */
export function wordsOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text
    .replace(/^MuJoCo Error:\s*(Loading error:\s*)?/, '')
    .trim()
    .replace(/\s+/g, ' ');
}

function addresses(mujoco: MainModule, model: MjModel, scene: SceneSpec): Omit<BuiltModel, 'model' | 'data'> {
  const bodyType = mujoco.mjtObj.mjOBJ_BODY.value;
  const jointType = mujoco.mjtObj.mjOBJ_JOINT.value;
  const bodyIds = Int32Array.from(scene.bodies, ({ name }) => mujoco.mj_name2id(model, bodyType, bodyLabel(name)));
  const jointIds = Int32Array.from(scene.joints, ({ name, kind }) =>
    kind === 'fixed' ? -1 : mujoco.mj_name2id(model, jointType, jointLabel(name)),
  );
  const held = new Set(scene.joints.map(({ child }) => child));
  const freeJoints = scene.bodies.map(({ kind, name }, i) =>
    kind === 'dynamic' && !held.has(name) ? (model.body_jntadr as Int32Array)[bodyIds[i]!]! : -1,
  );
  const at = (array: Int32Array, id: number): number => (id < 0 ? -1 : array[id]!);
  const built = {
    bodyIds,
    rootIds: bodyIds.map((id) => (model.body_rootid as Int32Array)[id]!),
    freePositionAt: Int32Array.from(freeJoints, (id) => at(model.jnt_qposadr, id)),
    freeVelocityAt: Int32Array.from(freeJoints, (id) => at(model.jnt_dofadr, id)),
    positionAt: jointIds.map((id) => at(model.jnt_qposadr, id)),
    velocityAt: jointIds.map((id) => at(model.jnt_dofadr, id)),
  };
  return { ...built, ...owners(model, scene, built) };
}

type Places = Pick<BuiltModel, 'freePositionAt' | 'freeVelocityAt' | 'positionAt' | 'velocityAt'>;

function owners(model: MjModel, scene: SceneSpec, places: Places): Pick<BuiltModel, 'bodyOfPosition' | 'bodyOfVelocity'> {
  const bodyOfPosition = new Int32Array(model.nq);
  const bodyOfVelocity = new Int32Array(model.nv);
  const mark = (into: Int32Array, at: number, size: number, body: number): void => {
    if (at >= 0) into.fill(body, at, at + size);
  };
  scene.bodies.forEach((_, body) => {
    mark(bodyOfPosition, places.freePositionAt[body]!, 7, body);
    mark(bodyOfVelocity, places.freeVelocityAt[body]!, 6, body);
  });
  const index = new Map(scene.bodies.map(({ name }, i) => [name, i]));
  scene.joints.forEach((joint, j) => {
    const own = jointLayout([joint]);
    mark(bodyOfPosition, places.positionAt[j]!, own.positions, index.get(joint.child)!);
    mark(bodyOfVelocity, places.velocityAt[j]!, own.velocities, index.get(joint.child)!);
  });
  return { bodyOfPosition, bodyOfVelocity };
}

/** Arrays of MuJoCo's memory that a world reads and writes, float64. They go empty when that memory grows, and are fetched anew. */
export interface Views {
  readonly qpos: Float64Array;
  readonly qvel: Float64Array;
  readonly qacc: Float64Array;
  readonly ctrl: Float64Array;
  /** `[bodies, 3]` and `[bodies, 4]` (w, x, y, z), body frames in the world frame. */
  readonly xpos: Float64Array;
  readonly xquat: Float64Array;
  /** `[bodies, 3]`, centres of mass, and of each body with all that hangs on it. */
  readonly xipos: Float64Array;
  readonly subtree_com: Float64Array;
  /** `[bodies, 6]`, turning then moving, of the point of the body that is at the root's subtree_com. */
  readonly cvel: Float64Array;
  /** `[bodies, 6]`, torque about the root's subtree_com, then force. */
  readonly cfrc_ext: Float64Array;
}

export function viewsOf(data: MjData): Views {
  const { qpos, qvel, qacc, ctrl, xpos, xquat, xipos, subtree_com, cvel, cfrc_ext } = data;
  return { qpos, qvel, qacc, ctrl, xpos, xquat, xipos, subtree_com, cvel, cfrc_ext };
}
