import { expect } from 'chai';
import type { Transitions } from '../../src/data/transitions.ts';
import { Rng } from '../../src/math/rng.ts';
import { nodeRuntime, type OnnxTensor } from '../../src/onnx/index.ts';
import type { AnyTask } from '../../src/task/task.ts';
import {
  columnScale,
  compileEnsembleHeads,
  encodeInputs,
  encodeTargets,
  ensembleDefaults,
  layoutOf,
  normalise,
} from '../../src/world-model/ensemble.ts';
import { fitEnsemble } from '../../src/world-model/fit-ensemble.ts';
import { openModel } from '../../src/world-model/model-folder.ts';
import { trainEnsemble } from '../../src/world-model/train-ensemble.ts';
import { codeOf } from '../contracts/env-contract.ts';
import { bareTask } from '../contracts/stub-tasks.ts';

/**
 * A turning arm and a spring, linear where it can be: angle += rate/10, rate += command − gain/10, felt = 3·command + 100.
 * Row: angle, rate, felt (signal), gain (context), last (memory).
 */
const linear = bareTask({
  id: 'Linear-v0',
  state: {
    angle_rad: { role: 'dynamic', kind: 'angle', unit: 'rad' },
    rate_radps: { role: 'dynamic', kind: 'angularVelocity', unit: 'rad/s' },
    felt_N: { role: 'signal', kind: 'force', unit: 'N' },
    gain: { role: 'context', kind: 'scalar', unit: '1' },
    last: { role: 'memory', kind: 'scalar', unit: '1' },
  },
  commands: [{ name: 'torque', unit: 'N·m', low: -1, high: 1 }],
});
const wrap = (angle: number) => Math.atan2(Math.sin(angle), Math.cos(angle));
const truth = (row: readonly number[], command: number) => [
  wrap(row[0]! + row[1]! / 10),
  row[1]! + command - row[3]! / 10,
  3 * command + 100,
];

function record(count: number, seed: number): Transitions {
  const rng = new Rng(seed);
  const data = {
    count,
    state: new Float64Array(count * 5),
    action: new Float64Array(count),
    command: new Float64Array(count),
    next: new Float64Array(count * 5),
    episode: new Int32Array(count),
  };
  for (let i = 0; i < count; i++) {
    const row = [rng.uniform(-Math.PI, Math.PI), rng.uniform(-2, 2), rng.uniform(97, 103), rng.uniform(-1, 1), 0];
    data.command[i] = rng.uniform(-1, 1);
    data.state.set(row, i * 5);
    data.next.set([...truth(row, data.command[i]!), row[3]!, 0], i * 5);
  }
  return data;
}

const runtime = nodeRuntime();
const config = { ...ensembleDefaults, members: 2, hidden: [32], learningRate: 5e-3, batch: 64 };
const fit: Parameters<typeof trainEnsemble>[2]['fit'] = (job, hooks) => fitEnsemble(runtime, job, hooks);
const floats = (data: Float32Array, width: number): OnnxTensor => ({ type: 'float32', data, dims: [data.length / width, width] });

describe('the layout of an ensemble', () => {
  it('is state, context, command in; change out, but signals whole', () => {
    const layout = layoutOf(linear);
    // sin, cos, rate, felt, gain, torque
    expect(layout.features).to.equal(6);
    expect(layout.targets.map(({ offset, angle, absolute }) => [offset, angle, absolute])).to.deep.equal([
      [0, true, false],
      [1, false, false],
      [2, false, true],
    ]);
  });

  it('encodes inputs and targets as written', () => {
    const data: Transitions = {
      count: 1,
      state: Float64Array.of(3, 1, 5, 0.25, 9),
      action: Float64Array.of(0.5),
      command: Float64Array.of(0.5),
      next: Float64Array.of(-3, 1.5, 7, 0.25, 9),
      episode: new Int32Array(1),
    };
    const layout = layoutOf(linear);
    const inputs = [...encodeInputs(layout, data)];
    [Math.sin(3), Math.cos(3), 1, 5, 0.25, 0.5].forEach((value, i) => void expect(inputs[i]).to.be.closeTo(value, 1e-12));
    const targets = [...encodeTargets(layout, data)];
    // From 3 to −3 is .283 on, not 6 back; the force is 7, not 2 more.
    [2 * Math.PI - 6, 0.5, 7].forEach((value, i) => void expect(targets[i]).to.be.closeTo(value, 1e-12));
  });

  it('takes an angle between stops as a number too, where asked', () => {
    const elbow: AnyTask = { ...linear, state: { ...linear.state, angle_rad: { ...linear.state.angle_rad!, limits: [-3, 3] } } };
    expect(layoutOf(elbow).features).to.equal(6);
    expect(layoutOf(linear, { stoppedAsNumbers: true }).features, 'no stops').to.equal(6);
    const layout = layoutOf(elbow, { stoppedAsNumbers: true });
    expect(layout.features).to.equal(7);
    const inputs = [...encodeInputs(layout, record(1, 4))];
    const angle = record(1, 4).state[0]!;
    [Math.sin(angle), Math.cos(angle), angle].forEach((value, i) => void expect(inputs[i]).to.be.closeTo(value, 1e-12));
  });

  it('scales columns by mean and deviation, constant ones by 1', () => {
    const { mean, scale } = columnScale(Float64Array.of(1, 5, 3, 5), 2);
    expect([...mean, ...scale]).to.deep.equal([2, 5, 1, 1]);
    expect([...normalise(Float64Array.of(1, 5, 3, 6), mean, scale)]).to.deep.equal([-1, 0, 1, 1]);
  });
});

describe('a trained ensemble', () => {
  const data = record(600, 1);
  let trained: Awaited<ReturnType<typeof trainEnsemble>>;
  before(async () => {
    trained = await trainEnsemble(linear, data, { name: 'linear', updates: 600, seed: 3, config, fit });
  });

  it('predicts a linear system it has not seen this part of', async () => {
    const model = await openModel(runtime, 'linear', trained.manifest, trained.predict, linear);
    const test = record(64, 99);
    const rows = 128;
    const input = {
      rows,
      state: new Float32Array(rows * 3),
      action: new Float32Array(rows),
      context: new Float32Array(rows),
      noise: new Float32Array(rows * 3),
      memory: new Float32Array(0),
    };
    for (let row = 0; row < rows; row++) {
      const at = row % 64;
      input.state.set(test.state.subarray(at * 5, at * 5 + 3), row * 3);
      input.action[row] = test.command[at]!;
      input.context[row] = test.state[at * 5 + 3]!;
    }
    const { sample, mean, scale } = await model.predict(input);
    expect([...sample], 'without noise a sample is the mean').to.deep.equal([...mean!]);
    const errors = [0, 0, 0];
    for (let row = 0; row < rows; row++)
      for (let i = 0; i < 3; i++) {
        const error = mean![row * 3 + i]! - test.next[(row % 64) * 5 + i]!;
        errors[i]! += (i === 0 ? wrap(error) : error) ** 2 / rows;
        expect(scale![row * 3 + i]).to.be.above(0);
      }
    // Root mean squares against spreads of .12 rad, .58 rad/s and 1.7 N.
    expect(Math.sqrt(errors[0]!)).to.be.below(0.02);
    expect(Math.sqrt(errors[1]!)).to.be.below(0.06);
    expect(Math.sqrt(errors[2]!)).to.be.below(0.2);
    await model.close();
  });

  it('encodes in the graph as it encoded for training', async () => {
    const layout = layoutOf(linear);
    const inputs = encodeInputs(layout, data);
    const scaled = columnScale(inputs, 6);
    const targets = columnScale(encodeTargets(layout, data), 3);
    const heads = await runtime.load(compileEnsembleHeads(6, 3, config, trained.weights));
    const first = normalise(inputs.slice(0, 16 * 6), scaled.mean, scaled.scale);
    const { mean } = await heads.run({ input: floats(first, 6) });
    const model = await openModel(runtime, 'linear', trained.manifest, trained.predict, linear);
    const block = (from: Float64Array, width: number, at: number, take: number) =>
      Float32Array.from({ length: 32 * take }, (_, i) => from[(Math.floor(i / take) % 16) * width + at + (i % take)]!);
    const predicted = await model.predict({
      rows: 32,
      state: block(data.state, 5, 0, 3),
      action: block(data.command, 1, 0, 1),
      context: block(data.state, 5, 3, 1),
      noise: new Float32Array(96),
      memory: new Float32Array(0),
    });
    const raw = mean!.data as Float32Array;
    for (let i = 0; i < 96; i++) {
      const target = i % 3;
      const whole = raw[i]! * targets.scale[target]! + targets.mean[target]!;
      const kept = target === 2 ? 0 : data.state[(Math.floor(i / 3) % 16) * 5 + target]!;
      expect(predicted.mean![i]).to.be.closeTo(kept + whole, 2e-4 * (target === 2 ? 100 : 1));
    }
    await heads.release();
    await model.close();
  });

  it('says of itself what it is and what it was trained on', () => {
    const { manifest } = trained;
    expect(manifest).to.deep.include({
      members: 2,
      memorySize: 0,
      predicts: 'state',
      outputs: ['sample', 'mean', 'scale'],
      noise: { distribution: 'normal', size: 3, correlation: trained.manifest.noise.correlation },
    });
    expect(manifest.state.map(({ name }) => name)).to.deep.equal(['angle_rad', 'rate_radps', 'felt_N']);
    expect(manifest.training).to.include({ transitions: 600, updates: 600, seed: 3, stopped: false });
    expect(JSON.stringify(manifest)).to.not.include('null');
  });

  it('comes out the same from the same seed, and other from another', async () => {
    const small = { name: 'x', updates: 20, config, fit };
    const bytes = async (seed: number) => Buffer.from((await trainEnsemble(linear, data, { ...small, seed })).predict).toString('base64');
    const first = await bytes(1);
    expect(await bytes(1)).to.equal(first);
    expect(await bytes(2)).to.not.equal(first);
  });

  it('goes on from weights it was given', async () => {
    const again = await trainEnsemble(linear, data, { name: 'x', updates: 50, seed: 4, config, fit, warmStart: trained.weights });
    const fresh = await trainEnsemble(linear, data, { name: 'x', updates: 50, seed: 4, config, fit });
    expect(again.losses[0]!.loss).to.be.below(fresh.losses[0]!.loss);
  });

  it('goes on, on other data, as what it was: with the scaling that its weights belong to', async () => {
    const few = record(60, 9);
    const again = (scaling?: typeof trained.scaling) =>
      trainEnsemble(linear, few, { name: 'x', updates: 50, seed: 4, config, fit, warmStart: trained.weights, ...(scaling && { scaling }) });
    const kept = await again(trained.scaling);
    expect(kept.scaling).to.equal(trained.scaling);
    expect(kept.losses[0]!.loss).to.be.below((await again()).losses[0]!.loss);
  });

  it('refuses to learn from next to nothing, and from what is not finite', async () => {
    expect(await codeOf(() => trainEnsemble(linear, record(9, 1), { name: 'x', updates: 1, seed: 1, config, fit }))).to.equal(
      'TRAINING_FAILED',
    );
    const broken = record(50, 1);
    broken.next[7] = Number.NaN;
    expect(await codeOf(() => trainEnsemble(linear, broken, { name: 'x', updates: 1, seed: 1, config, fit }))).to.equal('TRAINING_FAILED');
  });

  it('reports its progress and stops when asked', async () => {
    const told: number[] = [];
    const stopped = await trainEnsemble(linear, data, {
      name: 'x',
      updates: 1000,
      seed: 1,
      config,
      fit,
      onProgress: ({ update }) => told.push(update),
      shouldStop: () => told.length >= 2,
    });
    expect(told).to.deep.equal([50, 100]);
    expect(stopped.manifest.training).to.include({ stopped: true });
  });
});
