import { expect } from 'chai';
import { laneOf } from '../../src/check/play.ts';
import type { AutoresetMode, VectorEnv, VectorStepResult } from '../../src/core/vector-env.ts';
import type { GroundtwinError } from '../../src/errors.ts';
import { registry as shipped } from '../../src/index.ts';
import { Rng } from '../../src/math/rng.ts';
import type { MakeVectorOptions } from '../../src/registry/registry.ts';
import { sample } from '../../src/spaces/space.ts';
import { nodeWorkers } from '../../src/vector/node-workers.ts';
import type { WorkerBackend } from '../../src/vector/worker-backend.ts';
import type { Isolation } from '../../src/vector/worker-protocol.ts';
import { restartLimits } from '../../src/vector/worker-seat.ts';
import { WorkerVectorEnv } from '../../src/vector/worker-vector-env.ts';
import { clockFrom } from '../../src/wire/clock.ts';
import { timeLimit } from '../../src/wrappers/time-limit.ts';
import { codeOf, keepsTheContract } from '../contracts/env-contract.ts';
import { registryOf } from '../contracts/stub-backends.ts';
import { deeds, fragileCart, goalArm, twoCarts } from './worker-tasks.ts';

const isolations: readonly Isolation[] = ['process', 'thread'];
const starters = nodeWorkers(new URL('../../src/env-worker.ts', import.meta.url));
const taskModules = [new URL('./worker-tasks.ts', import.meta.url).href];
let leap_ms = 0;
const registry = registryOf({ workers: starters, clock: clockFrom(() => performance.now() + leap_ms) }, twoCarts, goalArm, fragileCart);

const opened: VectorEnv[] = [];

async function workers(id: string, options: MakeVectorOptions): Promise<WorkerVectorEnv> {
  const env = (await registry.makeVector(id, { taskModules, workers: 2, ...options })) as WorkerVectorEnv;
  opened.push(env);
  return env;
}

async function plain(id: string, options: MakeVectorOptions): Promise<VectorEnv> {
  const env = await registry.makeVector(id, options);
  opened.push(env);
  return env;
}

function isAlive(id: number): boolean {
  try {
    process.kill(id, 0);
    return true;
  } catch {
    return false;
  }
}

async function until(holds: () => boolean): Promise<void> {
  for (let waited_ms = 0; waited_ms < 10_000 && !holds(); waited_ms += 10) await new Promise((resolve) => setTimeout(resolve, 10));
  expect(holds(), 'in time').to.equal(true);
}

/** Everything a run shows, with masked resets and seeds of their own on the way. */
async function story(env: VectorEnv, autoreset: AutoresetMode): Promise<unknown[]> {
  const rng = new Rng(5);
  const { lanes } = env;
  const told: unknown[] = [await env.reset({ seed: 11 })];
  for (let step = 0; step < 40; step++) {
    const result = await env.step(sample(env.actionSpace, rng, lanes));
    told.push(result);
    if (autoreset === 'disabled' && (result.truncated.includes(1) || result.terminated.includes(1)))
      told.push(await env.reset({ mask: result.truncated.map((cut, lane) => cut | result.terminated[lane]!) }));
    if (step === 13) told.push(await env.reset({ mask: Uint8Array.from({ length: lanes }, (_, lane) => lane % 2) }));
    if (step === 25)
      told.push(
        await env.reset({
          seed: Array.from({ length: lanes }, (_, lane) => (lane === 1 ? 77 : null)),
          mask: Uint8Array.from({ length: lanes }, (_, lane) => Number(lane < 3)),
        }),
      );
  }
  return told;
}

afterEach(async () => {
  for (const env of opened.splice(0)) await env.close();
});

describe('lanes in workers', function () {
  this.timeout(60_000);

  for (const isolation of isolations)
    for (const count of [1, 2, 3])
      it(`give the very bits of one process, with ${count} of kind ${isolation}`, async () => {
        const { backend } = await workers(twoCarts.id, { lanes: 4, workers: count, isolation });
        for (const autoreset of ['nextStep', 'sameStep', 'disabled'] as const) {
          // Ten steps an episode: all lanes end together, and apart after the masked resets.
          const env = new WorkerVectorEnv(backend as WorkerBackend, { autoreset, wrappers: [timeLimit(10)], entropy: () => 0 });
          const calm = await plain(twoCarts.id, { lanes: 4, autoreset, maxEpisodeSteps: 10 });
          const [told, expected] = [await story(env, autoreset), await story(calm, autoreset)];
          for (const [i, part] of told.entries()) expect(part, `${autoreset}, part ${i}`).to.deep.equal(expected[i]);
          expect(told).to.have.length(expected.length);
        }
      });

  it('give the very bits for named observations and env of the package', async () => {
    const env = await workers(goalArm.id, { lanes: 3, workers: 2 });
    expect(await story(env, 'nextStep')).to.deep.equal(await story(await plain(goalArm.id, { lanes: 3 }), 'nextStep'));
    const cart = await shipped.makeVector('CartPole-v0', { lanes: 3, workers: 3 });
    opened.push(cart);
    const calm = await shipped.makeVector('CartPole-v0', { lanes: 3 });
    opened.push(calm);
    expect(await story(cart, 'nextStep')).to.deep.equal(await story(calm, 'nextStep'));
    expect(cart).to.be.instanceOf(WorkerVectorEnv);
  });

  describe('keep the contract', () => {
    keepsTheContract(
      (lanes) => registry.makeVector(twoCarts.id, { lanes, workers: Math.min(lanes, 2), isolation: 'thread', taskModules }),
      30,
    );
  });

  for (const isolation of isolations)
    it(`take parameters and refuse wrong ones as one process does, of kind ${isolation}`, async () => {
      const [env, calm] = [await workers(twoCarts.id, { lanes: 3, isolation }), await plain(twoCarts.id, { lanes: 3 })];
      for (const one of [env, calm]) await one.reset({ seed: 1 });
      const mask = Uint8Array.of(0, 1, 1);
      for (const one of [env, calm]) {
        expect(await codeOf(() => one.reset({ params: { mas_kg: 2 } }))).to.equal('OPTION_INVALID');
        expect(await codeOf(() => one.reset({ mask: new Uint8Array(3), params: { mas_kg: 2 } }))).to.equal('OPTION_INVALID');
      }
      expect(await env.reset({ mask, params: { mass_kg: 2 } })).to.deep.equal(await calm.reset({ mask, params: { mass_kg: 2 } }));
      const push = Float32Array.of(1, -1, 1, -1, 1, -1);
      expect(await env.step(push)).to.deep.equal(await calm.step(push));
    });

  it('sleep on when they are woken for a request that is answered already', async () => {
    const env = await workers(twoCarts.id, { lanes: 4, isolation: 'thread' });
    const { notify } = Atomics;
    Atomics.notify = ((word: Int32Array, index: number) => {
      setTimeout(() => notify(word, index), 2);
      return notify(word, index);
    }) as typeof notify;
    try {
      const told = await story(env, 'nextStep');
      await new Promise((resolve) => setTimeout(resolve, 20));
      expect(told).to.deep.equal(await story(await plain(twoCarts.id, { lanes: 4 }), 'nextStep'));
    } finally {
      Atomics.notify = notify;
    }
    await env.step(Float32Array.of(1, 0, 0, 1, 0.5, 0.5, -1, 1));
    expect((env.backend as WorkerBackend).workers.map(({ restarts }) => restarts)).to.deep.equal([0, 0]);
  });

  it('exchange snapshots with an env in process', async () => {
    const [env, calm] = [await workers(twoCarts.id, { lanes: 4 }), await plain(twoCarts.id, { lanes: 4 })];
    for (const one of [env, calm]) await one.reset({ seed: 3 });
    const push = Float32Array.of(1, 0, 0, 1, 0.5, 0.5, -1, 1);
    for (const one of [env, calm]) await one.step(push);
    const [theirs, ours] = [await env.snapshot(3), await calm.snapshot(3)];
    expect(theirs).to.deep.equal(ours);
    expect(await env.restore(ours, 0)).to.deep.equal(await calm.restore(theirs, 0));
    expect(await env.step(push)).to.deep.equal(await calm.step(push));
    ours[ours.length - 1]! ^= 1;
    expect(await codeOf(() => env.restore(ours, 0))).to.equal('SNAPSHOT_INVALID');
    await env.step(push);
  });
});

/** Actions under which lane `lane` does the deed, and nobody else anything. */
function only(lane: number, deed: number, lanes: number): Float32Array {
  return Float32Array.from({ length: lanes }, (_, i) => (i === lane ? deed : 0.25));
}

function problemsOf(result: VectorStepResult): (GroundtwinError | null)[] {
  return result.info.problem as (GroundtwinError | null)[];
}

describe('a worker that dies', function () {
  this.timeout(60_000);
  beforeEach(() => {
    leap_ms += 2 * restartLimits.span_ms;
  });

  const deaths: readonly (readonly [isolation: Isolation, deed: keyof typeof deeds, says: RegExp])[] = [
    ['process', 'throws', /failed in step: RangeError: the reward went wrong/],
    ['process', 'dies', /was ended by SIGKILL/],
    ['process', 'leaves', /ended with exit code 7/],
    ['process', 'hangs', /took longer than 1500 ms over a step and was killed/],
    ['thread', 'throws', /failed in step: RangeError: the reward went wrong/],
    ['thread', 'leaves', /ended with exit code 7/],
    ['thread', 'hangs', /took longer than 1500 ms over a step and was killed/],
  ];
  for (const [isolation, deed, says] of deaths)
    for (const autoreset of deed === 'throws' ? (['nextStep', 'sameStep'] as const) : (['nextStep'] as const))
      it(`cuts off its lanes only, and they come back: ${isolation} that ${deed}, ${autoreset}`, async () => {
        const lanes = 4;
        const stepDeadline = deed === 'hangs' ? { stepDeadline_ms: 1500 } : {};
        const env = await workers(fragileCart.id, { lanes, autoreset, isolation, ...stepDeadline });
        const calm = await plain(fragileCart.id, { lanes, autoreset });
        for (const one of [env, calm]) await one.reset({ seed: 9 });
        const before = await env.step(only(0, 0.25, lanes));
        await calm.step(only(0, 0.25, lanes));
        const [result, expected] = [await env.step(only(1, deeds[deed], lanes)), await calm.step(only(1, 0.25, lanes))];
        expect([...result.truncated]).to.deep.equal([1, 1, 0, 0]);
        expect([...result.reward.subarray(0, 2)]).to.deep.equal([0, 0]);
        const final =
          autoreset === 'sameStep'
            ? {
                observation: result.info.finalObservation as VectorStepResult['observation'],
                info: result.info.finalInfo as VectorStepResult['info'],
              }
            : result;
        const problems = problemsOf({ ...result, info: final.info });
        expect(problems.map((problem) => problem?.code ?? null)).to.deep.equal(['ENV_CRASHED', 'ENV_CRASHED', null, null]);
        expect(problems[1]!.details).to.include({ env: fragileCart.id, lane: 1, worker: 0 });
        expect(problems[1]!.message).to.match(says);
        expect(problems[1]!.retryable).to.equal(true);
        for (const lane of [0, 1])
          expect(laneOf(env, { observation: final.observation }, lane), 'its last good observation').to.deep.equal(
            laneOf(env, { observation: before.observation }, lane),
          );
        for (const lane of [2, 3]) expect(laneOf(env, result, lane)).to.deep.equal(laneOf(calm, expected, lane));
        // The next episode is the one that was due.
        const due = await calm.reset({ seed: [9 + 2 ** 32, 10 + 2 ** 32, null, null], mask: Uint8Array.of(1, 1, 0, 0) });
        const fresh = autoreset === 'sameStep' ? result : await env.step(only(0, 0.25, lanes));
        for (const lane of [0, 1])
          expect(laneOf(env, { observation: fresh.observation }, lane)).to.deep.equal(laneOf(calm, { observation: due.observation }, lane));
        if (autoreset === 'nextStep')
          await calm
            .step(only(0, 0.25, lanes))
            .then(() => calm.reset({ seed: [9 + 2 ** 32, 10 + 2 ** 32, null, null], mask: Uint8Array.of(1, 1, 0, 0) }));
        expect((await env.step(only(0, 0.25, lanes))).observation).to.deep.equal((await calm.step(only(0, 0.25, lanes))).observation);
        expect(env.workers.map(({ restarts }) => restarts)).to.deep.equal([1, 0]);
      });

  it('between two steps, costs its lanes the next one; a snapshot brings one of them back', async () => {
    const env = await workers(twoCarts.id, { lanes: 4 });
    await env.reset({ seed: 1 });
    const push = new Float32Array(8).fill(0.5);
    await env.step(push);
    const moment = await env.snapshot(2);
    const went = await env.step(push);
    const { id } = env.workers[1]!;
    process.kill(id!, 'SIGKILL');
    await until(() => env.workers[1]!.restarts === 1);
    expect(await codeOf(() => env.snapshot(3))).to.equal('ENV_CRASHED');
    await env.restore(moment, 2);
    const result = await env.step(push);
    expect([...result.truncated]).to.deep.equal([0, 0, 0, 1]);
    expect(laneOf(env, result, 2)).to.deep.equal(laneOf(env, went, 2));
    expect([...(await env.step(push)).truncated]).to.deep.equal([0, 0, 0, 0]);
  });

  it('during a reset, is replaced and the reset done again', async () => {
    const [env, calm] = [await workers(twoCarts.id, { lanes: 4 }), await plain(twoCarts.id, { lanes: 4 })];
    const resetting = env.reset({ seed: 4 });
    process.kill(env.workers[0]!.id!, 'SIGKILL');
    expect(await resetting).to.deep.equal(await calm.reset({ seed: 4 }));
    const push = new Float32Array(8).fill(0.5);
    expect(await env.step(push)).to.deep.equal(await calm.step(push));
  });

  it('again and again, is not started any more: steps say so before anything moves, and a minute later all is well', async () => {
    const env = await workers(fragileCart.id, { lanes: 2, isolation: 'thread' });
    await env.reset({ seed: 1 });
    for (let crash = 0; crash <= restartLimits.count; crash++) {
      const result = await env.step(only(0, deeds.throws, 2));
      expect([...result.truncated]).to.deep.equal([1, 0]);
      if (crash < restartLimits.count) await env.step(only(0, 0, 2));
    }
    const calm = only(0, 0.25, 2);
    for (let again = 0; again < 2; again++) expect(await codeOf(() => env.step(calm))).to.equal('WORKER_FAILED');
    expect(await codeOf(() => env.reset())).to.equal('WORKER_FAILED');
    leap_ms += restartLimits.span_ms + 1000;
    const back = await env.step(calm);
    const expected = await plain(fragileCart.id, { lanes: 1 });
    const due = await expected.reset({ seed: 1 + (restartLimits.count + 1) * 2 ** 32 });
    expect(laneOf(env, { observation: back.observation }, 0)).to.deep.equal(laneOf(expected, { observation: due.observation }, 0));
  });
});

describe('workers that are ended or cannot begin', function () {
  this.timeout(60_000);

  it('leave no process behind, however often they are closed', async () => {
    const env = await workers(twoCarts.id, { lanes: 3, workers: 3 });
    const ids = env.workers.map(({ id }) => id!);
    expect(ids.every(isAlive)).to.equal(true);
    await env.close();
    await env.close();
    expect(ids.some(isAlive)).to.equal(false);
    expect(await codeOf(() => env.step(new Float32Array(6)))).to.equal('ENV_CLOSED');
  });

  it('leave no process behind when closed in the middle of a step', async () => {
    const env = await workers(fragileCart.id, { lanes: 2 });
    await env.reset({ seed: 1 });
    const ids = env.workers.map(({ id }) => id!);
    const stepping = codeOf(() => env.step(only(0, deeds.hangs, 2)));
    await env.close();
    expect(await stepping).to.equal('ENV_CLOSED');
    expect(ids.some(isAlive)).to.equal(false);
  });

  it('pass on why a task is not there, and leave nothing behind', async () => {
    expect(await codeOf(() => workers(twoCarts.id, { lanes: 2, taskModules: [] }))).to.equal('ENV_UNKNOWN');
    for (const isolation of isolations)
      expect(await codeOf(() => workers(twoCarts.id, { lanes: 2, isolation, taskModules: ['file:///no/such/module.ts'] }))).to.equal(
        'WORKER_FAILED',
      );
  });

  const wrong: readonly (readonly [what: string, options: object, says: RegExp])[] = [
    ['no workers', { workers: 0 }, /option workers is 0/],
    ['more workers than lanes', { workers: 3 }, /option workers is 3; it must be an integer from 1 to 2/],
    ['another isolation', { workers: 1, isolation: 'fibre' }, /option isolation is fibre/],
    ['a model in workers', { workers: 1, backend: 'model', model: 'x' }, /option backend is model/],
    ['a deadline of nothing', { workers: 1, stepDeadline_ms: 0 }, /option stepDeadline_ms is 0/],
    ['a deadline without workers', { workers: undefined, stepDeadline_ms: 10 }, /option stepDeadline_ms is 10/],
  ];
  for (const [what, options, says] of wrong)
    it(`refuse ${what}`, async () => {
      const error = await workers(twoCarts.id, { lanes: 2, ...options } as MakeVectorOptions).catch((reason: unknown) => reason);
      expect(error).to.have.property('code', 'OPTION_INVALID');
      expect((error as Error).message).to.match(says);
    });

  it('are refused by a registry that cannot start any', async () =>
    expect(await codeOf(() => registryOf(twoCarts).makeVector(twoCarts.id, { lanes: 2, workers: 2 }))).to.equal('OPTION_INVALID'));
});
