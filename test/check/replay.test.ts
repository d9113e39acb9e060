import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { expect } from 'chai';
import fc from 'fast-check';
import { RandomActions, resetEnded } from '../../src/check/play.ts';
import { verifyReplay } from '../../src/check/verify-replay.ts';
import type { VectorEnv } from '../../src/core/vector-env.ts';
import { type Replay, readReplay } from '../../src/data/read-replay.ts';
import { type ReplayFacts, recordReplay } from '../../src/data/record-replay.ts';
import { isGroundtwinError } from '../../src/errors.ts';
import { registry as real } from '../../src/index.ts';
import { rescaleAction } from '../../src/wrappers/rescale-action.ts';
import { codeOf, using } from '../contracts/env-contract.ts';
import { registryOf, walkers } from '../contracts/stub-backends.ts';
import { goalArm, twoCarts } from '../contracts/stub-tasks.ts';

const registry = registryOf(goalArm, twoCarts);
const facts: ReplayFacts = { version: '1.2.3' };

describe('a replay', () => {
  let folder = '';
  let path = '';
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'groundtwin-replay-'));
    path = join(folder, 'deep', 'run.replay');
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  /** Resets, steps, a masked reset with other parameters, a restore, and more steps: 27 events. */
  async function play(env: VectorEnv): Promise<void> {
    const actions = new RandomActions(env, 5);
    const steps = async (count: number) => {
      for (let step = 0; step < count; step++) await resetEnded(env, await env.step(actions.next()));
    };
    await env.reset({ seed: 3 });
    await steps(10);
    const moment = await env.snapshot(1);
    await env.reset({ mask: Uint8Array.of(1, 0), params: { linkMass_kg: 0.7 } });
    await steps(7);
    await env.restore(moment, 0);
    await steps(7);
  }

  const arms = (more: object = {}) => registry.makeVector(goalArm.id, { lanes: 2, ...more });
  async function recorded(more: Partial<ReplayFacts> = {}, made: object = {}): Promise<Replay> {
    await using(recordReplay(await arms(made), path, { ...facts, ...more }), play);
    return readReplay(path);
  }

  it('holds seeds, parameters, actions and outcomes, and plays again bit by bit', async () => {
    const replay = await recorded();
    expect(replay).to.include({ complete: true, events: 27, steps: 24 });
    expect(replay.head).to.include({
      env: 'GoalArm-v0',
      kind: 'truth',
      lanes: 2,
      autoreset: 'nextStep',
      version: '1.2.3',
      outcomes: 'values',
    });
    const [first, second, ...later] = [...replay.read()];
    expect(first).to.deep.include({ op: 'reset', seeds: Float64Array.of(3, 4), mask: Uint8Array.of(1, 1) });
    expect(second).to.have.property('op', 'step');
    expect(later.find(({ op }) => op === 'reset')).to.deep.include({ seeds: Float64Array.of(-1, -1), params: { linkMass_kg: 0.7 } });
    expect(await verifyReplay(registry, replay)).to.deep.equal({
      env: 'GoalArm-v0',
      holds: true,
      complete: true,
      events: 27,
      steps: 24,
      fingerprint: 'same',
    });
  });

  it('is the same file every time, and another with another seed', async () => {
    const chain = (await recorded()).chain;
    expect((await recorded()).chain).to.equal(chain);
    await using(recordReplay(await arms(), path, facts), async (env) => void (await env.reset({ seed: 4 })));
    expect(readReplay(path).chain).to.not.equal(chain);
  });

  for (const autoreset of ['nextStep', 'sameStep', 'disabled'] as const)
    it(`plays again through ends of episodes with autoreset ${autoreset}`, async () => {
      const more = { autoreset, maxEpisodeSteps: 4 };
      const replay = await recorded({}, more);
      expect(replay.head).to.include({ maxEpisodeSteps: 4, engine: 'rapier' });
      expect(await verifyReplay(registry, replay)).to.include({ holds: true, steps: 24 });
      // Another limit is a divergence at the first end.
      const without = await verifyReplay(registry, await recorded({ maxEpisodeSteps: 100 }, more));
      expect(without.firstDivergence).to.include({ op: 'step', step: 4, lane: 0 });
    });

  it('plays again what every episode drew, delays too', async () => {
    const ranges = { linkMass_kg: { low: 0.5, high: 1 }, latency_steps: { low: 0, high: 2 } };
    const replay = await recorded({}, { randomize: ranges });
    expect(replay.head.randomize).to.deep.equal(ranges);
    expect(await verifyReplay(registry, replay)).to.include({ holds: true, steps: 24 });
  });

  it('names the wrappers that were given, and is of a vector env', async () => {
    const replay = await recorded({}, { wrappers: [rescaleAction()] });
    expect(replay.head.wrappers).to.deep.equal(['RescaleAction']);
    const one = (await registry.make(goalArm.id)) as unknown as VectorEnv;
    expect(await codeOf(async () => recordReplay(one, path, facts))).to.equal('OPTION_INVALID');
  });

  it('records several agents, and takes actions in arrays of any kind', async () => {
    const env = recordReplay(await registry.makeVector(twoCarts.id, { lanes: 1 }), path, facts);
    await using(env, async () => {
      await env.reset({ seed: 1 });
      await env.step(Float64Array.of(0.1, -0.3));
      expect(await codeOf(() => env.step(Float64Array.of(0.1)))).to.equal('ACTION_SHAPE');
      expect(await codeOf(() => env.step(Float64Array.of(0.1, 2)))).to.equal('ACTION_OUTSIDE_SPACE');
      await env.step(Float32Array.of(1, 1));
    });
    const replay = readReplay(path);
    expect(replay.steps, 'what was refused is not in it').to.equal(2);
    expect([...replay.read()][1]).to.deep.include({ actions: Float32Array.of(0.1, -0.3) });
    expect(await verifyReplay(registry, replay)).to.include({ holds: true });
  });

  describe('names where an env first does something else', () => {
    const heavier = (from: number) => {
      let resets = 0;
      /** Gives the link another mass from the reset with this number on. */
      return async (): Promise<VectorEnv> => {
        const env = await arms();
        const { reset } = env;
        env.reset = (options) =>
          resets++ < from ? reset.call(env, options) : reset.call(env, { ...options, params: { linkMass_kg: 0.9 } });
        return env;
      };
    };

    for (const outcomes of [true, false])
      it(`step, lane and ${outcomes ? 'element, with both values' : 'digest'}`, async () => {
        const replay = await recorded({ outcomes });
        const all = await verifyReplay(registry, replay, { make: heavier(0) });
        expect(all).to.include({ holds: false, steps: 1, fingerprint: 'same' });
        expect(all.firstDivergence).to.include({ event: 1, op: 'step', step: 1, lane: 0, what: 'observation' });
        // The second reset, event 11, is of lane 0 alone; what it begins differs from its first step on.
        const { firstDivergence } = await verifyReplay(registry, replay, { make: heavier(1) });
        expect(firstDivergence).to.include({ event: 12, op: 'step', step: 11, lane: 0, what: 'observation' });
        if (outcomes) {
          expect(firstDivergence!.element).to.be.within(0, 9);
          expect(firstDivergence!.expected).to.be.a('number').and.not.equal(firstDivergence!.got);
        } else expect(firstDivergence!.expected).to.match(/^[0-9a-f]{32}$/);
      });

    it('in physics that was changed, and says that the scene or settings are others', async () => {
      const changed = registryOf({ ...goalArm, engines: { rapier: { step_s: 0.025 } } });
      const report = await verifyReplay(changed, await recorded());
      expect(report).to.include({ holds: false, fingerprint: 'differs' });
      expect(report.firstDivergence).to.include({ step: 1, what: 'observation' });
    });

    it('in rewards and flags alone', async () => {
      const replay = await recorded();
      const paid = registryOf({ ...goalArm, reward: { ...goalArm.reward, more: { weight: 1, value: () => 1 } } });
      expect((await verifyReplay(paid, replay)).firstDivergence).to.include({ step: 1, lane: 0, what: 'reward', element: 0 });
      let steps = 0;
      const ending = registryOf({ ...goalArm, terminated: () => ++steps === 6 });
      // Two lanes a step: the sixth asking is step 3 of lane 1.
      expect((await verifyReplay(ending, replay)).firstDivergence).to.deep.include({
        event: 3,
        step: 3,
        lane: 1,
        what: 'terminated',
        expected: 0,
        got: 1,
      });
    });

    it('where a call is refused now', async () => {
      const env = recordReplay(await arms(), path, facts);
      await using(env, async () => {
        await env.reset({ seed: 1 });
        await env.restore(await env.snapshot(), 1);
      });
      const changed = registryOf({ ...goalArm, engines: { rapier: { step_s: 0.025 } } });
      const { firstDivergence } = await verifyReplay(changed, readReplay(path));
      expect(firstDivergence).to.include({ event: 1, op: 'restore', lane: 1, what: 'refused' });
      expect(firstDivergence!.got).to.match(/^SNAPSHOT_FOREIGN: /);
    });
  });

  it('is refused by an env of another shape, and with wrappers that it cannot make', async () => {
    const wider = registryOf({ ...goalArm, horizon: 50, agents: 2 });
    expect(await codeOf(async () => verifyReplay(wider, await recorded()))).to.equal('REPLAY_FOREIGN');
    const wrapped = await recorded({ wrappers: ['RescaleAction'] }, { wrappers: [rescaleAction()] });
    expect(await codeOf(() => verifyReplay(registry, wrapped))).to.equal('REPLAY_FOREIGN');
    const make: Parameters<typeof verifyReplay>[2] = {
      make: (head, given) => registry.makeVector(head.env, { ...given, wrappers: [rescaleAction()] }),
    };
    expect(await verifyReplay(registry, wrapped, make)).to.include({ holds: true });
  });

  it('refuses to record what could not be played again', async () => {
    const env = recordReplay(walkers(2), path, facts);
    const push = Float32Array.of(0, 0);
    expect(await codeOf(() => env.reset())).to.equal('REPLAY_REFUSED');
    expect(await codeOf(() => env.reset({ seed: [1, null] }))).to.equal('REPLAY_REFUSED');
    expect(await codeOf(() => env.step(push))).to.equal('ENV_NOT_RESET');
    await env.reset({ seed: 1 });
    await env.step(push);
    await env.reset();
    await env.close();
    await env.close();
    expect(readReplay(path)).to.include({ complete: true, events: 3, steps: 1 });

    const begun = walkers(2);
    await begun.reset({ seed: 1 });
    await using(recordReplay(begun, path, facts), async (late) => expect(await codeOf(() => late.step(push))).to.equal('REPLAY_REFUSED'));
  });

  describe('that was cut short or changed', () => {
    let bytes = new Uint8Array();
    let start = 0;
    before(async () => {
      await recorded();
      bytes = new Uint8Array(readFileSync(path));
      start = 10 + 4 + new DataView(bytes.buffer).getUint32(10, true) + 16;
    });

    it('is read up to its last whole event, wherever it was cut', async () => {
      const seen = new Set<number>();
      fc.assert(
        fc.property(fc.integer({ min: start, max: bytes.length - 1 }), (length) => {
          const { complete, events } = readReplay(bytes.subarray(0, length));
          expect(complete).to.equal(false);
          expect(events).to.be.within(0, 27);
          seen.add(events);
        }),
        { numRuns: 300 },
      );
      expect(seen.size).to.be.above(10);
      const cut = readReplay(bytes.subarray(0, bytes.length - 1));
      expect(cut).to.include({ complete: false, events: 27, steps: 24 });
      expect(await verifyReplay(registry, cut)).to.include({ holds: true, complete: false, steps: 24 });
      for (const length of [0, 9, 13, 14, start - 1])
        expect(refusal(bytes.subarray(0, length)), `${length} bytes`).to.equal('REPLAY_INVALID');
    });

    it('is refused with any bit changed, anywhere', () => {
      fc.assert(
        fc.property(fc.nat(bytes.length - 1), fc.nat(7), (at, bit) => {
          const changed = bytes.slice();
          changed[at]! ^= 1 << bit;
          expect(refusal(changed), `byte ${at}`).to.equal('REPLAY_INVALID');
        }),
        { numRuns: 1000 },
      );
    });

    it('is refused with something after its end, an event left out, or bytes that are no replay', () => {
      const longer = new Uint8Array(bytes.length + 1);
      longer.set(bytes);
      expect(refusal(longer)).to.equal('REPLAY_INVALID');
      const length = new DataView(bytes.buffer).getUint32(start + 1, true) + 9 + 16;
      expect(refusal(Uint8Array.from([...bytes.subarray(0, start), ...bytes.subarray(start + length)]))).to.equal('REPLAY_INVALID');
      fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (random) => refusal(random) === 'REPLAY_INVALID'));
      const declared = Uint8Array.from([...bytes.subarray(0, 10), 255, 255, 255, 255, ...bytes.subarray(14)]);
      expect(refusal(declared)).to.equal('REPLAY_INVALID');
    });

    it('is refused when it is not there, or a folder', () => {
      for (const place of [join(folder, 'none'), folder]) expect(refusal(place)).to.equal('REPLAY_INVALID');
    });

    it('is whole up to its last event without ever being closed', async () => {
      const other = join(folder, 'open.replay');
      const env = recordReplay(await arms(), other, facts);
      await play(env);
      const found = readReplay(other);
      expect(found).to.include({ complete: false, events: 27, steps: 24 });
      await env.close();
      writeFileSync(other, bytes);
      expect(readReplay(other).chain).to.equal(readReplay(bytes).chain);
    });

    it('is whole up to its last event when what records it is killed', async () => {
      const other = join(folder, 'killed.replay');
      const child = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', endless, index, other], {
        stdio: ['ignore', 'ignore', 'inherit'],
      });
      const ended = once(child, 'exit');
      while (child.exitCode === null && (statSync(other, { throwIfNoEntry: false })?.size ?? 0) < 20_000) await setTimeout(5);
      child.kill('SIGKILL');
      expect((await ended)[1]).to.equal('SIGKILL');
      const found = readReplay(other);
      expect(found.complete).to.equal(false);
      expect(found.steps).to.be.above(100);
      expect(await verifyReplay(real, found)).to.include({ holds: true, steps: found.steps });
    });
  });
});

const index = new URL('../../src/index.ts', import.meta.url).href;
/** Records until it is killed. */
const endless = `
  const [index, path] = process.argv.slice(1);
  const { makeVector, recordReplay } = await import(index);
  const env = recordReplay(await makeVector('Pendulum-v0', { lanes: 3 }), path);
  await env.reset({ seed: 1 });
  for (;;) await env.step(Float32Array.of(1, 0, -1));
`;

function refusal(source: string | Uint8Array): string {
  try {
    readReplay(source);
    return 'read';
  } catch (error) {
    return isGroundtwinError(error) ? error.code : String(error);
  }
}
