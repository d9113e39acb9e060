import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { type CloningConfig, cloningDefaults, onnxPolicy, trainCloning } from '../../agents/index.ts';
import { pendulum } from '../../envs/pendulum/task.ts';
import type { Policy } from '../../src/core/policy.ts';
import type { EpisodeSet } from '../../src/data/episode.ts';
import { recordEpisodes } from '../../src/data/record-episodes.ts';
import { chosenAction, crossEntropy } from '../../src/learning/choices.ts';
import { compileInference, nodeRuntime } from '../../src/onnx/index.ts';
import { allocate, multiDiscrete, rowOf, type TypedArray } from '../../src/spaces/space.ts';
import { type AnyTask, anyTask, defineTask } from '../../src/task/task.ts';
import { evaluate } from '../../src/vector/evaluate.ts';
import { registryOf } from '../contracts/stub-backends.ts';

/** Hold a rod up that starts near upright and falls by itself. */
const held = defineTask({
  ...pendulum,
  id: 'HeldPendulum-v0',
  horizon: 60,
  initial(rng, _params, start) {
    start.angle_rad = rng.uniform(-0.2, 0.2);
    start.velocity_radps = 0;
  },
});
const swing = anyTask(held);
/** The same by two integers: push at all, and where to. */
const pushed = anyTask(
  defineTask({
    ...held,
    id: 'PushedPendulum-v0',
    actionSpace: multiDiscrete([2, 3]),
    actuate: (state, action, next, command) => pendulum.actuate(state, [2 * action[0]! * (action[1]! - 1)], next, command),
  }),
);
const registry = registryOf(swing, pushed);

/** Holds the rod by linear feedback. */
function scripted(task: AnyTask, lanes: number): Policy {
  const actions = allocate(task.actionSpace, lanes);
  const act = (seen: TypedArray, action: TypedArray) => {
    const torque = -8 * Math.atan2(seen[1]!, seen[0]!) - 2 * seen[2]!;
    if (task.actionSpace.kind === 'box') action[0] = Math.min(Math.max(torque, -2), 2);
    else action.set([Math.abs(torque) > 0.1 ? 1 : 0, torque > 0.5 ? 2 : torque < -0.5 ? 0 : 1]);
  };
  return {
    name: 'scripted',
    reset() {},
    act(observation) {
      for (let lane = 0; lane < lanes; lane++)
        act(rowOf(task.observationSpace, observation, lane) as TypedArray, rowOf(task.actionSpace, actions, lane) as TypedArray);
      return actions;
    },
  };
}

const small: CloningConfig = { ...cloningDefaults, steps: 3000, hidden: [32], batch: 64, patience: 10 };

describe('behaviour cloning', function () {
  this.timeout(60_000);
  const runtime = nodeRuntime();
  const folder = mkdtempSync(join(tmpdir(), 'groundtwin-cloning-'));
  after(() => rmSync(folder, { recursive: true, force: true }));

  const shown = new Map<string, EpisodeSet>();
  before(async () => {
    for (const task of [swing, pushed]) {
      const env = await registry.makeVector(task.id, { lanes: 10 });
      shown.set(task.id, await recordEpisodes(env, scripted(task, 10), { episodes: 20, seed: 1, maxSteps: 60 }));
      await env.close();
    }
  });
  const meanReturn = async (task: AnyTask, policyOf: (env: Parameters<typeof onnxPolicy>[2]) => Promise<Policy> | Policy) => {
    const env = await registry.makeVector(task.id, { lanes: 20 });
    const { returns } = await evaluate(env, await policyOf(env), { seed: 500, policySeed: 0, maxSteps: 60 });
    await env.close();
    return returns.reduce((sum, value) => sum + value, 0) / 20;
  };

  for (const [task, gaussian] of [
    [swing, false],
    [swing, true],
    [pushed, false],
  ] as const)
    it(`clones a scripted controller of ${task.id}${gaussian ? ' by likelihood' : ''}, on starts it never saw`, async () => {
      const { policy, steps, keptStep } = await trainCloning(task, shown.get(task.id)!, { ...small, gaussian }, 1, runtime);
      const original = await meanReturn(task, () => scripted(task, 20));
      const cloned = await meanReturn(task, (env) => onnxPolicy(runtime, policy, env));
      expect(original).to.be.above(-20);
      expect(cloned).to.be.within(original - 10, original + 10);
      expect(keptStep).to.be.within(small.judgeEvery, steps);
    });

  it('ends by patience, and keeps what judged best', async () => {
    const lines: { heldOut: number; steps: number }[] = [];
    const config = { ...small, steps: 100_000, patience: 3, learningRate: 0.03 };
    const { heldOut, keptStep, steps } = await trainCloning(swing, shown.get(swing.id)!, config, 1, runtime, {
      onProgress: (line) => void lines.push(line),
    });
    const best = lines.reduce((least, line) => (line.heldOut < least.heldOut ? line : least));
    expect({ heldOut, keptStep }).to.deep.equal({ heldOut: best.heldOut, keptStep: best.steps });
    expect(steps - keptStep).to.equal(3 * config.judgeEvery);
  });

  it('goes on from a checkpoint with the same bytes, metrics too, and from no other data', async () => {
    const files = (name: string) => ({
      metrics: join(folder, `${name}.jsonl`),
      checkpoint: { path: join(folder, `${name}.bin`), every: 1 },
    });
    const config = { ...small, steps: 480 };
    const set = shown.get(pushed.id)!;
    const whole = await trainCloning(pushed, set, config, 2, runtime, files('whole'));
    let iterations = 0;
    await trainCloning(pushed, set, config, 2, runtime, { ...files('cut'), isStopped: () => ++iterations === 4 });
    expect(await trainCloning(pushed, set, config, 2, runtime, files('cut'))).to.deep.equal(whole);
    for (const file of ['jsonl', 'bin'])
      expect(readFileSync(join(folder, `cut.${file}`)).equals(readFileSync(join(folder, `whole.${file}`)))).to.equal(true);
    await trainCloning(pushed, { ...set, episodes: set.episodes.slice(1) }, config, 2, runtime, files('cut')).then(
      () => expect.fail('it went on'),
      (error) => expect(error).to.include({ code: 'CHECKPOINT_FOREIGN' }),
    );
  });

  it('refuses data of other spaces, and too little of it', async () => {
    const refused = (task: AnyTask, set: EpisodeSet, config = small) =>
      trainCloning(task, set, config, 1, runtime).then(
        () => expect.fail('it learned'),
        (error) => error.message as string,
      );
    expect(await refused(swing, shown.get(pushed.id)!)).to.match(/actions of kind multiDiscrete/);
    expect(await refused(swing, { ...shown.get(swing.id)!, episodes: [] })).to.match(/0 episodes of 0 steps/);
    expect(await refused(swing, shown.get(swing.id)!, { ...small, heldOut: 0 })).to.match(/heldOut/);
  });
});

describe('integers of a network', () => {
  it('have the cross-entropy worked out by hand, and the greatest is chosen', async () => {
    const counts = [2, 3];
    const graph = compileInference({
      parameters: [],
      values: {},
      inputs: [
        { name: 'outputs', dtype: 'float32', shape: ['N', 5] },
        { name: 'action', dtype: 'int32', shape: ['N', 2] },
      ],
      build: (builder, _, { outputs, action }) => ({
        loss: crossEntropy(builder, counts, outputs!, action!),
        chosen: chosenAction(builder, counts, outputs!),
      }),
    });
    const session = await nodeRuntime().load(graph, { name: 'integers' });
    const outputs = { type: 'float32' as const, data: Float32Array.of(0, 1, 2, 0, 0, 3, 0, 0, 0, 1), dims: [2, 5] };
    const action = { type: 'int32' as const, data: Int32Array.of(1, 0, 1, 2), dims: [2, 2] };
    const { loss, chosen } = await session.run({ outputs, action });
    await session.release();
    const e = Math.E;
    const first = -Math.log(e / (1 + e)) - Math.log(e ** 2 / (e ** 2 + 2));
    const second = -Math.log(1 / (e ** 3 + 1)) - Math.log(e / (2 + e));
    expect((loss!.data as Float32Array)[0]).to.be.closeTo((first + second) / 2, 1e-5);
    expect(Array.from(chosen!.data as BigInt64Array, Number)).to.deep.equal([1, 0, 0, 2]);
  });
});
