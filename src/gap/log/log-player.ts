/** Subjects put where a log was, and driven by what was done there. */

import { layOut } from '../../core/state-spec.ts';
import type { Transitions } from '../../data/transitions.ts';
import type { AnyTask } from '../../task/task.ts';
import type { HeldOut } from '../held-out.ts';
import type { Player } from '../play.ts';
import { playApart, STARTS_TOGETHER } from '../prediction/play-apart.ts';
import { type Subject, withPlayer } from '../subject.ts';
import { rowsFrom } from './recorded.ts';

/** Plays stretches of a log again. */
export interface LogPlayer {
  /** Steps of the log before a start that it has to know. */
  readonly lead: number;
  /** @returns float64 `[starts, copies, steps + 1, size]`; step 0 is what was recorded. */
  play(starts: readonly number[], steps: number, copies: number, seed: number): Promise<Float64Array>;
}

/** Of a log of whole states, what follows row `starts[i]`. @param delay_steps - between an action and when it is played. */
export function planOf(task: AnyTask, data: Transitions, starts: readonly number[], steps: number, delay_steps = 0): HeldOut {
  const size = layOut(task.state).size;
  const acted = starts.map((row) => row - delay_steps);
  return {
    starts: starts.length,
    horizon: steps,
    state: rowsFrom(data.state, size, starts, 1),
    action: rowsFrom(data.action, data.action.length / data.count, acted, steps),
    command: rowsFrom(data.command, task.commands.length, acted, steps),
    following: rowsFrom(data.next, size, starts, steps),
    episode: Int32Array.from(starts, (row) => data.episode[row]!),
  };
}

/** Lanes of a subject that says one thing only. */
const lanes = 16;

/** Opens a subject for as long as `use` takes: a start is put into the recorded state and given the recorded actions. */
export function withLogPlayer<T>(
  subject: Subject,
  data: Transitions,
  { samples, delay_steps = 0 }: { readonly samples: number; readonly delay_steps?: number },
  use: (player: LogPlayer) => Promise<T>,
): Promise<T> {
  const together = samples > 1 ? STARTS_TOGETHER * samples : lanes;
  return withPlayer(subject, together, (player) =>
    use({ lead: delay_steps, play: (...asked) => playPlan(player, subject.task, data, delay_steps, asked) }),
  );
}

async function playPlan(
  player: Player,
  task: AnyTask,
  data: Transitions,
  delay_steps: number,
  [starts, steps, copies, seed]: Parameters<LogPlayer['play']>,
): Promise<Float64Array> {
  const plan = planOf(task, data, starts, steps, delay_steps);
  const { rows } = copies === 1 ? await player.play(plan, 1, seed) : await playApart(player, plan, copies, seed);
  return rows;
}
