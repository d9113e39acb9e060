import { expect } from 'chai';
import type { Transitions } from '../../src/data/transitions.ts';
import { Rng } from '../../src/math/rng.ts';
import { type AdjustedModel, recalibrate } from '../../src/world-model/adjusted-model.ts';
import { parseManifest } from '../../src/world-model/contract.ts';
import { predictOneStep } from '../../src/world-model/one-step.ts';
import { manifestFor, StubModel } from '../contracts/stub-backends.ts';
import { walker } from '../contracts/stub-tasks.ts';
import { rejected, thrown } from '../onnx/run-graph.ts';

/** Truth: pushed off by .3 m a step, with noise of .2 m. */
function pushedOff(count: number): Transitions {
  const rng = new Rng(2);
  const state = Float64Array.from({ length: count * 3 }, (_, i) => (i % 3 === 0 ? rng.uniform(-1, 1) : 0));
  const command = Float64Array.from({ length: count }, () => rng.uniform(-1, 1));
  const next = state.map((value, i) => (i % 3 === 0 ? value + command[i / 3]! + 0.3 + 0.2 * rng.normal() : 0));
  return { count, state, action: command, command, next, episode: new Int32Array(count) };
}

/** Knows nothing of it, and is five times too sure of itself. */
const before = () =>
  new StubModel(manifestFor(walker, { noise: { distribution: 'normal', size: 1 }, trust: {} }), ({ state, action, noise }) => {
    const mean = state[0]! + action[0]!;
    return { sample: [mean + 0.04 * noise[0]!], mean: [mean], scale: [0.04] };
  });

describe('a recalibrated model', () => {
  const recent = pushedOff(2000);

  it('expects what truth does now, and is as sure of it as it may be', async () => {
    const model = await recalibrate(walker, before(), recent);
    const { bias, factor, steps } = model.manifest.adjustment!;
    expect(bias[0]).to.be.closeTo(0.3, 0.02);
    expect(factor).to.be.closeTo(5, 0.25);
    expect(steps).to.equal(2000);
    const { error, deviation } = await predictOneStep(walker, model, recent);
    const inside = error.filter((value, i) => Math.abs(value) <= 1.645 * deviation[i]!).length;
    expect(inside / error.length).to.be.closeTo(0.9, 0.01);
    expect(model.manifest.trust, 'measured on what truth was').to.equal(undefined);
    expect(model.fingerprint).to.not.equal(before().fingerprint);
  });

  it('moves samples along', async () => {
    const model = await recalibrate(walker, before(), recent);
    const ask = (spread: boolean) =>
      model.predict(
        {
          rows: 1,
          state: Float32Array.of(1),
          action: Float32Array.of(0),
          context: Float32Array.of(0),
          noise: Float32Array.of(1),
          memory: new Float32Array(0),
        },
        spread,
      );
    const { bias, factor } = model.manifest.adjustment!;
    for (const spread of [true, false]) expect((await ask(spread)).sample[0]).to.be.closeTo(1 + bias[0]! + 0.04 * factor, 1e-5);
  });

  it('is recalibrated again from where it was, not on top of itself', async () => {
    const once = await recalibrate(walker, before(), recent);
    const twice = await recalibrate(walker, once, recent);
    expect((twice as AdjustedModel).base).to.equal((once as AdjustedModel).base);
    expect(twice.manifest.adjustment!.bias[0]).to.be.closeTo(once.manifest.adjustment!.bias[0]!, 1e-6);
    expect(twice.manifest.adjustment!.factor).to.be.closeTo(once.manifest.adjustment!.factor, 1e-3);
  });

  it('keeps its adjustment in the manifest, where a malformed one is refused', async () => {
    const { manifest } = await recalibrate(walker, before(), recent);
    expect(parseManifest('x', JSON.stringify(manifest), walker).adjustment).to.deep.equal(manifest.adjustment);
    for (const adjustment of [
      null,
      { bias: [], factor: 1 },
      { bias: ['1'], factor: 1 },
      { bias: [0], factor: 0 },
      { bias: [0], factor: '2' },
    ]) {
      const text = JSON.stringify({ ...manifest, adjustment });
      expect(
        thrown(() => parseManifest('x', text, walker)),
        text.slice(0, 40),
      ).to.have.property('code', 'MODEL_REFUSED');
    }
  });

  it('asks for 50 steps', async () => {
    expect(await rejected(() => recalibrate(walker, before(), pushedOff(49)))).to.have.property('code', 'DATA_INVALID');
  });
});
