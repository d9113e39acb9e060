import { expect } from 'chai';
import { Evolution } from '../../../agents/cma-es/evolution.ts';
import { randomPolicy } from '../../../agents/index.ts';
import { recordTruth } from '../../../bench/verify/identify-data.ts';
import { fitParameters, type Identification, identify, identifyDefaults, type Parameter, parameterOf } from '../../../src/gap/index.ts';
import { registry } from '../../../src/index.ts';
import { Rng } from '../../../src/math/rng.ts';
import { checkRanges } from '../../../src/task/randomize.ts';
import type { Params } from '../../../src/task/task.ts';
import { codeOf } from '../../contracts/env-contract.ts';

const task = registry.task('Pendulum-v0');
const recording = { task, policy: randomPolicy(task.actionSpace, 1, 5), episodes: 6, steps: 60, delay_steps: 0, noise: 0.01, seed: 1 };
const settings = { ...identifyDefaults, segment_steps: 6, segments: 24, resamples: 400 };

async function identified(params: Params, names: readonly string[], { delay_steps = 0, maxDelay_steps = 0 } = {}): Promise<Identification> {
  const data = await recordTruth({ ...recording, params, delay_steps });
  const truth = await registry.truth(task);
  const parameters = names.map((name) => parameterOf(task, name));
  const found = await identify({ truth, data, parameters, settings: { ...settings, maxDelay_steps }, rng: new Rng(1) });
  await truth.close();
  return found;
}

describe('identification of a pendulum', () => {
  it('finds its mass, gravity and friction, says how sure it is, and predicts better than before', async () => {
    const params = { mass_kg: 1.4, gravity_mps2: 8, hingeDamping_Nmsprad: 0.05 };
    const found = await identified(params, Object.keys(params));
    for (const { name, estimate, interval, ...flags } of found.parameters) {
      const truth = params[name as keyof typeof params];
      expect(interval.low, name).to.be.below(estimate);
      // Two intervals of 95 %: a miss is one in ten thousand.
      expect(Math.abs(estimate - truth), name).to.be.below(interval.high - interval.low);
      expect(flags, name).to.include({ identifiable: true, atBound: false, rough: false });
      const { low, high } = found.ranges[name]!;
      expect(truth, name).to.be.within(low, high);
    }
    expect(found.heldOut.fall.low).to.be.above(0.5);
    expect(found.heldOut.after.high).to.be.below(found.heldOut.before.low);
    for (const { label, before, after } of found.elements) expect(after, label).to.be.below(before);
    expect(found.entangled).to.deep.equal([]);
    expect(found).to.deep.equal(JSON.parse(JSON.stringify(found)));
    checkRanges(task.id, found.ranges, Object.keys(task.params));
  });

  it('flags three parameters of which only two combinations act, and leaves their ranges as wide as they were', async () => {
    const found = await identified({ mass_kg: 1.2, length_m: 0.9 }, ['mass_kg', 'length_m', 'gravity_mps2']);
    expect(found.parameters.map(({ identifiable }) => identifiable)).to.deep.equal([false, false, false]);
    expect(found.entangled).to.have.length(3);
    expect(found.conditionNumber).to.be.above(1000);
    expect(found.ranges.mass_kg).to.deep.equal({ low: 0.25, high: 4, scale: 'log' });
    // The combinations are found all the same.
    expect(found.heldOut.fall.low).to.be.above(0.5);
  });

  it('finds the delay of commands, which every other delay explains worse', async () => {
    const { delay, ranges } = await identified({ mass_kg: 1.3 }, ['mass_kg'], { delay_steps: 2, maxDelay_steps: 3 });
    expect(delay).to.include({ steps: 2, isClear: true });
    expect(delay.tried.map(({ steps, raisedBy }) => [steps, raisedBy === undefined || raisedBy.low > 0])).to.deep.equal([
      [0, true],
      [1, true],
      [2, true],
      [3, true],
    ]);
    expect(ranges.latency_steps).to.deep.equal({ low: 2, high: 2 });
  });

  it('refuses settings that cannot be', async () => {
    const truth = await registry.truth(task);
    const data = await recordTruth({ ...recording, params: {}, episodes: 2 });
    const parameters = [parameterOf(task, 'mass_kg')];
    for (const wrong of [{ segment_steps: 0 }, { maxDelay_steps: -1 }, { segments: 1.5 }, { heldOut: 0 }, { heldOut: 1 }]) {
      const options = { truth, data, parameters, settings: { ...settings, ...wrong }, rng: new Rng(1) };
      expect(await codeOf(() => identify(options)), JSON.stringify(wrong)).to.equal('OPTION_INVALID');
    }
    await truth.close();
  });
});

describe('a parameter to be found', () => {
  it('has bounds about its value, from 0 where it is 0, or those given', () => {
    expect(parameterOf(task, 'mass_kg')).to.deep.equal({ name: 'mass_kg', start: 1, low: 0.25, high: 4, scale: 'log' });
    expect(parameterOf(task, 'hingeDamping_Nmsprad')).to.deep.include({ start: 0, low: 0, high: 1, scale: 'linear' });
    expect(parameterOf(task, 'mass_kg', { low: 2, high: 3 })).to.deep.include({ start: 2, low: 2, high: 3 });
  });

  it('is a free parameter of the task, with bounds in order', async () => {
    const plain = { ...task, randomize: {} };
    for (const wrong of [
      () => parameterOf(task, 'toString'),
      () => parameterOf({ ...task, conditionedOn: ['mass_kg'] }, 'mass_kg'),
      () => parameterOf(task, 'mass_kg', { low: 2, high: 1 }),
      () => parameterOf(plain, 'hingeDamping_Nmsprad'),
    ])
      expect(await codeOf(async () => wrong())).to.equal('OPTION_INVALID');
  });
});

describe('a fit where residuals jump', () => {
  const parameters: Parameter[] = ['a', 'b'].map((name) => ({ name, start: 1, low: 0.1, high: 10, scale: 'log' }));
  /** In steps as wide as the differences: flat almost everywhere, as friction that either holds or does not. */
  const stairs = ([a, b]: Float64Array) => {
    const at = (value: number, goal: number) => Math.round(8 * Math.log(value / goal));
    return Float64Array.from({ length: 24 }, (_, i) => (i % 2 ? at(a!, 4) : at(b!, 0.3)) + 0.01 * Math.sin(i));
  };
  const open = (mean: Float64Array, sigma: number) => new Evolution(mean, sigma, { population: null, separable: false, active: true });

  it('is found by a search that needs no slopes', async () => {
    const blind = await fitParameters({ parameters, residuals: stairs, blocks: 12 });
    expect(blind.after).to.be.above(5);
    const search = { open, rng: new Rng(1), evaluations: 300, always: true };
    const { values, after, searched, evaluations, roughness } = await fitParameters({ parameters, residuals: stairs, blocks: 12, search });
    expect(searched).to.equal(true);
    expect(evaluations).to.be.within(300, 400);
    for (const share of roughness) expect(share).to.be.above(0.5);
    expect(after).to.be.below(0.02);
    expect(values[0]! / 4).to.be.within(0.9, 1.1);
    expect(values[1]! / 0.3).to.be.within(0.9, 1.1);
  });
});
