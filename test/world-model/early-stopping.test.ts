import { expect } from 'chai';
import { pendulum } from '../../envs/pendulum/task.ts';
import { TransitionRecorder } from '../../src/data/transitions.ts';
import { Rng } from '../../src/math/rng.ts';
import { nodeRuntime } from '../../src/onnx/index.ts';
import { type FitHooks, type FitJob, type FitResult, type FitState, fitEnsemble } from '../../src/world-model/fit-ensemble.ts';
import { geometricMean, holdOut, openHeldOutJudge } from '../../src/world-model/held-out-error.ts';
import { openModel } from '../../src/world-model/model-folder.ts';
import { trainEnsemble } from '../../src/world-model/train-ensemble.ts';
import { fitJob } from './fit-jobs.ts';

const runtime = nodeRuntime();
const members = (count: number) => ({ ...fitJob().config, members: count });

/** Enough weights for so few and so noisy rows that learning on makes it worse. */
const noisy = (rest: Partial<FitJob> = {}) => fitJob({ rows: 60, updates: 2000, config: { ...members(2), hidden: [32, 32] }, ...rest }, 1);

/** Error of the weights of a result, on what its members were judged on. */
async function errorsOf(job: FitJob, { weights }: FitResult): Promise<number[]> {
  const judge = await openHeldOutJudge(runtime, job, holdOut(job.rows, job.config.members, false));
  return judge.errors(weights).finally(() => judge.release());
}

describe('rows held out', () => {
  it('are kept from their judge alone, or from all', () => {
    const own = holdOut(600, 2, false);
    expect(own.judge.filter((member) => member >= 0)).to.have.length(200);
    const all = holdOut(600, 2, true);
    expect(all.judge.filter((member) => member >= 0)).to.have.length(100);
    expect(new Set(all.judge)).to.deep.equal(new Set([0, 1, -1]));
    expect(new Set(holdOut(600, 1, true).judge)).to.deep.equal(new Set([0, -1]));
    expect(new Set(holdOut(600, 1, false).judge)).to.deep.equal(new Set([-1]));
  });

  it('are judged by each element alike, however large its error is', () => {
    expect(geometricMean([1, 100])).to.be.closeTo(10, 1e-5);
    expect(geometricMean([0])).to.be.within(0, 1e-7);
  });
});

describe('early stopping', () => {
  it('ends once held-out error no longer falls, and keeps the weights of its lowest', async () => {
    const job = noisy({ patience: 300 });
    const result = await fitEnsemble(runtime, job);
    const { update } = result.losses.at(-1)!;
    expect(update)
      .to.equal(result.keptUpdate + 300)
      .and.be.below(2000);
    expect(result.stopped).to.equal(false);
    const lowest = result.losses.reduce((best, line) => (line.heldOut! < best.heldOut! ? line : best));
    expect(lowest.update).to.equal(result.keptUpdate);
    expect(geometricMean(await errorsOf(job, result))).to.equal(lowest.heldOut);
    // Over all updates it would have got worse.
    const { patience: _, ...all } = job;
    const last = await fitEnsemble(runtime, all);
    expect(last.losses.at(-1)!.update).to.equal(2000);
    expect(geometricMean(await errorsOf(all, last))).to.be.above(1.1 * lowest.heldOut!);
    expect(last.losses[0]).to.have.all.keys('update', 'updates', 'loss');
  });

  it('changes nothing else of learning', async () => {
    const { losses, ...rest } = await fitEnsemble(runtime, fitJob());
    const judged = await fitEnsemble(runtime, fitJob({ patience: 1e6 }));
    expect(judged.losses.map(({ heldOut: _, ...line }) => line)).to.deep.equal(losses);
    if (judged.keptUpdate === 300) expect(judged).to.deep.include(rest);
  });

  it('keeps rows from a single member too', async () => {
    const result = await fitEnsemble(runtime, noisy({ config: members(1), patience: 200 }));
    expect(result.losses.at(-1)!.update).to.equal(result.keptUpdate + 200);
    expect(result.calibration.rows).to.equal(holdOut(60, 1, true).judge.filter((member) => member >= 0).length);
    expect((await fitEnsemble(runtime, noisy({ config: members(1), updates: 50 }))).calibration.rows).to.equal(60);
  });

  it('refuses where there is too little to hold any out', async () => {
    const failed = await fitEnsemble(runtime, fitJob({ rows: 11, config: members(5), patience: 100 })).catch((error: unknown) => error);
    expect(failed).to.have.property('code', 'TRAINING_FAILED');
    expect((failed as Error).message)
      .to.include('11 transitions')
      .and.include('5 members');
    await fitEnsemble(runtime, fitJob({ rows: 15, config: members(5), patience: 100, updates: 50 }));
  });
});

describe('elites', () => {
  it('are the members that do best on rows which none has seen', async () => {
    const job = fitJob({ config: members(4), elites: 2, updates: 100 }, 0.3);
    let all: FitState | undefined;
    const save = (state: FitState) => {
      all = state;
    };
    const result = await fitEnsemble(runtime, job, { checkpoints: { every: 100, save } });
    const judge = await openHeldOutJudge(runtime, job, holdOut(job.rows, 4, true));
    const errors = await judge.errors(all!.training.parameters);
    await judge.release();
    const [best, second] = [...errors].sort((a, b) => a - b);
    expect(result.members).to.deep.equal([errors.indexOf(best!), errors.indexOf(second!)].sort());
    for (const [name, values] of Object.entries(result.weights)) {
      const [whole, size] = [all!.training.parameters[name]!, values.length / 2];
      const expected = result.members.flatMap((member) => [...whole.subarray(member * size, (member + 1) * size)]);
      expect([...values], name).to.deep.equal(expected);
    }
    expect(result.calibration.rows).to.equal(holdOut(200, 4, true).judge.filter((member) => member >= 0).length);
  });

  it('may be a single one, calibrated on what it has not seen', async () => {
    const result = await fitEnsemble(runtime, fitJob({ elites: 1, updates: 50 }));
    expect(result.members).to.have.length(1);
    expect(result.calibration.rows).to.be.within(1, 100);
  });
});

describe('a model that was judged while it was trained', () => {
  const data = (() => {
    const recorder = new TransitionRecorder(pendulum);
    const rng = new Rng(1);
    const draw = () => Float64Array.of(rng.uniform(-3, 3), rng.uniform(-1, 1));
    for (let i = 0; i < 300; i++) recorder.add(draw(), Float64Array.of(0), Float64Array.of(rng.uniform(-1, 1)), draw(), 0);
    return recorder.transitions();
  })();
  const options = {
    name: 'judged',
    updates: 200,
    seed: 1,
    config: members(3),
    fit: (job: FitJob, hooks: FitHooks) => fitEnsemble(runtime, job, hooks),
  };

  it('says so in its manifest, has as many members as elites, and runs', async () => {
    const trained = await trainEnsemble(pendulum, data, { ...options, patience: 100, elites: 2 });
    const { keptUpdate, losses } = trained;
    expect(trained.manifest.members).to.equal(2);
    const training = trained.manifest.training as Record<string, unknown>;
    expect(training).to.include({
      members: 3,
      patience: 100,
      keptUpdate,
      heldOutError: losses.find(({ update }) => update === keptUpdate)!.heldOut,
    });
    expect(training.elites).to.have.length(2);
    await (await openModel(runtime, 'judged', trained.manifest, trained.predict, pendulum)).close();
    const plain = await trainEnsemble(pendulum, data, options);
    expect(plain.manifest.training).to.not.have.any.keys('patience', 'keptUpdate', 'heldOutError', 'elites');
    expect(plain).to.include({ keptUpdate: 200, stopped: false });
  });

  it('is refused with options out of bounds, before anything is fitted', async () => {
    const never = () => expect.fail('it was fitted');
    for (const wrong of [{ patience: 0 }, { patience: 1.5 }, { patience: Number.NaN }, { elites: 0 }, { elites: 4 }, { elites: 1.5 }]) {
      const refused = await trainEnsemble(pendulum, data, { ...options, ...wrong, fit: never }).catch((error: unknown) => error);
      expect(refused, JSON.stringify(wrong)).to.include({ code: 'OPTION_INVALID' });
    }
  });
});
