import { expect } from 'chai';
import type { Transitions } from '../../src/data/transitions.ts';
import { breakSubject, type ControlParts, type GapReport, modelSubject, negativeControls, runGap } from '../../src/gap/index.ts';
import { registry } from '../../src/index.ts';
import { Rng } from '../../src/math/rng.ts';
import { nodeRuntime } from '../../src/onnx/index.ts';
import { rapierEngine } from '../../src/physics/rapier-engine.ts';
import { conditionOn } from '../../src/task/condition.ts';
import { ensembleDefaults } from '../../src/world-model/ensemble.ts';
import { fitEnsemble } from '../../src/world-model/fit-ensemble.ts';
import { openModel } from '../../src/world-model/model-folder.ts';
import { trainEnsemble } from '../../src/world-model/train-ensemble.ts';
import type { PredictionInput, WorldModel } from '../../src/world-model/world-model.ts';
import { manifestFor, StubModel } from '../contracts/stub-backends.ts';
import { walker } from '../contracts/stub-tasks.ts';
import { oracle, pendulum, swings } from './pendulums.ts';
import { metadata } from './synthetic.ts';

/** The model of a subject broken on purpose. */
const breakModel = (subject: string, model: WorldModel, parts: ControlParts): WorldModel =>
  breakSubject(subject, modelSubject(parts.task, model), parts).model!;

const parts = async () => ({ task: pendulum, engine: await rapierEngine(), logged: await swings(3, 2, 5) });

/** Of every control: a task that has what it breaks. */
const cartPole = registry.task('CartPoleSwingUp-v0');
const damped = { ...cartPole, params: { ...cartPole.params, hingeDamping_Nmsprad: 0.1 } };

/** Two members that disagree: sample = state + (member + 1) · action + noise, scale 1. */
const stub = () =>
  new StubModel(manifestFor(pendulum, { members: 2, noise: { distribution: 'normal', size: 2 } }), ({ state, action, noise }, member) => {
    const mean = [...state].map((value) => value + (member + 1) * action[0]!);
    return { sample: mean.map((value, i) => value + noise[i]!), mean, scale: [1, 1] };
  });

function inputOf(rows: number, fill: Partial<Record<'state' | 'action' | 'noise', readonly number[]>>): PredictionInput {
  const floats = (values: readonly number[] = [], width: number) => Float32Array.from({ length: rows * width }, (_, i) => values[i] ?? 0);
  return {
    rows,
    state: floats(fill.state, 2),
    action: floats(fill.action, 1),
    context: new Float32Array(0),
    noise: floats(fill.noise, 2),
    memory: new Float32Array(0),
  };
}

describe('a model broken on purpose', () => {
  it('is asked for by name and severity, and nothing else is', async () => {
    for (const subject of [
      'broken:',
      'broken:lamp',
      'broken:toString',
      'action-blind',
      'broken:action-blind@',
      'broken:action-blind@0',
      'broken:action-blind@-1',
      'broken:action-blind@1.1',
      'broken:action-blind@NaN',
      'broken:action-blind@half',
    ]) {
      const given = await parts();
      expect(() => breakModel(subject, stub(), given), subject)
        .to.throw()
        .with.property('code', 'OPTION_INVALID');
    }
    const given = await parts();
    expect(() => breakModel('broken:gravity-half', stub(), { ...given, task: walker })).to.throw(/gravity_mps2/);
  });

  it('says in name and fingerprint what it is, and closes the model it wraps', async () => {
    const names = new Set<string>();
    const wrapping = Object.keys(negativeControls).filter((name) => negativeControls[name]!.wrap);
    const given = { ...(await parts()), task: damped };
    for (const name of wrapping)
      for (const subject of [`broken:${name}`, `broken:${name}@0.25`]) {
        const model = new StubModel(manifestFor(damped, { members: 2 }), ({ state }) => ({ sample: [...state], mean: [...state] }));
        const broken = breakModel(subject, model, given);
        expect(broken.manifest.name).to.include(subject.includes('@') ? subject : `${subject}@`);
        names.add(broken.fingerprint);
        await broken.close();
        expect(model.closed).to.equal(1);
      }
    expect(names.size).to.equal(2 * wrapping.length);
    expect(names.has(stub().fingerprint)).to.equal(false);
  });

  it('says so too where it breaks the whole subject; one that sees whole plans has no model to be asked for one step', async () => {
    const altering = Object.keys(negativeControls).filter((name) => negativeControls[name]!.alter);
    expect(altering).to.include('leaks-future');
    for (const name of altering) {
      const model = stub();
      const broken = breakSubject(`broken:${name}@0.25`, modelSubject(pendulum, model), await parts());
      expect(broken.name).to.include(`broken:${name}@0.25`);
      expect(broken.model === undefined, name).to.equal(broken.play !== undefined);
      await broken.close();
      expect(model.closed).to.equal(1);
    }
  });

  it('action-blind: sees a share of the action only', async () => {
    const input = inputOf(2, { state: [1, 2, 3, 4], action: [0.5, 0.5] });
    const mean = async (subject: string) => [...(await breakModel(subject, stub(), await parts()).predict(input)).mean!];
    expect(await mean('broken:action-blind')).to.deep.equal([1, 2, 3, 4]);
    expect(await mean('broken:action-blind@0.5')).to.deep.equal([1.25, 2.25, 3.5, 4.5]);
    expect([...input.action], 'what it was given is left alone').to.deep.equal([0.5, 0.5]);
  });

  it('overconfident: shrinks the spread, and every row is answered by the first member', async () => {
    const input = inputOf(4, { state: [1, 2, 3, 4, 5, 6, 7, 8], action: [0.5, 0.25, 1, 2], noise: [1, -1, 2, -2, 1, 1, -4, 4] });
    const { sample, mean, scale } = await breakModel('broken:overconfident@0.75', stub(), await parts()).predict(input);
    const expected = [1.5, 2.5, 3.25, 4.25, 6, 7, 9, 10];
    expect([...mean!]).to.deep.equal(expected);
    expect([...sample]).to.deep.equal(expected.map((value, i) => value + input.noise[i]! / 4));
    expect([...scale!]).to.deep.equal(new Array(8).fill(0.25));
  });

  it('gravity-half: misses half the swing that gravity gives a rod in one step', async () => {
    const angles = [0.3, 1.2, -0.8, 2.5];
    const still = new StubModel(manifestFor(pendulum), ({ state }) => ({ sample: [...state], mean: [...state] }));
    const broken = breakModel('broken:gravity-half', still, await parts());
    const input = inputOf(4, { state: angles.flatMap((angle) => [angle, 0]), action: [0, 0.5, -0.5, 0] });
    const { sample, mean } = await broken.predict(input);
    angles.forEach((angle, row) => {
      // A uniform rod on its hinge: α = 3 g sin θ / 2 L, upright at 0. Half of g for dt: Δv = α dt, Δθ = ½ α dt², to first order of the engine's inner steps.
      const velocity = ((-3 * (10 / 2)) / 2) * Math.sin(angle) * 0.05;
      const turned = (velocity * 0.05) / 2;
      expect(sample[2 * row + 1]).to.be.closeTo(velocity, Math.abs(velocity) * 0.02);
      expect(sample[2 * row]! - Math.fround(angle)).to.be.closeTo(turned, Math.abs(turned) * 0.1);
      expect(mean![2 * row + 1]).to.equal(sample[2 * row + 1]);
    });
    await broken.close();
  });

  it('gravity-half: of the physics that each row is told', async () => {
    const task = conditionOn(pendulum, ['length_m', 'gravity_mps2']);
    const still = new StubModel(manifestFor(task), ({ state }) => ({ sample: [...state], mean: [...state] }));
    const broken = breakModel('broken:gravity-half', still, { ...(await parts()), task });
    const told = [
      [1, 10],
      [2, 10],
      [1, 4],
    ] as const;
    const input = inputOf(3, { state: told.flatMap(() => [0.5, 0]) });
    const { sample } = await broken.predict({ ...input, context: Float32Array.from(told.flat()) });
    // Contexts stand in the order of the task's parameters: length first.
    told.forEach(([length_m, gravity_mps2], row) => {
      const velocity = ((-3 * (gravity_mps2 / 2)) / (2 * length_m)) * Math.sin(0.5) * 0.05;
      expect(sample[2 * row + 1]).to.be.closeTo(velocity, Math.abs(velocity) * 0.02);
    });
    await broken.close();
  });

  describe('is caught by the row that its control names', function () {
    this.timeout(120_000);
    let data: Transitions;
    let heldOut: Transitions;
    let model: WorldModel;
    before(async () => {
      data = await swings(1, 50, 30);
      heldOut = await swings(2, 30, 30);
      const trained = await trainEnsemble(pendulum, data, {
        name: 'pendulum',
        updates: 1500,
        seed: 1,
        config: { ...ensembleDefaults, members: 3, hidden: [48, 48], batch: 128 },
        fit: (job, hooks) => fitEnsemble(nodeRuntime(), job, hooks),
      });
      model = await openModel(nodeRuntime(), 'pendulum', trained.manifest, trained.predict, pendulum);
    });
    after(() => model.close());

    const judge = async (subject: string, settings: { starts?: number; samples?: number } = {}): Promise<GapReport> => {
      const judged = subject === 'model' ? model : breakModel(subject, model, await parts());
      const truth = await oracle(16);
      const report = await runGap({
        truth,
        subject: modelSubject(pendulum, judged),
        heldOut,
        training: data,
        settings: {
          starts: 256,
          horizon: 12,
          samples: 20,
          counterfactualStarts: 16,
          alternatives: 4,
          counterfactualHorizon: 8,
          ...settings,
        },
        metadata,
        rng: new Rng(1),
      });
      await truth.close();
      return report;
    };
    const verdict = (report: GapReport, id: string, horizon?: number) => {
      const row = report.rows.find((each) => each.id === id && (horizon === undefined || each.horizon === horizon))!;
      return `${row.verdict} ${row.measured}`;
    };

    it('while the good model is not', async () => {
      const report = await judge('model');
      expect(verdict(report, 'H1', 10)).to.match(/^PASS/);
      expect(verdict(report, 'C1')).to.match(/^PASS/);
      for (const horizon of [1, 10]) expect(verdict(report, 'H4', horizon), `H4 at ${horizon}`).to.match(/^PASS/);
      expect(report.rows.find(({ id, horizon }) => id === 'H1' && horizon === 40)!.verdict, 'beyond the horizon').to.equal('INCONCLUSIVE');
    });

    it('action-blind, by C1', async () => {
      expect(negativeControls['action-blind']!.killedBy).to.equal('C1');
      expect(verdict(await judge('broken:action-blind', { samples: 2 }), 'C1')).to.match(/^FAIL/);
    });

    it('gravity-half, by H1, since what a hinge holds never falls', async () => {
      expect(negativeControls['gravity-half']).to.include({ killedBy: 'P4', elsewhere: 'H1' });
      expect(verdict(await judge('broken:gravity-half', { samples: 1 }), 'H1', 10)).to.match(/^FAIL/);
    });

    it('overconfident, by H4 at every horizon', async () => {
      expect(negativeControls.overconfident!.killedBy).to.equal('H4');
      const report = await judge('broken:overconfident');
      for (const horizon of [1, 10]) expect(verdict(report, 'H4', horizon)).to.match(/^FAIL/);
    });
  });
});
