/** Robots and scenes from MuJoCo's MJCF files. docs/robots.md says what is read, refused and ignored. */
import type { ActuatorSpec, JointSpec, MujocoSettings, SceneSpec, Vector3 } from '../core/scene-spec.ts';
import type { Triple } from '../math/vector3.ts';
import { noTurn } from '../math/vector3.ts';
import { pathBeside, type RobotFiles } from './files.ts';
import { type MeshForm, meshFrom, meshLimits, readStl } from './mesh.ts';
import { type ControlScale, readActuator } from './mjcf-actuators.ts';
import { Attributes } from './mjcf-attributes.ts';
import { BodyReader, type CarriedFrame, carried } from './mjcf-bodies.ts';
import { readCamera } from './mjcf-cameras.ts';
import { checkExclusion, checkHeldFast, TouchRule } from './mjcf-contacts.ts';
import { MjcfContext, merged, sections } from './mjcf-context.ts';
import type { CoordinateOffset } from './mjcf-joints.ts';
import { checkAgainst, mjcfRule, shown } from './mjcf-schema.ts';
import { readSensors } from './mjcf-sensors.ts';
import { parseXml, refuse, XmlBudget, type XmlElement, xmlLimits } from './xml.ts';

export interface MjcfOptions {
  /** The file's name in messages, and where its includes and meshes are looked for. Default 'robot.xml'. */
  readonly file?: string;
  /** Includes and meshes; without it files that have any are refused. */
  readonly files?: RobotFiles;
  /** Name of the scene; default the model's. */
  readonly name?: string;
  /** Bodies without joints become part of the body that holds them, as MuJoCo's fusestatic does; default false. */
  readonly fuseFixed?: boolean;
}

/** A configuration the file names, in MuJoCo's own coordinates and order. */
export interface Keyframe {
  readonly name: string;
  readonly time_s: number;
  readonly qpos?: readonly number[];
  readonly qvel?: readonly number[];
  readonly ctrl?: readonly number[];
}

export interface RobotFile {
  readonly scene: SceneSpec;
  /** What the file says of MuJoCo's solver. */
  readonly mujoco: MujocoSettings;
  /** One per coordinate of hinges, slides and planar joints, scene order. */
  readonly offsets: readonly CoordinateOffset[];
  /** One per actuator, scene order. */
  readonly controls: readonly ControlScale[];
  readonly keyframes: readonly Keyframe[];
  /** By name. */
  readonly sites: ReadonlyMap<string, CarriedFrame>;
  /** The file's own body frames by name: the bodies of the scene have frames parallel to the world's in the rest pose. */
  readonly frames: ReadonlyMap<string, CarriedFrame>;
}

const mostIncludes = 32;
const mostKeyNumbers = 20_000;

/**
 * Reads an MJCF file as a scene. The text is not trusted: its size, nesting and numbers are bounded, and nothing is opened but through `options.files`.
 *
 * Every body gets a frame parallel to the world's in the rest pose, with the origin of its body in the file. In the rest pose every coordinate is 0;
 * that is MuJoCo's qpos0, but for hinges whose range leaves [−π, π]: their zero is the middle of the range. `offsets` lead from one to the other.
 *
 * @throws ROBOT_FILE_INVALID with the line, for whatever is malformed or not supported.
 * @see https://mujoco.readthedocs.io/en/stable/XMLreference.html
 */
export function parseMjcf(text: string, options: MjcfOptions = {}): RobotFile {
  const root = wholeDocument(text, options);
  checkAgainst(mjcfRule, root);
  const context = new MjcfContext(root);
  const settings = readOption(root);
  const reader = new BodyReader(worldBody(root), context, {
    meshes: readMeshes(root, context, options),
    touches: settings.touches,
    fuseFixed: options.fuseFixed ?? false,
  });
  const bodies = reader.bodies();
  const joints = reader.joints.map((joint) => switchedOff(joint, settings));
  const rule = new TouchRule(bodies, joints);
  for (const element of childrenOf(root, 'contact')) checkExclusion(element, reader.frames, rule);
  checkHeldFast(bodies, joints, rule, root);
  const { actuators, controls } = readActuators(root, context, reader);
  const sensors = readSensors(childrenOf(root, 'sensor'), { bodies, joints, sites: reader.sites, frames: reader.frames });
  const cameras = namedCameras(reader, context);
  const scene: SceneSpec = {
    name: options.name ?? root.attributes.get('model') ?? 'robot',
    gravity_mps2: settings.gravity_mps2,
    bodies,
    joints,
    actuators,
    ...(sensors.length > 0 && { sensors }),
    ...(cameras.length > 0 && { cameras }),
  };
  const frames = new Map(
    [...reader.frames].map(([name, frame]) => [name, { body: frame.owner.name, pose: carried(frame, [0, 0, 0], noTurn) }]),
  );
  const keyframes = childrenOf(root, 'keyframe').map(readKey);
  return { scene, mujoco: settings.mujoco, offsets: reader.offsets, controls, keyframes, sites: reader.sites, frames };
}

const childrenOf = (root: XmlElement, tag: string) => sections(root, tag).flatMap(({ children }) => children);

/** The document with its includes in place of their elements. */
function wholeDocument(text: string, options: MjcfOptions): XmlElement {
  const file = options.file ?? 'robot.xml';
  const budget = new XmlBudget();
  const root = parseXml(text, file, budget);
  if (root.tag !== 'mujoco') refuse(root, `its root is <${shown(root.tag)}>; an MJCF file's is <mujoco>`);
  const included = new Set<string>();
  const expand = (element: XmlElement, depth: number): XmlElement => {
    if (depth > xmlLimits.depth) refuse(element, `its elements are nested deeper than ${xmlLimits.depth}`);
    const children = element.children.flatMap((child) => {
      if (child.tag !== 'include') return [expand(child, depth + 1)];
      return expand(readInclude(child, file, options, budget, included), depth).children;
    });
    return { ...element, children };
  };
  return expand(root, 1);
}

function readInclude(element: XmlElement, file: string, options: MjcfOptions, budget: XmlBudget, included: Set<string>): XmlElement {
  const path = pathBeside(file, element.attributes.get('file') ?? refuse(element, '<include> has no file'));
  if (included.has(path)) refuse(element, `'${shown(path)}' is included twice`);
  included.add(path);
  if (included.size > mostIncludes) refuse(element, `it includes more than ${mostIncludes} files`);
  const bytes = readerOf(options, element).read(path, element);
  const root = parseXml(new TextDecoder().decode(bytes), path, budget);
  if (root.tag !== 'mujoco' && root.tag !== 'mujocoinclude')
    refuse(root, `its root is <${shown(root.tag)}>; an included file's is <mujoco> or <mujocoinclude>`);
  return root;
}

function readerOf(options: MjcfOptions, place: XmlElement): RobotFiles {
  return options.files ?? refuse(place, 'it needs other files; give parseMjcf() the option files, for example filesIn(folder)');
}

/** All worldbody sections as one. */
function worldBody(root: XmlElement): XmlElement {
  const all = sections(root, 'worldbody');
  const first = all[0] ?? refuse(root, 'it has no <worldbody>');
  return { ...first, children: all.flatMap(({ children }) => children) };
}

interface FileSettings {
  readonly gravity_mps2: Vector3;
  readonly mujoco: MujocoSettings;
  readonly touches: boolean;
  readonly hasLimits: boolean;
  readonly hasDryFriction: boolean;
}

const integrators = { Euler: 'euler', RK4: 'rk4', implicit: 'implicit', implicitfast: 'implicitfast' } as const;
/** Flags that may only say what they say anyway; the rest either matters to no motion, or is read below. */
const fixedFlags = {
  equality: 'enable',
  passive: 'enable',
  spring: 'enable',
  damper: 'enable',
  clampctrl: 'enable',
  filterparent: 'enable',
  actuation: 'enable',
  refsafe: 'enable',
  eulerdamp: 'enable',
  sensor: 'enable',
  override: 'disable',
  invdiscrete: 'disable',
} as const;

function readOption(root: XmlElement): FileSettings {
  const option = merged(root, 'option');
  const flagElements = childrenOf(root, 'option');
  const flags = merged({ ...root, children: flagElements }, 'flag');
  for (const [name, value] of Object.entries(fixedFlags)) flags.only(name, value);
  for (const name of ['density', 'viscosity', 'wind', 'noslip_iterations']) option.only(name, 0);
  const isOn = (name: string) => flags.choice(name, ['enable', 'disable'], 'enable') === 'enable';
  const step_s = option.number('timestep', 0.002);
  const impratio = option.number('impratio', 1);
  if (!(step_s > 0)) option.refuse(`timestep is ${step_s}; it must be above 0`);
  if (!(impratio > 0)) option.refuse(`impratio is ${impratio}; it must be above 0`);
  const mujoco: MujocoSettings = {
    step_s,
    integrator: integrators[option.choice('integrator', ['Euler', 'RK4', 'implicit', 'implicitfast'], 'Euler')],
    ...(option.has('iterations') && { iterations: option.integer('iterations', 100, 1, 100_000) }),
    ...(option.has('cone') && { cone: option.choice('cone', ['pyramidal', 'elliptic'], 'pyramidal') }),
    ...(option.has('impratio') && { impratio }),
  };
  const gravity_mps2: Vector3 = isOn('gravity')
    ? ((option.list('gravity', 3) as unknown as Triple | undefined) ?? [0, 0, -9.81])
    : [0, 0, 0];
  const constrains = isOn('constraint');
  return {
    gravity_mps2,
    mujoco,
    touches: constrains && isOn('contact'),
    hasLimits: constrains && isOn('limit'),
    hasDryFriction: constrains && isOn('frictionloss'),
  };
}

/** The joint without what the file's flags switch off. */
function switchedOff(
  { limits, limitCompliance, dryFriction, ...joint }: JointSpec,
  { hasLimits, hasDryFriction }: FileSettings,
): JointSpec {
  return {
    ...joint,
    ...(hasLimits && limits && { limits }),
    ...(hasLimits && limitCompliance && { limitCompliance }),
    ...(hasDryFriction && dryFriction !== undefined && { dryFriction }),
  };
}

function readMeshes(root: XmlElement, context: MjcfContext, options: MjcfOptions): ReadonlyMap<string, MeshForm> {
  const meshes = new Map<string, MeshForm>();
  let triangles = 0;
  for (const element of childrenOf(root, 'asset').filter(({ tag }) => tag === 'mesh')) {
    const attributes = context.attributes(element);
    const path = attributes.text('file');
    const name =
      attributes.text('name') ?? path?.replace(/^.*\//, '').replace(/\.\w+$/, '') ?? attributes.refuse('<mesh> has neither name nor file');
    if (meshes.has(name)) attributes.refuse(`two meshes are named '${shown(name)}'`);
    const mesh = readMesh(element, attributes, name, path, context, options);
    triangles += mesh.triangles.length / 3;
    if (triangles > meshLimits.triangles) attributes.refuse(`its meshes have more than ${meshLimits.triangles} triangles together`);
    meshes.set(name, mesh);
  }
  return meshes;
}

function readMesh(
  element: XmlElement,
  attributes: Attributes,
  name: string,
  path: string | undefined,
  context: MjcfContext,
  options: MjcfOptions,
): MeshForm {
  attributes.choice('inertia', ['exact', 'legacy'], 'legacy');
  attributes.only('refpos', 0);
  if (attributes.has('refquat') && attributes.list('refquat', 4)!.join() !== '1,0,0,0') attributes.refuse('refquat is not supported');
  const scale = attributes.position('scale', [1, 1, 1]);
  if (path !== undefined) {
    const whole = pathBeside(options.file ?? '', context.compiler.meshFolder === '' ? path : `${context.compiler.meshFolder}/${path}`);
    if (!/\.stl$/i.test(path)) attributes.refuse(`the mesh '${shown(path)}' is no STL file, the only kind that is read`);
    return readStl(readerOf(options, element).read(whole, element), scale, shown(whole), element);
  }
  const corners = attributes.list('vertex', 12, xmlLimits.bytes) ?? attributes.refuse('<mesh> has neither file nor vertex');
  const faces = attributes.list('face', 12, xmlLimits.bytes) ?? attributes.refuse('<mesh> with vertex but without face is not supported');
  if (corners.length % 3 !== 0 || faces.length % 3 !== 0) attributes.refuse('vertex and face must be whole triples');
  return meshFrom(corners, faces, scale, `mesh '${shown(name)}'`, element);
}

function readActuators(
  root: XmlElement,
  context: MjcfContext,
  reader: BodyReader,
): { actuators: ActuatorSpec[]; controls: ControlScale[] } {
  const actuators: ActuatorSpec[] = [];
  const controls: ControlScale[] = [];
  const names = new Set<string>();
  for (const element of childrenOf(root, 'actuator')) {
    const attributes = context.attributes(element);
    const { actuator, control } = readActuator(attributes, context, reader.joints, reader.offsets, (name) => names.has(name));
    names.add(actuator.name);
    actuators.push(actuator);
    controls.push(control);
  }
  return { actuators, controls };
}

function namedCameras(reader: BodyReader, context: MjcfContext) {
  const names = new Set<string>();
  return reader.cameras.map((camera, i) => {
    const name = camera.attributes.text('name') ?? `camera-${i}`;
    if (name === '' || names.has(name)) camera.attributes.refuse(`the camera name '${shown(name)}' is empty or already taken`);
    names.add(name);
    return readCamera(camera, name, context, reader.frames);
  });
}

function readKey(element: XmlElement, index: number): Keyframe {
  const attributes = new Attributes(element);
  const row = (name: 'qpos' | 'qvel' | 'ctrl') => {
    const values = attributes.list(name, 1, mostKeyNumbers);
    return values && { [name]: values };
  };
  return {
    name: attributes.text('name') ?? `key-${index}`,
    time_s: attributes.number('time', 0),
    ...row('qpos'),
    ...row('qvel'),
    ...row('ctrl'),
  };
}
