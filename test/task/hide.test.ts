import { expect } from 'chai';
import { cartPoleSwingUp } from '../../envs/cart-pole-swing-up/task.ts';
import { Rng } from '../../src/math/rng.ts';
import type { Box } from '../../src/spaces/space.ts';
import { hide } from '../../src/task/hide.ts';
import { type AnyTask, anyTask } from '../../src/task/task.ts';
import { codeOf, keepsTheContract } from '../contracts/env-contract.ts';
import { registryOf } from '../contracts/stub-backends.ts';

const whole = anyTask(cartPoleSwingUp);
const velocities = ['cartVelocity_mps', 'poleVelocity_radps'];
const hidden = hide(whole, velocities, 'CartPoleSwingUpHidden-v0');
const hiding = (task: AnyTask, names: readonly string[]) => codeOf(async () => hide(task, names, 'Some-v0'));

describe('a task seen in part', () => {
  const registry = registryOf(hidden, whole);
  keepsTheContract((lanes) => registry.makeVector(hidden.id, { lanes, maxEpisodeSteps: 12 }), 30, { horizon: 12 });

  it('is the same task but for what is seen of it', async () => {
    const [part, all] = await Promise.all([hidden, whole].map((task) => registry.make(task.id)));
    const [seen, known] = [await part!.reset({ seed: 3 }), await all!.reset({ seed: 3 })];
    const pick = ([x, , cos, sin]: number[]) => [x, cos, sin];
    expect([...(seen.observation as Float32Array)]).to.deep.equal(pick([...(known.observation as Float32Array)]));
    const [a, b] = [await part!.step(Float32Array.of(1)), await all!.step(Float32Array.of(1))];
    expect([...(a.observation as Float32Array)]).to.deep.equal(pick([...(b.observation as Float32Array)]));
    expect(a.reward).to.equal(b.reward);
    await Promise.all([part!.close(), all!.close()]);
  });

  it('names what is left, and determines no state', () => {
    expect((hidden.observationSpace as Box).names).to.deep.equal(['cartPosition_m', 'cosPoleAngle', 'sinPoleAngle']);
    expect((hidden.observationSpace as Box).high).to.deep.equal([Number.POSITIVE_INFINITY, 1, 1]);
    expect(hidden.infer).to.equal(undefined);
  });

  it('leaves the noise of what is seen as it is', () => {
    const noisy: AnyTask = {
      ...whole,
      sense(observation, rng) {
        const row = observation as Float32Array;
        for (let i = 0; i < 5; i++) row[i] = row[i]! + rng.normal();
      },
    };
    const [part, all] = [new Float32Array(3), new Float32Array(5)];
    hide(noisy, velocities, 'Some-v0').sense!(part, new Rng(1));
    noisy.sense!(all, new Rng(1));
    expect([...part]).to.deep.equal([all[0], all[2], all[3]]);
  });

  it('refuses elements there are none of, to hide everything, and observations without names', async () => {
    expect(await hiding(whole, ['speed'])).to.equal('OPTION_INVALID');
    expect(await hiding(whole, (whole.observationSpace as Box).names!)).to.equal('OPTION_INVALID');
    expect(await hiding({ ...whole, observationSpace: { kind: 'discrete', n: 2 } }, [])).to.equal('OPTION_INVALID');
  });
});
