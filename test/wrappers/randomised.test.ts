import { expect } from 'chai';
import fc from 'fast-check';
import type { StepBatch } from '../../src/core/backend.ts';
import { make, makeVector } from '../../src/index.ts';
import { box, discrete, type TypedArray } from '../../src/spaces/space.ts';
import { delayAction } from '../../src/wrappers/delay-action.ts';
import { noisyObservation } from '../../src/wrappers/noisy-observation.ts';
import { codeOf } from '../contracts/env-contract.ts';

const id = 'CartPoleSwingUp-v0';
const one = Uint8Array.of(1);
const nothing = { info: {} } as unknown as StepBatch;

describe('delayed actions', () => {
  // For any delay and any actions the env sees the same actions, `delay` later, zeros first.
  it('are the same actions, later, zeros first', () =>
    fc.assert(
      fc.property(fc.nat(5), fc.array(fc.float({ noNaN: true, min: -1, max: 1 }), { maxLength: 20 }), (delay, actions) => {
        const space = box({ low: [-1], high: [1] });
        const wrapper = delayAction(delay)({ id, lanes: 1, agents: 1, observationSpace: space, actionSpace: space });
        wrapper.reset!(one, nothing, Float64Array.of(7));
        const seen = actions.map((action) => (wrapper.action!(Float32Array.of(action), one) as TypedArray)[0]);
        expect(seen).to.deep.equal([...new Array(delay).fill(0), ...Float32Array.from(actions)].slice(0, actions.length));
      }),
    ));

  it('come back with a snapshot, delays drawn by seed included', async () => {
    const randomize = { latency_steps: { low: 1, high: 4 } };
    const env = await make(id, { randomize });
    const drawn = new Set<number>();
    for (let seed = 0; seed < 20; seed++) drawn.add((await env.reset({ seed })).info.latency_steps as number);
    expect([...drawn].sort()).to.deep.equal([1, 2, 3, 4]);
    await env.reset({ seed: 3 });
    for (const action of [0.1, -0.7, 0.4]) await env.step([action]);
    const moment = await env.snapshot();
    const onward = async () => {
      const seen = [];
      for (const action of [1, 0, -1, 0.5, 0.2, 0.9]) seen.push((await env.step([action])).observation);
      return seen;
    };
    const first = await onward();
    await env.reset({ seed: 11 });
    await env.restore(moment);
    expect(await onward()).to.deep.equal(first);
    await env.close();
  });

  it('change nothing at 0 steps, and take discrete actions', async () => {
    const [plain, late] = [
      await makeVector('CartPole-v0', { lanes: 2 }),
      await makeVector('CartPole-v0', { lanes: 2, wrappers: [delayAction(0)] }),
    ];
    for (const env of [plain, late]) await env.reset({ seed: 1 });
    for (let step = 0; step < 30; step++) {
      const actions = Int32Array.of(step % 2, (step >> 1) % 2);
      expect((await late.step(actions)).observation).to.deep.equal((await plain.step(actions)).observation);
    }
    await plain.close();
    await late.close();
    const wrapper = delayAction(1)({ id, lanes: 1, agents: 1, observationSpace: discrete(2), actionSpace: discrete(3) });
    wrapper.reset!(one, nothing, Float64Array.of(0));
    expect([...(wrapper.action!(Int32Array.of(2), one) as TypedArray)]).to.deep.equal([0]);
    expect([...(wrapper.action!(Int32Array.of(1), one) as TypedArray)]).to.deep.equal([2]);
  });
});

describe('noisy observations', () => {
  it('have the deviation asked for, the same by seed, and differ from step to step', async () => {
    const [plain, noisy] = [await makeVector(id, { lanes: 200 }), await makeVector(id, { lanes: 200, wrappers: [noisyObservation(0.3)] })];
    const [clean, first] = [await plain.reset({ seed: 5 }), await noisy.reset({ seed: 5 })];
    const noise = Array.from(first.observation as TypedArray, (value, i) => value - (clean.observation as TypedArray)[i]!);
    const mean = noise.reduce((sum, value) => sum + value, 0) / noise.length;
    const deviation = Math.sqrt(noise.reduce((sum, value) => sum + (value - mean) ** 2, 0) / noise.length);
    expect(mean).to.be.closeTo(0, 0.03);
    expect(deviation).to.be.closeTo(0.3, 0.03);
    const push = new Float32Array(200);
    const next = [(await plain.step(push)).observation, (await noisy.step(push)).observation] as TypedArray[];
    expect(next[1]![0]! - next[0]![0]!).to.not.be.closeTo(noise[0]!, 1e-6);
    expect((await noisy.reset({ seed: 5 })).observation).to.deep.equal(first.observation);
    await plain.close();
    await noisy.close();
  });

  it('come back with a snapshot, and leave the other lanes alone', async () => {
    const env = await makeVector(id, { lanes: 2, randomize: { sensorNoise: { low: 0.1, high: 0.5 } } });
    const { info } = await env.reset({ seed: 8 });
    const deviations = info.sensorNoise as Float64Array;
    expect(deviations[0]).to.not.equal(deviations[1]);
    for (const deviation of deviations) expect(deviation).to.be.within(0.1, 0.5);
    const push = new Float32Array(2);
    const before = (await env.step(push)).observation as TypedArray;
    const moment = await env.snapshot(0);
    const after = (await env.step(push)).observation as TypedArray;
    expect([...((await env.restore(moment, 0)) as TypedArray)]).to.deep.equal([...before.subarray(0, 5)]);
    const again = (await env.step(push)).observation as TypedArray;
    expect([...again.subarray(0, 5)]).to.deep.equal([...after.subarray(0, 5)]);
    await env.close();
  });

  it('are refused where they make no sense', async () => {
    expect(await codeOf(() => make(id, { randomize: { sensorNoise: { low: -1, high: 0 } } }))).to.equal('OPTION_INVALID');
    expect(await codeOf(() => make(id, { randomize: { latency_steps: { low: 0.5, high: 2 } } }))).to.equal('OPTION_INVALID');
    expect(await codeOf(() => make(id, { wrappers: [delayAction(-1)] }))).to.equal('OPTION_INVALID');
  });

  it('belong to what the robots declare', async () => {
    const env = await make('Hopper-v0', { randomize: true });
    const { info } = await env.reset({ seed: 1 });
    expect(Object.keys(info.params as object).sort()).to.deep.equal(['dampingScale', 'frictionScale', 'massScale', 'motorScale']);
    expect(info).to.include.keys('latency_steps', 'sensorNoise');
    await env.close();
  });
});
