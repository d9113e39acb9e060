import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { registry } from '../../src/index.ts';
import { parseManifest } from '../../src/world-model/contract.ts';
import { groundtwin, scratch } from './harness.ts';

const env = ['--env', 'Pendulum-v0'];
const model = fileURLToPath(new URL('../../examples/pytorch-model', import.meta.url));

describe('groundtwin check-model and describe --manifest', () => {
  const place = scratch();
  after(() => place.remove());

  it('holds a model to the contract, check by check', async () => {
    const text = await groundtwin(['check-model', ...env, '--model', model, '--steps', '30']);
    expect(text.code, text.out).to.equal(0);
    expect(text.out).to.match(/^holds +check +detail\nyes +loads/);
    const json = await groundtwin(['check-model', ...env, '--model', model, '--steps', '30', '--json']);
    expect(JSON.parse(json.out)).to.include({ env: 'Pendulum-v0', model: 'Pendulum-v0 from PyTorch', holds: true });
    const untold = await groundtwin(['check-model', '--model', model, '--steps', '30', '--json']);
    expect(JSON.parse(untold.out), 'the model says what it is of').to.include({ env: 'Pendulum-v0', holds: true });
    const nothing = await groundtwin(['check-model', '--model', place.in('nothing')]);
    expect(nothing.err).to.include('MODEL_MISSING');
    expect(nothing.code).to.equal(2);
  });

  it('asks for the environment where the model does not name one', async () => {
    const nameless = place.in('nameless');
    mkdirSync(nameless);
    for (const [manifest, says] of [
      ['null', 'format'],
      ['{', 'not JSON'],
      [JSON.stringify({ ...JSON.parse(readFileSync(join(model, 'manifest.json'), 'utf8')), task: null }), 'name it with --env'],
    ] as const) {
      writeFileSync(join(nameless, 'manifest.json'), manifest);
      const { code, err } = await groundtwin(['check-model', '--model', nameless]);
      expect(err)
        .to.match(/^MODEL_REFUSED: /m)
        .and.to.include(says);
      expect(code).to.equal(1);
    }
  });

  it('ends with 3 and the reason when it is refused', async () => {
    const broken = place.in('broken');
    mkdirSync(broken);
    for (const file of ['manifest.json', 'predict.onnx']) writeFileSync(join(broken, file), readFileSync(join(model, file)));
    writeFileSync(join(broken, 'manifest.json'), readFileSync(join(model, 'manifest.json'), 'utf8').replaceAll('rad/s', 'deg/s'));
    const { code, out } = await groundtwin(['check-model', ...env, '--model', broken]);
    expect(code).to.equal(3);
    expect(out).to.match(/NO +loads +MODEL_REFUSED: .*deg\/s.*the task has .*rad\/s/);
  });

  for (const id of ['Pendulum-v0', 'Hopper-v0'])
    it(`prints a manifest that fits ${id}`, async () => {
      const { code, out } = await groundtwin(['describe', id, '--manifest']);
      expect(code).to.equal(0);
      expect(parseManifest('printed', out, registry.task(id)).task.id).to.equal(id);
      expect(JSON.parse((await groundtwin(['describe', id, '--manifest', '--json'])).out)).to.deep.equal(JSON.parse(out));
    });
});
