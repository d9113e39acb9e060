import { expect } from 'chai';
import type { VectorStepResult } from '../../src/core/vector-env.ts';
import { isGroundtwinError } from '../../src/errors.ts';
import { rowOf } from '../../src/spaces/space.ts';
import { TaskEnv } from '../../src/task/task-env.ts';
import { TwinEnv, type TwinOptions } from '../../src/twin/twin-env.ts';
import { SyncVectorEnv } from '../../src/vector/sync-vector-env.ts';
import { ModelDynamics } from '../../src/world-model/model-dynamics.ts';
import { timeLimit } from '../../src/wrappers/time-limit.ts';
import { codeOf, keepsTheContract, rollout } from '../contracts/env-contract.ts';
import { manifestFor, registryOf, StubModel, WalkerDynamics, walkers } from '../contracts/stub-backends.ts';
import { goalArm, walker } from '../contracts/stub-tasks.ts';

/** Overshoots every push by a tenth of a metre, and is unsure by a fifth. */
const biased = () =>
  new StubModel(manifestFor(walker, { members: 2 }), ({ state, action }, member) => ({
    sample: [state[0]! + action[0]! + 0.1],
    mean: [state[0]! + action[0]! + member],
    scale: [0.2],
  }));

function twins(lanes: number, options: TwinOptions = {}, model = biased()): SyncVectorEnv {
  const dynamics = new ModelDynamics(walker, model, lanes, { disagreement: true });
  const twin = new TwinEnv(new TaskEnv(walker, new WalkerDynamics(), lanes), new TaskEnv(walker, dynamics, lanes), dynamics, options);
  return new SyncVectorEnv(twin, { entropy: () => 9, wrappers: [timeLimit(20)] });
}
interface Told {
  readonly truth: Record<string, Float64Array>;
  readonly prediction: Record<string, Float64Array>;
  readonly error: Record<string, Float64Array>;
  readonly uncertainty: Record<string, Float64Array>;
  readonly stepsSinceResync: Int32Array;
  readonly resynced: Uint8Array;
  readonly otherReward: Float64Array;
  readonly otherTerminated: Uint8Array;
}
const told = ({ info }: Pick<VectorStepResult, 'info'>) => info.twin as unknown as Told;
const still = (lanes: number) => new Float32Array(lanes);

async function errors(env: SyncVectorEnv, steps: number): Promise<number[]> {
  const seen: number[] = [];
  for (let step = 0; step < steps; step++) seen.push(Math.round(told(await env.step(still(env.lanes))).error.position_m![0]! * 1e4) / 1e4);
  return seen;
}

describe('a twin', () => {
  for (const observe of ['truth', 'model'] as const)
    describe(`observing ${observe}`, () => {
      keepsTheContract(async (lanes) => twins(lanes, { observe, resync: { every: 3 } }), 45);
    });

  it('has on its truth side exactly what truth alone has', async () => {
    const plain = walkers(2, { wrappers: [timeLimit(20)] });
    for (const resync of ['never', { every: 2 }] as const)
      expect(await rollout(twins(2, { resync }), 6, 60)).to.deep.equal(await rollout(plain, 6, 60));
  });

  it('has on its model side, never put right, exactly what the model alone has', async () => {
    const model = biased();
    const alone = new SyncVectorEnv(new TaskEnv(walker, new ModelDynamics(walker, model, 2), 2), {
      entropy: () => 1,
      wrappers: [timeLimit(20)],
    });
    expect(await rollout(twins(2, { observe: 'model', resync: 'never' }, model), 6, 18)).to.deep.equal(await rollout(alone, 6, 18));
  });

  it('drifts freely for n steps and starts over', async () => {
    const env = twins(1, { resync: { every: 3 } });
    await env.reset({ seed: 1 });
    expect(await errors(env, 7)).to.deep.equal([0.1, 0.2, 0.3, 0.1, 0.2, 0.3, 0.1]);
  });

  it('counts the steps since its last resync', async () => {
    const env = twins(1, { resync: { every: 2 } });
    await env.reset({ seed: 1 });
    const seen: number[][] = [];
    for (let step = 0; step < 5; step++) {
      const { stepsSinceResync, resynced } = told(await env.step(still(1)));
      seen.push([stepsSinceResync[0]!, resynced[0]!]);
    }
    expect(seen).to.deep.equal([
      [1, 0],
      [2, 1],
      [1, 0],
      [2, 1],
      [1, 0],
    ]);
  });

  it('starts over past a bound, and never where it shall not', async () => {
    const bounded = twins(1, { resync: { threshold: { position_m: 0.25 } } });
    await bounded.reset({ seed: 1 });
    expect(await errors(bounded, 5)).to.deep.equal([0.1, 0.2, 0.3, 0.1, 0.2]);
    const free = twins(1, { resync: 'never' });
    await free.reset({ seed: 1 });
    expect((await errors(free, 12)).at(-1)).to.equal(1.2);
  });

  it('shows the agent the side it asked for', async () => {
    const [truth, model] = [twins(1, { resync: 'never' }), twins(1, { resync: 'never', observe: 'model' })];
    for (const env of [truth, model]) await env.reset({ seed: 1 });
    const [shown, dreamt] = [await truth.step(Float32Array.of(0.5)), await model.step(Float32Array.of(0.5))];
    // Both draw the same sensor noise, so the difference is the model's error; its progress pays 2 a metre.
    expect((dreamt.observation as Float32Array)[0]! - (shown.observation as Float32Array)[0]!).to.be.closeTo(0.1, 1e-5);
    expect(dreamt.reward[0]! - shown.reward[0]!).to.be.closeTo(0.2, 1e-5);
    expect(told(shown).otherReward[0]).to.equal(dreamt.reward[0]);
    expect(told(dreamt).otherReward[0]).to.equal(shown.reward[0]);
  });

  it('keeps running where the other side has ended, and says so', async () => {
    const env = twins(1, { resync: 'never' }, new StubModel(manifestFor(walker), () => ({ sample: [4] })));
    await env.reset({ seed: 1 });
    const result = await env.step(still(1));
    expect([result.terminated[0], told(result).otherTerminated[0]]).to.deep.equal([0, 1]);
  });

  it('tells truth, prediction, error and uncertainty of each entry in its unit', async () => {
    const env = twins(2, { resync: 'never' });
    const begun = await env.reset({ seed: 1 });
    expect(told(begun as VectorStepResult).error.position_m![0]).to.equal(0);
    expect(told(begun as VectorStepResult).uncertainty.position_m![0], 'nothing is predicted yet').to.be.NaN;
    const columns = told(await env.step(Float32Array.of(0.25, -0.25)));
    expect(Object.keys(columns.truth), 'context and memory are not predicted').to.deep.equal(['position_m']);
    for (const lane of [0, 1])
      expect(columns.prediction.position_m![lane]! - columns.truth.position_m![lane]!).to.equal(columns.error.position_m![lane]);
    // Its own doubt of .2 and members a metre apart, .5 from their middle.
    expect(columns.uncertainty.position_m![0]).to.be.closeTo(Math.hypot(0.2, 0.5), 1e-6);
    const again = await env.reset({ seed: 1 });
    expect(told(again as VectorStepResult).uncertainty.position_m![0]).to.be.NaN;
  });

  it('measures angles the short way round', async () => {
    const registry = registryOf(goalArm);
    const model = new StubModel(manifestFor(goalArm), ({ state }) => ({
      sample: [state[0]! + 2 * Math.PI - 0.1, state[1]!, state[2]!, state[3]!],
    }));
    const env = await registry.makeVector(goalArm.id, { backend: 'twin', model, resync: 'never' });
    await env.reset({ seed: 1 });
    const { error, truth } = told(await env.step(new Float32Array(2)));
    expect(error.shoulder_rad![0]).to.be.closeTo(-0.1, 1e-3);
    expect(Object.keys(truth)).to.deep.equal(['shoulder_rad', 'elbow_rad', 'shoulderRate_radps', 'elbowRate_radps']);
    await env.close();
  });

  it('goes on from a snapshot with the same counts, wherever it was taken', async () => {
    for (const resync of [{ every: 3 }, { threshold: { position_m: 0.25 } }, 'never'] as const)
      for (const before of [1, 2, 3, 4]) {
        const env = twins(1, { resync });
        await env.reset({ seed: 1 });
        await errors(env, before);
        const moment = await env.snapshot();
        const next = async () => {
          const seen: unknown[] = [];
          for (let step = 0; step < 6; step++) seen.push(told(await env.step(still(1))));
          return seen;
        };
        const first = await next();
        await env.restore(moment);
        expect(await next(), `${JSON.stringify(resync)} after ${before}`).to.deep.equal(first);
      }
  });

  it('begins lanes on real physics that were never reset', async () => {
    const registry = registryOf(goalArm);
    const model = new StubModel(manifestFor(goalArm), ({ state }) => ({ sample: Array.from(state) }));
    const make = (lanes: number) => registry.makeVector(goalArm.id, { backend: 'twin', model, lanes });
    const [env, fresh] = [await make(1), await make(3)];
    await env.reset({ seed: 4 });
    await env.step(new Float32Array(2).fill(0.5));
    const moment = await env.snapshot();
    for (const lane of [0, 1, 2]) await fresh.restore(moment, lane);
    const { observation } = await env.step(new Float32Array(2).fill(0.1));
    const all = await fresh.step(new Float32Array(6).fill(0.1));
    for (const lane of [0, 1, 2])
      expect(rowOf(fresh.observationSpace, all.observation, lane)).to.deep.equal(rowOf(env.observationSpace, observation, 0));
    for (const one of [env, fresh]) await one.close();
  });

  it('is over where its truth broke, whichever side is watched', async () => {
    for (const observe of ['truth', 'model'] as const) {
      const env = twins(2, { observe, resync: 'never' });
      await env.reset({ seed: [1, 2] });
      let result = await env.step(Float32Array.of(-1, 0.1));
      for (let step = 0; step < 4 && !result.truncated[0]; step++) result = await env.step(Float32Array.of(-1, 0.1));
      expect([...result.truncated], observe).to.deep.equal([1, 0]);
      expect((result.info.problem as unknown[])[0]).to.have.property('code', 'PHYSICS_DIVERGED');
      expect([...(await env.step(Float32Array.of(0, 0))).truncated]).to.deep.equal([0, 0]);
    }
  });

  it('takes physical parameters on its truth side', async () => {
    const env = twins(1, { resync: 'never' });
    await env.reset({ seed: 1, params: { gain: 0.5 } });
    // Truth goes .25 m, the model .5 + .1.
    expect(told(await env.step(Float32Array.of(0.5))).error.position_m![0]).to.be.closeTo(0.35, 1e-6);
  });

  for (const [what, options] of Object.entries({
    'no step': { resync: { every: 0 } },
    'half a step': { resync: { every: 1.5 } },
    text: { resync: 'often' },
    'a bound on no entry': { resync: { threshold: { speed: 1 } } },
    'a bound on what is not predicted': { resync: { threshold: { goal_m: 1 } } },
    'a bound of 0': { resync: { threshold: { position_m: 0 } } },
    'another side': { observe: 'both' },
  }))
    it(`refuses ${what}`, async () => {
      expect(
        await codeOf(async () => {
          twins(1, options as unknown as TwinOptions);
        }),
      ).to.equal('OPTION_INVALID');
    });

  it('refuses a snapshot of one side', async () => {
    const env = twins(1);
    await env.reset({ seed: 1 });
    const plain = walkers(1, { wrappers: [timeLimit(20)] });
    await plain.reset({ seed: 1 });
    const foreign = await plain.snapshot();
    const refused = await env.restore(foreign).catch((error: unknown) => error);
    expect(isGroundtwinError(refused, 'SNAPSHOT_FOREIGN')).to.equal(true);
  });
});
