import {
  aboutAxis,
  compose,
  cross,
  dot,
  fromColumns,
  lengthOf,
  noTurn,
  type Quad,
  scaled,
  subtract,
  type Triple,
  unit,
  unitQuad,
} from '../math/vector3.ts';
import type { Attributes } from './mjcf-attributes.ts';
import type { MjcfContext } from './mjcf-context.ts';

const orientationNames = ['quat', 'axisangle', 'euler', 'xyaxes', 'zaxis'] as const;
/** Shorter vectors give no direction (MuJoCo's mjEPS). */
const shortest = 1e-14;

/** The rotation an element's orientation attribute gives; no turn where it has none. */
export function orientationFrom(attributes: Attributes, context: MjcfContext): Quad {
  const given = attributes.ownerOf(orientationNames) as (typeof orientationNames)[number][];
  if (given.length > 1) attributes.refuse(`<${attributes.tag}> gives its orientation as ${given.join(' and ')}; one is enough`);
  const [kind] = given;
  switch (kind) {
    case undefined:
      return noTurn;
    case 'quat':
      return quatFrom(attributes);
    case 'axisangle':
      return axisAngleFrom(attributes, context);
    case 'euler':
      return eulerFrom(attributes, context);
    case 'xyaxes':
      return axesFrom(attributes);
    default:
      return ontoZ(direction(attributes, 'zaxis', attributes.list('zaxis', 3) as unknown as Triple));
  }
}

/** MuJoCo's files say w first. */
function quatFrom(attributes: Attributes): Quad {
  const [w, x, y, z] = attributes.list('quat', 4) as [number, number, number, number];
  if (Math.sqrt(w * w + x * x + y * y + z * z) < shortest) attributes.refuse('quat is zero');
  return unitQuad([x, y, z, w]);
}

function axisAngleFrom(attributes: Attributes, context: MjcfContext): Quad {
  const [x, y, z, angle] = attributes.list('axisangle', 4) as [number, number, number, number];
  return aboutAxis(direction(attributes, 'axisangle', [x, y, z]), context.angle(angle));
}

const coordinateAxes: Readonly<Record<string, Triple>> = { x: [1, 0, 0], y: [0, 1, 0], z: [0, 0, 1] };

/** Small letters turn about the frame as it has been turned so far, capitals about the one it started in. */
function eulerFrom(attributes: Attributes, context: MjcfContext): Quad {
  const angles = attributes.list('euler', 3)!;
  let turn: Quad = noTurn;
  for (const [i, letter] of [...context.compiler.eulerSequence].entries()) {
    const step = aboutAxis(coordinateAxes[letter.toLowerCase()]!, context.angle(angles[i]!));
    turn = letter === letter.toLowerCase() ? compose(turn, step) : compose(step, turn);
  }
  return turn;
}

function axesFrom(attributes: Attributes): Quad {
  const values = attributes.list('xyaxes', 6)!;
  const x = direction(attributes, 'xyaxes', [values[0]!, values[1]!, values[2]!]);
  const given: Triple = [values[3]!, values[4]!, values[5]!];
  const y = direction(attributes, 'xyaxes', subtract(given, scaled(x, dot(x, given))));
  return fromColumns(x, y, cross(x, y));
}

/** @returns unit. @throws ROBOT_FILE_INVALID for a zero vector. */
export function direction(attributes: Attributes, name: string, vector: Triple): Triple {
  return lengthOf(vector) < shortest ? attributes.refuse(`${name} has no direction`) : unit(vector);
}

/** The smallest rotation that brings +z onto this direction. @param z - unit. */
export function ontoZ(z: Triple): Quad {
  const axis = cross([0, 0, 1], z);
  const sine = lengthOf(axis);
  return aboutAxis(sine < 1e-10 ? [1, 0, 0] : scaled(axis, 1 / sine), Math.atan2(sine, z[2]));
}
