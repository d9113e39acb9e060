/** Stretches of a log beside what a subject and the references make of them. */

import type { Transitions } from '../../data/transitions.ts';
import type { Rng } from '../../math/rng.ts';
import type { TaskEnv } from '../../task/task-env.ts';
import { fitLinearReference, type LinearReference, rolloutLinear } from '../linear-reference.ts';
import { perturb } from '../pair-rollouts.ts';
import { elementGap, elementsOf, type PairedRollouts } from '../paired-rollouts.ts';
import { angleElements, meanOverSamples, play } from '../play.ts';
import { type LogPlayer, planOf } from './log-player.ts';
import { type Recorded, recordedRollouts, rowsFrom } from './recorded.ts';

/** Where truth, started as far off as a sensor errs, would be: `[starts, steps + 1, size]`. */
export type Floor = (starts: readonly number[], steps: number, rng: Rng) => Promise<Float64Array>;

export interface LogParts {
  readonly recorded: Recorded;
  readonly player: LogPlayer;
  readonly linear: LinearReference;
  readonly floor: Floor;
  /** Draws of a start. */
  readonly samples: number;
}

export async function pairWithLog(parts: LogParts, starts: readonly number[], steps: number, rng: Rng): Promise<PairedRollouts> {
  const { recorded, player, linear, floor, samples } = parts;
  const { entries, scale, input, now } = recorded;
  const imagined = await player.play(starts, steps, samples, rng.integer(1 << 20) * 64);
  const inputs = rowsFrom(input, linear.commandSize, starts, steps);
  return {
    entries,
    starts: starts.length,
    horizon: steps,
    samples,
    truth: recordedRollouts(recorded, starts, steps),
    imaginedMean: samples === 1 ? imagined : meanOverSamples(imagined, starts.length, samples, angleElements(entries)),
    imaginedSamples: imagined,
    perturbed: await floor(starts, steps, rng),
    linear: rolloutLinear(linear, rowsFrom(now, scale.length, starts, 1), inputs, steps),
    scale,
  };
}

/** Fitted on what the subject was trained on, or where that is not known on the log itself, which can only favour the reference. */
export function linearOf({ entries, now, next, input, count }: Recorded): LinearReference {
  return fitLinearReference({ entries, commandSize: input.length / count, states: now, commands: input, next });
}

/** The machine cannot be started again, so how far noise carries it is asked of physics: what was recorded, moved by as much as physics moves when its start does. */
export function floorByPhysics(physics: TaskEnv, data: Transitions, recorded: Recorded): Floor {
  const { entries, scale } = recorded;
  return async (starts, steps, rng) => {
    const plan = planOf(physics.task, data, starts, steps);
    const still = await play(physics, plan, 1, 0);
    const moved = await play(physics, { ...plan, state: perturb(physics, plan, scale, rng) }, 1, 0);
    return shifted(recordedRollouts(recorded, starts, steps), moved.rows, still.rows, entries);
  };
}

/** Where no physics can be put beside the log, nothing is known of it: a floor of 0 makes skill look no better than it is. */
export function noFloor(recorded: Recorded): Floor {
  return async (starts, steps) => recordedRollouts(recorded, starts, steps);
}

function shifted(rows: Float64Array, to: Float64Array, from: Float64Array, entries: Recorded['entries']): Float64Array {
  const elements = elementsOf(entries);
  for (let row = 0; row < rows.length; row += elements.length)
    for (const element of elements) {
      const gap = elementGap(element, to, row, from, row);
      if (Number.isFinite(gap)) rows[row + element.index]! += gap;
    }
  return rows;
}
