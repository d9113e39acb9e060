import type { Compliance, ShapeForm, ShapeSpec, Vector3 } from '../core/scene-spec.ts';
import { add, lengthOf, noTurn, type Quad, scaled, subtract, type Triple, unit } from '../math/vector3.ts';
import { denser, type MassProperties, massless, placedMass, solid } from './mass.ts';
import type { MeshForm } from './mesh.ts';
import { type Attributes, largestLength_m } from './mjcf-attributes.ts';
import { colourFrom, type MjcfContext } from './mjcf-context.ts';
import { ontoZ, orientationFrom } from './mjcf-pose.ts';
import { shown } from './mjcf-schema.ts';

/** A geom in its body's frame as the file has it. */
export interface Geom {
  readonly shape: Omit<ShapeSpec, 'pose'>;
  readonly position_m: Triple;
  readonly turn: Quad;
  readonly mass: MassProperties;
}

const geomTypes = ['plane', 'sphere', 'capsule', 'cylinder', 'box', 'mesh'] as const;
type GeomType = (typeof geomTypes)[number];
const defaultDensity_kgpm3 = 1000;
const shortestFromTo_m = 1e-14;

/** @param meshes - by name. @param touches - false where the file disables all contacts. */
export function readGeom(attributes: Attributes, context: MjcfContext, meshes: ReadonlyMap<string, MeshForm>, touches: boolean): Geom {
  for (const [name, value] of [
    ['gap', 0],
    ['priority', 0],
    ['solmix', 1],
    ['shellinertia', 'false'],
  ] as const)
    attributes.only(name, value);
  const type = attributes.choice('type', geomTypes, attributes.has('mesh') ? 'mesh' : 'sphere');
  const spanned = spanOf(attributes, type);
  const form = formFrom(attributes, type, meshes, spanned?.halfLength_m);
  const position_m = spanned?.middle_m ?? attributes.position('pos');
  const turn = spanned?.turn ?? orientationFrom(attributes, context);
  return {
    shape: shapeFrom(attributes, context, form, touches),
    position_m,
    turn,
    mass: placedMass(massOf(attributes, form), position_m, turn),
  };
}

interface Span {
  readonly middle_m: Triple;
  readonly turn: Quad;
  readonly halfLength_m: number;
}

/** Where `fromto` puts a geom, if it has one: its z axis runs from the second end to the first. */
function spanOf(attributes: Attributes, type: GeomType): Span | undefined {
  const ends = attributes.list('fromto', 6);
  if (!ends) return undefined;
  if (type !== 'capsule' && type !== 'cylinder' && type !== 'box') attributes.refuse(`a ${type} cannot have fromto`);
  if (ends.some((value) => Math.abs(value) > largestLength_m)) attributes.refuse(`fromto lies further out than ${largestLength_m} m`);
  const from: Triple = [ends[0]!, ends[1]!, ends[2]!];
  const to: Triple = [ends[3]!, ends[4]!, ends[5]!];
  const along = subtract(from, to);
  if (lengthOf(along) < shortestFromTo_m) attributes.refuse('the ends of fromto are the same point');
  return { middle_m: scaled(add(from, to), 0.5), turn: ontoZ(unit(along)), halfLength_m: lengthOf(along) / 2 };
}

function formFrom(attributes: Attributes, type: GeomType, meshes: ReadonlyMap<string, MeshForm>, halfLength_m?: number): ShapeForm {
  const size = attributes.overlaid('size', [0, 0, 0]);
  const sized = (i: number) => {
    const value = size[i]!;
    return value > 0 && value <= largestLength_m
      ? value
      : attributes.refuse(`a ${type} has size ${value}; it must be above 0 and at most ${largestLength_m} m`);
  };
  switch (type) {
    case 'plane':
      return { kind: 'plane' };
    case 'sphere':
      return { kind: 'sphere', radius_m: sized(0) };
    case 'capsule':
    case 'cylinder':
      return { kind: type, radius_m: sized(0), halfLength_m: halfLength_m ?? sized(1) };
    case 'box':
      return {
        kind: 'box',
        halfExtents_m: halfLength_m === undefined ? [sized(0), sized(1), sized(2)] : [sized(0), sized(0), halfLength_m],
      };
    case 'mesh':
      return meshes.get(attributes.required('mesh')) ?? attributes.refuse(`there is no mesh '${shown(attributes.required('mesh'))}'`);
  }
}

/** In the geom's own frame. A mass given counts before a density. */
function massOf(attributes: Attributes, form: ShapeForm): MassProperties {
  const given_kg = attributes.has('mass') ? attributes.atLeastZero('mass') : undefined;
  const density = attributes.atLeastZero('density', defaultDensity_kgpm3);
  const unitSolid = solid(form);
  if (form.kind === 'plane' || given_kg === 0) return massless;
  if (!(unitSolid.mass_kg > 0))
    attributes.refuse(
      `a ${form.kind} encloses no volume, so it has no mass; a mesh must be closed, and seen counter-clockwise from outside`,
    );
  return denser(unitSolid, given_kg === undefined ? density : given_kg / unitSolid.mass_kg);
}

const mostBits = 2 ** 16 - 1;

function shapeFrom(attributes: Attributes, context: MjcfContext, form: ShapeForm, touches: boolean): Omit<ShapeSpec, 'pose'> {
  const group = attributes.integer('contype', 1, 0, mostBits);
  const mask = attributes.integer('conaffinity', 1, 0, mostBits);
  const dimensions = attributes.integer('condim', 3, 1, 6);
  if (![1, 3, 4, 6].includes(dimensions)) attributes.refuse(`condim is ${dimensions}; it must be 1, 3, 4 or 6`);
  const [friction, torsional_m, rolling_m] = attributes.overlaid('friction', [1, 0.005, 0.0001]) as [number, number, number];
  if (Math.min(friction, torsional_m, rolling_m) < 0) attributes.refuse('friction has a number below 0');
  const compliance = complianceFrom(attributes, 'solref', 'solimp');
  const colour = colourFrom(attributes) ?? context.colourOf(attributes.text('material') ?? '');
  return {
    form,
    ...((!touches || (group === 0 && mask === 0)) && { collides: false }),
    ...(group !== 1 && { group }),
    ...(mask !== 1 && { mask }),
    friction,
    ...(dimensions >= 4 && { torsionalFriction_m: torsional_m }),
    ...(dimensions === 6 && { rollingFriction_m: rolling_m }),
    ...(dimensions === 1 && { isRough: false }),
    ...(compliance && { compliance }),
    ...(colour !== undefined && { colour }),
  };
}

/** Softness as far as the file speaks of it; undefined where it does not. A stop or contact that keeps silent is as soft as the engine's default. */
export function complianceFrom(attributes: Attributes, solrefName: string, solimpName: string): Compliance | undefined {
  const solref = attributes.has(solrefName) ? attributes.overlaid(solrefName, [0.02, 1]) : undefined;
  const solimp = attributes.has(solimpName) ? attributes.overlaid(solimpName, [0.9, 0.95, 0.001, 0.5, 2]) : undefined;
  const margin = attributes.atLeastZero('margin');
  if (solref && !(Math.sign(solref[0]!) === Math.sign(solref[1]!) && solref[0] !== 0))
    attributes.refuse(`${solrefName} [${solref}] must be two positive or two negative numbers`);
  if (solimp?.some((part) => part < 0)) attributes.refuse(`${solimpName} [${solimp}] has a number below 0`);
  if (!solref && !solimp && margin === 0) return undefined;
  return {
    ...(solref && { solref: solref as readonly number[] as readonly [number, number] }),
    ...(solimp && { solimp }),
    ...(margin > 0 && { margin }),
  };
}

/** The shape in the frame of the body that carries it, whose axes are the world's in the rest pose. */
export function placedShape(geom: Geom, offset_m: Vector3, turn: Quad): ShapeSpec {
  const isTurned = turn.some((part, i) => part !== noTurn[i]);
  const isAtOrigin = offset_m.every((part) => part === 0);
  if (!isTurned && isAtOrigin) return geom.shape;
  return { ...geom.shape, pose: { position_m: offset_m, ...(isTurned && { orientation_xyzw: turn }) } };
}
