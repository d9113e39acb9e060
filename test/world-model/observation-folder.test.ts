import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { compileInference, nodeRuntime } from '../../src/onnx/index.ts';
import type { ObservationManifest } from '../../src/world-model/observation-contract.ts';
import { loadObservationModel, openObservationModel, writeObservationModel } from '../../src/world-model/observation-folder.ts';
import { messageOf } from '../contracts/message-of.ts';
import { registryOf } from '../contracts/stub-backends.ts';
import { walker } from '../contracts/stub-tasks.ts';
import { stubGraphs, stubManifest } from './observation-stub.ts';

const graphs = stubGraphs();
const manifest = stubManifest(walker, graphs);
const floats = (name: string, width: number) => ({ name, dtype: 'float32', shape: ['rows', width] }) as const;

describe('the folder of a model of observations', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'observation-model-'));
  });
  afterEach(() => {
    rmSync(folder, { recursive: true });
  });
  const loaded = () => loadObservationModel(nodeRuntime(), folder, walker);
  const refusalOf = (parts: Partial<Record<keyof ObservationManifest, unknown>>) => {
    writeObservationModel(folder, { manifest, graphs });
    writeFileSync(join(folder, 'manifest.json'), JSON.stringify({ ...manifest, ...parts }));
    return messageOf(loaded);
  };

  it('comes back as it was written, and is an env of its own', async () => {
    writeObservationModel(folder, { manifest, graphs });
    const model = await loaded();
    expect([...(await model.initial())]).to.deep.equal([0, -1, 0, 5, -1, 0]);
    const rows = 32;
    const memory = new Float32Array(rows * 3).fill(1);
    const seen = await model.observe({ rows, memory, previousAction: new Float32Array(rows), observation: memory });
    expect(seen[0]).to.equal(2);
    expect([...(await model.decode(rows, memory))]).to.deep.equal([...memory]);
    await model.close();
    const env = await registryOf(walker).make(walker.id, { backend: 'model', model: folder });
    const { observation } = await env.reset({ seed: 1 });
    expect((observation as Float32Array)[0]).to.be.closeTo(5, 0.5);
    await env.close();
  });

  it('is refused where its manifest does not fit the task', async () => {
    expect(await refusalOf({ predicts: 'state' })).to.match(/^MODEL_REFUSED.*predicts 'state'/);
    expect(await refusalOf({ observation: { size: 2 } })).to.include('observation.size is 2, the task has 3');
    expect(await refusalOf({ action: {} })).to.include('action.size is undefined, the task has 1');
    expect(await refusalOf({ memorySize: 0 })).to.include('memorySize must be at least 1');
    expect(await refusalOf({ members: 65 })).to.include('members must be an integer from 1 to 64');
    expect(await refusalOf({ task: { ...manifest.task, hash: 'other' } })).to.include('spaces or time step of Walker-v0 have changed');
    expect(await refusalOf({ files: { ...manifest.files, decode: undefined } })).to.include('files.decode must have a path and a sha256');
    expect(await refusalOf({ files: { ...manifest.files, observe: { path: '../observe.onnx', sha256: '' } } })).to.include(
      'plain file name',
    );
    expect(await refusalOf({ files: { ...manifest.files, observe: manifest.files.decode } })).to.match(/no output 'nextMemory'/);
    expect(await refusalOf({ files: { ...manifest.files, observe: { path: 'observe.onnx', sha256: 'other' } } })).to.include(
      'sha256 differs',
    );
  });

  it('holds no more than the limit over all its graphs, however often one is named', async () => {
    const huge = join(folder, 'huge.onnx');
    writeFileSync(huge, '');
    truncateSync(huge, 200 << 20);
    const file = { path: 'huge.onnx', sha256: '0'.repeat(64) };
    expect(await refusalOf({ files: { initial: file, observe: file, predict: file, decode: file } })).to.match(
      /MODEL_REFUSED: .*huge.onnx has 209715200 bytes, over the 117440512 that are left for it/,
    );
  });

  it('is refused where a graph is of another shape', async () => {
    const open = (name: 'initial' | 'decode', bytes: Uint8Array) => {
      const spoilt = stubGraphs({ [name]: bytes });
      return messageOf(() => openObservationModel(nodeRuntime(), 'spoilt', stubManifest(walker, spoilt), spoilt));
    };
    const wide = compileInference({
      parameters: [],
      inputs: [floats('memory', 4)],
      build: (builder, _, { memory }) => ({ observation: builder.slice(memory!, 1, 0, 3) }),
    });
    expect(await open('decode', wide)).to.match(/^MODEL_REFUSED.*'memory' has shape/);
    const one = compileInference({
      parameters: [],
      inputs: [],
      build: (builder) => ({ memory: builder.param('start', [1, 3], new Float32Array(3)) }),
    });
    expect(await open('initial', one)).to.include("'memory' has 1 rows; it must have 2");
  });

  it('is run once when it is loaded, and refused where that gives numbers that are not finite', async () => {
    const spoilt = stubGraphs({
      decode: compileInference({
        parameters: [],
        inputs: [floats('memory', 3)],
        build: (builder, _, { memory }) => ({ observation: builder.log(builder.sub(builder.mul(memory!, 0), 1)) }),
      }),
    });
    expect(await messageOf(() => openObservationModel(nodeRuntime(), 'x', stubManifest(walker, spoilt), spoilt))).to.match(
      /^MODEL_REFUSED.*on a start of the task its decoded is NaN/,
    );
  });

  it('may be loaded to plan in', async () => {
    writeObservationModel(folder, { manifest, graphs });
    const model = await registryOf(walker).loadObservationModel(walker.id, folder);
    expect(model.manifest.memorySize).to.equal(3);
    await model.close();
  });

  it('is refused where one of states is asked for', async () => {
    writeObservationModel(folder, { manifest, graphs });
    expect(await messageOf(() => registryOf(walker).loadModel(walker.id, folder))).to.match(/^MODEL_REFUSED.*predicts 'observation'/);
    expect(await messageOf(() => registryOf(walker).makeVector(walker.id, { backend: 'twin', model: folder }))).to.match(
      /^OPTION_INVALID.*a twin compares states/,
    );
  });
});
