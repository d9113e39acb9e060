import { expect } from 'chai';
import type { StateView } from '../../src/core/state-spec.ts';
import { recordEpisode } from '../../src/data/record.ts';
import { TransitionRecorder } from '../../src/data/transitions.ts';
import { randomPolicy } from '../../src/learning/random-policy.ts';
import { nodeRuntime } from '../../src/onnx/index.ts';
import type { TaskEnv } from '../../src/task/task-env.ts';
import { ensembleDefaults } from '../../src/world-model/ensemble.ts';
import { fitEnsemble } from '../../src/world-model/fit-ensemble.ts';
import { openModel } from '../../src/world-model/model-folder.ts';
import { trainEnsemble } from '../../src/world-model/train-ensemble.ts';
import { keepsTheContract } from './env-contract.ts';
import { registryOf } from './stub-backends.ts';
import { boxWeight_N, contactBox } from './stub-tasks.ts';

const registry = registryOf(contactBox);
const one = Uint8Array.of(1);
const touch = (env: TaskEnv) => (env.stateView(0) as StateView<{ touch: { role: 'signal'; kind: 'wrench'; unit: 'N'; size: 6 } }>).touch;

/** Mean of z and last of x of the touch over some steps with one push. */
async function push(env: TaskEnv, share: number, steps: number): Promise<{ meanZ_N: number; lastX_N: number }> {
  let sum = 0;
  for (let step = 0; step < steps; step++) {
    await env.step(Float32Array.of(share), one);
    sum += touch(env)[2]! / steps;
  }
  return { meanZ_N: sum, lastX_N: touch(env)[0]! };
}

describe('contact forces as a signal', () => {
  keepsTheContract((lanes, options) => registry.makeVector(contactBox.id, { lanes, ...options }), 30, {
    takes: ['autoreset', 'maxEpisodeSteps'],
    horizon: contactBox.horizon,
    params: contactBox.params,
  });

  it('are the weight at rest, on average over the physics steps', async () => {
    const env = await registry.truth(contactBox.id);
    env.reset({ mask: one, seeds: Float64Array.of(1) });
    expect([...touch(env)], 'before the first step nothing has been felt').to.deep.equal([0, 0, 0, 0, 0, 0]);
    await push(env, 0, 10);
    const { meanZ_N, lastX_N } = await push(env, 0, 40);
    expect(meanZ_N).to.be.closeTo(boxWeight_N, 0.02 * boxWeight_N);
    expect(lastX_N).to.be.closeTo(0, 0.2);
    env.close();
  });

  it('begin anew with every control step: a zeroed sum, not a running one', async () => {
    const env = await registry.truth(contactBox.id);
    env.reset({ mask: one, seeds: Float64Array.of(1) });
    await push(env, 0, 100);
    expect(touch(env)[2]).to.be.closeTo(boxWeight_N, 0.05 * boxWeight_N);
    env.close();
  });

  it('grow while the rod shoves: friction answers a push too weak to move the box', async () => {
    const env = await registry.truth(contactBox.id);
    env.reset({ mask: one, seeds: Float64Array.of(1) });
    // 6 N is under the .5 · 19.6 N that friction can hold: rod and ground cancel on the box, its weight is still carried.
    const { meanZ_N } = await push(env, 0.3, 200);
    const before_m = env.state[0]!;
    const held = await push(env, 0.3, 20);
    expect(Math.abs(env.state[0]! - before_m)).to.be.below(1e-3);
    expect(held.meanZ_N).to.be.closeTo(boxWeight_N, 0.05 * boxWeight_N);
    expect(meanZ_N).to.be.closeTo(boxWeight_N, 0.05 * boxWeight_N);
    env.close();
  });

  it('are predicted as values, not as changes, by a learned ensemble', async () => {
    const truth = await registry.truth(contactBox.id);
    const recorder = new TransitionRecorder(contactBox);
    const policy = randomPolicy(contactBox.actionSpace, 1, 4);
    for (let episode = 0; episode < 8; episode++) await recordEpisode(truth, policy, recorder, { seed: episode, maxSteps: 60, episode });
    const runtime = nodeRuntime();
    const trained = await trainEnsemble(contactBox, recorder.transitions(), {
      name: 'box',
      updates: 300,
      seed: 1,
      config: { ...ensembleDefaults, members: 2, hidden: [32], learningRate: 3e-3, batch: 64 },
      fit: (job, hooks) => fitEnsemble(runtime, job, hooks),
    });
    const model = await openModel(runtime, 'box', trained.manifest, trained.predict, contactBox);
    const dream = await registry.imagined(contactBox.id, model);
    await truth.reset({ mask: one, seeds: Float64Array.of(500) });
    await push(truth, 0, 10);
    // The state as it is, with the felt force erased: a model of changes would stay at 0 N, one of values knows the weight at once.
    const row = truth.state.slice();
    row.fill(0, 16, 22);
    await dream.setState(0, row, 0);
    const first = await push(dream, 0, 1);
    expect(first.meanZ_N).to.be.closeTo(boxWeight_N, 0.4 * boxWeight_N);
    const later = await push(dream, 0, 9);
    expect(later.meanZ_N).to.be.closeTo(boxWeight_N, 0.4 * boxWeight_N);
    await dream.close();
    await model.close();
    truth.close();
  });
});
