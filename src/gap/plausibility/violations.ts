/** P6: what cannot follow, made from what does. Each kind is executed in physics or made from the state itself, and scaled down to be as small as wanted. */
import type { PhysicsEngine } from '../../core/physics-world.ts';
import { elementDifference, elementsWithRole, type Kind, layOut } from '../../core/state-spec.ts';
import type { Rng } from '../../math/rng.ts';
import type { AnyTask } from '../../task/task.ts';
import { predictedEntries } from '../../world-model/contract.ts';
import { CommandedPhysics } from '../commanded-physics.ts';
import type { HeldOut } from '../held-out.ts';
import { elementsOf } from '../paired-rollouts.ts';
import { inChangedScene, withGravityTimes, withoutContacts } from './changed-scene.ts';

export const VIOLATIONS = ['teleport', 'reversal', 'vanish', 'passThrough', 'antiGravity', 'wrongAction'] as const;
export type Violation = (typeof VIOLATIONS)[number];

/** float64 `[starts, P]`: what to add to the true next state for the whole violation, in the elements' units; 0 where there is none of this kind. */
export type ViolationDirections = Readonly<Record<Violation, Float64Array>>;

const POSITIONS: readonly Kind[] = ['length', 'angle'];
const VELOCITIES: readonly Kind[] = ['velocity', 'angularVelocity'];
/** A whole teleport, in standard deviations. */
const TELEPORT_SCALES = 10;

export interface ViolationParts {
  readonly task: AnyTask;
  readonly engine: PhysicsEngine;
  /** Of one step. */
  readonly plan: HeldOut;
  /** float64 `[starts, P]` */
  readonly now: Float64Array;
  readonly next: Float64Array;
  /** `[P]` */
  readonly scale: Float64Array;
  readonly rng: Rng;
}

/**
 * - teleport: positions jump in a random direction
 * - reversal: the step is undone once more, velocities point back
 * - vanish: positions are gone, they read 0
 * - passThrough: what follows in a world where nothing touches
 * - antiGravity: what follows where things fall up
 * - wrongAction: what follows from what was done at another start
 */
export function violationDirections(parts: ViolationParts): ViolationDirections {
  const { task, engine, next, now, scale, rng } = parts;
  const elements = elementsOf(predictedEntries(task));
  const size = elements.length;
  const each = (of: (kind: Kind, at: number, element: number) => number) =>
    Float64Array.from(next, (_, at) => of(elements[at % size]!.kind, at, at % size));
  const actions = otherCommands(parts);
  return {
    teleport: each((kind, _at, element) => (POSITIONS.includes(kind) ? TELEPORT_SCALES * scale[element]! * rng.normal() : 0)),
    reversal: each((kind, at) => {
      if (POSITIONS.includes(kind)) return -2 * elementDifference(kind, next[at]!, now[at]!);
      return VELOCITIES.includes(kind) ? -2 * next[at]! : 0;
    }),
    vanish: each((kind, at) => (POSITIONS.includes(kind) ? -next[at]! : 0)),
    passThrough: executed(parts, inChangedScene(task, withoutContacts), engine, parts.plan.command),
    antiGravity: executed(parts, inChangedScene(task, withGravityTimes(-1)), engine, parts.plan.command),
    wrongAction: executed(parts, task, engine, actions),
  };
}

function otherCommands({ plan, rng }: ViolationParts): Float64Array {
  const order = Array.from({ length: plan.starts }, (_, i) => i);
  rng.shuffle(order);
  const width = plan.command.length / plan.starts;
  const others = new Float64Array(plan.command.length);
  order.forEach((from, to) => void others.set(plan.command.subarray(from * width, (from + 1) * width), to * width));
  return others;
}

/** What changed physics or another command leads to, less what the right ones do. */
function executed({ task, plan }: ViolationParts, changed: AnyTask, engine: PhysicsEngine, commands: Float64Array): Float64Array {
  const [right, wrong] = [new CommandedPhysics(task, engine), new CommandedPhysics(changed, engine)];
  const spec = layOut(task.state);
  const [predicted, context] = [elementsWithRole(spec, 'dynamic', 'signal'), elementsWithRole(spec, 'context')];
  const elements = elementsOf(predictedEntries(task));
  const width = task.commands.length;
  const out = new Float64Array(plan.starts * predicted.length);
  for (let start = 0; start < plan.starts; start++) {
    const row = plan.state.subarray(start * spec.size, (start + 1) * spec.size);
    const pick = (of: Int32Array) => Float32Array.from(of, (element) => row[element]!);
    const commandOf = (values: Float64Array) => Float32Array.from(values.subarray(start * width, (start + 1) * width));
    const wanted = right.next(pick(predicted), pick(context), commandOf(plan.command)).slice();
    const got = wrong.next(pick(predicted), pick(context), commandOf(commands));
    for (const { kind, index } of elements) out[start * predicted.length + index] = elementDifference(kind, got[index]!, wanted[index]!);
  }
  right.close();
  wrong.close();
  return out;
}
