import { concatenated } from '../../math/concatenate.ts';
import type { HeldOut } from '../held-out.ts';
import type { Played, Player } from '../play.ts';

/** Starts that share their noise: as few as keep a batch worth a call. */
export const STARTS_TOGETHER = 8;

/**
 * Plays every start `copies` times, few starts at a time, each few with noise of their own. A player gives copy c of every start the same noise: with thirty draws in all
 * a model would look too sure, or not sure enough, by that luck alone, and resampling starts would not show it.
 * @param seed - of the first few; the next ones follow `copies` later.
 */
export async function playApart(
  player: Player,
  plan: HeldOut,
  copies: number,
  seed: number,
  onProgress?: (done: number, of: number) => void,
): Promise<Played> {
  const rows: Float64Array[] = [];
  const returns: Float64Array[] = [];
  for (let first = 0; first < plan.starts; first += STARTS_TOGETHER) {
    const few = someStarts(plan, first, Math.min(STARTS_TOGETHER, plan.starts - first));
    const played = await player.play(few, copies, seed + (first / STARTS_TOGETHER) * copies);
    rows.push(played.rows);
    returns.push(played.returns);
    onProgress?.(first + few.starts, plan.starts);
  }
  return { rows: concatenated(Float64Array, rows), returns: concatenated(Float64Array, returns) };
}

function someStarts(plan: HeldOut, first: number, count: number): HeldOut {
  const cut = (values: Float64Array) =>
    values.subarray((first * values.length) / plan.starts, ((first + count) * values.length) / plan.starts);
  return {
    starts: count,
    horizon: plan.horizon,
    state: cut(plan.state),
    action: cut(plan.action),
    command: cut(plan.command),
    following: cut(plan.following),
    episode: plan.episode.subarray(first, first + count),
  };
}
