import { expect } from 'chai';
import { compileTraining, type FollowUp, type TrainingSpec } from '../../src/onnx/compile-training.ts';
import { inspectModel } from '../../src/onnx/model-reader.ts';
import { nodeRuntime } from '../../src/onnx/node-runtime.ts';
import { cosineSchedule, linearSchedule, scheduleValues, withWarmUp } from '../../src/onnx/schedules.ts';
import { TrainingProgram } from '../../src/onnx/training-program.ts';
import { thrown } from './run-graph.ts';

/** Two weights pulled to a table's rows, one of them moved by a frozen offset; an average, and a running mean and a count of the rows. */
function tracked(changes: Partial<TrainingSpec> = {}): TrainingSpec {
  return {
    name: 'tracked',
    parameters: [
      { name: 'w', shape: [2], initial: Float32Array.of(4, -4) },
      { name: 'offset', shape: [2], initial: Float32Array.of(1, 0), frozen: true },
    ],
    tables: [{ name: 'target', dtype: 'float32', columns: [2] }],
    batch: [],
    averageDecay: 0.75,
    carried: [
      { name: 'mean', dtype: 'float32', shape: [2], initial: new Float32Array(2) },
      { name: 'seen', dtype: 'int32', shape: [], initial: Int32Array.of(0) },
    ],
    loss: (g, { w, offset }, { target, mean, seen }) => ({
      loss: g.mul(g.reduceSum(g.square(g.sub(g.add(w!, offset!), target!))), 0.5),
      next: { mean: g.add(g.mul(mean!, 0.5), g.mul(target!, 0.5)), seen: g.add(seen!, 1) },
    }),
    ...changes,
  };
}

async function open(spec: TrainingSpec): Promise<TrainingProgram> {
  const program = await TrainingProgram.open(nodeRuntime(), compileTraining(spec));
  program.setTables({ target: Float32Array.of(2, 6, Number.NaN, 0) }, 2);
  return program;
}

const rows = (...values: number[]) => Int32Array.from(values);

describe('what a training program carries', () => {
  it('trains a parameter around a frozen one, which has no moments', async () => {
    const program = await open(tracked());
    for (let run = 0; run < 10; run++) await program.run(new Int32Array(100), 0.05);
    const { parameters, first, second } = program.state();
    expect([...parameters.offset!]).to.deep.equal([1, 0]);
    expect([...parameters.w!].map((value) => Math.round(value * 100) / 100)).to.deep.equal([1, 6]);
    expect([Object.keys(first), Object.keys(second)]).to.deep.equal([['w'], ['w']]);
    expect([...program.parameters().offset!]).to.deep.equal([1, 0]);
    await program.release();
  });

  it('says where nothing is left to train', () => {
    const spec = tracked();
    const frozen = spec.parameters.map((parameter) => ({ ...parameter, frozen: true }));
    expect(thrown(() => compileTraining({ ...spec, parameters: frozen })).message).to.match(/no parameter to train/);
  });

  it('averages weights after each update', async () => {
    const program = await open(tracked());
    let average = [4, -4];
    for (let step = 0; step < 5; step++) {
      await program.run(rows(0), 0.1);
      const w = program.parameters().w!;
      average = average.map((value, at) => value + 0.25 * (w[at]! - value));
    }
    const { averages } = program.state();
    expect(Object.keys(averages!)).to.deep.equal(['w']);
    average.forEach((value, at) => void expect(averages!.w![at]).to.be.closeTo(value, 1e-6));
    await program.release();
  });

  it('hands the averages to the loss, without gradient: a slow target', async () => {
    const program = await open(
      tracked({ loss: (g, { w }, _, { w: slow }) => ({ loss: g.reduceSum(g.square(g.sub(w!, g.mul(slow!, 0.5)))) }) }),
    );
    const { gradientNorm } = await program.run(rows(0), 0);
    // 2·(w − w/2) at ±4.
    expect(gradientNorm[0]).to.be.closeTo(4 * Math.SQRT2, 1e-5);
    await program.release();
  });

  it('carries tensors of any element type, and keeps all as it was after a step that was skipped', async () => {
    const program = await open(tracked());
    await program.run(rows(0, 0), 0.1);
    const before = program.state();
    expect([...before.carried!.mean!]).to.deep.equal([1.5, 4.5]);
    expect(before.carried!.seen).to.deep.equal(Int32Array.of(2));
    const { finite } = await program.run(rows(1), 0.1);
    expect([...finite]).to.deep.equal([0]);
    expect(program.state()).to.deep.equal(before);
    await program.release();
  });

  it('goes on from a saved state as if it had never stopped, and starts anew from given weights', async () => {
    const [whole, part] = [await open(tracked()), await open(tracked())];
    await whole.run(rows(0, 0, 0), 0.1);
    const middle = whole.state();
    await whole.run(rows(0, 0), 0.1);
    part.load(middle);
    await part.run(rows(0, 0), 0.1);
    expect(part.state()).to.deep.equal(whole.state());
    part.start({ w: Float32Array.of(7, 8), other: Float32Array.of(1) });
    expect(part.state()).to.deep.equal({
      step: 0,
      parameters: { w: Float32Array.of(7, 8), offset: Float32Array.of(1, 0) },
      first: { w: new Float32Array(2) },
      second: { w: new Float32Array(2) },
      averages: { w: Float32Array.of(7, 8) },
      carried: { mean: new Float32Array(2), seen: Int32Array.of(0) },
    });
    await whole.release();
    await part.release();
  });

  it('refuses states and specs that do not fit, by name', async () => {
    const program = await open(tracked());
    const { averages, carried, ...rest } = program.state();
    expect(thrown(() => program.load({ ...rest, carried: carried! })).message).to.match(/state.averages.w is missing/);
    expect(thrown(() => program.load({ ...rest, averages: averages! })).message).to.match(/state.carried.mean is missing/);
    const wrong = { ...carried, seen: Float32Array.of(1) };
    expect(thrown(() => program.load({ ...rest, averages: averages!, carried: wrong })).message).to.match(/seen is Float32Array\(1\)/);
    expect(thrown(() => program.load({ ...program.state(), step: Number.NaN })).message).to.match(/state.step is NaN/);
    expect(thrown(() => program.start({ w: new Float32Array(3) })).message).to.match(/state.parameters.w is Float32Array\(3\)/);
    await program.release();
    const compiling = (changes: Partial<TrainingSpec>) => thrown(() => compileTraining(tracked(changes))).message;
    expect(compiling({ averageDecay: 1 })).to.match(/averageDecay is 1, not in \[0, 1\)/);
    const lost: TrainingSpec['loss'] = (g, { w }) => ({ loss: g.reduceSum(w!), next: { median: w! } });
    expect(compiling({ loss: lost })).to.match(/next 'median', which is not carried/);
    const grown: TrainingSpec['loss'] = (g, { w }, { seen }) => ({ loss: g.reduceSum(w!), next: { mean: seen! } });
    expect(compiling({ loss: grown })).to.match(/'carried': .* int32/);
    expect(compiling({ fixed: [{ name: 'target', dtype: 'float32', shape: [] }] })).to.match(/are called 'target'/);
    const short = { name: 'mean', dtype: 'float32', shape: [2], initial: new Float32Array(1) } as const;
    expect(compiling({ carried: [short] })).to.match(/carried 'mean' is Float32Array\(1\) at first/);
  });

  it('leaves a graph without such state as it was: one branch, for the update', () => {
    const plain = compileTraining({
      parameters: [{ name: 'w', shape: [], initial: Float32Array.of(1) }],
      tables: [],
      batch: [],
      loss: (g, { w }) => ({ loss: g.square(w!) }),
    });
    expect(inspectModel(plain.bytes).nodes).to.be.below(inspectModel(compileTraining(tracked()).bytes).nodes);
    expect([plain.carried, plain.averaged]).to.deep.equal([[], false]);
  });

  it('keeps images as uint8, and trains on what it gathers and scales of them', async () => {
    const frames = Uint8Array.from({ length: 3 * 4 }, (_, i) => (i < 4 ? 0 : i < 8 ? 51 : 255));
    const program = await TrainingProgram.open(
      nodeRuntime(),
      compileTraining({
        parameters: [{ name: 'grey', shape: [1], initial: Float32Array.of(0) }],
        tables: [{ name: 'frames', dtype: 'uint8', columns: [2, 2, 1] }],
        batch: [2],
        loss: (g, { grey }, { frames: batch }) => {
          const images = g.mul(g.cast(batch!, 'float32'), 1 / 255);
          return { loss: g.reduceMean(g.square(g.sub(images, grey!))), metrics: { brightness: g.reduceMean(images) } };
        },
      }),
    );
    program.setTables({ frames }, 3);
    const { metrics } = await program.run(Int32Array.of(0, 1, 2, 2), 0.1);
    expect([...metrics.brightness!].map((value) => Math.round(value * 1e5) / 1e5)).to.deep.equal([0.1, 1]);
    for (let run = 0; run < 5; run++) await program.run(new Int32Array(200).fill(1), 0.02);
    expect(program.parameters().grey![0]).to.be.closeTo(0.2, 1e-3);
    await program.release();
  });
});

describe('schedules', () => {
  it('are values a step', () => {
    const linear = linearSchedule(1, 3, 4);
    expect([0, 2, 4, 9].map(linear)).to.deep.equal([1, 2, 3, 3]);
    const cosine = cosineSchedule(2, 0, 2);
    [2, 1, 0, 0].forEach((value, step) => void expect(cosine(step)).to.be.closeTo(value, 1e-12));
    expect([
      ...scheduleValues(
        withWarmUp(() => 1, 4),
        2,
        3,
      ),
    ]).to.deep.equal([0.75, 1, 1]);
    expect(thrown(() => linearSchedule(0, 1, 0)).message).to.match(/linearSchedule: option steps is 0/);
  });

  it('give a rate to each step of a run, with the bits of one run a step', async () => {
    const [together, apart] = [await open(tracked()), await open(tracked())];
    const rates = scheduleValues(cosineSchedule(0.1, 0.01, 5), 0, 5);
    await together.run(new Int32Array(5), rates);
    for (const rate of rates) await apart.run(rows(0), rate);
    expect(together.state()).to.deep.equal(apart.state());
    for (const wrong of [rates.subarray(1), Float32Array.of(0, 0, 0, 0, -1)]) {
      const failed = await together.run(new Int32Array(5), wrong).catch((error: unknown) => error);
      expect(String(failed)).to.match(/learningRate is \[.*\]; it must be finite and at least 0, one or 5/);
    }
    await together.release();
    await apart.release();
  });
});

/** `w` follows the table's rows; `v` follows `w`. */
function following(changes: Partial<TrainingSpec> = {}, every?: number): TrainingSpec {
  return {
    parameters: [
      { name: 'v', shape: [1], initial: Float32Array.of(0) },
      { name: 'w', shape: [1], initial: Float32Array.of(1) },
    ],
    tables: [{ name: 'target', dtype: 'float32', columns: [1] }],
    batch: [],
    averageDecay: 0.5,
    loss: (g, { w, v }, { target }) => ({ loss: g.reduceSum(g.square(g.sub(w!, g.add(target!, g.mul(v!, 0))))) }),
    followUp: {
      trains: (name) => name === 'v',
      ...(every === undefined ? {} : { every }),
      loss: (g, { w, v }) => ({ loss: g.reduceSum(g.square(g.sub(v!, w!))), metrics: { seen: g.reduceSum(w!) } }),
    },
    ...changes,
  };
}

describe('a second loss', () => {
  it('sees what the first has made of its parameters, and leaves them alone', async () => {
    const program = await open(following());
    const { metrics, finite } = await program.run(rows(0), 0.1);
    const { parameters, first, step, followUpStep, averages } = program.state();
    // Adam's first step is of the rate's size: w from 1 towards 2, then v from 0 towards w.
    expect(parameters.w![0]).to.be.closeTo(1.1, 1e-6);
    expect(metrics.seen![0]).to.equal(parameters.w![0]);
    expect(parameters.v![0]).to.be.closeTo(0.1, 1e-6);
    expect([first.w![0], first.v![0]].map((value) => Math.round(value! * 1e4) / 1e4)).to.deep.equal([-2, -2.2]);
    expect([step, followUpStep, [...finite], [...metrics.follow_up_finite!]]).to.deep.equal([1, 1, [1], [1]]);
    expect(Object.keys(averages!)).to.deep.equal(['w']);
    await program.release();
  });

  it('has its turn in every so-manieth step, with moments of its own, in one run as in many', async () => {
    const [whole, parts] = [await open(following({}, 3)), await open(following({}, 3))];
    const { metrics } = await whole.run(new Int32Array(7), 0.1);
    expect([...metrics.seen!].map(Number.isNaN)).to.deep.equal([true, true, false, true, true, false, true]);
    expect([...metrics.follow_up_loss!].map(Number.isNaN)).to.deep.equal([true, true, false, true, true, false, true]);
    await parts.run(new Int32Array(2), 0.1);
    const saved = parts.state();
    expect([saved.step, saved.followUpStep, saved.parameters.v![0], saved.first.v![0]]).to.deep.equal([2, 0, 0, 0]);
    const again = await open(following({}, 3));
    again.load(saved);
    await again.run(new Int32Array(5), 0.1);
    expect(again.state()).to.deep.equal(whole.state());
    expect(again.state()).to.include({ step: 7, followUpStep: 2 });
    for (const program of [whole, parts, again]) await program.release();
  });

  it('is skipped alone where it is not finite', async () => {
    const loss: FollowUp['loss'] = (g, { v, w }) => ({ loss: g.div(g.reduceSum(v!), g.reduceSum(g.mul(w!, 0))) });
    const program = await open(following({ followUp: { trains: (name) => name === 'v', loss } }));
    const { metrics, finite } = await program.run(rows(0), 0.1);
    expect([[...finite], [...metrics.follow_up_finite!]]).to.deep.equal([[1], [0]]);
    expect(program.state()).to.include({ step: 1, followUpStep: 0 });
    await program.release();
  });

  it('needs parameters of its own, no members, and a state that has its steps', async () => {
    const none = { ...following().followUp!, trains: () => false };
    expect(thrown(() => compileTraining(following({ followUp: none }))).message).to.match(/no parameter to train/);
    expect(thrown(() => compileTraining(following({ members: 1, batch: [1] }))).message).to.match(/members cannot have a second loss/);
    const program = await open(following());
    const { followUpStep: _, ...cut } = program.state();
    expect(thrown(() => program.load(cut)).message).to.match(/state.followUpStep/);
    await program.release();
  });
});
