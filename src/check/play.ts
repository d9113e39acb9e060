/** Playing an env at random, and looking at what it gives, for checks. */
import type { InfoColumns } from '../core/backend.ts';
import type { VectorEnv, VectorStepResult } from '../core/vector-env.ts';
import { Rng } from '../math/rng.ts';
import { allocate, cloneValues, rowOf, sampleInto, type TypedArray, type Values } from '../spaces/space.ts';

/** A random action for each lane; lane i draws from its own stream, so a lane acts alike in batches of any size. */
export class RandomActions {
  private readonly rngs: Rng[];
  private readonly env: VectorEnv;
  private readonly hold: number;
  private batch: Values | undefined;
  private count = 0;

  /** @param hold - steps that an action is held: what only a long push shows, such as a contact, random jitter does not. */
  constructor(env: VectorEnv, seed: number, hold = 1) {
    this.env = env;
    this.hold = hold;
    this.rngs = Array.from({ length: env.lanes }, (_, lane) => new Rng(seed + lane, 17));
  }

  /** A fresh batch. */
  next(): Values {
    if (this.batch && this.count++ % this.hold !== 0) return cloneValues(this.batch);
    this.batch = this.drawn();
    this.count = 1;
    return cloneValues(this.batch);
  }

  private drawn(): Values {
    const { actionSpace, lanes } = this.env;
    const batch = allocate(actionSpace, lanes);
    this.rngs.forEach((rng, lane) => void sampleInto(actionSpace, rng, rowOf(actionSpace, batch, lane)));
    return batch;
  }
}

/** Every number of a batch, parts of a Dict in order. */
export function numbersOf(values: Values): number[] {
  return ArrayBuffer.isView(values) ? Array.from(values as TypedArray) : Object.values(values as Record<string, Values>).flatMap(numbersOf);
}

type Seen = Pick<VectorStepResult, 'observation'> & Partial<VectorStepResult>;

/** Everything of a step that a lane can see, as numbers: observation, then reward and ends where there are any. */
export function laneOf(env: VectorEnv, result: Seen, lane: number): number[] {
  const reward = result.reward ? [...result.reward.subarray(lane * env.agents, (lane + 1) * env.agents)] : [];
  const ends = result.terminated ? [result.terminated[lane]!, result.truncated![lane]!] : [];
  return [...numbersOf(rowOf(env.observationSpace, result.observation, lane)), ...reward, ...ends];
}

export function lanesOf(env: VectorEnv, result: Seen): number[][] {
  return Array.from({ length: env.lanes }, (_, lane) => laneOf(env, result, lane));
}

/** Random play from a reset: `[steps + 1][lanes][numbers]`. Ended lanes are reset where the env does not do it. */
export async function rollout(
  env: VectorEnv,
  seed: number,
  steps: number,
  params?: Readonly<Record<string, number>>,
): Promise<number[][][]> {
  const seen = [lanesOf(env, await env.reset({ seed, ...(params ? { params } : {}) }))];
  for (const row of await onward(env, new RandomActions(env, seed), steps)) seen.push(row);
  return seen;
}

/** The next steps of random play: `[steps][lanes][numbers]`. */
export async function onward(env: VectorEnv, actions: RandomActions, steps: number): Promise<number[][][]> {
  const seen: number[][][] = [];
  for (let step = 0; step < steps; step++) {
    const result = await env.step(actions.next());
    seen.push(lanesOf(env, result));
    await resetEnded(env, result);
  }
  return seen;
}

/** With autoreset off, begins ended lanes anew. */
export async function resetEnded(env: VectorEnv, { terminated, truncated }: VectorStepResult): Promise<void> {
  if (env.autoreset !== 'disabled') return;
  const mask = terminated.map((end, lane) => end | truncated[lane]!);
  if (mask.includes(1)) await env.reset({ mask });
}

/** The first place where two rollouts differ, in words; undefined where they do not. */
export function differenceOf(expected: readonly number[][][], got: readonly number[][][]): string | undefined {
  for (const [step, lanes] of expected.entries())
    for (const [lane, row] of lanes.entries()) {
      const at = row.findIndex((value, i) => !Object.is(value, got[step]?.[lane]?.[i]));
      if (at >= 0) return `step ${step}, lane ${lane}, number ${at}: ${row[at]} and ${got[step]?.[lane]?.[at]}`;
    }
  return undefined;
}

/** Typed arrays of info, at any depth, with where they stand. */
export function columnsOf(info: InfoColumns, path = 'info'): [path: string, column: ArrayLike<unknown>][] {
  return Object.entries(info).flatMap(([key, column]) => {
    const here = `${path}.${key}`;
    if (ArrayBuffer.isView(column)) return [[here, column as TypedArray]] as [string, ArrayLike<unknown>][];
    return Array.isArray(column) ? [[here, column as unknown[]]] : columnsOf(column as InfoColumns, here);
  });
}

/** The memory behind observations and whatever else holds numbers. */
export function buffersOf(result: Seen & { readonly info?: InfoColumns }): ArrayBufferLike[] {
  const leaves = (values: Values): ArrayBufferView[] => (ArrayBuffer.isView(values) ? [values] : Object.values(values).flatMap(leaves));
  const flat = [result.reward, result.terminated, result.truncated].filter((array) => array !== undefined);
  const columns = columnsOf(result.info ?? {}).flatMap(([, column]) => (ArrayBuffer.isView(column) ? [column as ArrayBufferView] : []));
  return [...leaves(result.observation), ...flat, ...columns].map((view) => view.buffer);
}
