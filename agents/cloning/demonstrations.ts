import type { EpisodeSet } from '../../src/data/episode.ts';
import { isBounded } from '../../src/learning/action-scale.ts';
import { refuseOption } from '../../src/learning/config-checks.ts';
import { MOST_DEVIATIONS } from '../../src/learning/normalised.ts';
import { sha256Hex } from '../../src/math/hash.ts';
import { Moments } from '../../src/math/moments.ts';
import { flatSizeOf, flattenInto, type Leaf, rowOf, type Space } from '../../src/spaces/space.ts';
import { who } from './config.ts';

/** What was seen and what was done then, a row each. */
export interface Demonstrations {
  readonly rows: number;
  /** float32 `[rows, size]`, normalised. */
  readonly observation: Float32Array;
  /** `[rows, columns]`: of a box −1 … 1 over the range of a bounded number; else integers. */
  readonly action: Float32Array | Int32Array;
}

export interface SplitDemonstrations {
  readonly training: Demonstrations;
  readonly heldOut: Demonstrations;
  /** Of the training rows. */
  readonly normaliser: { readonly mean: Float64Array; readonly deviation: Float64Array };
  /** Over all that training sees. */
  readonly sha256: string;
}

/**
 * Lays episodes out, and keeps the last ones apart (of a single episode its last rows): what follows each other is alike, and would judge too kindly.
 *
 * @param share - of the episodes that is kept apart.
 * @throws OPTION_INVALID where the episodes are of other spaces, or too few to keep some apart.
 */
export function demonstrationsOf(set: EpisodeSet, observationSpace: Space, actionSpace: Leaf, share: number): SplitDemonstrations {
  requireSpaces(set, observationSpace, actionSpace);
  const [size, columns] = [flatSizeOf(observationSpace), flatSizeOf(actionSpace)];
  const rows = set.episodes.reduce((sum, { steps }) => sum + steps, 0);
  const observation = new Float64Array(rows * size);
  const action = actionSpace.kind === 'box' ? new Float32Array(rows * columns) : new Int32Array(rows * columns);
  const [seen, done] = [new Float64Array(size), new Float64Array(columns)];
  let row = 0;
  for (const episode of set.episodes)
    for (let step = 0; step < episode.steps; step++, row++) {
      flattenInto(rowOf(observationSpace, episode.observation, step), seen);
      flattenInto(rowOf(actionSpace, episode.action, step), done);
      observation.set(seen, row * size);
      for (let i = 0; i < columns; i++) action[row * columns + i] = targetOf(actionSpace, i, done[i]!);
    }
  const split = rows - heldOutRows(set, rows, share);
  const moments = new Moments(size);
  for (let at = 0; at < split; at++) moments.add(observation.subarray(at * size, (at + 1) * size));
  const normaliser = { mean: moments.mean.slice(), deviation: moments.deviation() };
  const shown = observation.map((value, at) => {
    const scaled = (value - normaliser.mean[at % size]!) / normaliser.deviation[at % size]!;
    return Math.min(Math.max(scaled, -MOST_DEVIATIONS), MOST_DEVIATIONS);
  });
  const part = (from: number, to: number): Demonstrations => ({
    rows: to - from,
    observation: Float32Array.from(shown.subarray(from * size, to * size)),
    action: action.slice(from * columns, to * columns),
  });
  const bytes = (values: Float64Array | Float32Array | Int32Array) => sha256Hex(new Uint8Array(values.buffer));
  return { training: part(0, split), heldOut: part(split, rows), normaliser, sha256: sha256Hex(bytes(observation) + bytes(action)) };
}

/** The inverse of what an exported policy does with its outputs; an action outside its range counts as at its end. */
function targetOf(space: Leaf, i: number, value: number): number {
  if (space.kind !== 'box' || !isBounded(space, i)) return value;
  const [low, high] = [space.low[i]!, space.high[i]!];
  return high > low ? Math.min(Math.max((2 * (value - low)) / (high - low) - 1, -1), 1) : 0;
}

function heldOutRows({ episodes }: EpisodeSet, rows: number, share: number): number {
  const apart = Math.max(1, Math.round(share * (episodes.length > 1 ? episodes.length : rows)));
  const counted = episodes.length > 1 ? episodes.slice(-apart).reduce((sum, { steps }) => sum + steps, 0) : apart;
  if (counted < 1 || counted >= rows)
    refuseOption(
      who,
      'data',
      `${episodes.length} episodes of ${rows} steps`,
      'enough of them to keep some from learning, and others for it',
    );
  return counted;
}

function requireSpaces({ spec }: EpisodeSet, observationSpace: Space, actionSpace: Leaf): void {
  const parts = [
    ['observations', spec.observationSpace, observationSpace],
    ['actions', spec.actionSpace, actionSpace],
  ] as const;
  for (const [what, found, wanted] of parts)
    if (found.kind !== wanted.kind || flatSizeOf(found) !== flatSizeOf(wanted))
      refuseOption(
        who,
        'data',
        `${what} of kind ${found.kind} with ${flatSizeOf(found)} numbers`,
        `those of the env: ${wanted.kind} with ${flatSizeOf(wanted)}`,
      );
}
