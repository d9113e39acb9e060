import type { Inertial, Quaternion, SceneSpec, Vector3 } from '../core/scene-spec.ts';
import { rotateBackInto, rotateInto } from '../math/rotation.ts';
import { principalAxes, type Symmetric3 } from '../math/symmetric3.ts';
import { add } from '../math/vector3.ts';
import type { JointTree } from './joint-tree.ts';
import { orientationOf } from './scene-check.ts';

/** A body and all that is welded to it by fixed joints: one rigid thing, spared the solver's work of holding it together. */
export interface Compound {
  /** Index of the body at its top: its frame is that of the compound. */
  readonly host: number;
  /** Host first. Frames of joined bodies are parallel, so a member is only moved, m in the host's frame. */
  readonly members: readonly { readonly body: number; readonly offset_m: Vector3 }[];
  /** In the host's frame; absent where the host is fixed. */
  readonly inertial?: Required<Inertial>;
}

/** @returns the compounds by their hosts' order in the scene, and for each body the index of its compound. */
export function compoundsOf(scene: SceneSpec, tree: JointTree): { readonly compounds: readonly Compound[]; readonly of: Int32Array } {
  const hostOf = Int32Array.from(scene.bodies, (_, i) => i);
  for (const i of tree.order) {
    const { spec, parent, child } = tree.joints[i]!;
    if (spec.kind === 'fixed') hostOf[child] = hostOf[parent]!;
  }
  const hosts = [...scene.bodies.keys()].filter((i) => hostOf[i] === i);
  const compounds = hosts.map((host) => {
    const bodies = [host, ...[...scene.bodies.keys()].filter((i) => i !== host && hostOf[i] === host)];
    const members = bodies.map((body) => ({ body, offset_m: offsetOf(scene, host, body) }));
    if (scene.bodies[host]!.kind === 'fixed') return { host, members };
    return {
      host,
      members,
      inertial: merged(members.map(({ body, offset_m }) => ({ inertial: scene.bodies[body]!.inertial!, offset_m }))),
    };
  });
  return { compounds, of: Int32Array.from(hostOf, (host) => hosts.indexOf(host)) };
}

/** Both poses are those of the rest pose: a weld never changes them against each other. */
function offsetOf({ bodies }: SceneSpec, host: number, member: number): Vector3 {
  const [from, to] = [bodies[host]!.pose, bodies[member]!.pose];
  const out = new Float64Array(3);
  const [x, y, z] = to.position_m.map((value, i) => value - from.position_m[i]!) as [number, number, number];
  rotateBackInto(orientationOf(from), 0, x, y, z, out, 0);
  return [out[0]!, out[1]!, out[2]!];
}

interface Part {
  readonly inertial: Inertial;
  readonly offset_m: Vector3;
}

function merged(parts: readonly Part[]): Required<Inertial> {
  if (parts.length === 1) return { centreOfMass_m: [0, 0, 0], principalAxes_xyzw: [0, 0, 0, 1], ...parts[0]!.inertial };
  const mass_kg = parts.reduce((sum, { inertial }) => sum + inertial.mass_kg, 0);
  const centres = parts.map(({ inertial, offset_m }) => add(inertial.centreOfMass_m ?? [0, 0, 0], offset_m));
  const centre = [0, 1, 2].map((i) => parts.reduce((sum, { inertial }, k) => sum + inertial.mass_kg * centres[k]![i]!, 0) / mass_kg);
  const total = [0, 0, 0, 0, 0, 0] as [number, number, number, number, number, number];
  parts.forEach(({ inertial }, k) => {
    const [x, y, z] = centres[k]!.map((value, i) => value - centre[i]!) as [number, number, number];
    const m = inertial.mass_kg;
    const own = turnedInertia(inertial.inertia_kgm2, inertial.principalAxes_xyzw ?? [0, 0, 0, 1]);
    // The theorem of parallel axes.
    const moved = [m * (y * y + z * z), m * (x * x + z * z), m * (x * x + y * y), -m * x * y, -m * x * z, -m * y * z];
    for (let i = 0; i < 6; i++) total[i]! += own[i]! + moved[i]!;
  });
  const { moments, axes_xyzw } = principalAxes(total);
  return { mass_kg, centreOfMass_m: centre as [number, number, number], inertia_kgm2: moments, principalAxes_xyzw: axes_xyzw };
}

/** R · diag(moments) · Rᵀ. */
function turnedInertia(moments: Vector3, turn: Quaternion): Symmetric3 {
  const columns = [0, 1, 2].map((k) => {
    const column = new Float64Array(3);
    rotateInto(turn, 0, k === 0 ? 1 : 0, k === 1 ? 1 : 0, k === 2 ? 1 : 0, column, 0);
    return column;
  });
  const element = (i: number, j: number): number => moments.reduce((sum, moment, k) => sum + moment * columns[k]![i]! * columns[k]![j]!, 0);
  return [element(0, 0), element(1, 1), element(2, 2), element(0, 1), element(0, 2), element(1, 2)];
}
