/** P4 and P3: how parts fall when nothing touches them, and what two of them do to each other when nothing else does. */
import { add, dot, lengthOf, scaled, subtract, type Triple } from '../../math/vector3.ts';
import { bodyStateSize } from '../../physics/joint-tree.ts';
import { centreOfMass } from './energy.ts';
import { isFreeAlong, type MechanismFacts } from './mechanism-facts.ts';
import type { Motion } from './physics-probe.ts';

/** Shapes nearer than this may already act on each other. m */
const CONTACT_MARGIN_m = 2e-3;
const centre = new Float64Array(6);

/** Parts that gravity pulls and nothing but contacts holds. */
export function fallingParts({ parts, scene }: MechanismFacts): number[] {
  return [...parts.keys()].filter((part) => isFreeAlong(parts[part]!, scene.gravity_mps2));
}

/** What the falls of a rollout say of gravity. */
export interface FreeFall {
  /** ‖ĝ − g‖/g; NaN without a fall. */
  readonly error: number;
  /** How much the falls say, s⁴: rises with the fifth power of their length, so that long ones count. */
  readonly weight: number;
}

/** A parabola through fewer moments says nothing. */
const FEWEST_MOMENTS = 4;

/**
 * Gravity as the paths of centres of mass tell it: of all stretches without contact the common curvature, by least squares, each stretch with its own start and
 * velocity. Paths and not velocities, because a mechanism's joint rates are those before the last substep turned its links: its momentum, as joint
 * coordinates tell it, is off by ω² r h, and truth itself would seem to fall up. Within what holds nothing: of a robot in a plane, within that plane.
 */
export function freeFall(motion: Motion, parts: readonly number[]): FreeFall {
  const { facts, moments, dt_s } = motion;
  const gravity = facts.scene.gravity_mps2 as Triple;
  let [sum, weight]: [Triple, number] = [[0, 0, 0], 0];
  for (const part of parts) {
    let from = 0;
    for (let step = 0; step < moments; step++) {
      const goesOn = step + 1 < moments && motion.isWhole[step] && motion.isWhole[step + 1] && isAirborne(motion, step, part);
      if (goesOn) continue;
      const path = Array.from({ length: step + 1 - from }, (_, i) => centreOf(motion, from + i, part));
      const found = curvature(path, dt_s);
      sum = add(sum, scaled(subtract(alongFree(facts, part, found.acceleration), gravity), found.weight));
      weight += found.weight;
      from = step + 1;
    }
  }
  return { error: weight > 0 ? lengthOf(sum) / weight / lengthOf(gravity) : Number.NaN, weight };
}

/** Second derivative of a path by least squares, m/s², and its weight, s⁴: the sum of squares of ½t² once what is straight of it is taken away. */
export function curvature(path: readonly Triple[], dt_s: number): { readonly acceleration: Triple; readonly weight: number } {
  const count = path.length;
  if (count < FEWEST_MOMENTS) return { acceleration: [0, 0, 0], weight: 0 };
  const times = path.map((_, i) => (i - (count - 1) / 2) * dt_s);
  const meanSquare = times.reduce((sum, t) => sum + t * t, 0) / count;
  // Times are symmetric about 0, so ½t² less its mean is at right angles to both 1 and t.
  const shape = times.map((t) => 0.5 * (t * t - meanSquare));
  const weight = shape.reduce((sum, value) => sum + value * value, 0);
  const moment = path.reduce((sum: Triple, point, i) => add(sum, scaled(point, shape[i]!)), [0, 0, 0]);
  return { acceleration: scaled(moment, 1 / weight), weight };
}

function centreOf({ facts, bodies }: Motion, moment: number, part: number): Triple {
  const { scene } = facts;
  const row = bodies.subarray(moment * scene.bodies.length * bodyStateSize, (moment + 1) * scene.bodies.length * bodyStateSize);
  let [sum, mass_kg]: [Triple, number] = [[0, 0, 0], 0];
  for (const body of facts.parts[part]!.bodies) {
    const own_kg = scene.bodies[body]!.inertial?.mass_kg ?? 0;
    centreOfMass(scene, row, body, centre);
    sum = add(sum, scaled([centre[0]!, centre[1]!, centre[2]!], own_kg));
    mass_kg += own_kg;
  }
  return scaled(sum, 1 / mass_kg);
}

/** Whether nothing outside a part touches it from one moment to the next: gaps are larger than what closing and opening at their speed could have met within. @param except - another part that may. */
function isAirborne({ facts, gaps_m, closing_mps, dt_s }: Motion, step: number, part: number, except?: number): boolean {
  const sides = facts.parts.length + 1;
  for (let other = 0; other < sides; other++) {
    const isPart = other > 0;
    if (isPart && (other - 1 === part || other - 1 === except)) continue;
    const [now, next] = [step, step + 1].map((moment) => moment * sides * sides + (part + 1) * sides + other) as [number, number];
    const speed = 1.5 * Math.max(Math.abs(closing_mps[now]!), Math.abs(closing_mps[next]!));
    const clear = Math.min(gaps_m[now]!, gaps_m[next]!) > CONTACT_MARGIN_m;
    if (!clear || gaps_m[now]! + gaps_m[next]! <= speed * dt_s + 2 * CONTACT_MARGIN_m) return false;
  }
  return true;
}

function alongFree({ parts }: MechanismFacts, part: number, vector: Triple): Triple {
  const held = parts[part]!.free.reduce(
    (rest: Triple, axis) => subtract(rest, scaled(axis as Triple, dot(vector, axis as Triple))),
    vector,
  );
  return subtract(vector, held);
}

/** Velocity of the common centre of mass of some parts, m/s. */
function velocityOf({ facts, bodies }: Motion, moment: number, parts: readonly number[]): Triple {
  const { scene } = facts;
  const row = bodies.subarray(moment * scene.bodies.length * bodyStateSize, (moment + 1) * scene.bodies.length * bodyStateSize);
  const momentum = [0, 0, 0];
  let mass_kg = 0;
  for (const part of parts)
    for (const body of facts.parts[part]!.bodies) {
      const own_kg = scene.bodies[body]!.inertial?.mass_kg ?? 0;
      centreOfMass(scene, row, body, centre);
      mass_kg += own_kg;
      for (let i = 0; i < 3; i++) momentum[i]! += own_kg * centre[3 + i]!;
    }
  return [momentum[0]! / mass_kg, momentum[1]! / mass_kg, momentum[2]! / mass_kg];
}

function massOf({ parts, scene }: MechanismFacts, part: number): number {
  return parts[part]!.bodies.reduce((sum, body) => sum + (scene.bodies[body]!.inertial?.mass_kg ?? 0), 0);
}

/** Longest that a collision may take. */
const LONGEST_COLLISION_steps = 10;
/** Relative velocities must change by this share for a meeting to count as a collision. */
const LEAST_CHANGE = 0.1;

/** Pairs of bodies that no joint holds: they may collide in isolation, and their velocities are their own (see `freeFall`). */
export function loosePairs({ parts }: MechanismFacts): (readonly [number, number])[] {
  const loose = [...parts.keys()].filter((part) => parts[part]!.isLoose && parts[part]!.bodies.length === 1);
  return loose.flatMap((a) => loose.filter((b) => b > a).map((b) => [a, b] as const));
}

/**
 * Momentum that appears or vanishes in each isolated collision: ‖Δp − M g Δt‖ of both parts together, from before they meet until they part, in units of
 * reduced mass times relative speed before. Rollouts that touch anything else meanwhile do not count.
 */
export function collisionErrors(motion: Motion, pairs: readonly (readonly [number, number])[]): number[] {
  return pairs.flatMap(([a, b]) => {
    const errors: number[] = [];
    for (let step = 0; step + 1 < motion.moments; step++) {
      const end = endOfMeeting(motion, step, a, b);
      if (end === undefined) continue;
      const error = momentumError(motion, step, end, a, b);
      if (error !== undefined) errors.push(error);
      step = end - 1;
    }
    return errors;
  });
}

/** The first moment at which two parts that meet during this step are apart again; undefined where they do not meet, or not alone. */
function endOfMeeting(motion: Motion, step: number, a: number, b: number): number | undefined {
  const { moments, isWhole, gaps_m, closing_mps, facts, dt_s } = motion;
  const sides = facts.parts.length + 1;
  const at = (moment: number) => moment * sides * sides + (a + 1) * sides + b + 1;
  const isClosing = closing_mps[at(step)]! > 0 && gaps_m[at(step)]! > CONTACT_MARGIN_m;
  if (!isWhole[step] || !isClosing || gaps_m[at(step)]! > 1.5 * closing_mps[at(step)]! * dt_s + CONTACT_MARGIN_m) return undefined;
  for (let moment = step + 1; moment < Math.min(moments, step + 1 + LONGEST_COLLISION_steps); moment++) {
    if (!isWhole[moment] || !isAirborne(motion, moment - 1, a, b) || !isAirborne(motion, moment - 1, b, a)) return undefined;
    if (gaps_m[at(moment)]! > CONTACT_MARGIN_m && closing_mps[at(moment)]! <= 0) return moment;
  }
  return undefined;
}

function momentumError(motion: Motion, from: number, to: number, a: number, b: number): number | undefined {
  const { facts, dt_s } = motion;
  const [massA_kg, massB_kg] = [massOf(facts, a), massOf(facts, b)];
  const relative = (moment: number) => subtract(velocityOf(motion, moment, [a]), velocityOf(motion, moment, [b]));
  const [before, after] = [relative(from), relative(to)];
  if (lengthOf(subtract(after, before)) < LEAST_CHANGE * lengthOf(before)) return undefined;
  const fallen = scaled(facts.scene.gravity_mps2 as Triple, (to - from) * dt_s);
  const changed = subtract(subtract(velocityOf(motion, to, [a, b]), velocityOf(motion, from, [a, b])), fallen);
  const whole_kg = massA_kg + massB_kg;
  return (whole_kg * lengthOf(changed)) / (((massA_kg * massB_kg) / whole_kg) * lengthOf(before));
}
