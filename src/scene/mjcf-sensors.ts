import type { BodySpec, JointSpec, SensorSpec } from '../core/scene-spec.ts';
import { noTurn } from '../math/vector3.ts';
import { Attributes } from './mjcf-attributes.ts';
import { type BodyFrame, type CarriedFrame, carried } from './mjcf-bodies.ts';
import { shown } from './mjcf-schema.ts';
import { refuse, type XmlElement } from './xml.ts';

/** m: how far a rangefinder without cutoff sees. */
const defaultRange_m = 100;

export interface SensorParts {
  readonly bodies: readonly BodySpec[];
  readonly joints: readonly JointSpec[];
  readonly sites: ReadonlyMap<string, CarriedFrame>;
  readonly frames: ReadonlyMap<string, BodyFrame>;
}

/** Two of MuJoCo's sensors that are one of ours: the first of the list names it. */
const pairs: Readonly<Record<string, readonly [first: string, second: string]>> = {
  accelerometer: ['accelerometer', 'gyro'],
  gyro: ['accelerometer', 'gyro'],
  framepos: ['framepos', 'framequat'],
  framequat: ['framepos', 'framequat'],
};

/** Reads the sensor section. A pair stands where its first half does. */
export function readSensors(elements: readonly XmlElement[], parts: SensorParts): SensorSpec[] {
  const names = new Set<string>();
  const used = new Set<XmlElement>();
  const waiting = halves(elements);
  const sensors: SensorSpec[] = [];
  for (const element of elements) {
    if (used.has(element)) continue;
    const partner = takePartner(element, waiting);
    if (partner) used.add(partner);
    const head = partner && pairs[element.tag]![0] === partner.tag ? partner : element;
    const attributes = new Attributes(head);
    const name = attributes.text('name') ?? `sensor-${sensors.length}`;
    if (name === '' || names.has(name)) attributes.refuse(`the sensor name '${shown(name)}' is empty or already taken`);
    names.add(name);
    sensors.push(readSensor(attributes, name, parts));
  }
  return sensors;
}

/** What a sensor measures and where; two halves of a pair differ in the first only. */
const keyOf = (tag: string, { attributes }: XmlElement) =>
  [tag, ...['site', 'objtype', 'objname'].map((name) => attributes.get(name) ?? '')].join('\n');

/** Sensors that are half of a pair, by what and where, in file order. */
function halves(elements: readonly XmlElement[]): Map<string, XmlElement[]> {
  const byKey = new Map<string, XmlElement[]>();
  for (const element of elements) {
    const key = keyOf(element.tag, element);
    const known = byKey.get(key);
    if (known) known.push(element);
    else byKey.set(key, [element]);
  }
  return byKey;
}

/** The other half of a pair, taken out of those that wait for theirs; undefined for a sensor that is whole. */
function takePartner(element: XmlElement, waiting: Map<string, XmlElement[]>): XmlElement | undefined {
  const pair = Object.hasOwn(pairs, element.tag) ? pairs[element.tag] : undefined;
  if (!pair) return undefined;
  const wanted = pair[0] === element.tag ? pair[1] : pair[0];
  waiting.get(keyOf(element.tag, element))!.shift();
  return (
    waiting.get(keyOf(wanted, element))?.shift() ??
    refuse(element, `<${element.tag}> is read only together with a <${wanted}> at the same place`)
  );
}

function readSensor(attributes: Attributes, name: string, parts: SensorParts): SensorSpec {
  if (attributes.tag !== 'rangefinder') attributes.only('cutoff', 0);
  for (const reference of ['reftype', 'refname']) if (attributes.has(reference)) attributes.refuse(`${reference} is not supported`);
  switch (attributes.tag) {
    case 'jointpos':
      return { name, kind: 'jointPosition', joint: jointOf(attributes, parts.joints) };
    case 'jointvel':
      return { name, kind: 'jointVelocity', joint: jointOf(attributes, parts.joints) };
    case 'accelerometer':
      return { name, kind: 'imu', ...mounted(imuSite(attributes, parts)) };
    case 'rangefinder': {
      const range_m = attributes.atLeastZero('cutoff') || defaultRange_m;
      return { name, kind: 'ray', ...mounted(siteOf(attributes, attributes.required('site'), parts)), range_m };
    }
    default:
      return { name, kind: 'framePose', ...mounted(framedObject(attributes, parts)) };
  }
}

const mounted = ({ body, pose }: CarriedFrame) => ({ body, site: pose });

function jointOf(attributes: Attributes, joints: readonly JointSpec[]): string {
  const name = attributes.required('joint');
  const joint = joints.find((candidate) => candidate.name === name);
  if (joint?.kind === 'hinge' || joint?.kind === 'slide') return name;
  return attributes.refuse(`'${shown(name)}' is no hinge or slide of its own, which is all that can be read`);
}

function siteOf(attributes: Attributes, name: string, { sites }: SensorParts): CarriedFrame {
  return sites.get(name) ?? attributes.refuse(`there is no site '${shown(name)}'`);
}

function imuSite(attributes: Attributes, parts: SensorParts): CarriedFrame {
  const site = siteOf(attributes, attributes.required('site'), parts);
  const isMoving = parts.bodies.some(({ name, kind }) => name === site.body && kind === 'dynamic');
  return isMoving ? site : attributes.refuse('an accelerometer on a body that never moves is not supported');
}

/** `body` in MuJoCo is the frame of the inertia, which moves with masses; only sites and `xbody` are read. */
function framedObject(attributes: Attributes, parts: SensorParts): CarriedFrame {
  const type = attributes.choice('objtype', ['site', 'xbody'], 'site');
  const name = attributes.required('objname');
  if (type === 'site') return siteOf(attributes, name, parts);
  const frame = parts.frames.get(name) ?? attributes.refuse(`there is no body '${shown(name)}'`);
  return { body: frame.owner.name, pose: carried(frame, [0, 0, 0], noTurn) };
}
