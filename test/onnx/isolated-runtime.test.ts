import { expect } from 'chai';
import { GraphBuilder, guardedRuntime, type ModelLimits, nodeRuntime, type Tensor } from '../../src/onnx/index.ts';
import { isolatedRuntime } from '../../src/onnx/isolated-runtime.ts';
import { floats, numbers, rejected } from './run-graph.ts';

const worker = new URL('../../src/model-worker.ts', import.meta.url);
const isolated = (limits: ModelLimits = {}) => isolatedRuntime(worker, limits);

function graphOf(build: (builder: GraphBuilder, x: Tensor) => Tensor): Uint8Array {
  const builder = new GraphBuilder();
  builder.output('y', build(builder, builder.input('x', 'float32', ['rows', 2])));
  return builder.toModel();
}

const doubling = graphOf((builder, x) => builder.mul(x, 2));
/** Hundreds of products of large matrices. */
const slow = graphOf((builder, x) => {
  const large = (of: Tensor) => builder.expand(builder.reduceMax(of, [0, 1], true), [1500, 1500]);
  let y = large(x);
  for (let i = 0; i < 300; i++) y = builder.tanh(builder.matmul(y, y));
  return builder.add(x, builder.reduceMax(y));
});
/** Some 200 ms. */
const slower = graphOf((builder, x) => {
  let y = builder.expand(builder.reduceMax(x, [0, 1], true), [1200, 1200]);
  for (let i = 0; i < 8; i++) y = builder.tanh(builder.matmul(y, y));
  return builder.add(x, builder.reduceMax(y));
});
/** Modest alone: 160 MB whatever the rows. */
const heavy = graphOf((builder, x) => builder.add(x, builder.reduceMax(builder.expand(builder.reduceMax(x), [20e6]))));
/** 1 GB for 16 rows, each byte of it written. */
const large = graphOf((builder, x) => {
  const many = builder.expand(builder.constant(1, 'float32', [1, 1, 1]), [1, 1, 1 << 23]);
  return builder.add(x, builder.reduceMax(builder.sin(builder.add(builder.reshape(x, ['rows', 2, 1]), many))));
});
const feeds = { x: floats([1, 2, 3, 4], [2, 2]) };

describe('a model in a process of its own', () => {
  it('gives what it gives in this one, and says the same of itself', async () => {
    const runtime = isolated();
    const [here, there] = [await nodeRuntime().load(doubling), await runtime.load(doubling)];
    expect(numbers((await there.run(feeds)).y)).to.deep.equal([2, 4, 6, 8]);
    expect(there.inputs).to.deep.equal(here.inputs);
    expect(there.outputs).to.deep.equal(here.outputs);
    const other = await runtime.load(graphOf((builder, x) => builder.neg(x)));
    const both = await Promise.all([there.run(feeds), other.run(feeds, ['y'])]);
    expect(both.map(({ y }) => numbers(y)[3])).to.deep.equal([8, -4]);
    await there.release();
    await there.release();
    expect(await rejected(() => there.run(feeds))).to.have.property('code', 'RUNTIME_FAILED');
    expect(numbers((await other.run(feeds)).y)).to.deep.equal([-1, -2, -3, -4]);
    await other.release();
    const anew = await runtime.load(doubling);
    expect(numbers((await anew.run(feeds)).y)[0], 'after the last was released').to.equal(2);
    await anew.release();
    await here.release();
  });

  it('is named by its own name, whatever was loaded after it', async () => {
    const runtime = isolated({ call_ms: 300 });
    const session = await runtime.load(slow, { name: 'slow' });
    const other = await runtime.load(doubling, { name: 'doubling' });
    expect((await rejected(() => session.run(feeds))).message).to.include("'slow'");
    expect((await rejected(() => other.run(feeds))).message).to.include("'doubling'");
    await session.release();
    await other.release();
  });

  it('is asked in vain for what cannot be sent, and answers the next call as ever', async () => {
    const session = await isolated().load(doubling);
    const unsendable = { ...floats([0, 0], [1, 2]), data: (() => 0) as unknown as Float32Array };
    const refused = await rejected(() => session.run({ x: unsendable }));
    expect(refused).to.have.property('code', 'RUNTIME_FAILED');
    expect(refused.message).to.include('could not be cloned');
    for (const value of [3, 4]) expect(numbers((await session.run({ x: floats([value, 0], [1, 2]) })).y)).to.deep.equal([2 * value, 0]);
    await session.release();
  });

  it('is timed from its turn, however many calls wait before it', async () => {
    const unhurried = await isolated().load(slower);
    await unhurried.run(feeds);
    const began_ms = performance.now();
    await unhurried.run(feeds);
    // Room for a busy machine, and less than all calls take together.
    const call_ms = Math.ceil(6 * (performance.now() - began_ms));
    await unhurried.release();
    const session = await isolated({ call_ms }).load(slower);
    const answers = await Promise.all(Array.from({ length: 12 }, () => session.run(feeds)));
    for (const { y } of answers) expect(y!.dims).to.deep.equal([2, 2]);
    await session.release();
  });

  it('passes on what the runtime refuses', async () => {
    const runtime = isolated();
    const session = await runtime.load(doubling, { name: 'doubling' });
    const refused = await rejected(() => session.run({ x: floats([1, 2, 3], [1, 3]) }));
    expect(refused).to.have.property('code', 'RUNTIME_FAILED');
    expect(refused.message).to.include('doubling failed while running');
    expect(await rejected(() => runtime.load(Uint8Array.of(1, 2, 3)))).to.have.property('code', 'MODEL_INVALID');
    expect(numbers((await session.run(feeds)).y)[0], 'a refusal ends nothing').to.equal(2);
    await session.release();
  });

  it('is stopped when it takes too long, and stays stopped', async () => {
    const session = await isolated({ call_ms: 300 }).load(slow, { name: 'slow' });
    const stopped = await rejected(() => session.run(feeds));
    expect(stopped).to.have.property('code', 'MODEL_STOPPED');
    expect(stopped.message).to.include('it took longer than 300 ms over a call');
    expect(await rejected(() => session.run(feeds))).to.have.property('message', stopped.message);
    await session.release();
    expect(await rejected(() => isolated({ load_ms: 1 }).load(doubling))).to.have.property('code', 'MODEL_STOPPED');
  });

  it('is stopped, or refused memory, when it takes too much', async () => {
    const session = await isolated({ memory_MB: 100 }).load(large, { name: 'large' });
    const before = process.memoryUsage.rss();
    const stopped = await rejected(() => session.run({ x: floats(new Array(32).fill(1), [16, 2]) }));
    expect(stopped.code).to.be.oneOf(['MODEL_STOPPED', 'RUNTIME_FAILED']);
    expect(process.memoryUsage.rss() - before).to.be.below(100e6);
    await session.release();
  });
});

describe('a guarded runtime', () => {
  const inProcess = nodeRuntime();

  it('runs here what is modest, and nothing else', async () => {
    await (await guardedRuntime({ inProcess }).load(doubling)).release();
    const refused = await rejected(() => guardedRuntime({ inProcess }).load(slow, { name: 'slow' }));
    expect(refused).to.have.property('code', 'MODEL_REFUSED');
    expect(refused.message).to.include('it must run in a process of its own, and nothing to start one was given');
    const all = await rejected(() => guardedRuntime({ inProcess }).load(heavy, { name: 'heavy', together: 64 }));
    expect(all).to.have.property('code', 'MODEL_REFUSED');
    await (await guardedRuntime({ inProcess }).load(heavy)).release();
    await (await guardedRuntime({ inProcess }, {}, 1e6).load(doubling)).release();
    const rows = await rejected(() => guardedRuntime({ inProcess }, {}, 1e8).load(doubling));
    expect(rows).to.have.property('code', 'MODEL_REFUSED');
    const unknown = graphOf((builder, x) => builder.reshape(builder.transpose(x), ['rows', 2]));
    expect((await rejected(() => guardedRuntime({ inProcess }, { isolation: 'process' }).load(unknown))).code).to.equal('MODEL_REFUSED');
    await (await guardedRuntime({ inProcess }, { isolation: 'none' }).load(slow)).release();
  });

  it('starts no more processes than there may be', async () => {
    const crowd = { running: 0, most: 1 };
    const [first, second] = [isolatedRuntime(worker, {}, crowd), isolatedRuntime(worker, {}, crowd)];
    const [model, sameProcess] = [await first.load(doubling), await first.load(doubling)];
    expect(await rejected(() => second.load(doubling))).to.have.property('code', 'CAPACITY');
    await model.release();
    await sameProcess.release();
    await (await second.load(doubling)).release();
    expect(crowd.running).to.equal(0);
  });

  it('runs elsewhere what is not', async () => {
    const sent = await guardedRuntime({ inProcess, worker }, { limits: { call_ms: 300 } }).load(slow);
    expect((await rejected(() => sent.run(feeds))).code).to.equal('MODEL_STOPPED');
  });

  it('refuses anywhere what could never fit', async () => {
    const endless = graphOf((builder, x) =>
      builder.add(x, builder.reduceMax(builder.expand(builder.constant(1, 'float32', [1]), [2 ** 40]))),
    );
    const refused = await rejected(() => guardedRuntime({ inProcess, worker }).load(endless, { name: 'endless' }));
    expect(refused.message).to.include('far beyond the limit of 1000 MB');
  });
});
