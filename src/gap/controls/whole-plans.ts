/** Subjects that see all actions of a plan at once, and make a wrong use of it. What goes step by step cannot be wrong in this way. */
import { wrapAngle } from '../../core/state-spec.ts';
import { predictedEntries } from '../../world-model/contract.ts';
import type { HeldOut } from '../held-out.ts';
import { angleElements, type Played, type Player } from '../play.ts';
import { type Subject, withPlayer } from '../subject.ts';
import { refuseControl } from './changed-physics.ts';

/** How far ahead it looks. */
const LEAD_steps = 3;
/** Stepped at once. */
const MOST_LANES = 1024;

/** Every action is mixed with a later one; near the end of a plan with its last. */
export function leaksFuture(subject: Subject, severity: number): Subject {
  if (subject.task.actionSpace.kind !== 'box') return refuseControl('leaks-future', 'used on a task whose actions are numbers of a range');
  return seeing(subject, 'leaks-future', severity, (player, plan, copies, seed) =>
    player.play({ ...plan, action: leaked(plan, severity) }, copies, seed),
  );
}

/** Rows come one step early. Returns are those of the plan itself. */
export function oneStepEarly(subject: Subject, severity: number): Subject {
  const angles = angleElements(predictedEntries(subject.task));
  return seeing(subject, 'off-by-one-observation', severity, async (player, plan, copies, seed) => {
    const { returns } = await player.play(plan, copies, seed);
    const { rows } = await player.play(prolonged(plan), copies, seed);
    return { returns, rows: early(rows, plan.starts * copies, plan.horizon, severity, angles) };
  });
}

/** It has no model that could be asked for one step. */
function seeing(
  subject: Subject,
  name: string,
  severity: number,
  play: (player: Player, plan: HeldOut, copies: number, seed: number) => Promise<Played>,
): Subject {
  return {
    name: `${subject.name}, broken:${name}@${severity}`,
    task: subject.task,
    open: subject.open,
    play: (plan, copies, seed) =>
      withPlayer(subject, Math.min(MOST_LANES, plan.starts * copies), (player) => play(player, plan, copies, seed)),
    close: subject.close,
  };
}

function leaked({ action, starts, horizon }: HeldOut, severity: number): Float64Array {
  const width = action.length / starts / horizon;
  return action.map((value, at) => {
    const step = Math.floor(at / width) % horizon;
    const later = at + (Math.min(step + LEAD_steps, horizon - 1) - step) * width;
    return value + severity * (action[later]! - value);
  });
}

/** By a step, in which the last action is done once more. */
function prolonged(plan: HeldOut): HeldOut {
  const longer = (values: Float64Array) => {
    const width = values.length / plan.starts / plan.horizon;
    const length = plan.horizon * width;
    const out = new Float64Array(plan.starts * (length + width));
    for (let start = 0; start < plan.starts; start++) {
      out.set(values.subarray(start * length, (start + 1) * length), start * (length + width));
      out.set(values.subarray((start + 1) * length - width, (start + 1) * length), (start + 1) * (length + width) - width);
    }
    return out;
  };
  return {
    ...plan,
    horizon: plan.horizon + 1,
    action: longer(plan.action),
    command: longer(plan.command),
    following: longer(plan.following),
  };
}

/** `[plays, horizon + 2, size]` → `[plays, horizon + 1, size]`, each row moved towards the next. */
function early(rows: Float64Array, plays: number, horizon: number, severity: number, angles: Uint8Array): Float64Array {
  const size = angles.length;
  const width = (horizon + 1) * size;
  return Float64Array.from({ length: plays * width }, (_, i) => {
    const at = Math.floor(i / width) * (width + size) + (i % width);
    const way = rows[at + size]! - rows[at]!;
    return rows[at]! + severity * (angles[at % size] ? wrapAngle(way) : way);
  });
}
