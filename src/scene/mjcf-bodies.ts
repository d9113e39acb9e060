import type { BodySpec, Inertial, JointSpec, Pose, ShapeSpec } from '../core/scene-spec.ts';
import { principalAxes, type Symmetric3 } from '../math/symmetric3.ts';
import { add, compose, noTurn, type Quad, subtract, type Triple, turned } from '../math/vector3.ts';
import { denser, type MassProperties, placedMass, together } from './mass.ts';
import type { MeshForm } from './mesh.ts';
import { Attributes, largestLength_m } from './mjcf-attributes.ts';
import type { MjcfContext } from './mjcf-context.ts';
import { type Geom, placedShape, readGeom } from './mjcf-geoms.ts';
import { type CoordinateOffset, planJoints } from './mjcf-joints.ts';
import { orientationFrom } from './mjcf-pose.ts';
import { shown } from './mjcf-schema.ts';
import { refuse, type XmlElement } from './xml.ts';

/** A frame of the file, seen from the body of the scene that carries it. */
export interface CarriedFrame {
  readonly body: string;
  readonly pose: Pose;
}

/** A camera element and the body around it, read once all bodies are placed. */
export interface CameraElement {
  readonly attributes: Attributes;
  readonly frame: BodyFrame;
}

/** A body of the file in the rest pose. Several share an owner where they were merged. */
export interface BodyFrame {
  readonly owner: OwnerBody;
  /** World frame. */
  readonly origin_m: Triple;
  readonly turn: Quad;
  readonly childClass?: string;
}

/** A body of the scene while it is put together. Its frame is parallel to the world's in the rest pose. */
interface OwnerBody {
  readonly name: string;
  readonly isMoving: boolean;
  readonly attributes: Attributes;
  readonly origin_m: Triple;
  readonly shapes: ShapeSpec[];
  /** In the owner's frame. */
  readonly masses: MassProperties[];
}

export interface BodyOptions {
  readonly meshes: ReadonlyMap<string, MeshForm>;
  /** False where the file disables all contacts. */
  readonly touches: boolean;
  readonly fuseFixed: boolean;
}

const mostBodies = 1_000;
/** A moving body needs more: kg and kg·m² (MuJoCo's mjMINVAL). */
const leastMass = 1e-15;
const noInertia = 1e-6;
export const worldName = 'world';

/** Reads the worldbody into bodies and joints, each body in a frame parallel to the world's. */
export class BodyReader {
  readonly joints: JointSpec[] = [];
  readonly offsets: CoordinateOffset[] = [];
  readonly frames = new Map<string, BodyFrame>();
  readonly sites = new Map<string, CarriedFrame>();
  readonly cameras: CameraElement[] = [];
  private readonly owners: OwnerBody[] = [];
  private readonly context: MjcfContext;
  private readonly options: BodyOptions;

  constructor(worldBody: XmlElement, context: MjcfContext, options: BodyOptions) {
    this.context = context;
    this.options = options;
    const attributes = new Attributes(worldBody);
    const world = this.newOwner(worldName, false, attributes, [0, 0, 0]);
    const frame = { owner: world, origin_m: [0, 0, 0], turn: noTurn } as const;
    this.frames.set(worldName, frame);
    this.readContent(worldBody, frame, []);
  }

  /** The bodies in file order, the world first, with inertia about their principal axes. */
  bodies(): BodySpec[] {
    const { boundMass_kg, totalMass_kg } = this.context.compiler;
    const masses = this.owners.map(({ masses, name }) => {
      const whole = together(masses);
      return name === worldName || whole.mass_kg >= boundMass_kg ? whole : withMass(whole, boundMass_kg);
    });
    const total_kg = masses.slice(1).reduce((sum, { mass_kg }) => sum + mass_kg, 0);
    const factor = totalMass_kg === undefined || total_kg === 0 ? 1 : totalMass_kg / total_kg;
    return this.owners.map((owner, i) => this.bodySpec(owner, masses[i]!, factor));
  }

  private bodySpec(owner: OwnerBody, mass: MassProperties, factor: number): BodySpec {
    const { name, isMoving, origin_m, shapes } = owner;
    if (origin_m.some((part) => !(Math.abs(part) <= largestLength_m)))
      owner.attributes.refuse(`body '${name}' lies further out than ${largestLength_m} m`);
    const pose = { position_m: origin_m };
    if (!isMoving) return { name, kind: 'fixed', pose, shapes };
    return { name, kind: 'dynamic', pose, inertial: this.inertialOf(owner, mass, factor), shapes };
  }

  private inertialOf(owner: OwnerBody, mass: MassProperties, factor: number): Inertial {
    const { moments, axes_xyzw } = principalAxes(mass.inertia_kgm2);
    const bounded = moments.map((moment) => Math.max(moment, this.context.compiler.boundInertia_kgm2) * factor) as unknown as Triple;
    const mass_kg = mass.mass_kg * factor;
    if (!(mass_kg > leastMass && Number.isFinite(mass_kg) && bounded.every((moment) => moment > leastMass && Number.isFinite(moment))))
      owner.attributes.refuse(
        `body '${owner.name}' moves, so it needs a mass and moments of inertia above ${leastMass}; it has ${mass_kg} kg and [${bounded}] kg·m²`,
      );
    const isTurned = axes_xyzw.some((part, i) => part !== noTurn[i]);
    const isCentred = mass.centre_m.every((part) => part === 0);
    return {
      mass_kg,
      ...(!isCentred && { centreOfMass_m: mass.centre_m }),
      inertia_kgm2: bounded,
      ...(isTurned && { principalAxes_xyzw: axes_xyzw }),
    };
  }

  private newOwner(name: string, isMoving: boolean, attributes: Attributes, origin_m: Triple): OwnerBody {
    const owner = { name, isMoving, attributes, origin_m, shapes: [], masses: [] };
    if (this.owners.length >= mostBodies) attributes.refuse(`the file has more than ${mostBodies} bodies`);
    this.owners.push(owner);
    return owner;
  }

  private readBody(element: XmlElement, parent: BodyFrame): void {
    const attributes = new Attributes(element);
    attributes.only('mocap', 'false');
    attributes.only('gravcomp', 0);
    const name = attributes.text('name') ?? `body-${this.frames.size}`;
    if (name === '' || this.frames.has(name)) attributes.refuse(`the body name '${shown(name)}' is empty or already taken`);
    const childClass = attributes.text('childclass') ?? parent.childClass;
    if (childClass !== undefined && !this.context.hasClass(childClass)) attributes.refuse(`class '${shown(childClass)}' is not defined`);
    const origin_m = add(parent.origin_m, turned(parent.turn, attributes.position('pos')));
    const turn = compose(parent.turn, orientationFrom(attributes, this.context));
    const jointElements = element.children
      .filter(({ tag }) => tag === 'joint' || tag === 'freejoint')
      .map((joint) => (joint.tag === 'joint' ? this.context.attributes(joint, childClass) : new Attributes(joint)));
    const plan = planJoints({ name, attributes }, jointElements, origin_m, turn, this.context);
    if (plan.kind === 'free' && parent.owner.name !== worldName) attributes.refuse(`body '${name}' is free but not a child of the world`);
    const geoms = this.geomsOf(element, childClass);
    const inertial = this.massesOf(element, geoms);
    const owner = this.ownerFor(name, attributes, plan.kind, parent, plan.origin_m, inertial);
    const frame: BodyFrame = { owner, origin_m: plan.origin_m, turn: plan.turn, ...(childClass !== undefined && { childClass }) };
    this.frames.set(name, frame);
    const offset = subtract(frame.origin_m, owner.origin_m);
    owner.masses.push(...inertial.map((mass) => placedMass(mass, offset, frame.turn)));
    if (owner !== parent.owner && plan.kind !== 'free') this.addJoint(plan, owner, parent.owner, attributes);
    this.readContent(element, frame, geoms);
  }

  /** A body that its parent holds fast is one of its own, unless it has no mass, or the caller wants such bodies fused. */
  private ownerFor(
    name: string,
    attributes: Attributes,
    kind: 'free' | 'none' | 'held',
    parent: BodyFrame,
    origin_m: Triple,
    inertial: readonly MassProperties[],
  ): OwnerBody {
    const isHeldFast = kind === 'none' && parent.owner.isMoving;
    const isMassless = together(inertial).mass_kg <= leastMass && this.context.compiler.boundMass_kg === 0;
    if (isHeldFast && (isMassless || this.options.fuseFixed)) return parent.owner;
    return this.newOwner(name, kind !== 'none' || parent.owner.isMoving, attributes, origin_m);
  }

  private addJoint(plan: ReturnType<typeof planJoints>, owner: OwnerBody, parent: OwnerBody, attributes: Attributes): void {
    if (!owner.isMoving) return;
    const anchor = plan.anchor_m ?? owner.origin_m;
    const ends = {
      parent: parent.name,
      child: owner.name,
      parentAnchor_m: subtract(anchor, parent.origin_m),
      childAnchor_m: subtract(anchor, owner.origin_m),
    };
    const joint = plan.joint ?? { name: owner.name, kind: 'fixed', axis: [0, 0, 1] };
    if (this.joints.some(({ name }) => name === joint.name) || joint.name === '')
      attributes.refuse(
        `the joint name '${shown(joint.name)}' is empty or already taken (a joint without a name has that of its body, and so has a planar one)`,
      );
    this.joints.push({ ...joint, ...ends });
    this.offsets.push(...plan.offsets);
  }

  private geomsOf(element: XmlElement, childClass: string | undefined): Geom[] {
    const { meshes, touches } = this.options;
    return element.children
      .filter(({ tag }) => tag === 'geom')
      .map((geom) => readGeom(this.context.attributes(geom, childClass), this.context, meshes, touches));
  }

  /** In the body's frame, by the compiler's rule on which of inertial and geoms counts. */
  private massesOf(element: XmlElement, geoms: readonly Geom[]): MassProperties[] {
    const { inertiaFromGeom } = this.context.compiler;
    const inertial = element.children.filter(({ tag }) => tag === 'inertial');
    if (inertial.length > 1) refuse(inertial[1]!, 'the body has two <inertial>');
    const given = inertial[0] && readInertial(new Attributes(inertial[0]), this.context);
    if (inertiaFromGeom === 'false') return given ? [given] : [];
    return given && inertiaFromGeom === 'auto' ? [given] : geoms.map(({ mass }) => mass);
  }

  /** Everything in a body but itself: shapes, sites, cameras, children. */
  private readContent(element: XmlElement, frame: BodyFrame, geoms: readonly Geom[]): void {
    const isWorld = element.tag === 'worldbody';
    for (const geom of isWorld ? this.geomsOf(element, undefined) : geoms) {
      if (geom.shape.form.kind === 'plane' && frame.owner.isMoving)
        refuse(element, `body '${frame.owner.name}' moves and has a plane; planes stand on fixed bodies only`);
      const { position_m, orientation_xyzw } = carried(frame, geom.position_m, geom.turn);
      frame.owner.shapes.push(placedShape(geom, position_m, orientation_xyzw ?? noTurn));
    }
    for (const child of element.children) {
      if (child.tag === 'site') this.readSite(child, frame);
      if (child.tag === 'camera') this.cameras.push({ attributes: this.context.attributes(child, frame.childClass), frame });
      if (child.tag === 'body') this.readBody(child, frame);
      if (isWorld && ['joint', 'freejoint', 'inertial'].includes(child.tag)) refuse(child, `the world cannot have <${child.tag}>`);
    }
  }

  private readSite(element: XmlElement, frame: BodyFrame): void {
    const attributes = this.context.attributes(element, frame.childClass);
    const name = attributes.text('name') ?? `site-${this.sites.size}`;
    if (this.sites.has(name)) attributes.refuse(`two sites are named '${shown(name)}'`);
    this.sites.set(name, {
      body: frame.owner.name,
      pose: carried(frame, attributes.position('pos'), orientationFrom(attributes, this.context)),
    });
  }
}

/** A pose in a body of the file, seen from the body of the scene that carries it. */
export function carried(frame: BodyFrame, position_m: Triple, turn: Quad): Pose {
  const whole = compose(frame.turn, turn);
  const offset = subtract(frame.origin_m, frame.owner.origin_m);
  const isTurned = whole.some((part, i) => part !== noTurn[i]);
  return { position_m: add(offset, turned(frame.turn, position_m)), ...(isTurned && { orientation_xyzw: whole }) };
}

function withMass(whole: MassProperties, mass_kg: number): MassProperties {
  return whole.mass_kg > 0 ? { ...whole, mass_kg } : { ...denser(whole, 0), mass_kg };
}

/** In the body's frame. */
function readInertial(attributes: Attributes, context: MjcfContext): MassProperties {
  attributes.required('pos');
  attributes.required('mass');
  const mass_kg = attributes.atLeastZero('mass');
  const turn = orientationFrom(attributes, context);
  const full = attributes.list('fullinertia', 6);
  const moments = attributes.list('diaginertia', 3);
  if (!full === !moments) attributes.refuse('<inertial> needs either diaginertia or fullinertia');
  if (full && turn !== noTurn) attributes.refuse('fullinertia and an orientation exclude each other');
  const inertia = (full ?? [...moments!, 0, 0, 0]) as readonly number[] as Symmetric3;
  const [a, b, c] = [...principalAxes(inertia).moments].sort((x, y) => x - y) as [number, number, number];
  if (!(a >= 0 && a + b >= c * (1 - noInertia)))
    attributes.refuse(`no body has the moments of inertia [${[a, b, c]}]: none may be below 0, or above the sum of the others`);
  return placedMass({ mass_kg, centre_m: [0, 0, 0], inertia_kgm2: inertia }, attributes.position('pos'), turn);
}
