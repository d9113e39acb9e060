import { expect } from 'chai';
import { mbpoDefaults } from '../../agents/index.ts';
import { pendulum } from '../../envs/pendulum/task.ts';
import { packTree, unpackTree } from '../../src/data/saved-tree.ts';
import { episodeSpans, type Transitions } from '../../src/data/transitions.ts';
import { type LearnedModel, ModelLearner } from '../../src/learning/model-learner.ts';
import { RealReplay } from '../../src/learning/real-replay.ts';
import { RealSteps } from '../../src/learning/real-steps.ts';
import { Rng } from '../../src/math/rng.ts';
import { nodeRuntime } from '../../src/onnx/index.ts';
import { anyTask } from '../../src/task/task.ts';
import { fitEnsemble } from '../../src/world-model/fit-ensemble.ts';
import { registryOf } from '../contracts/stub-backends.ts';

const task = anyTask(pendulum);
const runtime = nodeRuntime();

/** Random actions in two lanes, of episodes of 15 steps, cut after 30. */
async function record(steps: number): Promise<RealReplay> {
  const env = await registryOf(task).makeVector(task.id, { lanes: 2, maxEpisodeSteps: 15 });
  const [real, data, rng] = [new RealSteps(env, task), new RealReplay(task, 2, steps), new Rng(1)];
  const action = new Float32Array(2);
  await real.begin(1);
  for (let step = 0; step < steps / 2; step++) {
    if (step === 20) {
      data.cut();
      await real.begin(9);
    }
    for (const lane of action.keys()) action[lane] = rng.uniform(-1, 1);
    await real.step(action, (rows) => void data.add(rows));
  }
  await env.close();
  return data;
}

describe('real steps', () => {
  it('are kept as transitions, lane by lane: episodes that go on, commands, and rows of what was seen', async () => {
    const data = await record(80);
    const { transitions, tables } = data;
    expect(transitions.count).to.equal(80);
    // 15 steps, 5 until the cut, 15, 5; twice.
    expect(episodeSpans(transitions).map(({ from, end }) => end - from)).to.deep.equal([15, 5, 15, 5, 15, 5, 15, 5]);
    const { state, next, command, action, episode, count } = transitions;
    for (let row = 1; row < count; row++)
      if (episode[row] === episode[row - 1])
        expect([...state.subarray(2 * row, 2 * row + 2)]).to.deep.equal([...next.subarray(2 * row - 2, 2 * row)]);
    expect(command).to.deep.equal(action);
    expect(tables.rows).to.equal(80);
    // Time limits end nothing.
    expect(tables.columns.continues.every((flag) => flag === 1)).to.equal(true);
    expect(tables.columns.action[0]! * 2).to.be.closeTo(action[0]!, 1e-6);
  });

  it('go on from what was saved', async () => {
    const data = await record(40);
    const other = new RealReplay(task, 2, 40);
    other.load(unpackTree(packTree(data.save())) as ReturnType<RealReplay['save']>);
    expect(other.transitions).to.deep.equal(data.transitions);
    expect(other.rewardScale).to.equal(data.rewardScale);
    expect(() => new RealReplay(task, 1, 40).load(data.save())).to.throw(/saved\.lanes/);
  });
});

describe('a model learned again and again', function () {
  this.timeout(30_000);
  const { model } = mbpoDefaults;
  const settings = {
    ...model,
    ensemble: { ...model.ensemble, members: 3, hidden: [8], batch: 32 },
    elites: 2,
    freshUpdates: 100,
    warmUpdates: 50,
  };
  const learner = () => new ModelLearner(runtime, task, settings, (job, hooks) => fitEnsemble(runtime, job, hooks));
  const first = (data: Transitions, count: number): Transitions => ({
    count,
    state: data.state.subarray(0, 2 * count),
    action: data.action.subarray(0, count),
    command: data.command.subarray(0, count),
    next: data.next.subarray(0, 2 * count),
    episode: data.episode.subarray(0, count),
  });

  it('goes on from its weights, and starts afresh, scaled anew, once there is twice as much', async () => {
    const { transitions } = await record(200);
    const learned = learner();
    const scales: number[][] = [];
    const fits = [];
    for (const count of [100, 199, 200]) {
      fits.push(await learned.learn(first(transitions, count), 1));
      scales.push([...learned.scale]);
    }
    expect(fits.map(({ isFresh, updates }) => [isFresh, updates])).to.deep.equal([
      [true, 100],
      [false, 50],
      [true, 100],
    ]);
    expect(fits[1]!.heldOut).to.be.below(fits[0]!.heldOut!);
    expect(scales[1]).to.deep.equal(scales[0]);
    expect(scales[2]).to.not.deep.equal(scales[0]);
    expect(learned.model!.manifest.members).to.equal(2);
    await learned.close();
  });

  it('goes on from what was saved as from what it was', async () => {
    const { transitions } = await record(150);
    const [one, other] = [learner(), learner()];
    await one.learn(first(transitions, 100), 1);
    await other.take(unpackTree(packTree(one.learned)) as LearnedModel);
    await one.learn(transitions, 2);
    await other.learn(transitions, 2);
    expect(other.learned).to.deep.equal(one.learned);
    await Promise.all([one.close(), other.close()]);
  });
});
