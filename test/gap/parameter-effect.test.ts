import { expect } from 'chai';
import { layOut } from '../../src/core/state-spec.ts';
import type { Transitions } from '../../src/data/transitions.ts';
import { drawHeldOut, envSubject, type ParameterRollouts, parameterEffects, playInterventions, resamplePlan } from '../../src/gap/index.ts';
import { registry } from '../../src/index.ts';
import { Rng } from '../../src/math/rng.ts';
import { rapierEngine } from '../../src/physics/rapier-engine.ts';
import { conditionOn } from '../../src/task/condition.ts';
import { PhysicsDynamics } from '../../src/task/physics-dynamics.ts';
import { TaskEnv } from '../../src/task/task-env.ts';
import { codeOf } from '../contracts/env-contract.ts';
import { pendulum, swings } from './pendulums.ts';

const line = layOut({ x: { role: 'dynamic', kind: 'length', unit: 'm' } }).entries;
const heavier = { parameter: 'mass_kg', factor: 2 };

/** Two starts, two steps, rows by hand: [start][step]. */
const byHand: ParameterRollouts = {
  entries: line,
  starts: 2,
  horizon: 2,
  interventions: [heavier, { parameter: 'mass_kg', factor: 0.5 }],
  truthBase: Float64Array.of(0, 0, 0, 1, 1, 1),
  truthBranches: [Float64Array.of(0, 2, 4, 1, 3, 5), Float64Array.of(0, 0, 1, 1, 1, 0)],
  imaginedBase: Float64Array.of(0, 9, 9, 1, 9, 9),
  imaginedBranches: [Float64Array.of(0, 11, 13, 1, 11, 11), Float64Array.of(0, 9, 9, 1, 9, 9)],
  scale: Float64Array.of(2),
};

describe('effects of physical parameters', () => {
  it('by hand: each intervention at each step by itself', () => {
    const plan = resamplePlan(2, new Rng(1), 100);
    const [first, none] = parameterEffects(byHand, 1, plan);
    // Step 1, in scales: true effects 1 and 1, imagined the same; the other intervention has none.
    expect(first).to.deep.include({ ...heavier, trueEffect: 1 });
    expect(first!.effectR2.measured).to.equal(1);
    expect(none).to.include({ factor: 0.5, trueEffect: 0 });
    expect(none!.effectR2.measured).to.be.NaN;
    const [second, missed] = parameterEffects(byHand, 2, plan);
    // Step 2: true 2 and 2, imagined 2 and 1, missed 1 of 8; the other: true .5 and −.5, imagined nothing.
    expect(second!.effectR2.measured).to.be.closeTo(1 - 1 / 8, 1e-12);
    expect(second!.trueEffect).to.be.closeTo(2, 1e-12);
    expect(missed!.effectR2.measured).to.equal(0);
    expect(missed!.direction.measured).to.equal(0);
    expect(missed!.trueEffect).to.be.closeTo(0.5, 1e-12);
  });

  it('refuses steps that were not played, and rows that do not fit', async () => {
    const plan = resamplePlan(2, new Rng(1), 10);
    for (const steps of [0, 3, 1.5]) expect(await codeOf(async () => parameterEffects(byHand, steps, plan))).to.equal('GAP_INPUT_INVALID');
    for (const wrong of [{ truthBase: new Float64Array(5) }, { imaginedBranches: [new Float64Array(6)] }, { truthBranches: [] }])
      expect(await codeOf(async () => parameterEffects({ ...byHand, ...wrong }, 1, plan))).to.equal('GAP_SHAPE_MISMATCH');
  });
});

describe('interventions executed on a pendulum', () => {
  const task = conditionOn(pendulum, ['mass_kg', 'length_m']);
  const truthOf = (lanes: number) => registry.truth(task, lanes);
  let data: Transitions;

  before(async () => {
    const plain = await swings(11, 12, 12);
    const wider = (rows: Float64Array) =>
      Float64Array.from({ length: plain.count * 4 }, (_, i) => (i % 4 < 2 ? rows[(i >> 2) * 2 + (i % 4)]! : 1));
    data = { ...plain, state: wider(plain.state), next: wider(plain.next) };
  });

  const effects = async (subject: (lanes: number) => Promise<TaskEnv>, parameters: readonly string[], torque = 1) => {
    const heldOut = drawHeldOut(task, data, 24, 6, new Rng(3));
    heldOut.action.forEach((action, i) => {
      heldOut.action[i] = torque * action;
    });
    const truth = await truthOf(4);
    const interventions = parameters.map((parameter) => ({ parameter, factor: 2 }));
    const rollouts = await playInterventions({
      truth,
      subject: envSubject('pendulum', task, subject),
      heldOut,
      interventions,
      scale: Float64Array.of(1, 1),
      samples: 2,
      rng: new Rng(4),
    }).finally(() => truth.close());
    return parameterEffects(rollouts, 6, resamplePlan(24, new Rng(5), 200));
  };

  it('truth as its own model knows them all; without torque mass changes nothing, length does', async () => {
    for (const { effectR2, direction, trueEffect } of await effects(truthOf, ['mass_kg', 'length_m'])) {
      expect(effectR2.low).to.be.above(0.999999);
      expect(direction.low).to.be.above(0.999999);
      expect(trueEffect).to.be.above(0.01);
    }
    const [mass, length] = await effects(truthOf, ['mass_kg', 'length_m'], 0);
    expect(mass!.trueEffect).to.be.below(1e-3);
    expect(length!.trueEffect).to.be.above(0.01);
  });

  it('a model that is never told scores 0, one that takes the parameters for each other less', async () => {
    const engine = await rapierEngine();
    const withParams = (params: (given: Readonly<Record<string, number>>) => Record<string, number>) => async (lanes: number) => {
      const dynamics = new PhysicsDynamics(task, engine);
      const { start } = dynamics;
      dynamics.start = (lane, row, view, given) => start.call(dynamics, lane, row, view, params(given));
      return new TaskEnv(task, dynamics, lanes);
    };
    const never = await effects(
      withParams((given) => ({ ...given, ...pendulum.params })),
      ['mass_kg', 'length_m'],
    );
    for (const { effectR2, direction } of never) expect([effectR2.measured, direction.measured]).to.deep.equal([0, 0]);
    const swapped = withParams((given) => ({ ...given, mass_kg: given.length_m!, length_m: given.mass_kg! }));
    expect((await effects(swapped, ['mass_kg']))[0]!.effectR2.high).to.be.below(0);
  });

  it('need a parameter that the state carries, and a world that can be made', async () => {
    expect(await codeOf(() => effects(truthOf, ['gravity_mps2']))).to.equal('OPTION_INVALID');
    expect(await codeOf(() => effects(truthOf, ['angle_rad']))).to.equal('OPTION_INVALID');
  });
});
