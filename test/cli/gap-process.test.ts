import { existsSync, readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { measureInProcess } from '../../src/cli/gap-process.ts';
import { registry } from '../../src/index.ts';
import type { GapRequest, GapRun } from '../../src/server/index.ts';
import { codeOf } from '../contracts/env-contract.ts';

const quick = { id: 'Pendulum-v0', axes: ['none'], size: 'small', samples: 20 } as const;
const uploads = () => readdirSync(tmpdir()).filter((name) => name.startsWith('groundtwin-gap-'));

function begin(request: GapRequest, model?: Parameters<ReturnType<typeof measureInProcess>>[1], folder?: string): GapRun {
  return measureInProcess(registry, folder)(request, model, () => {});
}

describe('gaps in a process of their own', () => {
  it('are what the command measures, and tell nobody where things lie', async () => {
    const stages = new Set<string>();
    const { report } = measureInProcess(registry)({ ...quick, subject: 'truth' }, undefined, (stage) => stages.add(stage));
    const found = JSON.parse(new TextDecoder().decode(await report));
    expect(found.kind).to.equal('gapReport');
    expect(found.metadata.command).to.equal('groundtwin gap --seed 1 --samples 20 --env Pendulum-v0 --subject truth --small --axes none');
    expect(stages).to.include('gap: counterfactuals');
  });

  it('refuse a model that is none, under the name that was given, and leave nothing behind', async () => {
    const before = uploads();
    const broken = { manifest: '{}', files: { 'predict.onnx': new Uint8Array(3) } };
    const refusal = await begin({ ...quick, model: 'sha256:upload' }, broken).report.catch((error: Error) => error);
    expect(refusal).to.include({ code: 'MODEL_REFUSED' });
    expect(String(refusal)).to.include('sha256:upload').and.not.include(tmpdir());
    const leadsOut = { manifest: '{}', files: { '../out.onnx': new Uint8Array(3) } };
    expect(await codeOf(async () => begin({ ...quick, model: 'sha256:upload' }, leadsOut))).to.equal('MODEL_REFUSED');
    expect(existsSync(join(tmpdir(), 'out.onnx'))).to.equal(false);
    expect(uploads()).to.deep.equal(before);
  });

  it('are ended at once', async () => {
    const run = begin({ ...quick, subject: 'truth' });
    run.cancel();
    expect(await run.report.catch((error: Error) => error.message)).to.include('SIGKILL');
  });

  it('take no other server, file or option from a stranger', async () => {
    const given: [string, Partial<GapRequest>][] = [
      ['another server', { subject: 'ws://127.0.0.1:7777' }],
      ['a file', { subject: 'truth:/etc/passwd' }],
      ['a flag', { subject: 'truth: --out' }],
      ['no subject', {}],
      ['an axis that is a flag', { subject: 'truth', axes: ['--out=x'] }],
      ['no axes', { subject: 'truth', axes: [] }],
      ['axes without end', { subject: 'truth', axes: new Array(99).fill('agent') }],
      ['a parameter that is a flag', { subject: 'truth', condition: ['--out'] }],
      ['a parameter of every object', { subject: 'truth', condition: ['toString'] }],
      ['a model where there are none', { model: 'cart' }],
    ];
    for (const [what, more] of given) {
      const { axes, ...rest } = quick;
      expect(await codeOf(async () => begin({ axes, ...rest, ...more })), what).to.equal('OPTION_INVALID');
    }
    for (const model of ['../cart', '.', '/etc', '--out'])
      expect(await codeOf(async () => begin({ ...quick, model }, undefined, tmpdir())), model).to.equal('OPTION_INVALID');
    expect(await codeOf(async () => begin({ ...quick, id: 'Nowhere-v0', subject: 'truth' }))).to.equal('ENV_UNKNOWN');
  });
});
