import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { modelChecks } from '../../src/check/model-checks.ts';
import { checkModel, loadModel, registry } from '../../src/index.ts';
import type { PredictionInput, WorldModel } from '../../src/world-model/world-model.ts';

const id = 'Pendulum-v0';
const folder = fileURLToPath(new URL('../../examples/pytorch-model', import.meta.url));
const steps = 60;

describe('check-model', () => {
  let good: WorldModel;
  before(async () => {
    good = await loadModel(id, folder);
  });
  after(() => good.close());

  /** The good model, but for what it answers. */
  const changed = (predict: (input: PredictionInput) => ReturnType<WorldModel['predict']>, memorySize = 0): WorldModel => ({
    manifest: { ...good.manifest, memorySize },
    fingerprint: 'changed',
    predict,
    close: async () => {},
  });
  const sampled = (change: (sample: Float32Array, input: PredictionInput) => Float32Array) =>
    changed(async (input) => ({ sample: change((await good.predict(input)).sample.slice(), input) }));
  const failing = async (model: WorldModel | string) => {
    const { holds, checks } = await checkModel(registry, id, model, { steps });
    const broken = checks.filter((check) => !check.holds).map(({ name }) => name);
    expect(holds).to.equal(broken.length === 0);
    return broken;
  };

  it('holds for the model that PyTorch made, given as a folder, as bytes or loaded', async () => {
    const files = { 'predict.onnx': readFileSync(`${folder}/predict.onnx`) };
    const manifest = readFileSync(`${folder}/manifest.json`, 'utf8');
    for (const source of [folder, { manifest, files }, good]) {
      const report = await checkModel(registry, id, source, { steps });
      expect(report, JSON.stringify(report.checks)).to.deep.include({ env: id, model: 'Pendulum-v0 from PyTorch', holds: true });
      expect(report.checks.map(({ name }) => name)).to.deep.equal(['loads', ...modelChecks.map(({ name }) => name)]);
    }
    expect([...(await good.predict(startInput())).sample.slice(0, 2)], 'a model of the caller stays open').to.have.length(2);
  });

  const startInput = (): PredictionInput => ({
    rows: 16,
    state: new Float32Array(32),
    action: new Float32Array(16),
    context: new Float32Array(0),
    noise: new Float32Array(32),
    memory: new Float32Array(0),
  });

  it('says why a model cannot be loaded, and goes no further', async () => {
    const report = await checkModel(registry, id, 'no-such-folder');
    expect(report).to.deep.include({ model: null, holds: false });
    expect(report.checks).to.have.length(1);
    expect(report.checks[0]!.detail).to.match(/^MODEL_MISSING: /);
  });

  const NaNs = (sample: Float32Array) => sample.fill(Number.NaN, 5, 6);
  let calls = 0;
  const cases: readonly (readonly [what: string, model: () => WorldModel, check: string])[] = [
    ['numbers that are not finite', () => sampled(NaNs), 'finite'],
    ['another answer each time', () => sampled((sample) => sample.map((value) => value + 1e-6 * calls++)), 'deterministic'],
    ['no use for its noise', () => changed(async (input) => good.predict({ ...input, noise: input.noise.map(() => 0) })), 'deterministic'],
    ['lanes that feel their neighbours', () => sampled((sample) => sample.map((value) => value + 1e-3 * sample[0]!)), 'lanes'],
    [
      'another answer in a larger batch',
      () => sampled((sample, { rows }) => (rows > 16 ? sample.map((value) => value + 1e-3) : sample)),
      'lanes',
    ],
    ['no use for its command', () => changed(async (input) => good.predict({ ...input, action: input.action.map(() => 0) })), 'actions'],
    [
      'a deviation of 0',
      () => changed(async (input) => ({ ...(await good.predict(input)), scale: new Float32Array(2 * input.rows) })),
      'scale',
    ],
    ['degrees', () => sampled((sample) => sample.map((value) => (value * 180) / Math.PI)), 'units'],
    ['a change and no value', () => sampled((sample, { state }) => sample.map((value, i) => value - state[i]!)), 'units'],
    ['entries in another order', () => sampled((sample) => sample.map((_, i) => sample[i ^ 1]!)), 'units'],
    [
      'an angle that breaks at the half turn',
      () => sampled((sample, { state }) => sample.map((value, i) => value + 0.01 * state[i - (i % 2)]!)),
      'angles',
    ],
    [
      'a memory that it never writes',
      () => changed(async (input) => ({ ...(await good.predict(input)), memory: input.memory.slice() }), 2),
      'memory',
    ],
  ];
  for (const [what, model, check] of cases) it(`finds ${what}`, async () => expect(await failing(model())).to.include(check));

  it('finds a memory that changes nothing', async () => {
    const counting = changed(async (input) => ({ ...(await good.predict(input)), memory: input.memory.map((value) => value + 1) }), 2);
    expect(await failing(counting)).to.deep.equal(['memory']);
  });

  it('refuses options that make no sense', async () => {
    const refused = await checkModel(registry, id, folder, { steps: 3 }).catch((error: unknown) => error);
    expect(refused).to.have.property('code', 'OPTION_INVALID');
  });

  it('is told check by check in docs/model-contract.md', () => {
    const doc = readFileSync(new URL('../../docs/model-contract.md', import.meta.url), 'utf8');
    const section = doc.split('## Checking a model')[1]!.split('\n## ')[0]!;
    const rows = [...section.matchAll(/^\| `([a-z]+)` \| (.+) \|$/gm)].map(([, name, what]) => ({ name, what }));
    const loads = { name: 'loads', what: 'has a manifest and a graph that the contract allows, and runs on starts of the task' };
    expect(rows).to.deep.equal([loads, ...modelChecks.map(({ name, what }) => ({ name, what }))]);
  });
});
