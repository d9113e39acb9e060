import { expect } from 'chai';
import type { Transitions } from '../../src/data/transitions.ts';
import { Rng } from '../../src/math/rng.ts';
import { TaskEnv } from '../../src/task/task-env.ts';
import { calibrateDrift, strangenessOf, undisturbedMaxima } from '../../src/twin/calibrate-drift.ts';
import type { DriftColumns } from '../../src/twin/drift-monitor.ts';
import { TwinEnv, type TwinOptions } from '../../src/twin/twin-env.ts';
import { SyncVectorEnv } from '../../src/vector/sync-vector-env.ts';
import { measureFamiliarity } from '../../src/world-model/familiarity.ts';
import { ModelDynamics } from '../../src/world-model/model-dynamics.ts';
import { predictOneStep } from '../../src/world-model/one-step.ts';
import type { Trust } from '../../src/world-model/trust.ts';
import { keepsTheContract } from '../contracts/env-contract.ts';
import { manifestFor, StubModel, WalkerDynamics } from '../contracts/stub-backends.ts';
import { walker } from '../contracts/stub-tasks.ts';
import { rejected } from '../onnx/run-graph.ts';

/** Endless, so that episodes are as long as they are asked to be. */
const line = { ...walker, terminated: () => false };

/** Errs by up to a centimetre as the place has it; its members part the further out it goes. */
const roughly = (trust?: Trust) =>
  new StubModel(manifestFor(line, { members: 2, ...(trust && { trust }) }), ({ state, action }, member) => {
    const mean = state[0]! + action[0]! + 0.01 * Math.sin(40 * state[0]!);
    return { sample: [mean], mean: [mean + 0.001 * member * state[0]!], scale: [0.01] };
  });

function twinOf(lanes: number, options: TwinOptions, model = roughly()): { env: SyncVectorEnv; twin: TwinEnv } {
  const dynamics = new ModelDynamics(line, model, lanes, { disagreement: true });
  const twin = new TwinEnv(new TaskEnv(line, new WalkerDynamics(), lanes), new TaskEnv(line, dynamics, lanes), dynamics, options);
  return { env: new SyncVectorEnv(twin, { entropy: () => 9 }), twin };
}

/** Wanders about: pushes towards the middle and at random. */
async function wander(
  env: SyncVectorEnv,
  steps: number,
  rng: Rng,
  each: (drift: DriftColumns, step: number) => void = () => {},
): Promise<void> {
  const push = new Float32Array(env.lanes);
  for (let step = 0; step < steps; step++) {
    const { state } = (env.backend as TwinEnv).truth;
    for (let lane = 0; lane < env.lanes; lane++) push[lane] = Math.max(-1, Math.min(1, rng.uniform(-0.4, 0.4) - 0.3 * state[lane * 3]!));
    const { info } = await env.step(push);
    each((info.twin as unknown as { drift: DriftColumns }).drift, step);
  }
}

describe('a twin that watches for drift', () => {
  let trust: Required<Pick<Trust, 'familiarity' | 'drift'>>;
  let undisturbed: Transitions;
  const watch = () => ({ drift: { familiarity: trust.familiarity, calibration: trust.drift } });

  before(async () => {
    const free = { factor: [1], gate: 1, threshold: 1e6, falseAlarmsPerHour: 0.01, steps: 0, extrapolation: 0 };
    const familiarity = { mean: [0, 0, 0], covariance: [1, 0, 0, 0, 1, 0, 0, 0, 1], spread: [1], distance: [0, 1e9], disagreement: null };
    const { env, twin } = twinOf(8, { drift: { familiarity, calibration: free, remember: 600 } });
    await env.reset({ seed: 4 });
    await wander(env, 600, new Rng(4));
    undisturbed = twin.recent();
    const said = await predictOneStep(line, roughly(), undisturbed);
    const measured = measureFamiliarity(line, undisturbed, undisturbed, said);
    trust = { familiarity: measured, drift: calibrateDrift(line, measured, undisturbed, said) };
  });

  describe('keeps the contract of an env:', () => {
    keepsTheContract(async (lanes) => twinOf(lanes, watch()).env, 45);
  });

  it('stays quiet while truth is what it was', async () => {
    const { env } = twinOf(4, watch());
    await env.reset({ seed: 1 });
    let highest = 0;
    await wander(env, 800, new Rng(1), ({ alarm, statistic }) => {
      expect([...alarm]).to.deep.equal([0, 0, 0, 0]);
      highest = Math.max(highest, ...statistic);
    });
    expect(highest).to.be.below(trust.drift.threshold);
  });

  it('raises the alarm in the lane that changed, says when, and takes it back when told', async () => {
    const { env, twin } = twinOf(3, watch());
    await env.reset({ seed: 2 });
    await wander(env, 20, new Rng(2));
    await twin.perturb(1, { gain: 1.6 });
    let first = 0;
    await wander(env, 30, new Rng(3), ({ alarm, alarmStep }, step) => {
      if (alarm[1] && first === 0) first = step + 1;
      expect([alarm[0], alarm[2]]).to.deep.equal([0, 0]);
      expect(alarmStep[1]).to.equal(alarm[1] ? 20 + first : -1);
    });
    expect(first).to.be.within(3, 20);
    twin.drift!.acknowledge(1);
    expect([twin.drift!.columns.alarm[1], twin.drift!.columns.statistic[1]]).to.deep.equal([0, 0]);
    await wander(env, 30, new Rng(5));
    expect(twin.drift!.columns.alarm[1], 'it is still another truth').to.equal(1);
    await env.reset({ seed: 2 });
    expect([...twin.drift!.columns.alarm]).to.deep.equal([0, 0, 0]);
    await wander(env, 50, new Rng(6));
    expect([...twin.drift!.columns.alarm], 'a new episode is of the old truth').to.deep.equal([0, 0, 0]);
  });

  it('has no evidence where the model is out of its depth', async () => {
    const { env, twin } = twinOf(1, watch());
    await env.reset({ seed: 2 });
    const far = Float64Array.of(500, 0, 0);
    await twin.truth.setState(0, far, 1, { gain: 3 });
    for (let step = 0; step < 20; step++) await env.step(Float32Array.of(0.3));
    const { outOfDistribution, statistic, distance } = twin.drift!.columns;
    expect([outOfDistribution[0], statistic[0]]).to.deep.equal([1, 0]);
    expect(distance[0]).to.be.above(10);
  });

  it('carries its sum and its alarm in snapshots', async () => {
    const { env, twin } = twinOf(1, watch());
    await env.reset({ seed: 2 });
    await twin.perturb(0, { gain: 1.6 });
    for (const before of [2, 30]) {
      await wander(env, before, new Rng(7));
      const moment = await env.snapshot();
      const next = async () => {
        const seen: number[] = [];
        await wander(env, 12, new Rng(8), ({ statistic, alarm, alarmStep }) => void seen.push(statistic[0]!, alarm[0]!, alarmStep[0]!));
        return seen;
      };
      const first = await next();
      await env.restore(moment);
      expect(await next()).to.deep.equal(first);
    }
    const unwatched = twinOf(1, {}).env;
    await unwatched.reset({ seed: 1 });
    const foreign = await unwatched.snapshot();
    expect(await rejected(() => env.restore(foreign))).to.have.property('code', 'SNAPSHOT_FOREIGN');
  });

  it('finds online what is found in a recording', async () => {
    const { env, twin } = twinOf(1, { drift: { ...watch().drift, remember: 90 } });
    await env.reset({ seed: 2 });
    await twin.perturb(0, { gain: 1.05 });
    let highest = 0;
    await wander(env, 90, new Rng(9), ({ statistic }) => {
      highest = Math.max(highest, statistic[0]!);
    });
    const recent = twin.recent();
    const said = await predictOneStep(line, roughly(), recent);
    const strange = strangenessOf(line, trust.familiarity, recent, said);
    expect(highest).to.be.above(0);
    expect(undisturbedMaxima(recent, said, trust.familiarity, trust.drift, strange)).to.deep.equal([highest]);
  });

  it('takes what to hold truth against from the manifest', async () => {
    const { env, twin } = twinOf(1, { drift: true }, roughly(trust));
    await env.reset({ seed: 1 });
    await env.step(Float32Array.of(0.1));
    expect(twin.drift!.calibration).to.equal(trust.drift);
    expect(twinOf(1, { drift: false }).twin.drift).to.equal(undefined);
  });

  it('refuses what it cannot watch with', async () => {
    const of = (drift: TwinOptions['drift'], model = roughly()) => rejected(async () => twinOf(1, { drift: drift! }, model));
    const { familiarity, drift: calibration } = trust;
    for (const [what, refused] of [
      ['nothing', await of(true)],
      ['no calibration', await of({ familiarity })],
      ['two factors', await of({ familiarity, calibration: { ...calibration, factor: [1, 1] } })],
      ['no threshold', await of({ familiarity, calibration: { ...calibration, threshold: Number.NaN } })],
      ['inputs of another task', await of({ calibration, familiarity: { ...familiarity, mean: [0, 0], covariance: [1, 0, 0, 1] } })],
      ['no memory', await of({ familiarity, calibration, remember: 0 })],
    ] as const)
      expect(refused, what).to.have.property('code', 'OPTION_INVALID');
    expect(await rejected(async () => twinOf(1, {}).twin.recent())).to.have.property('code', 'OPTION_INVALID');
  });

  it('asks for enough steps to calibrate on, and for a probability', async () => {
    const few = { ...undisturbed, count: 3000 };
    const said = await predictOneStep(line, roughly(), few);
    expect(await rejected(async () => calibrateDrift(line, trust.familiarity, few, said))).to.have.property('code', 'DATA_INVALID');
    for (const falseAlarmsPerHour of [0, 1, Number.NaN])
      expect(
        await rejected(async () => calibrateDrift(line, trust.familiarity, undisturbed, said, { falseAlarmsPerHour })),
      ).to.have.property('code', 'OPTION_INVALID');
  });

  it('asks for more evidence where false alarms shall be rarer', async () => {
    const said = await predictOneStep(line, roughly(), undisturbed);
    const at = (falseAlarmsPerHour: number) => calibrateDrift(line, trust.familiarity, undisturbed, said, { falseAlarmsPerHour }).threshold;
    expect(at(1e-6)).to.be.at.least(at(0.01));
  });
});
