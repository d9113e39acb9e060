/** Short stretches of recorded episodes: each begins at a recorded state, so that errors do not add up over a whole episode. */
import { layOut } from '../../core/state-spec.ts';
import { episodeSpans, type Transitions } from '../../data/transitions.ts';
import { GroundtwinError } from '../../errors.ts';
import type { Rng } from '../../math/rng.ts';
import type { AnyTask } from '../../task/task.ts';

/** float64, row-major. Measurements of one segment occur in no other: neighbours leave a row between them. */
export interface Segments {
  readonly count: number;
  /** Control steps. */
  readonly steps: number;
  /** Control steps before the start whose actions are known. */
  readonly lead: number;
  /** `[count, stateSize]` */
  readonly state: Float64Array;
  /** `[count, lead + steps, actionSize]`: what the agent chose, from `lead` steps before the start on. */
  readonly action: Float64Array;
  /** `[count, steps, stateSize]`: what followed. */
  readonly following: Float64Array;
  /** int32 `[count]`: which episode each is from. */
  readonly episode: Int32Array;
}

export interface SegmentOptions {
  readonly steps: number;
  /** Longest delay to be tried: all delays are then compared on the same segments. */
  readonly lead: number;
  /** Share of the episodes, or of the time where there is only one, that is kept apart. */
  readonly heldOut: number;
  /** Segments used of each part at most; drawn evenly where there are more. */
  readonly most: number;
  readonly rng: Rng;
}

/**
 * Cuts episodes into segments and keeps whole episodes apart: the last ones of a random order. Of a single episode its end is kept apart.
 * @throws DATA_INVALID when a part holds no segment.
 */
export function drawSegments(task: AnyTask, data: Transitions, options: SegmentOptions): { fitted: Segments; heldOut: Segments } {
  const { steps, lead, most, rng } = options;
  const starts = splitStarts(data, options);
  const part = (rows: readonly number[], what: string): Segments => {
    if (rows.length === 0)
      throw new GroundtwinError('DATA_INVALID', {
        path: what,
        problem: `no episode of it has the ${lead + steps} steps that a segment of ${steps} with delays of up to ${lead} takes; record longer or more episodes`,
      });
    const chosen = [...rows];
    rng.shuffle(chosen);
    return gather(
      task,
      data,
      chosen.slice(0, most).sort((a, b) => a - b),
      steps,
      lead,
    );
  };
  return { fitted: part(starts.fitted, 'the part to be fitted'), heldOut: part(starts.heldOut, 'the held-out part') };
}

/** Rows of the held-out part, which no fitted segment touches: whole episodes, or the end of the only one. Spans are from a row to before `end`. */
export function heldOutSpans(data: Transitions, options: Omit<SegmentOptions, 'most'>): { readonly from: number; readonly end: number }[] {
  const { fitted, heldOut } = splitStarts(data, options);
  return episodeSpans(data).flatMap(({ from, end }) => {
    const inside = (row: number) => row >= from && row < end;
    const first = heldOut.find(inside);
    if (first === undefined) return [];
    return [{ from: fitted.some(inside) ? first : from, end }];
  });
}

function splitStarts(
  data: Transitions,
  { steps, lead, heldOut: share, rng }: Omit<SegmentOptions, 'most'>,
): Record<'fitted' | 'heldOut', readonly number[]> {
  const perEpisode = episodeSpans(data)
    .map(({ from, end }) => startsWithin(from, end, steps, lead))
    .filter((starts) => starts.length > 0);
  const only = perEpisode[0] ?? [];
  const apart = (count: number) => Math.max(1, Math.min(count - 1, Math.round(share * count)));
  if (perEpisode.length === 1) {
    const kept = only.length - apart(only.length);
    return { fitted: only.slice(0, kept), heldOut: only.slice(kept) };
  }
  rng.shuffle(perEpisode);
  const kept = perEpisode.length - apart(perEpisode.length);
  return { fitted: perEpisode.slice(0, kept).flat(), heldOut: perEpisode.slice(kept).flat() };
}

/** Rows where segments of an episode (rows `from` to before `end`) begin. The row after a segment is left out: its state is the segment's last measurement. */
export function startsWithin(from: number, end: number, steps: number, lead: number, stride = steps + 1): number[] {
  const starts: number[] = [];
  for (let row = from + lead; row + steps <= end; row += stride) starts.push(row);
  return starts;
}

function gather(task: AnyTask, data: Transitions, rows: readonly number[], steps: number, lead: number): Segments {
  const size = layOut(task.state).size;
  const actionSize = data.action.length / data.count;
  const pick = (values: Float64Array, width: number, before: number, count: number) => {
    const out = new Float64Array(rows.length * count * width);
    rows.forEach((row, i) => void out.set(values.subarray((row - before) * width, (row - before + count) * width), i * count * width));
    return out;
  };
  return {
    count: rows.length,
    steps,
    lead,
    state: pick(data.state, size, 0, 1),
    action: pick(data.action, actionSize, lead, lead + steps),
    following: pick(data.next, size, 0, steps),
    episode: Int32Array.from(rows, (row) => data.episode[row]!),
  };
}
