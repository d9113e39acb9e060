import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { onnxPolicy } from '../../../agents/index.ts';
import { TransitionRecorder, type Transitions } from '../../../src/data/transitions.ts';
import {
  type AgentOptions,
  type AxisResult,
  agentAxisOf,
  breakSubject,
  Committee,
  type Contestant,
  envSubject,
  type Finding,
  type Interval,
  meets,
  mixedWithRandom,
  modelSubject,
  predictedScale,
  predictiveSampling,
  type Subject,
  type Trainer,
  TruthModel,
} from '../../../src/gap/index.ts';
import { registry } from '../../../src/index.ts';
import { Rng } from '../../../src/math/rng.ts';
import { nodeRuntime } from '../../../src/onnx/index.ts';
import { rapierEngine } from '../../../src/physics/rapier-engine.ts';
import { box } from '../../../src/spaces/space.ts';
import type { Params } from '../../../src/task/task.ts';
import { ensembleDefaults } from '../../../src/world-model/ensemble.ts';
import { fitEnsemble } from '../../../src/world-model/fit-ensemble.ts';
import { openModel } from '../../../src/world-model/model-folder.ts';
import { trainEnsemble } from '../../../src/world-model/train-ensemble.ts';
import type { WorldModel } from '../../../src/world-model/world-model.ts';
import { oracle, pendulum, swings } from '../pendulums.ts';

const settings = { policies: 10, starts: 6, steps: 100 };
/** Little is played where only A6 is looked at. */
const doubtsAlone = { settings: { ...settings, starts: 2, steps: 2, doubtStarts: 64, doubtHorizon: 12 } };

/** Pumps energy into a pendulum until it stands, and holds it there: Åström & Furuta 2000. */
const scripted: Contestant = {
  name: 'scripted',
  open: ({ lanes }) => {
    const actions = new Float32Array(lanes);
    return {
      name: 'scripted',
      reset() {},
      act(observation) {
        for (let lane = 0; lane < lanes; lane++) {
          const [cosine, sine, velocity] = (observation as Float32Array).subarray(3 * lane, 3 * lane + 3);
          const missing = 15 * (1 - cosine!) - velocity! ** 2 / 2;
          const torque = cosine! > 0.9 ? -20 * sine! - 4 * velocity! : 2 * Math.sign(missing * velocity! || 1);
          actions[lane] = Math.min(Math.max(torque, -2), 2);
        }
        return actions;
      },
    };
  },
};

describe('the agent axis', function () {
  this.timeout(120_000);
  let training: Transitions;
  let heldOut: Transitions;
  let scale: Float64Array;
  before(async () => {
    training = await swings(1, 8, 30);
    heldOut = await swings(2, 30, 30);
    scale = predictedScale(pendulum, heldOut);
  });

  const measure = async (subject: Subject, options: AgentOptions): Promise<AxisResult> => {
    const truth = await oracle(8);
    const engine = await rapierEngine();
    const context = { truth, subject, engine, heldOut, training, scale, samples: 1, rng: new Rng(4), resamples: 300 };
    try {
      return await agentAxisOf({ policies: [scripted], settings, ...options }).measure(context);
    } finally {
      await truth.close();
      await subject.close();
    }
  };
  const truthModel = async (options: ConstructorParameters<typeof TruthModel>[2] = {}) =>
    new TruthModel(pendulum, await rapierEngine(), options);
  const off = (name: string, factor: number) =>
    truthModel({ changed: (params: Params) => ({ ...params, [name]: params[name]! * factor }) });
  const broken = async (text: string, subject: Subject) => breakSubject(text, subject, { task: pendulum, engine: await rapierEngine() });
  const oracleSubject = () => envSubject('truth', pendulum, oracle);
  const noisy = async () => modelSubject(pendulum, await truthModel({ noise: scale.map((deviation) => 2e-3 * deviation) }));

  describe('everyday', () => {
    it('passes truth itself, exactly, and says that it has no members', async () => {
      const { findings, figures } = await measure(oracleSubject(), {});
      expect(verdicts(findings)).to.deep.equal({ A1: 'PASS', A2: 'PASS PASS PASS PASS', A6: 'NOT_APPLICABLE NOT_APPLICABLE' });
      expect(interval(findings, 'A1')).to.deep.equal({ measured: 0, low: 0, high: 0 });
      const { returns } = (figures as { policies: { returns: { name: string; truth: number; imagined: number }[] } }).policies;
      expect(returns.map(({ name }) => name).slice(0, 5)).to.deep.equal([
        'random',
        'idle',
        'scripted',
        'scripted, 13 % random',
        'scripted, 25 % random',
      ]);
      expect(returns.length).to.equal(settings.policies);
      for (const { truth, imagined } of returns) expect(imagined).to.equal(truth);
      expect(returns[2]!.truth, 'better than with most of its actions random').to.be.above(returns[9]!.truth);
      expect(JSON.parse(JSON.stringify(figures))).to.deep.equal(figures);
    });

    it('passes good models: noise of 2e-3, 2 % less gravity', async () => {
      for (const subject of [await noisy(), modelSubject(pendulum, await off('gravity_mps2', 0.98))]) {
        const { findings } = await measure(subject, {});
        expect(verdicts(findings)).to.deep.equal({ A1: 'PASS', A2: 'PASS PASS PASS PASS', A6: 'NOT_APPLICABLE NOT_APPLICABLE' });
      }
    });

    it('fails dreams that pay more by A1, and not those that pay hardly more', async () => {
      expect(verdicts((await measure(await broken('broken:reward-bias', oracleSubject()), {})).findings).A1).to.equal('FAIL');
      const hardly = await measure(await broken('broken:reward-bias@0.001', oracleSubject()), {});
      expect(verdicts(hardly.findings)).to.include({ A1: 'PASS', A2: 'PASS PASS PASS PASS' });
      expect(interval(hardly.findings, 'A1').measured).to.be.above(0);
    });

    it('fails dreams that pay the worst best by all of A2', async () => {
      const { findings } = await measure(await broken('broken:rank-inverted', oracleSubject()), {});
      expect(verdicts(findings).A2).to.equal('FAIL FAIL FAIL FAIL');
      expect(verdicts((await measure(await broken('broken:rank-inverted@0.01', oracleSubject()), {})).findings).A2).to.equal(
        'PASS PASS PASS PASS',
      );
    });

    it('takes policies from ONNX files', async () => {
      const bytes = readFileSync(new URL('../../../bench/results/references/Pendulum-v0.onnx', import.meta.url));
      const reference: Contestant = { name: 'reference', open: (place) => onnxPolicy(nodeRuntime(), bytes, place) };
      const { findings, figures } = await measure(oracleSubject(), { policies: [scripted, reference] });
      expect(verdicts(findings)).to.include({ A1: 'PASS', A2: 'PASS PASS PASS PASS' });
      const { returns } = (figures as { policies: { returns: { name: string; truth: number }[] } }).policies;
      expect(returns[3]!.name).to.equal('reference');
      expect(returns[3]!.truth, 'a trained policy').to.be.above(-400);
    });

    it('leaves undecided what policies of one return cannot decide', async () => {
      const { findings } = await measure(oracleSubject(), { expert: 1e5 });
      for (const { finding } of findings.slice(0, 5))
        expect(finding)
          .to.have.property('doubt')
          .that.matches(/too close/);
    });
  });

  describe('with policies that it finds itself', () => {
    const cart = registry.task('CartPoleSwingUp-v0');
    const found = { starts: 8, steps: 80, search: { population: 16, elites: 4, generations: 3, starts: 2 } };
    const measureCart = async (subject: Subject) => {
      const truth = await registry.truth(cart.id, 8);
      const recorder = new TransitionRecorder(cart);
      await truth.reset({ mask: new Uint8Array(8).fill(1), seeds: Float64Array.from({ length: 8 }, (_, i) => i) });
      for (let step = 0; step < 30; step++) {
        const before = truth.state.slice();
        await truth.step(
          Float32Array.from({ length: 8 }, (_, lane) => Math.sin(step / 5 + lane)),
          new Uint8Array(8).fill(1),
        );
        recorder.add(before.subarray(0, 4), Float32Array.of(0), truth.commands.subarray(0, 1), truth.state.subarray(0, 4), 0);
      }
      const data = recorder.transitions();
      const context = { truth, subject, engine: await rapierEngine(), heldOut: data, training: data, samples: 1, resamples: 300 };
      const result = await agentAxisOf({ settings: found }).measure({ ...context, scale: Float64Array.of(1, 1, 1, 1), rng: new Rng(1) });
      await truth.close();
      await subject.close();
      return result;
    };

    it('ranks them in CartPoleSwingUp-v0 as truth does, in truth and in a good model', async () => {
      const noise = Float64Array.of(2e-3, 2e-3, 2e-3, 4e-3);
      for (const subject of [
        envSubject('truth', cart, (lanes) => registry.truth(cart.id, lanes)),
        modelSubject(cart, new TruthModel(cart, await rapierEngine(), { noise })),
      ]) {
        const { findings, figures } = await measureCart(subject);
        expect(verdicts(findings).A1).to.equal('PASS');
        // Two that are nearly as good may change places in a resample: then the regret of so few starts is open.
        expect(verdicts(findings).A2).to.match(/^PASS PASS PASS (PASS|INCONCLUSIVE)$/);
        const { returns } = (figures as { policies: { returns: { truth: number }[] } }).policies;
        expect(returns.length).to.equal(12);
        expect(Math.max(...returns.map(({ truth }) => truth)), 'one swings up better than chance').to.be.above(1.3 * returns[0]!.truth);
      }
    });

    it('says so where it can find none', async () => {
      const task = { ...pendulum, actionSpace: box({ low: [-Infinity], high: [Infinity] }) };
      const truth = Object.assign(Object.create(await oracle(1)), { task });
      const context = {
        truth,
        subject: oracleSubject(),
        engine: await rapierEngine(),
        heldOut,
        training,
        scale,
        samples: 1,
        resamples: 300,
      };
      const { findings } = await agentAxisOf({ deep: {} }).measure({ ...context, rng: new Rng(1) });
      expect(verdicts(findings)).to.include({ A1: 'NOT_APPLICABLE', A3: 'NOT_APPLICABLE', A5: 'NOT_APPLICABLE' });
      expect(findings[0]!.finding)
        .to.have.property('reason')
        .that.matches(/no bounds/);
      await truth.close();
    });
  });

  describe('on what a model knows of itself', () => {
    let ensemble: WorldModel;
    before(async () => {
      const trained = await trainEnsemble(pendulum, training, {
        name: 'pendulum',
        updates: 600,
        seed: 1,
        config: { ...ensembleDefaults, members: 5, hidden: [32, 32], batch: 64 },
        fit: (job, hooks) => fitEnsemble(nodeRuntime(), job, hooks),
      });
      ensemble = await openModel(nodeRuntime(), 'pendulum', trained.manifest, trained.predict, pendulum);
    });
    after(() => ensemble.close());
    /** Open after whoever measures it. */
    const kept = () => {
      const { manifest, fingerprint } = ensemble;
      return modelSubject(pendulum, {
        manifest,
        fingerprint,
        predict: (input, spread) => ensemble.predict(input, spread),
        close: async () => {},
      });
    };
    const committee = async () =>
      modelSubject(pendulum, new Committee([await off('gravity_mps2', 1.1), await off('mass_kg', 0.9), await off('length_m', 1.05)]));

    it('passes members that differ where they err: physics with parameters that are off', async () => {
      const { findings, figures } = await measure(await committee(), doubtsAlone);
      expect(verdicts(findings).A6).to.equal('PASS PASS');
      expect((figures as { doubts: { steps: number } }).doubts.steps).to.equal(64 * 12);
    });

    it('passes an ensemble of seconds by what it tells of large errors, and does not fail it', async () => {
      expect(verdicts((await measure(kept(), doubtsAlone)).findings).A6).to.match(/^PASS (PASS|INCONCLUSIVE)$/);
    });

    it('fails both where the disagreement is a lottery, and neither where it is hardly one', async () => {
      for (const make of [committee, async () => kept()]) {
        expect(verdicts((await measure(await broken('broken:uninformed-doubt', await make()), doubtsAlone)).findings).A6).to.equal(
          'FAIL FAIL',
        );
        const hardly = await broken('broken:uninformed-doubt@0.01', await make());
        expect(verdicts((await measure(hardly, doubtsAlone)).findings).A6).to.match(/^PASS (PASS|INCONCLUSIVE)$/);
      }
    });

    it('asks nobody where members differ by less than anyone could sense', async () => {
      const alike = new Committee([await off('gravity_mps2', 1.0001), await off('gravity_mps2', 0.9999)]);
      const { findings } = await measure(modelSubject(pendulum, alike), doubtsAlone);
      expect(verdicts(findings).A6).to.equal('INCONCLUSIVE INCONCLUSIVE');
    });

    it('cannot be made a lottery for a model of one member', async () => {
      const alone = await noisy();
      const given = { task: pendulum, engine: await rapierEngine() };
      expect(() => breakSubject('broken:uninformed-doubt', alone, given)).to.throw(/two members/);
      await alone.close();
    });
  });

  describe('deep', () => {
    const deep = {
      search: { population: 12, elites: 3, generations: 3, starts: 1 },
      repetitions: 1,
      planner: predictiveSampling({ candidates: 16, horizon: 15 }),
      plannedStarts: 3,
      plannedSteps: 40,
    };
    const train =
      (inDream: Contestant): Trainer =>
      async ({ side, stepLimit }) => {
        if (side === 'dream') expect(stepLimit).to.equal(null);
        else expect(stepLimit).to.be.oneOf([null, training.count]);
        return side === 'dream' ? inDream : scripted;
      };

    it('passes truth itself: no promise beyond it, the same plans, agents as good', async () => {
      const { findings } = await measure(oracleSubject(), { deep: { ...deep, trainer: train(scripted) } });
      expect(verdicts(findings)).to.include({ A3: 'PASS', A4: 'PASS PASS', A5: 'PASS' });
      expect(interval(findings, 'A3')).to.deep.equal({ measured: 0, low: 0, high: 0 });
      expect(interval(findings, 'A5').measured).to.equal(1);
    });

    it('passes a good model, and fails one whose agents act at random in truth by A4', async () => {
      const { findings } = await measure(await noisy(), { deep: { ...deep, trainer: train(mixedWithRandom(scripted, 0.9)) } });
      expect(verdicts(findings)).to.include({ A3: 'PASS', A4: 'FAIL FAIL' });
      expect(verdicts(findings).A5, 'of three starts').to.match(/^(PASS|INCONCLUSIVE)$/);
    });

    it('fails dreams with a hole in their reward by A3', async () => {
      const { findings } = await measure(await broken('broken:reward-hole', oracleSubject()), { deep: { ...deep, plannedSteps: 2 } });
      expect(verdicts(findings).A3).to.equal('FAIL');
      expect(findings.map(({ test }) => test.id)).to.include.members(agentAxisOf({ deep }).tests.map(({ id }) => id));
    });

    it('takes the hole for none where it hardly pays', async () => {
      const { findings } = await measure(await broken('broken:reward-hole@0.01', oracleSubject()), { deep: { ...deep, plannedSteps: 2 } });
      expect(verdicts(findings).A3).to.equal('PASS');
    });
  });
});

/** Of each row, in order, by id. */
function verdicts(findings: AxisResult['findings']): Record<string, string> {
  const found: Record<string, string> = {};
  for (const { test, finding } of findings) found[test.id] = [found[test.id], verdictOf(test.bound, finding)].filter(Boolean).join(' ');
  return found;
}

function verdictOf(bound: Parameters<typeof meets>[0], finding: Finding): string {
  if (finding.kind === 'absent') return finding.verdict;
  if (finding.doubt !== undefined) return 'INCONCLUSIVE';
  if (meets(bound, finding.interval)) return 'PASS';
  const { measured } = finding.interval;
  return meets(bound, { measured, low: measured, high: measured }) ? 'INCONCLUSIVE' : 'FAIL';
}

function interval(findings: AxisResult['findings'], id: string): Interval {
  const { finding } = findings.find(({ test }) => test.id === id)!;
  if (finding.kind !== 'measured') throw new Error(`${id} was not measured`);
  return finding.interval;
}
