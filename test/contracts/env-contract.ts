/** What every env must keep, whatever stands behind it. Used on the stub tasks and on each registered env. */
import { expect } from 'chai';
import type { InfoColumns } from '../../src/core/backend.ts';
import type { VectorEnv, VectorStepResult } from '../../src/core/vector-env.ts';
import { isGroundtwinError } from '../../src/errors.ts';
import { sha256Hex } from '../../src/math/hash.ts';
import { Rng } from '../../src/math/rng.ts';
import { cloneValues, contains, rowOf, sample, type TypedArray, type Values } from '../../src/spaces/space.ts';
import { numbersOf } from './stub-tasks.ts';

export type MakeEnv = (lanes: number) => Promise<VectorEnv>;

/** A random action for each lane; lane i draws from its own stream, so a lane acts alike in batches of any size. */
export class RandomActions {
  private readonly rngs: Rng[];
  private readonly env: VectorEnv;

  constructor(env: VectorEnv, seed: number) {
    this.env = env;
    this.rngs = Array.from({ length: env.lanes }, (_, lane) => new Rng(seed + lane, 17));
  }

  next(): Values {
    const rows = this.rngs.map((rng) => numbersOf(sample(this.env.actionSpace, rng)));
    const joined = sample(this.env.actionSpace, new Rng(0), this.env.lanes) as TypedArray;
    joined.set(rows.flat());
    return joined;
  }
}

/** Everything of a step that a lane can see, as numbers. */
export function laneOf(env: VectorEnv, result: Pick<VectorStepResult, 'observation'> & Partial<VectorStepResult>, lane: number): number[] {
  const reward = result.reward ? [...result.reward.subarray(lane * env.agents, (lane + 1) * env.agents)] : [];
  const ends = result.terminated ? [result.terminated[lane]!, result.truncated![lane]!] : [];
  return [...numbersOf(rowOf(env.observationSpace, result.observation, lane)), ...reward, ...ends];
}

/** `[steps + 1][lanes][numbers]` */
export async function rollout(env: VectorEnv, seed: number, steps: number): Promise<number[][][]> {
  const actions = new RandomActions(env, seed);
  const lanes = (result: Pick<VectorStepResult, 'observation'> & Partial<VectorStepResult>) =>
    Array.from({ length: env.lanes }, (_, lane) => laneOf(env, result, lane));
  const seen = [lanes(await env.reset({ seed }))];
  for (let step = 0; step < steps; step++) seen.push(lanes(await env.step(actions.next())));
  return seen;
}

export async function using<T>(env: VectorEnv | Promise<VectorEnv>, act: (env: VectorEnv) => Promise<T>): Promise<T> {
  const opened = await env;
  try {
    return await act(opened);
  } finally {
    await opened.close();
  }
}

export async function codeOf(act: () => Promise<unknown>): Promise<string> {
  try {
    await act();
  } catch (error) {
    if (isGroundtwinError(error)) return error.code;
    throw error;
  }
  return 'nothing was thrown';
}

/** sha256 over float32 numbers: what a golden holds. */
export function hashOf(numbers: readonly number[]): string {
  return sha256Hex(new Uint8Array(Float32Array.from(numbers).buffer));
}

function tablesOf(info: InfoColumns): ArrayBufferView[] {
  return Object.values(info).flatMap((column) =>
    ArrayBuffer.isView(column) ? [column as ArrayBufferView] : Array.isArray(column) ? [] : tablesOf(column as InfoColumns),
  );
}

function buffersOf(result: VectorStepResult): unknown[] {
  const leaves = (values: Values): ArrayBufferView[] => (ArrayBuffer.isView(values) ? [values] : Object.values(values).flatMap(leaves));
  return [...leaves(result.observation), result.reward, result.terminated, result.truncated, ...tablesOf(result.info)].map(
    (view) => view.buffer,
  );
}

/** Mocha tests of the contract. @param make - a fresh env each time. @param steps - of each rollout. */
export function keepsTheContract(make: MakeEnv, steps: number): void {
  it('repeats itself by seed, and differs between seeds', async () => {
    const first = await using(make(2), (env) => rollout(env, 5, steps));
    expect(await using(make(2), (env) => rollout(env, 5, steps)), 'a fresh env').to.deep.equal(first);
    await using(make(2), async (env) => {
      await rollout(env, 77, 7);
      expect(await rollout(env, 5, steps), 'a used env').to.deep.equal(first);
    });
    for (const step of [0, 1, steps]) expect(first[step]![0], `lanes of step ${step}`).to.not.deep.equal(first[step]![1]);
  });

  it('gives a lane the same bits in batches of 1, 3 and 8', async () => {
    const alone = (await using(make(1), (env) => rollout(env, 40, steps))).map((lanes) => lanes[0]);
    const third = (await using(make(1), (env) => rollout(env, 42, steps))).map((lanes) => lanes[0]);
    for (const lanes of [3, 8]) {
      const together = await using(make(lanes), (env) => rollout(env, 40, steps));
      expect(
        together.map((row) => row[0]),
        `lane 0 of ${lanes}`,
      ).to.deep.equal(alone);
      expect(
        together.map((row) => row[2]),
        `lane 2 of ${lanes}`,
      ).to.deep.equal(third);
    }
  });

  it('observes inside its space, and no element is constant', () =>
    using(make(4), async (env) => {
      const actions = new RandomActions(env, 3);
      const seen = [(await env.reset({ seed: 9 })).observation];
      for (let step = 0; step < steps; step++) {
        const { observation } = await env.step(actions.next());
        for (let lane = 0; lane < env.lanes; lane++) {
          const row = rowOf(env.observationSpace, observation, lane);
          expect(contains(env.observationSpace, row), `step ${step}, lane ${lane}: ${numbersOf(row)}`).to.equal(true);
        }
        seen.push(observation);
      }
      const rows = seen.flatMap((batch) =>
        Array.from({ length: env.lanes }, (_, lane) => numbersOf(rowOf(env.observationSpace, batch, lane))),
      );
      for (const i of rows[0]!.keys()) expect(new Set(rows.map((row) => row[i])).size, `element ${i}`).to.be.above(1);
    }));

  it('shares no memory with what it returned', () =>
    using(make(2), async (env) => {
      const actions = new RandomActions(env, 4);
      const begun = await env.reset({ seed: 1 });
      const kept = cloneValues(begun.observation);
      const first = await env.step(actions.next());
      const copy = structuredClone({ ...first, info: tablesOf(first.info) });
      const second = await env.step(actions.next());
      expect(begun.observation).to.deep.equal(kept);
      expect({ ...first, info: tablesOf(first.info) }).to.deep.equal(copy);
      for (const buffer of buffersOf(first)) expect(buffersOf(second)).to.not.include(buffer);
    }));

  it('goes on bit by bit from a snapshot: in place, in another lane, in a fresh env', async () => {
    await using(make(2), async (env) => {
      const before = new RandomActions(env, 6);
      await env.reset({ seed: 8 });
      for (let step = 0; step < 5; step++) await env.step(before.next());
      const moment = await env.snapshot(1);
      const follow = async (from: VectorEnv, lane: number) => {
        const observation = await from.restore(moment, lane);
        const rng = new Rng(21);
        const seen = [numbersOf(observation)];
        for (let step = 0; step < steps; step++) {
          const action = numbersOf(sample(from.actionSpace, rng));
          const batch = sample(from.actionSpace, new Rng(step), from.lanes) as TypedArray;
          batch.set(action, lane * action.length);
          seen.push(laneOf(from, await from.step(batch), lane));
        }
        return seen;
      };
      const here = await follow(env, 1);
      expect(await follow(env, 1), 'in place').to.deep.equal(here);
      expect(await follow(env, 0), 'in another lane').to.deep.equal(here);
      await using(make(1), async (fresh) => {
        await fresh.reset({ seed: 1234 });
        expect(await follow(fresh, 0), 'in a fresh env').to.deep.equal(here);
      });
      await using(make(1), async (fresh) => expect(await follow(fresh, 0), 'in an env never reset').to.deep.equal(here));
    });
  });

  it('restores the observation that the snapshot saw', () =>
    using(make(1), async (env) => {
      const actions = new RandomActions(env, 6);
      const begun = await env.reset({ seed: 2 });
      expect(await env.restore(await env.snapshot())).to.deep.equal(begun.observation);
      const { observation } = await env.step(actions.next());
      const moment = await env.snapshot();
      await env.step(actions.next());
      expect(await env.restore(moment)).to.deep.equal(observation);
    }));

  it('refuses snapshots that are cut short, changed or foreign, and goes on unharmed', () =>
    using(make(1), async (env) => {
      const actions = new RandomActions(env, 6);
      await env.reset({ seed: 2 });
      const moment = await env.snapshot();
      const changed = moment.slice();
      changed[changed.length - 1]! ^= 1;
      const longer = new Uint8Array(moment.length + 1);
      longer.set(moment);
      for (const [what, bytes] of Object.entries({
        empty: new Uint8Array(0),
        short: moment.subarray(0, moment.length - 1),
        half: moment.subarray(0, moment.length >> 1),
        long: longer,
        changed,
      }))
        expect(await codeOf(() => env.restore(bytes)), what).to.equal('SNAPSHOT_INVALID');
      await env.step(actions.next());
    }));

  it('accounts for its reward term by term', () =>
    using(make(3), async (env) => {
      const actions = new RandomActions(env, 5);
      await env.reset({ seed: 4 });
      for (let step = 0; step < 20; step++) {
        const { reward, info } = await env.step(actions.next());
        const terms = Object.values(info.rewardTerms as Record<string, Float64Array>);
        expect(terms.length).to.be.above(0);
        reward.forEach((sum, slot) => void expect(terms.reduce((total, term) => total + term[slot]!, 0)).to.be.closeTo(sum, 1e-12));
      }
    }));
}
