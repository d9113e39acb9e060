import { expect } from 'chai';
import { registry } from '../../src/index.ts';
import { conditionOn } from '../../src/task/condition.ts';
import { TaskEnv } from '../../src/task/task-env.ts';
import { ModelDynamics } from '../../src/world-model/model-dynamics.ts';
import { manifestFor, StubModel } from '../contracts/stub-backends.ts';
import { rejected } from '../onnx/run-graph.ts';

const id = 'Pendulum-v0';
const both = Uint8Array.of(1, 1);

describe('a truth perturbed in the midst of an episode', () => {
  let env: TaskEnv;
  before(async () => {
    env = await registry.truth(id, 2);
  });
  after(() => env.close());
  beforeEach(async () => {
    await env.reset({ mask: both, seeds: Float64Array.of(5, 5) });
    for (let step = 0; step < 10; step++) await env.step(Float32Array.of(1, 1), both);
  });
  const rows = () => [env.state.slice(0, 2), env.state.slice(2, 4)];

  it('stands where it stood, and moves as what it has become', async () => {
    const before = rows();
    await env.perturb(1, { mass_kg: 2 });
    expect(rows()[1]![0]).to.be.closeTo(before[1]![0]!, 1e-6);
    expect(rows()[1]![1]).to.be.closeTo(before[1]![1]!, 1e-5);
    expect(env.paramsOf(1)).to.deep.equal({ ...env.task.params, mass_kg: 2 });
    await env.step(Float32Array.of(2, 2), both);
    const [usual, heavy] = rows().map((row, lane) => row[1]! - before[lane]![1]!);
    // 2 N·m turn m l² / 3 by 6 rad/s² or by 3 rad/s²; gravity turns both alike.
    expect(usual! - heavy!).to.be.closeTo(3 * 0.05, 0.005);
  });

  it('keeps changes made before, and forgets them all with the episode', async () => {
    await env.perturb(0, { mass_kg: 2 });
    await env.perturb(0, { hingeDamping_Nmsprad: 0.1 });
    expect(env.paramsOf(0)).to.include({ mass_kg: 2, hingeDamping_Nmsprad: 0.1 });
    await env.reset({ mask: both, seeds: Float64Array.of(5, 5) });
    expect(env.paramsOf(0)).to.deep.equal(env.task.params);
  });

  it('goes on from its snapshots as it would have', async () => {
    await env.perturb(0, { mass_kg: 2 });
    await env.step(Float32Array.of(1, 1), both);
    const moment = env.save(0);
    await env.step(Float32Array.of(1, 1), both);
    const after = rows()[0];
    await env.reset({ mask: both, seeds: Float64Array.of(9, 9) });
    env.load(0, moment);
    await env.step(Float32Array.of(1, 1), both);
    expect(rows()[0]).to.deep.equal(after);
  });

  it('refuses what there is none of and what makes no scene, and then is as it was', async () => {
    const before = rows();
    for (const [params, code] of [
      [{ weight_kg: 2 }, 'OPTION_INVALID'],
      [{ mass_kg: Number.NaN }, 'OPTION_INVALID'],
      [{ mass_kg: -1 }, 'SCENE_INVALID'],
    ] as const)
      expect(await rejected(async () => env.perturb(0, params as unknown as Record<string, number>))).to.have.property('code', code);
    expect(rows()).to.deep.equal(before);
    expect(env.paramsOf(0)).to.deep.equal(env.task.params);
  });

  it('leaves alone what the state carries, which is told to the model', async () => {
    const carried = await registry.truth(conditionOn(env.task, ['mass_kg']), 1);
    await carried.reset({ mask: Uint8Array.of(1), seeds: Float64Array.of(1) });
    expect(await rejected(async () => carried.perturb(0, { mass_kg: 2 }))).to.have.property('code', 'OPTION_INVALID');
    await carried.perturb(0, { hingeDamping_Nmsprad: 0.1 });
    carried.load(0, carried.save(0));
    await carried.close();
  });

  it('is truth alone: a model has no real thing to change', async () => {
    const { task } = env;
    const model = new StubModel(manifestFor(task), ({ state }) => ({ sample: [...state] }));
    const dream = new TaskEnv(task, new ModelDynamics(task, model, 1), 1);
    expect(await rejected(async () => dream.perturb(0, { mass_kg: 2 }))).to.have.property('code', 'OPTION_INVALID');
  });
});
