import { expect } from 'chai';
import { Rng } from '../../src/math/rng.ts';
import { codeUsage, restartDeadCodes } from '../../src/onnx/code-restart.ts';
import { compileTraining } from '../../src/onnx/compile-training.ts';
import { meanSquaredError } from '../../src/onnx/modules.ts';
import { nodeRuntime } from '../../src/onnx/node-runtime.ts';
import { embeddingParameters, vectorQuantise } from '../../src/onnx/quantisation.ts';
import { cosineSchedule, scheduleValues } from '../../src/onnx/schedules.ts';
import { type StagedState, StagedTraining, type TrainingStage } from '../../src/onnx/staged-training.ts';
import { rejected, thrown } from './run-graph.ts';

const codes = 8;
const batch = 16;
/** Points around four centres. */
const centres = [-3, -1, 1, 3];
const points = (() => {
  const rng = new Rng(4);
  return Float32Array.from({ length: 200 }, (_, i) => centres[i % 4]! + 0.05 * rng.normal());
})();

/** A codebook of the points. Codes start close together, so that most are dead unless they are restarted. */
function codebook(restart: boolean, stepsPerRun = 7): TrainingStage {
  const compiled = compileTraining({
    name: 'codebook',
    parameters: embeddingParameters('codes', codes, 1, new Rng(1), 0.001),
    tables: [{ name: 'x', dtype: 'float32', columns: [1] }],
    batch: [batch],
    carried: [
      { name: 'usage', dtype: 'float32', shape: [codes], initial: new Float32Array(codes).fill(1) },
      { name: 'recent', dtype: 'float32', shape: [batch, 1], initial: new Float32Array(batch) },
    ],
    loss: (g, weights, { x, usage }) => {
      const quantised = vectorQuantise(g, weights, 'codes', x!);
      return {
        loss: quantised.codebookLoss,
        metrics: { error: meanSquaredError(g, quantised.value, x!) },
        next: { usage: codeUsage(g, quantised.codes, usage!, 0.9), recent: x! },
      };
    },
  });
  const spec = { table: 'codes.table', usage: 'usage', threshold: 0.1 };
  return {
    name: 'codebook',
    compiled,
    steps: 120,
    stepsPerRun,
    data: () => ({ tables: { x: points }, rows: points.length }),
    feed: ({ step, steps, rng }) => ({
      indices: Int32Array.from({ length: steps * batch }, () => rng.integer(points.length)),
      learningRate: scheduleValues(cosineSchedule(0.05, 0.005, 120), step, steps),
    }),
    hooks: restart
      ? [
          {
            every: 20,
            act: ({ state, rng }) => restartDeadCodes(state, { ...spec, vectors: state.carried!.recent as Float32Array }, rng).state,
          },
        ]
      : [],
  };
}

/** Learns, over the frozen codebook, which code a point has: the mean code vector of all points. */
const second: TrainingStage = {
  name: 'mean',
  compiled: compileTraining({
    name: 'mean',
    parameters: [
      { name: 'mean', shape: [1], initial: Float32Array.of(0) },
      { name: 'codes.table', shape: [codes, 1], initial: new Float32Array(codes), frozen: true },
    ],
    tables: [{ name: 'x', dtype: 'float32', columns: [1] }],
    batch: [batch],
    loss: (g, weights, { x }) => ({ loss: meanSquaredError(g, vectorQuantise(g, weights, 'codes', x!).value, weights.mean!) }),
  }),
  steps: 15,
  data: (weights, rng) => {
    expect(weights['codes.table']).to.have.length(codes);
    const shift = rng.uniform(4, 6);
    return { tables: { x: points.map((value) => value + shift / 1000) }, rows: points.length };
  },
  feed: ({ steps, rng }) => ({
    indices: Int32Array.from({ length: steps * batch }, () => rng.integer(points.length)),
    learningRate: 0.1,
  }),
};

async function errorAtEnd(training: StagedTraining): Promise<number> {
  let error = Number.NaN;
  for (let progress = await training.advance(); progress; progress = await training.advance())
    if (progress.stage === 'codebook') error = progress.chunk.metrics.error!.at(-1)!;
  return error;
}

describe('training in stages', () => {
  it('restarts dead codes between steps, which then are used', async () => {
    const without = new StagedTraining(nodeRuntime(), [codebook(false)], 1);
    const withRestarts = new StagedTraining(nodeRuntime(), [codebook(true)], 1);
    expect(await errorAtEnd(without)).to.be.above(0.3);
    expect(await errorAtEnd(withRestarts)).to.be.below(0.1);
    const table = withRestarts.weights()['codes.table']!;
    for (const centre of centres) expect(Math.min(...table.map((code) => Math.abs(code - centre)))).to.be.below(0.2);
  });

  it('hands weights on, which stay where they are frozen', async () => {
    const training = new StagedTraining(nodeRuntime(), [codebook(true), second], 1);
    const steps: [string, number][] = [];
    let table: Float32Array | undefined;
    for (let progress = await training.advance(); progress; progress = await training.advance()) {
      steps.push([progress.stage, progress.step]);
      if (progress.stage === 'codebook') table = training.weights()['codes.table'];
    }
    expect(steps.slice(0, 4).map(([, step]) => step)).to.deep.equal([7, 14, 20, 21]);
    expect(steps.filter(([stage]) => stage === 'mean').map(([, step]) => step)).to.deep.equal([15]);
    expect(training.weights()['codes.table']).to.deep.equal(table);
    expect(training.weights().mean![0]).to.not.equal(0);
    expect(training.state().stage).to.equal(2);
    expect(await training.advance()).to.equal(undefined);
  });

  it('hands averages on, if asked to', async () => {
    const compiled = compileTraining({
      parameters: [{ name: 'mean', shape: [1], initial: Float32Array.of(0) }],
      tables: [{ name: 'x', dtype: 'float32', columns: [1] }],
      batch: [batch],
      averageDecay: 0.5,
      loss: (g, { mean }, { x }) => ({ loss: meanSquaredError(g, g.sub(x!, 9), mean!) }),
    });
    const { data, feed } = codebook(false);
    const stage: TrainingStage = { name: 'averaged', compiled, steps: 2, stepsPerRun: 1, data, feed, handsOn: 'averages' };
    const training = new StagedTraining(nodeRuntime(), [stage], 1);
    await training.advance();
    const { parameters, averages } = training.state().training!;
    expect(averages!.mean![0]).to.be.closeTo(parameters.mean![0]! / 2, 1e-6);
    await training.advance();
    // Adam goes by the rate, .05 a step: half of the way, then half of what is left.
    expect(training.weights().mean![0]).to.be.closeTo(-0.0625, 1e-3);
    const wrong = { ...stage, compiled: second.compiled };
    expect(thrown(() => new StagedTraining(nodeRuntime(), [wrong], 1)).message).to.match(/averaged.handsOn is averages/);
  });

  it('gives the same bits when it is stopped anywhere and resumed from its state', async () => {
    const stages = () => [codebook(true, 13), { ...second, stepsPerRun: 4 }];
    const whole = new StagedTraining(nodeRuntime(), stages(), 5);
    await errorAtEnd(whole);
    let training = new StagedTraining(nodeRuntime(), stages(), 5);
    while (await training.advance()) {
      const saved = structuredClone(training.state());
      await training.release();
      training = new StagedTraining(nodeRuntime(), stages(), 5);
      await training.load(saved);
      expect(training.state()).to.deep.equal(saved);
    }
    expect(training.state()).to.deep.equal(whole.state());
    expect(training.weights()).to.deep.equal(whole.weights());
  }).timeout(20_000);

  it('keeps what hooks write down, for later feeds and in the state', async () => {
    const rates: number[] = [];
    const stage: TrainingStage = {
      ...second,
      data: codebook(false).data,
      feed: (request) => {
        rates.push(request.memory.rate ?? 0.1);
        return { ...second.feed(request), learningRate: request.memory.rate ?? 0.1 };
      },
      hooks: [{ every: 5, act: ({ memory }) => void Object.assign(memory, { rate: (memory.rate ?? 0.1) / 2 }) }],
    };
    const first = new StagedTraining(nodeRuntime(), [stage], 3);
    await first.advance();
    const resumed = new StagedTraining(nodeRuntime(), [stage], 3);
    await resumed.load(structuredClone(first.state()));
    while (await resumed.advance());
    expect(rates).to.deep.equal([0.1, 0.05, 0.025]);
    expect(resumed.state().memory).to.deep.equal({ rate: 0.0125 });
    await first.release();
  });

  it('does not depend on how many steps a run has', async () => {
    const [one, many] = [3, 50].map((stepsPerRun) => new StagedTraining(nodeRuntime(), [codebook(true, stepsPerRun)], 2));
    await errorAtEnd(one!);
    await errorAtEnd(many!);
    expect(one!.state()).to.deep.equal(many!.state());
  });

  it('refuses stages, feeds and states that do not fit', async () => {
    const opening = (changes: Partial<TrainingStage>) => new StagedTraining(nodeRuntime(), [{ ...second, ...changes }], 1);
    expect(thrown(() => opening({ steps: 0 })).message).to.match(/option mean.steps is 0; it must be a whole number of at least 1/);
    expect(thrown(() => opening({ hooks: [{ every: 1.5, act: () => undefined }] })).message).to.match(/mean.every is 1.5/);
    const short = opening({ feed: () => ({ indices: new Int32Array(batch), learningRate: 0 }), data: codebook(false).data });
    expect((await rejected(() => short.advance())).message).to.match(/mean.feed is 1 steps; it must be the 15 asked for/);
    const training = opening({ data: codebook(false).data });
    const state = training.state();
    for (const wrong of [
      { stage: 2 },
      { stage: -1 },
      { step: 15 },
      { step: Number.NaN },
      { rng: [1] },
      { rng: [1, 2, 3, 4, 5, Number.NaN] },
    ])
      expect((await rejected(() => training.load({ ...state, ...wrong }))).code, JSON.stringify(wrong)).to.equal('OPTION_INVALID');
    for (const wrong of [{ weights: { mean: [1] } }, { memory: { rate: 'low' } }, { training: { step: 1, parameters: 3 } }])
      expect(
        (await rejected(() => training.load({ ...state, ...wrong } as unknown as StagedState).then(() => training.advance()))).code,
      ).to.equal('OPTION_INVALID');
    await training.load(state);
    const [, again] = await Promise.allSettled([training.advance(), training.advance()]);
    expect(String((again as PromiseRejectedResult).reason)).to.match(/advance is called again before the last call was done/);
    await short.release();
    await training.release();
  });
});

describe('restartDeadCodes', () => {
  const state = () => ({
    step: 3,
    parameters: { table: Float32Array.of(1, 1, 2, 2) },
    first: { table: Float32Array.of(5, 5, 5, 5) },
    second: { table: Float32Array.of(6, 6, 6, 6) },
    carried: { usage: Float32Array.of(3, 0) },
  });
  const spec = { table: 'table', usage: 'usage', threshold: 0.5, vectors: Float32Array.of(7, 8) };

  it('moves only the dead, and forgets their moments', () => {
    const { state: after, restarted } = restartDeadCodes(state(), spec, new Rng(1));
    expect(restarted).to.deep.equal([1]);
    expect(after).to.deep.equal({
      step: 3,
      parameters: { table: Float32Array.of(1, 1, 7, 8) },
      first: { table: Float32Array.of(5, 5, 0, 0) },
      second: { table: Float32Array.of(6, 6, 0, 0) },
      carried: { usage: Float32Array.of(3, 1.5) },
    });
  });

  it('names what is missing', () => {
    const message = (changes: object) => thrown(() => restartDeadCodes(state(), { ...spec, ...changes }, new Rng(1))).message;
    expect(message({ table: 'other' })).to.match(/table is 'other'/);
    expect(message({ usage: 'other' })).to.match(/usage is 'other'/);
    expect(message({ vectors: Float32Array.of(1) })).to.match(
      /vectors is 1 numbers; it must be one or more rows as wide as the table's \(2\)/,
    );
    expect(message({ vectors: new Float32Array(0) })).to.match(/vectors is 0 numbers/);
  });
});
