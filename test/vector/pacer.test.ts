import { expect } from 'chai';
import { Pacer } from '../../src/vector/pacer.ts';
import type { Clock } from '../../src/wire/clock.ts';
import { codeOf } from '../contracts/env-contract.ts';
import { registryOf, walkers } from '../contracts/stub-backends.ts';
import { twoCarts } from '../contracts/stub-tasks.ts';

/** Time passes only in `after`, and as tests say; a timer rings `early_ms` too soon. */
class FakeClock implements Clock {
  time_ms = 1000;
  early_ms = 0;
  readonly slept_ms: number[] = [];

  now_ms(): number {
    return this.time_ms;
  }

  after(delay_ms: number, task: () => void): () => void {
    this.slept_ms.push(delay_ms);
    this.time_ms += Math.max(1, delay_ms - this.early_ms);
    queueMicrotask(task);
    return () => {};
  }
}

async function paced(clock: FakeClock, period_ms = 100) {
  const env = walkers(1, { pacer: new Pacer(clock, period_ms) });
  await env.reset({ seed: 1 });
  const step = async (busy_ms = 0) => {
    clock.time_ms += busy_ms;
    await env.step(Float32Array.of(0));
    return clock.time_ms;
  };
  return step;
}

describe('pacing', () => {
  it('resolves a step when it is due, a period after the one before', async () => {
    const step = await paced(new FakeClock());
    expect([await step(), await step(), await step(30), await step(99)]).to.deep.equal([1100, 1200, 1300, 1400]);
  });

  it('waits again where a timer rings early', async () => {
    const clock = new FakeClock();
    clock.early_ms = 3;
    const step = await paced(clock);
    expect(await step()).to.equal(1100);
    expect(clock.slept_ms.length).to.be.above(1);
  });

  it('catches up with what is late by less than a period', async () => {
    const step = await paced(new FakeClock());
    expect([await step(), await step(150), await step(20), await step()]).to.deep.equal([1100, 1250, 1300, 1400]);
  });

  it('begins the rhythm anew after falling behind by more, without a rush', async () => {
    const clock = new FakeClock();
    const step = await paced(clock);
    await step();
    expect([await step(1000), await step(), await step()]).to.deep.equal([2200, 2300, 2400]);
  });

  it('leaves off when the env is closed', async () => {
    const calledOff: string[] = [];
    const clock: Clock = { now_ms: () => 0, after: () => () => void calledOff.push('timer') };
    const env = walkers(1, { pacer: new Pacer(clock, 100) });
    await env.reset({ seed: 1 });
    const stepping = env.step(Float32Array.of(0));
    await new Promise((resolve) => setImmediate(resolve));
    await env.close();
    await stepping;
    expect(calledOff).to.deep.equal(['timer']);
  });

  it('is an option of make, in multiples of real time', async () => {
    const clock = new FakeClock();
    const env = await registryOf({ clock }, twoCarts).make(twoCarts.id, { pace: 2 });
    await env.reset({ seed: 1 });
    await env.step([0, 0]);
    await env.step([0, 0]);
    // Two control steps of .05 s, twice as fast.
    expect(clock.time_ms).to.equal(1050);
    await env.close();
  });

  for (const pace of [0, -1, Number.NaN, Number.POSITIVE_INFINITY])
    it(`refuses a pace of ${pace}`, async () =>
      expect(await codeOf(() => registryOf({ clock: new FakeClock() }, twoCarts).make(twoCarts.id, { pace }))).to.equal('OPTION_INVALID'));

  it('refuses where there is no clock', async () =>
    expect(await codeOf(() => registryOf(twoCarts).make(twoCarts.id, { pace: 1 }))).to.equal('OPTION_INVALID'));
});
