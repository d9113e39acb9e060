import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { int, raw } from '../../bench/verify/hostile-graphs.ts';
import { isGroundtwinError } from '../../src/errors.ts';
import { sha256Hex } from '../../src/math/hash.ts';
import { compileInference, GraphBuilder, nodeRuntime, type Tensor } from '../../src/onnx/index.ts';
import { type AnyTask, anyTask } from '../../src/task/task.ts';
import { taskHash } from '../../src/world-model/contract.ts';
import { loadModel, openModel, writeModel } from '../../src/world-model/model-folder.ts';
import { manifestFor } from '../contracts/stub-backends.ts';
import { walker } from '../contracts/stub-tasks.ts';

const runtime = nodeRuntime();
type Spec = Parameters<typeof compileInference>[0];
const floats = (name: string, width: number | string, dtype: 'float32' | 'float64' = 'float32') =>
  ({ name, dtype, shape: ['rows', width] }) as const;
const inputs = [floats('state', 1), floats('action', 1), floats('context', 1)];
/** Position plus push. */
const build: Spec['build'] = (builder, _, { state, action }) => ({ sample: builder.add(state!, action!) });
const graphOf = (parts: Partial<Spec> = {}) => compileInference({ parameters: [], inputs, build, ...parts });
const good = graphOf();

/** A loop that doubles the state: fine as ONNX, refused as a model. */
function looping(): Uint8Array {
  const builder = new GraphBuilder() as GraphBuilder & { loop?: unknown };
  const state = builder.input('state', 'float32', ['rows', 1]);
  builder.input('action', 'float32', ['rows', 1]);
  builder.input('context', 'float32', ['rows', 1]);
  // An operator name that ONNX knows, in place of one of equal length: the reader must see it before the runtime does.
  builder.output('sample', builder.neg(builder.neg(builder.sqrt(state))));
  return replaceText(builder.toModel(), 'Sqrt', 'Loop');
}

function replaceText(bytes: Uint8Array, from: string, to: string): Uint8Array {
  const text = Buffer.from(bytes).toString('latin1').replaceAll(from, to);
  return Uint8Array.from(Buffer.from(text, 'latin1'));
}

describe('a model folder', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'groundtwin-model-'));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  const manifestOf = (bytes: Uint8Array, parts: object = {}, task: AnyTask = walker) => ({
    ...manifestFor(task, { files: { predict: { path: 'predict.onnx', sha256: sha256Hex(bytes) } } }),
    ...parts,
  });
  /** What loading says, once the folder holds these. */
  async function refusal(manifest: unknown, bytes: Uint8Array | undefined, task: AnyTask = walker): Promise<string> {
    if (manifest !== undefined)
      writeFileSync(join(folder, 'manifest.json'), typeof manifest === 'string' ? manifest : JSON.stringify(manifest));
    if (bytes) writeFileSync(join(folder, 'predict.onnx'), bytes);
    try {
      await (await loadModel(runtime, folder, task)).close();
    } catch (error) {
      if (isGroundtwinError(error)) return `${error.code}: ${error.message}`;
      throw error;
    }
    return 'taken';
  }

  it('is loaded as it was written, and predicts', async () => {
    writeModel(folder, manifestOf(good), good);
    const model = await loadModel(runtime, folder, walker);
    const { sample, mean } = await model.predict({
      rows: 2,
      state: Float32Array.of(1, 2),
      action: Float32Array.of(10, 20),
      context: new Float32Array(2),
      noise: new Float32Array(0),
      memory: new Float32Array(0),
    });
    expect([...sample]).to.deep.equal([11, 22]);
    expect(mean).to.equal(undefined);
    await model.close();
  });

  it('has a fingerprint of what it predicts with', async () => {
    const other = graphOf({ build: (builder, _, { state, action }) => ({ sample: builder.sub(state!, action!) }) });
    const fingerprints = await Promise.all(
      [good, good, other].map(async (bytes) => {
        const model = await openModel(runtime, 'x', manifestOf(bytes), bytes, walker);
        await model.close();
        return model.fingerprint;
      }),
    );
    expect(fingerprints[1]).to.equal(fingerprints[0]);
    expect(fingerprints[2]).to.not.equal(fingerprints[0]);
    const persistent = { ...manifestOf(good), noise: { ...manifestOf(good).noise, correlation: 0.5 } };
    const model = await openModel(runtime, 'x', persistent, good, walker);
    await model.close();
    expect(model.fingerprint, 'noise that persists makes other dreams').to.not.equal(fingerprints[0]);
  });

  it('is missing where there is none, half of one, or a folder in its place', async () => {
    expect(await refusal(undefined, undefined)).to.include('MODEL_MISSING');
    expect(await refusal(manifestOf(good), undefined))
      .to.include('MODEL_MISSING: ')
      .and.to.include('predict.onnx');
    mkdirSync(join(folder, 'predict.onnx'));
    expect(await refusal(manifestOf(good), undefined))
      .to.include('MODEL_REFUSED: ')
      .and.to.include('not a file');
  });

  describe('is refused by its manifest', () => {
    const cases: readonly (readonly [what: string, manifest: unknown, says: string])[] = [
      ['not JSON', '{', 'not JSON'],
      ['null', 'null', 'format'],
      ['a list', '[]', 'format'],
      ['another format', { format: 'groundtwin-model.v2' }, 'format'],
      ['predicting pixels', { predicts: 'observation' }, "predicts 'observation'"],
      ['no members', { members: 0 }, 'members'],
      ['half a member', { members: 1.5 }, 'members'],
      ['too many members', { members: 65 }, 'members'],
      ['members of text', { members: '1' }, 'members'],
      ['negative memory', { memorySize: -1 }, 'memorySize'],
      ['endless memory', { memorySize: 1e9 }, 'memorySize'],
      ['no task', { task: undefined }, "made for 'undefined'"],
      ['another task', { task: { id: 'Other-v0', hash: taskHash(walker) } }, "made for 'Other-v0'"],
      ['another hash', { task: { id: walker.id, hash: '0'.repeat(64) } }, 'have changed'],
      ['no state', { state: undefined }, 'state must be a list'],
      ['another state', { state: [] }, 'state entries are ()'],
      ['state of nulls', { state: [null] }, 'state entries'],
      ['another context', { context: [] }, 'context entries are ()'],
      ['no action', { action: undefined }, 'commands of the task'],
      ['another action', { action: [{ name: 'pull', unit: '1' }] }, 'commands of the task'],
      ['an action in another unit', { action: [{ name: 'push', unit: 'N' }] }, 'commands of the task (push 1)'],
      ['no noise', { noise: undefined }, 'noise must have'],
      ['odd noise', { noise: { distribution: 'cauchy', size: 1 } }, 'noise must have'],
      ['no files', { files: undefined }, 'files.predict'],
      ['no hash of its file', { files: { predict: { path: 'predict.onnx' } } }, 'files.predict'],
      [
        'a graph that nobody would ask',
        { files: { predict: { path: 'predict.onnx', sha256: '' }, members: [] } },
        "a graph 'members'; a model that predicts 'state' has but one",
      ],
      ['a file beyond the folder', { files: { predict: { path: '../predict.onnx', sha256: '' } } }, 'plain file name'],
      ['an absolute file', { files: { predict: { path: '/etc/passwd', sha256: '' } } }, 'plain file name'],
      ['a file behind a backslash', { files: { predict: { path: '..\\predict.onnx', sha256: '' } } }, 'plain file name'],
      ['a hidden file', { files: { predict: { path: '.predict', sha256: '' } } }, 'plain file name'],
      ['the folder itself', { files: { predict: { path: '..', sha256: '' } } }, 'plain file name'],
      ['a name with a line break', { files: { predict: { path: 'predict.onnx\n', sha256: '' } } }, 'plain file name'],
      ['the hash of another file', { files: { predict: { path: 'predict.onnx', sha256: '0'.repeat(64) } } }, 'sha256 differs'],
    ];
    for (const [what, manifest, says] of cases)
      it(what, async () => {
        const told = await refusal(typeof manifest === 'string' ? manifest : { ...manifestOf(good), ...(manifest as object) }, good);
        expect(told).to.include('MODEL_REFUSED: ').and.to.include(says);
      });

    it('of a task whose time step has changed', async () => {
      expect(await refusal(manifestOf(good), good, { ...walker, controlDt_s: 0.2 })).to.include('have changed');
    });

    it('but not of one whose reward or end has', async () => {
      expect(await refusal(manifestOf(good), good, { ...walker, reward: {}, terminated: () => false })).to.equal('taken');
    });
  });

  describe('is refused by its graph', () => {
    const negated: Spec['build'] = (builder, _, { state }) => ({ sample: builder.neg(state!) });
    const cases: readonly (readonly [what: string, bytes: Uint8Array, code: string, says: string, parts?: object])[] = [
      ['no bytes of ONNX', Uint8Array.of(1, 2, 3, 4), 'MODEL_INVALID', ''],
      ['nothing', new Uint8Array(0), 'MODEL_INVALID', 'no graph'],
      ['cut in half', good.slice(0, good.length >> 1), 'MODEL_INVALID', ''],
      [
        'without a sample',
        graphOf({ build: (builder, _, { state }) => ({ simple: builder.neg(state!) }) }),
        'MODEL_REFUSED',
        "no output 'sample'",
      ],
      [
        'without a state',
        graphOf({ inputs: inputs.slice(1), build: (builder, _, { action }) => ({ sample: builder.neg(action!) }) }),
        'MODEL_REFUSED',
        "no input 'state'",
      ],
      ['without a context', graphOf({ inputs: inputs.slice(0, 2) }), 'MODEL_REFUSED', "no input 'context'"],
      [
        'with shares of other members than it has',
        graphOf({ inputs: [...inputs, { name: 'shares', dtype: 'int64', shape: [3] }] }),
        'MODEL_REFUSED',
        "input 'shares' is int64 [3]; it must be int64 [2]",
        { members: 2 },
      ],
      [
        'with shares of a number of members that is not told',
        graphOf({ inputs: [...inputs, { name: 'shares', dtype: 'int64', shape: ['2'] }] }),
        'MODEL_REFUSED',
        "input 'shares' is int64 [2]",
        { members: 2 },
      ],
      [
        'with shares that it has no ear for',
        graphOf({
          inputs: [...inputs, { name: 'shares', dtype: 'int64', shape: [2] }],
          build: (builder, _, { state }) => {
            const blocks = builder.reshape(state!, [2, 'tile', 1]);
            return { sample: builder.reshape(builder.add(blocks, builder.constant([1, 2], 'float32', [2, 1, 1])), ['rows', 1]) };
          },
        }),
        'MODEL_REFUSED',
        'when they give all 8 rows to member 0, it answers row 4 otherwise than that member does',
        { members: 2 },
      ],
      [
        'with shares that it reads the other way round',
        graphOf({
          inputs: [...inputs, { name: 'shares', dtype: 'int64', shape: [2] }],
          build: (builder, _, { state, shares }) => {
            const [first, second] = builder.cutRows(state!, builder.gather(shares!, builder.constant([1, 0], 'int64'))) as [Tensor, Tensor];
            return { sample: builder.joinRows([builder.add(first, 1), builder.add(second, 2)], 'rows') };
          },
        }),
        'MODEL_REFUSED',
        'when they give all 8 rows to member 0, it answers row 0 otherwise',
        { members: 2 },
      ],
      [
        'with a split into another number of parts than it says',
        raw([['Split', ['state'], ['sample', 'rest'], { axis: int(1), num_outputs: int(1) }]]),
        'MODEL_REFUSED',
        'another number of outputs',
      ],
      [
        'with shares of numbers that are not whole',
        graphOf({ inputs: [...inputs, { name: 'shares', dtype: 'float32', shape: [2] }] }),
        'MODEL_REFUSED',
        "input 'shares' is float32 [2]",
        { members: 2 },
      ],
      ['with an input of its own', graphOf({ inputs: [...inputs, floats('weather', 1)] }), 'MODEL_REFUSED', "'weather'"],
      [
        'in float64',
        graphOf({
          inputs: [floats('state', 1, 'float64'), ...inputs.slice(1)],
          build: (builder, _, { action }) => ({ sample: builder.neg(action!) }),
        }),
        'MODEL_REFUSED',
        'must be float32',
      ],
      [
        'of another width',
        graphOf({
          inputs: [floats('state', 2), ...inputs.slice(1)],
          build: (builder, _, { action }) => ({ sample: builder.neg(action!) }),
        }),
        'MODEL_REFUSED',
        'must be [rows, 1]',
      ],
      [
        'of another width out',
        graphOf({ build: (builder, _, { state, action }) => ({ sample: builder.concat([state!, action!], 1) }) }),
        'MODEL_REFUSED',
        'must be [rows, 1]',
      ],
      ['of fixed rows', graphOf({ inputs: inputs.map((input) => ({ ...input, shape: [16, 1] })) }), 'MODEL_REFUSED', 'must be free'],
      [
        'of another rank',
        graphOf({ build: (builder, _, { state }) => ({ sample: builder.reshape(builder.neg(state!), ['rows', 1, 1]) }) }),
        'MODEL_REFUSED',
        'must be [rows, 1]',
      ],
      ['with a loop', looping(), 'MODEL_REFUSED', 'Loop'],
      [
        'with random numbers of its own',
        replaceText(graphOf({ build: (builder, _, { state }) => ({ sample: builder.tanh(builder.tanh(state!)) }) }), 'Tanh', 'DFTX'),
        'MODEL_REFUSED',
        'it uses DFTX',
      ],
      [
        'with NaN among its numbers',
        graphOf({ build: (builder, _, { state }) => ({ sample: builder.add(state!, builder.constant(Number.NaN, 'float32', [])) }) }),
        'MODEL_REFUSED',
        'hold NaN',
      ],
      [
        'NaN at a start of the task',
        graphOf({ build: (builder, _, { state }) => ({ sample: builder.log(builder.neg(builder.square(state!))) }) }),
        'MODEL_REFUSED',
        'on a start of the task its sample is NaN',
      ],
      [
        'a scale below 0',
        graphOf({ build: (builder, _, { state }) => ({ sample: builder.neg(state!), scale: builder.sub(builder.mul(state!, 0), 1) }) }),
        'MODEL_REFUSED',
        'its scale is -1',
      ],
      [
        'failing at a start of the task',
        graphOf({
          build: (builder, _, { state }) => ({ sample: builder.reshape(builder.neg(builder.reshape(state!, ['x', 7])), ['rows', 1]) }),
        }),
        'MODEL_REFUSED',
        'on a start of the task it fails',
      ],
      ['with an endless memory for every member', good, 'MODEL_REFUSED', 'its smallest call takes', { members: 64, memorySize: 65536 }],
      ['without the noise it promised', good, 'MODEL_REFUSED', "no input 'noise'", { noise: { distribution: 'normal', size: 2 } }],
      ['without the memory it promised', good, 'MODEL_REFUSED', "no input 'memory'", { memorySize: 3 }],
    ];
    for (const [what, bytes, code, says, parts] of cases)
      it(what, async () => {
        const told = await refusal(manifestOf(bytes, parts), bytes);
        expect(told).to.include(`${code}: `).and.to.include(says);
      });

    it('of other rows than it was given, where its axes were left open', async () => {
      const bytes = graphOf({
        build: (builder, _, { state }) => ({
          sample: builder.neg(state!),
          mean: builder.reshape(builder.concat([state!, builder.neg(state!)], 1), ['twice', 1]),
        }),
      });
      expect(await refusal(manifestOf(bytes), bytes))
        .to.include('MODEL_REFUSED: ')
        .and.to.include('8 numbers as mean for 4 rows of 1');
    });

    it('never, where an input goes unused', async () => {
      const bytes = graphOf({ build: negated });
      expect(await refusal(manifestOf(bytes), bytes)).to.equal('taken');
    });
  });

  it('holds its own files, and no links to others', async () => {
    const elsewhere = `${folder}.onnx`;
    writeFileSync(elsewhere, good);
    symlinkSync(elsewhere, join(folder, 'predict.onnx'));
    expect(await refusal(manifestOf(good), undefined)).to.include('a link that leads out of its folder');
    rmSync(elsewhere);
    expect(await refusal(`{"format": "${'x'.repeat(5e6)}"}`, undefined)).to.include('over the 4194304 that are left for it');
  });

  it('may lie in memory', async () => {
    const manifest = JSON.stringify(manifestOf(good));
    const model = await loadModel(runtime, { manifest, files: { 'predict.onnx': good } }, walker);
    expect(model.manifest.name).to.equal('stub');
    await model.close();
    const half = await loadModel(runtime, { manifest, files: {} }, walker).catch((error: unknown) => error);
    expect(half).to.have.property('code', 'MODEL_MISSING');
  });

  it('in memory is held to the same hash', async () => {
    const told = await openModel(
      runtime,
      'x',
      manifestOf(good),
      graphOf({ build: (builder, _, { state }) => ({ sample: builder.neg(state!) }) }),
      walker,
    ).catch((error: unknown) => error);
    expect(told).to.have.property('code', 'MODEL_REFUSED');
  });

  it('belongs to the task whose shape it has', () => {
    const renamed = anyTask({ ...walker, commands: [{ ...walker.commands[0]!, unit: 'N' }] });
    expect(taskHash(renamed)).to.not.equal(taskHash(walker));
    expect(taskHash({ ...walker, summary: 'Another text.' })).to.equal(taskHash(walker));
  });
});
