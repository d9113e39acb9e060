import { expect } from 'chai';
import type { VectorStepResult } from '../../src/core/vector-env.ts';
import { GroundtwinError } from '../../src/errors.ts';
import { TaskEnv } from '../../src/task/task-env.ts';
import type { Pacer } from '../../src/vector/pacer.ts';
import { SyncVectorEnv } from '../../src/vector/sync-vector-env.ts';
import { timeLimit } from '../../src/wrappers/time-limit.ts';
import { codeOf, keepsTheContract, rollout, using } from '../contracts/env-contract.ts';
import { WalkerDynamics, walkers } from '../contracts/stub-backends.ts';
import { walker } from '../contracts/stub-tasks.ts';

/** Position, exactly: the observation is noisy. */
const at = (env: SyncVectorEnv, lane: number) => (env.backend as TaskEnv).state[lane * 3]!;
const push = (...shares: number[]) => Float32Array.from(shares);
const rowOf = (result: { readonly observation: unknown }, lane: number) => [
  ...(result.observation as Float32Array).subarray(lane * 3, lane * 3 + 3),
];
/** Seeds whose first episodes start near 0 are not needed: a walker ends past 3 m, so four full pushes always end it, and two never do. */
const toTheEnd = 4;

/** The walker's own run of episode `episode` of seed `seed`: its first observation. */
async function firstOf(seed: number, episode: number): Promise<number[]> {
  const env = walkers(1);
  let result = await env.reset({ seed });
  for (let i = 0; i < episode; i++) result = await env.reset();
  return rowOf(result, 0);
}

async function stepUntilEnd(env: SyncVectorEnv, shares: readonly number[]): Promise<VectorStepResult> {
  for (let step = 0; step < toTheEnd; step++) {
    const result = await env.step(Float32Array.from(shares));
    if (result.terminated.includes(1)) return result;
  }
  throw new Error('no end');
}

describe('walkers behind a vector env', () => {
  keepsTheContract(async (lanes, options) => walkers(lanes, { ...options, wrappers: [timeLimit(9)] }), 40, {
    takes: ['autoreset'],
    horizon: 9,
    params: walker.params,
  });
});

describe('autoreset nextStep', () => {
  it('returns the last observation at the end, and a fresh one with reward 0 a step later', async () => {
    const env = walkers(2);
    await env.reset({ seed: 7 });
    const end = await stepUntilEnd(env, [1, 0]);
    expect([...end.terminated]).to.deep.equal([1, 0]);
    expect(at(env, 0)).to.be.above(3);
    expect(rowOf(end, 0)[0]).to.be.above(2.9);
    expect(end.reward[0]).to.equal(1.5);
    expect(end.info).to.not.have.property('finalObservation');
    const fresh = await env.step(push(1, 1));
    expect([fresh.reward[0], fresh.terminated[0], fresh.truncated[0]]).to.deep.equal([0, 0, 0]);
    expect((fresh.info.rewardTerms as Record<string, Float64Array>).progress![0], 'terms of a reset are 0').to.equal(0);
    expect(rowOf(fresh, 0)).to.deep.equal(await firstOf(7, 1));
    expect(fresh.reward[1], 'the other lane went on').to.equal(1.5);
    const before = at(env, 0);
    await env.step(push(1, 0));
    expect(at(env, 0) - before, 'the action counts again').to.equal(1);
  });

  it('ignores what an ended lane is told to do, however wrong', async () => {
    const env = walkers(1);
    await env.reset({ seed: 7 });
    await stepUntilEnd(env, [1]);
    expect(rowOf(await env.step(push(Number.NaN)), 0)).to.deep.equal(await firstOf(7, 1));
  });
});

describe('autoreset sameStep', () => {
  it('returns the fresh observation at once, and the last one in info', async () => {
    const [env, plain] = [walkers(2, { autoreset: 'sameStep' }), walkers(2)];
    for (const one of [env, plain]) await one.reset({ seed: 7 });
    const [end, told] = [await stepUntilEnd(env, [1, 0]), await stepUntilEnd(plain, [1, 0])];
    expect([...end.terminated]).to.deep.equal([1, 0]);
    expect([...end.reward]).to.deep.equal([...told.reward]);
    expect([...(end.info.finalMask as Uint8Array)]).to.deep.equal([1, 0]);
    expect(rowOf({ observation: end.info.finalObservation }, 0)).to.deep.equal(rowOf(told, 0));
    expect(end.info.finalInfo).to.deep.equal(told.info);
    expect(rowOf(end, 0)).to.deep.equal(await firstOf(7, 1));
    expect(rowOf(end, 1), 'the other lane is shown as it is').to.deep.equal(rowOf(told, 1));
    const before = at(env, 0);
    await env.step(push(1, 0));
    expect(at(env, 0) - before).to.equal(1);
  });

  it('says on every step which lanes ended', async () => {
    const env = walkers(2, { autoreset: 'sameStep' });
    await env.reset({ seed: 7 });
    const { info } = await env.step(push(0, 0));
    expect([...(info.finalMask as Uint8Array)]).to.deep.equal([0, 0]);
    expect(info).to.not.have.property('finalObservation');
  });

  it('takes an ended lane from a snapshot: it is begun anew, but did not end again', async () => {
    const source = walkers(1);
    await source.reset({ seed: 7 });
    await stepUntilEnd(source, [1]);
    const env = walkers(1, { autoreset: 'sameStep' });
    await env.restore(await source.snapshot());
    const result = await env.step(push(1));
    expect([...(result.info.finalMask as Uint8Array)]).to.deep.equal([0]);
    expect([result.reward[0], result.terminated[0]]).to.deep.equal([0, 0]);
    expect(rowOf(result, 0)).to.deep.equal(await firstOf(7, 1));
  });
});

describe('autoreset disabled', () => {
  it('refuses to step a lane that ended, until it is reset with a mask', async () => {
    const env = walkers(2, { autoreset: 'disabled' });
    await env.reset({ seed: 7 });
    await stepUntilEnd(env, [1, 0]);
    const other = at(env, 1);
    expect(await codeOf(() => env.step(push(0, 0)))).to.equal('ENV_NOT_RESET');
    expect(at(env, 1), 'nothing moved').to.equal(other);
    const { observation } = await env.reset({ mask: Uint8Array.of(1, 0) });
    expect(rowOf({ observation }, 0)).to.deep.equal(await firstOf(7, 1));
    expect(at(env, 1), 'a lane outside the mask stays').to.equal(other);
    await env.step(push(0, 0));
  });
});

describe('seeds', () => {
  it('are seed + lane, or one each', async () => {
    const env = walkers(3);
    const { observation } = await env.reset({ seed: 20 });
    for (const lane of [0, 1, 2]) expect(rowOf({ observation }, lane)).to.deep.equal(await firstOf(20 + lane, 0));
    const listed = await env.reset({ seed: [5, 20, 9] });
    for (const [lane, seed] of [5, 20, 9].entries()) expect(rowOf(listed, lane)).to.deep.equal(await firstOf(seed, 0));
  });

  it('go on from episode to episode where none is given', async () => {
    const env = walkers(2);
    await env.reset({ seed: [5, 6] });
    const { observation } = await env.reset({ seed: [null, 50] });
    expect(rowOf({ observation }, 0)).to.deep.equal(await firstOf(5, 1));
    expect(rowOf({ observation }, 1)).to.deep.equal(await firstOf(50, 0));
  });

  // Episode k of a lane seeded s has the seed s + k·2^32: written down, it begins that very episode again, alone, without the k before it.
  it('name every episode: s + k·2^32 begins episode k of seed s, and the ones after it follow', async () => {
    const env = walkers(1);
    for (const episode of [0, 1, 3]) {
      const { observation } = await env.reset({ seed: 5 + episode * 2 ** 32 });
      expect(rowOf({ observation }, 0), `episode ${episode}`).to.deep.equal(await firstOf(5, episode));
    }
    expect(rowOf(await env.reset(), 0)).to.deep.equal(await firstOf(5, 4));
  });

  it('number the same episodes whether they ended by themselves or were reset', async () => {
    const env = walkers(1);
    await env.reset({ seed: 7 });
    for (const episode of [1, 2, 3]) {
      await stepUntilEnd(env, [1]);
      expect(rowOf(await env.step(push(0)), 0)).to.deep.equal(await firstOf(7, episode));
    }
  });

  it('come from entropy once, for lanes that were never given one', async () => {
    let asked = 0;
    const env = walkers(2, { entropy: () => 100 + asked++ });
    const { observation } = await env.reset();
    expect(rowOf({ observation }, 1)).to.deep.equal(await firstOf(101, 0));
    await env.reset();
    expect(asked).to.equal(2);
  });

  for (const [what, seed] of Object.entries({ negative: -1, 'half a number': 0.5, NaN: Number.NaN, 'too large': 2 ** 53 }))
    it(`are refused when ${what}`, async () => expect(await codeOf(() => walkers(1).reset({ seed }))).to.equal('OPTION_INVALID'));

  it('are refused as a list of another length', async () =>
    expect(await codeOf(() => walkers(2).reset({ seed: [1] }))).to.equal('OPTION_INVALID'));

  it('of a refused reset leave the lanes as they were', async () => {
    const env = walkers(2);
    await env.reset({ seed: [5, 6] });
    expect(await codeOf(() => env.reset({ seed: [77, -1] }))).to.equal('OPTION_INVALID');
    expect(await codeOf(() => env.reset({ params: { gian: 2 } }))).to.equal('OPTION_INVALID');
    const { observation } = await env.reset();
    expect(rowOf({ observation }, 0)).to.deep.equal(await firstOf(5, 1));
  });
});

describe('actions', () => {
  const cases: readonly (readonly [what: string, actions: unknown, code: string])[] = [
    ['NaN', push(0, Number.NaN), 'ACTION_NOT_FINITE'],
    ['infinite', push(Number.POSITIVE_INFINITY, 0), 'ACTION_NOT_FINITE'],
    ['above', push(0, 1.01), 'ACTION_OUTSIDE_SPACE'],
    ['below', push(-1.01, 0), 'ACTION_OUTSIDE_SPACE'],
    ['of one lane', push(0), 'ACTION_SHAPE'],
    ['of three lanes', push(0, 0, 0), 'ACTION_SHAPE'],
    ['missing', undefined, 'ACTION_SHAPE'],
    ['null', null, 'ACTION_SHAPE'],
    ['one number', 0, 'ACTION_SHAPE'],
    ['text', '00', 'ACTION_SHAPE'],
    ['texts', ['0', '0'], 'ACTION_SHAPE'],
    ['named', { a: push(0, 0) }, 'ACTION_SHAPE'],
    ['bytes without a type', new DataView(new ArrayBuffer(2)), 'ACTION_SHAPE'],
  ];
  for (const [what, actions, code] of cases)
    it(`that are ${what} are refused, and nothing moves`, async () => {
      const env = walkers(2);
      await env.reset({ seed: 1 });
      const before = [...(env.backend as TaskEnv).state];
      expect(await codeOf(() => env.step(actions as Float32Array))).to.equal(code);
      expect([...(env.backend as TaskEnv).state]).to.deep.equal(before);
    });

  it('are refused by lane and element', async () => {
    const env = walkers(2);
    await env.reset({ seed: 1 });
    const error = await env.step(Float32Array.of(0, Number.NaN)).catch(({ message }: Error) => message);
    expect(error).to.match(/action\[0\] of lane 1 is NaN/);
  });

  it('are refused while an earlier call goes on', async () => {
    let go = () => {};
    const wait = () => new Promise<void>((resolve) => (go = resolve));
    const env = walkers(1, { pacer: { begin() {}, wait, cancel() {} } as unknown as Pacer });
    await env.reset({ seed: 1 });
    const first = env.step(Float32Array.of(0));
    expect(await codeOf(() => env.step(Float32Array.of(0)))).to.equal('ENV_BUSY');
    expect(await codeOf(() => env.reset())).to.equal('ENV_BUSY');
    go();
    await first;
    await env.reset();
  });

  it('may be plain numbers', async () => {
    const [env, other] = [walkers(2), walkers(2)];
    for (const one of [env, other]) await one.reset({ seed: 1 });
    expect(await env.step([0.5, -1] as unknown as Float32Array)).to.deep.equal(await other.step(push(0.5, -1)));
  });
});

describe('what an env refuses', () => {
  it('everything once closed, and closing twice is fine', async () => {
    const env = walkers(1);
    await env.reset({ seed: 1 });
    const moment = await env.snapshot();
    await env.close();
    await env.close();
    for (const act of [() => env.reset(), () => env.step(push(0)), () => env.snapshot(), () => env.restore(moment)])
      expect(await codeOf(act)).to.equal('ENV_CLOSED');
  });

  it('steps and snapshots before reset', async () => {
    const env = walkers(2);
    expect(await codeOf(() => env.step(push(0, 0)))).to.equal('ENV_NOT_RESET');
    expect(await codeOf(() => env.snapshot(1))).to.equal('ENV_NOT_RESET');
    await env.reset({ mask: Uint8Array.of(1, 0) });
    expect(await codeOf(() => env.step(push(0, 0)))).to.equal('ENV_NOT_RESET');
  });

  it('masks of another length, and lanes it does not have', async () => {
    const env = walkers(2);
    expect(await codeOf(() => env.reset({ mask: new Uint8Array(3) }))).to.equal('OPTION_INVALID');
    await env.reset({ seed: 1 });
    for (const lane of [-1, 2, 0.5, Number.NaN]) expect(await codeOf(() => env.snapshot(lane)), String(lane)).to.equal('OPTION_INVALID');
  });

  it('lanes that are no count', () => {
    for (const lanes of [0, -1, 1.5])
      expect(() => new TaskEnv(walker, new WalkerDynamics(), lanes)).to.throw(GroundtwinError, /option lanes/);
  });
});

describe('physical parameters', () => {
  it('are overridden for the episode that is begun', async () => {
    const env = walkers(2);
    await env.reset({ seed: 1 });
    await env.reset({ mask: Uint8Array.of(0, 1), params: { gain: 0.25 } });
    const before = [at(env, 0), at(env, 1)];
    await env.step(push(1, 1));
    expect([at(env, 0) - before[0]!, at(env, 1) - before[1]!]).to.deep.equal([1, 0.25]);
  });

  it('are the defaults again in the next episode', async () => {
    const env = walkers(1);
    await env.reset({ seed: 1, params: { gain: 0.25 } });
    await env.reset();
    const before = at(env, 0);
    await env.step(push(1));
    expect(at(env, 0) - before).to.equal(1);
  });

  it('are refused by unknown name and when not finite', async () => {
    const env = walkers(1);
    expect(await codeOf(() => env.reset({ params: { gian: 1 } }))).to.equal('OPTION_INVALID');
    expect(await codeOf(() => env.reset({ params: { toString: 1 } }))).to.equal('OPTION_INVALID');
    expect(await codeOf(() => env.reset({ params: { gain: Number.NaN } }))).to.equal('OPTION_INVALID');
  });
});

describe('physics that diverges', () => {
  /** Lane 1 of three is pushed past the walker's breaking point. */
  async function breakDown(autoreset: 'nextStep' | 'sameStep' | 'disabled') {
    const [env, calm] = [walkers(3, { autoreset }), walkers(3, { autoreset })];
    for (const one of [env, calm]) await one.reset({ seed: 2 });
    for (let step = 0; step < 4; step++) {
      const result = await env.step(push(0.25, -1, -0.125));
      const expected = await calm.step(push(0.25, 0, -0.125));
      if (result.truncated[1]) return { env, result, expected };
    }
    throw new Error('it never broke');
  }

  it('cuts off that lane only, with the reason, its last good observation and no reward', async () => {
    const { result, expected } = await breakDown('nextStep');
    expect([...result.truncated]).to.deep.equal([0, 1, 0]);
    expect([...result.terminated]).to.deep.equal([0, 0, 0]);
    const problems = result.info.problem as (GroundtwinError | null)[];
    expect([problems[0], problems[2]]).to.deep.equal([null, null]);
    expect(problems[1]).to.have.property('code', 'PHYSICS_DIVERGED');
    expect(problems[1]!.message).to.include('lane 1');
    expect(result.reward[1]).to.equal(0);
    for (const value of rowOf(result, 1)) expect(Number.isFinite(value)).to.equal(true);
    for (const lane of [0, 2]) {
      expect(rowOf(result, lane), `lane ${lane}`).to.deep.equal(rowOf(expected, lane));
      expect(result.reward[lane]).to.equal(expected.reward[lane]);
    }
  });

  it('is over with the next reset', async () => {
    const { env } = await breakDown('nextStep');
    const fresh = await env.step(push(0, 0, 0));
    expect(rowOf(fresh, 1)).to.deep.equal(await firstOf(3, 1));
    expect(fresh.info).to.not.have.property('problem');
    expect([...(await env.step(push(0, 0.5, 0))).truncated]).to.deep.equal([0, 0, 0]);
  });

  it('is told in finalInfo where the lane is reset at once', async () => {
    const { result } = await breakDown('sameStep');
    expect([...(result.info.finalMask as Uint8Array)]).to.deep.equal([0, 1, 0]);
    expect((result.info.finalInfo as { problem: unknown[] }).problem[1]).to.have.property('code', 'PHYSICS_DIVERGED');
    expect(result.info).to.not.have.property('problem');
    expect(rowOf(result, 1)).to.deep.equal(await firstOf(3, 1));
  });

  it('waits for a reset where autoreset is disabled', async () => {
    const { env } = await breakDown('disabled');
    expect(await codeOf(() => env.step(push(0, 0, 0)))).to.equal('ENV_NOT_RESET');
    await env.reset({ mask: Uint8Array.of(0, 1, 0) });
    await env.step(push(0, 0, 0));
  });
});

describe('memory of results', () => {
  it('is reused with copy: false', async () => {
    const env = walkers(1, { copy: false });
    const { observation } = await env.reset({ seed: 1 });
    const first = await env.step(push(0.5));
    const second = await env.step(push(0.5));
    expect(first.observation).to.equal(observation);
    expect(second.observation).to.equal(observation);
    expect(second.reward).to.equal(first.reward);
  });

  it('gives the same numbers either way', async () => {
    const [copied, reused] = [await rollout(walkers(2), 3, 20), await rollout(walkers(2, { copy: false }), 3, 20)];
    expect(reused).to.deep.equal(copied);
  });

  it('is released when closed', async () => {
    const dynamics = new WalkerDynamics();
    await using(Promise.resolve(new SyncVectorEnv(new TaskEnv(walker, dynamics, 1), { entropy: () => 1 })), (env) =>
      env.reset({ seed: 1 }),
    );
    expect(dynamics.closed).to.equal(1);
  });
});
