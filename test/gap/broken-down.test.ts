import { expect } from 'chai';
import { randomPolicy } from '../../agents/index.ts';
import { recordEpisode } from '../../src/data/record.ts';
import { TransitionRecorder } from '../../src/data/transitions.ts';
import { gapReport } from '../../src/gap/gap-report.ts';
import { drawHeldOut } from '../../src/gap/held-out.ts';
import { pairRollouts } from '../../src/gap/pair-rollouts.ts';
import { modelSubject } from '../../src/gap/subject.ts';
import { registry } from '../../src/index.ts';
import { Rng } from '../../src/math/rng.ts';
import type { WorldModel } from '../../src/world-model/world-model.ts';
import { manifestFor } from '../contracts/stub-backends.ts';

const task = registry.task('Pendulum-v0');

/** A model that answers with nothing but NaN. */
const nonsense: WorldModel = {
  manifest: manifestFor(task),
  fingerprint: 'nonsense',
  predict: async ({ state }) => ({ sample: new Float32Array(state.length).fill(Number.NaN) }),
  close: async () => {},
};

describe('a model that breaks down', () => {
  it('is not scored as one that says nothing moves', async () => {
    const recorder = new TransitionRecorder(task);
    const truth = await registry.truth(task.id, 1);
    await recordEpisode(truth, randomPolicy(task.actionSpace, 1), recorder, { seed: 1, maxSteps: 200, episode: 0 });
    const data = recorder.transitions();
    const rng = new Rng(1);
    const { rollouts } = await pairRollouts({
      truth,
      subject: modelSubject(task, nonsense),
      heldOut: drawHeldOut(task, data, 32, 10, rng),
      training: data,
      all: data,
      samples: 20,
      rng,
    });
    const metadata = {
      task: task.id,
      model: 'nonsense',
      command: '',
      seeds: [1],
      versions: {},
      machine: '',
      date: '',
      dataHash: '',
      controlDt_s: 0.05,
    };
    const report = gapReport({ rollouts, rng, metadata });
    expect(report.normalised.model.measured.at(-1)).to.be.greaterThan(100);
    expect(report.verdict).to.equal('FAIL');
    await truth.close();
  });

  it('predicts nothing in a twin', async () => {
    const twin = await registry.makeVector(task.id, { backend: 'twin', model: nonsense });
    await twin.reset({ seed: 1 });
    const { info } = await twin.step(Float32Array.of(0));
    expect((info.twin as { prediction: Record<string, Float64Array> }).prediction.angle_rad?.[0] ?? Number.NaN).to.be.NaN;
    await twin.close();
  });
});
