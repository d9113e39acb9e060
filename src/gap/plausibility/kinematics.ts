/** P5: whether positions follow from velocities, joints stay within their stops, links keep their length. */
import { wrapAngle } from '../../core/state-spec.ts';
import { composeInto, rotateInto } from '../../math/rotation.ts';
import { dot, lengthOf, scaled, subtract, type Triple } from '../../math/vector3.ts';
import { angularVelocityAt, bodyStateSize, orientationAt } from '../../physics/joint-tree.ts';
import { centreOfMass } from './energy.ts';
import type { Motion } from './physics-probe.ts';

const [before, after] = [new Float64Array(6), new Float64Array(6)];
const turn = new Float64Array(4);
const inverse = new Float64Array(4);

/** A turn of more than this in a step may have gone the other way round. rad */
const CLEAR_TURN_rad = 2;

/**
 * How far each step leads from where its velocities do, in sizes of the body: the largest over bodies for the centre of mass, and for the rotation at the body's end.
 * Where velocities change smoothly that is ‖Δx − ½(v + v′)dt‖; a stop or a contact changes v to v′ at any one time of the step, so the nearest
 * of all Δx = (τv + (1 − τ)v′)dt counts: truth itself, against the middle alone, would break the rule in 1 of 200 steps of a cart at its rail's end.
 * @returns float64 `[horizon]`; NaN where either end is not finite.
 */
export function unexplainedMotion({ facts, moments, dt_s, isWhole, bodies }: Motion): Float64Array {
  const width = facts.scene.bodies.length * bodyStateSize;
  return Float64Array.from({ length: moments - 1 }, (_, step) => {
    if (!isWhole[step] || !isWhole[step + 1]) return Number.NaN;
    const now = bodies.subarray(step * width, (step + 1) * width);
    const next = bodies.subarray((step + 1) * width, (step + 2) * width);
    let worst = 0;
    for (const { bodies: members } of facts.parts)
      for (const body of members) {
        centreOfMass(facts.scene, now, body, before);
        centreOfMass(facts.scene, next, body, after);
        const way: Triple = [after[0]! - before[0]!, after[1]! - before[1]!, after[2]! - before[2]!];
        const off = offSegment(way, timesOf(before, 3, dt_s), timesOf(after, 3, dt_s));
        const size_m = facts.size_m[body]! || facts.largest_m;
        worst = Math.max(worst, off / size_m, unexplainedTurn(now, next, body, dt_s) / 2);
      }
    return worst;
  });
}

/** Angle in rad between the turn of a step and what its angular velocities allow. */
function unexplainedTurn(now: Float64Array, next: Float64Array, body: number, dt_s: number): number {
  const at = body * bodyStateSize;
  const [from, to] = [timesOf(now, at + angularVelocityAt, dt_s), timesOf(next, at + angularVelocityAt, dt_s)];
  if (Math.max(lengthOf(from), lengthOf(to)) > CLEAR_TURN_rad) return 0;
  for (let i = 0; i < 4; i++) inverse[i] = now[at + orientationAt + i]! * (i < 3 ? -1 : 1);
  composeInto(next, at + orientationAt, inverse, 0, turn, 0);
  const sine = Math.hypot(turn[0]!, turn[1]!, turn[2]!);
  const angle = 2 * Math.atan2(sine, Math.abs(turn[3]!));
  const along = sine > 0 ? (turn[3]! < 0 ? -1 : 1) * (angle / sine) : 0;
  return offSegment([along * turn[0]!, along * turn[1]!, along * turn[2]!], from, to);
}

function timesOf(values: Float64Array, at: number, factor: number): Triple {
  return [factor * values[at]!, factor * values[at + 1]!, factor * values[at + 2]!];
}

/** Distance of a point from the nearest point between two others. */
function offSegment(point: Triple, from: Triple, to: Triple): number {
  const [line, away] = [subtract(to, from), subtract(point, from)];
  const square = dot(line, line);
  const share = square > 0 ? Math.max(0, Math.min(1, dot(away, line) / square)) : 0;
  return lengthOf(subtract(away, scaled(line, share)));
}

/** Farthest beyond a stop of any joint, rad or m, at each moment. @returns float64 `[moments]`, 0 within; NaN where not finite. */
export function overshoot({ facts, moments, isWhole, coordinates }: Motion): Float64Array {
  const { joints } = facts.scene;
  return Float64Array.from({ length: moments }, (_, moment) => {
    if (!isWhole[moment]) return Number.NaN;
    return joints.reduce((worst, { kind, limits }, joint) => {
      if (!limits) return worst;
      const value = coordinates[moment * joints.length + joint]!;
      if (value >= limits[0] && value <= limits[1]) return worst;
      const [below, above] =
        kind === 'hinge' ? [wrapAngle(limits[0] - value), wrapAngle(value - limits[1])] : [limits[0] - value, value - limits[1]];
      return Math.max(worst, Math.min(...[below, above].filter((beyond) => beyond > 0)));
    }, 0);
  });
}

const [here, there, along] = [new Float64Array(3), new Float64Array(3), new Float64Array(3)];

/** Farthest that the two anchors of a joint are apart, m, at each moment, except along what it slides. @returns float64 `[moments]`; NaN where not finite. */
export function stretch({ facts, moments, isWhole, bodies }: Motion): Float64Array {
  const count = facts.scene.bodies.length;
  return Float64Array.from({ length: moments }, (_, moment) => {
    if (!isWhole[moment]) return Number.NaN;
    const row = bodies.subarray(moment * count * bodyStateSize, (moment + 1) * count * bodyStateSize);
    return facts.tree.joints.reduce((worst, { spec, parent, child }) => {
      anchorInto(row, parent, spec.parentAnchor_m, here);
      anchorInto(row, child, spec.childAnchor_m, there);
      for (let i = 0; i < 3; i++) there[i]! -= here[i]!;
      for (const axis of spec.kind === 'slide' ? [spec.axis] : (spec.slideAxes ?? [])) removeAlong(row, parent, axis);
      return Math.max(worst, Math.hypot(there[0]!, there[1]!, there[2]!));
    }, 0);
  });
}

function anchorInto(row: Float64Array, body: number, [x, y, z]: readonly [number, number, number], out: Float64Array): void {
  const at = body * bodyStateSize;
  rotateInto(row, at + orientationAt, x, y, z, out, 0);
  for (let i = 0; i < 3; i++) out[i]! += row[at + i]!;
}

/** Takes the part along a body's axis out of `there`. */
function removeAlong(row: Float64Array, body: number, [x, y, z]: readonly [number, number, number]): void {
  rotateInto(row, body * bodyStateSize + orientationAt, x, y, z, along, 0);
  const part = there[0]! * along[0]! + there[1]! * along[1]! + there[2]! * along[2]!;
  for (let i = 0; i < 3; i++) there[i]! -= part * along[i]!;
}
