/** Plays held-out starts and actions, and packs where they lead. */
import { elementsWithRole, type StateEntry } from '../core/state-spec.ts';
import { allocate, rowOf, type TypedArray, unflattenInto } from '../spaces/space.ts';
import type { AnyTask } from '../task/task.ts';
import type { TaskEnv } from '../task/task-env.ts';
import { predictedEntries } from '../world-model/contract.ts';
import type { HeldOut } from './held-out.ts';

export interface Played {
  /** float64 `[starts, copies, horizon + 1, size]`, predicted elements. */
  readonly rows: Float64Array;
  /** float64 `[starts, copies]` */
  readonly returns: Float64Array;
}

/** Plays plans, one after the other. */
export interface Player {
  readonly task: AnyTask;
  /** Every start `copies` times, copy c with seed + c. */
  play(plan: HeldOut, copies: number, seed: number, onProgress?: (done: number, of: number) => void): Promise<Played>;
}

/** Step by step. @param env - without wrappers, any number of lanes. */
export function playerOf(env: TaskEnv): Player {
  return { task: env.task, play: (plan, copies, seed, onProgress) => play(env, plan, copies, seed, onProgress) };
}

/**
 * Plays every start and takes the mean over copies, of angles the circular one.
 * @param copies - of each start, copy c with seed + c. @returns float64 `[starts, horizon + 1, size]`, predicted elements.
 */
export async function playMean(player: Player, heldOut: HeldOut, copies: number, seed: number): Promise<Float64Array> {
  const { rows } = await player.play(heldOut, copies, seed);
  if (copies === 1) return rows;
  return meanOverSamples(rows, heldOut.starts, copies, angleElements(predictedEntries(player.task)));
}

/** Plays every start `copies` times (copy c with seed + c), as many at once as the env has lanes. */
export async function play(
  env: TaskEnv,
  heldOut: HeldOut,
  copies: number,
  seed: number,
  onProgress?: (done: number, of: number) => void,
): Promise<Played> {
  const predicted = elementsWithRole(env.spec, 'dynamic', 'signal');
  const total = heldOut.starts * copies;
  const played: Played = { rows: new Float64Array(total * (heldOut.horizon + 1) * predicted.length), returns: new Float64Array(total) };
  for (let first = 0; first < total; first += env.lanes) {
    const count = Math.min(env.lanes, total - first);
    const active = Uint8Array.from({ length: env.lanes }, (_, lane) => (lane < count ? 1 : 0));
    for (let lane = 0; lane < count; lane++) {
      const start = Math.floor((first + lane) / copies);
      await env.setState(
        lane,
        heldOut.state.subarray(start * env.spec.size, (start + 1) * env.spec.size),
        seed + ((first + lane) % copies),
      );
    }
    copyRows(env, predicted, played, first, count, 0, heldOut.horizon);
    await playChunk(env, heldOut, { copies, first, count, active, predicted, played });
    onProgress?.(first + count, total);
  }
  return played;
}

interface Chunk {
  readonly copies: number;
  readonly first: number;
  readonly count: number;
  readonly active: Uint8Array;
  readonly predicted: Int32Array;
  readonly played: Played;
}

async function playChunk(env: TaskEnv, heldOut: HeldOut, { copies, first, count, active, predicted, played }: Chunk): Promise<void> {
  const actions = allocate(env.actionSpace, env.lanes);
  const rows = Array.from({ length: count }, (_, lane) => rowOf(env.actionSpace, actions, lane));
  const actionSize = heldOut.action.length / heldOut.starts / heldOut.horizon;
  for (let step = 0; step < heldOut.horizon; step++) {
    for (let lane = 0; lane < count; lane++)
      unflattenInto(heldOut.action, rows[lane] as TypedArray, (Math.floor((first + lane) / copies) * heldOut.horizon + step) * actionSize);
    await env.step(actions, active);
    for (let lane = 0; lane < count; lane++)
      for (let agent = 0; agent < env.agents; agent++)
        played.returns[first + lane] = played.returns[first + lane]! + env.batch.reward[lane * env.agents + agent]!;
    copyRows(env, predicted, played, first, count, step + 1, heldOut.horizon);
  }
}

function copyRows(env: TaskEnv, predicted: Int32Array, played: Played, first: number, count: number, step: number, horizon: number): void {
  const size = predicted.length;
  for (let lane = 0; lane < count; lane++) {
    const at = ((first + lane) * (horizon + 1) + step) * size;
    // A lane that broke down keeps its last good state; what it predicts from then on is not a number.
    const broken = env.batch.problems[lane] != null;
    for (let i = 0; i < size; i++) played.rows[at + i] = broken ? Number.NaN : env.state[lane * env.spec.size + predicted[i]!]!;
  }
}

/** Whether an element of a packed row is an angle. */
export function angleElements(entries: readonly StateEntry[]): Uint8Array {
  return Uint8Array.from(entries.flatMap((entry) => new Array<number>(entry.size).fill(entry.kind === 'angle' ? 1 : 0)));
}

/** Mean over copies; of angles, the circular mean. `[starts, copies, width]` → `[starts, width]`. @param angles - whether an element is one, again and again. */
export function meanOverSamples(rows: Float64Array, starts: number, copies: number, angles: Uint8Array): Float64Array {
  const width = rows.length / starts / copies;
  const out = new Float64Array(starts * width);
  for (let start = 0; start < starts; start++)
    for (let i = 0; i < width; i++) {
      const isAngle = angles[i % angles.length] === 1;
      let sum = 0;
      let cosine = 0;
      for (let copy = 0; copy < copies; copy++) {
        const value = rows[(start * copies + copy) * width + i]!;
        sum += isAngle ? Math.sin(value) : value;
        cosine += isAngle ? Math.cos(value) : 0;
      }
      out[start * width + i] = isAngle ? Math.atan2(sum, cosine) : sum / copies;
    }
  return out;
}
