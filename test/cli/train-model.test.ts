import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { bytesDifferent } from '../../bench/verify/resume-rows.ts';
import { groundtwin, interrupt, jsonLines, launch, scratch } from './harness.ts';

/** Training that is interrupted, killed, and given again. */
describe('groundtwin train-model', function () {
  this.timeout(60_000);
  const place = scratch();
  const data = place.in('training.bin');
  const whole = place.in('whole', 'run');
  after(() => place.remove());
  before(async () => {
    const { code, err } = await groundtwin(['record', '--env', 'Pendulum-v0', '--episodes', '2', '--seed', '3', '--out', data]);
    expect(code, err).to.equal(0);
  });

  const argv = (out: string, ...more: string[]) => {
    const options = ['--updates', '600', '--members', '2', '--elites', '1', '--patience', '550', '--checkpoint-every', '50', '--json'];
    return ['train-model', '--env', 'Pendulum-v0', '--data', data, '--out', out, ...options, ...more];
  };
  const train = async (out: string, ...more: string[]) => {
    const { code, out: said, err } = await groundtwin(argv(out, ...more));
    expect(code, err).to.equal(0);
    return JSON.parse(said);
  };
  const metricsOf = (out: string) => jsonLines(readFileSync(join(out, 'metrics.jsonl'), 'utf8'));
  /** Starts training, and signals its process group once it has saved something. */
  const cutShort = async (out: string, signal: NodeJS.Signals) => {
    const running = launch(argv(out));
    while (!existsSync(join(out, 'checkpoint.bin'))) {
      if (running.child.exitCode !== null) expect.fail('it ended before it saved anything');
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
    interrupt(running, signal);
    return running.ended;
  };

  it('leaves a run folder: model, settings, metrics, learning curves', async () => {
    const out = whole;
    const said = await train(out);
    const lines = metricsOf(out);
    expect(readdirSync(out).sort()).to.deep.equal(['config.json', 'learning.html', 'manifest.json', 'metrics.jsonl', 'predict.onnx']);
    expect(lines.map(({ update }) => update)).to.deep.equal(Array.from({ length: 12 }, (_, i) => 50 * (i + 1)));
    for (const line of lines) expect(line).to.have.all.keys('update', 'updates', 'loss', 'heldOut');
    const { loss, heldOut } = lines.at(-1)!;
    expect(said).to.deep.include({
      out,
      transitions: 400,
      updates: 600,
      loss,
      heldOut,
      ended: 'updates',
      stopped: false,
      resumedFrom: null,
    });
    const kept = lines.reduce((best, line) => ((line.heldOut as number) < (best.heldOut as number) ? line : best));
    expect(said.keptUpdate).to.equal(kept.update);
    expect(JSON.parse(readFileSync(join(out, 'manifest.json'), 'utf8'))).to.include({ members: 1 });
    const page = readFileSync(join(out, 'learning.html'), 'utf8');
    expect(page)
      .to.match(/^<!doctype html>/i)
      .and.to.include(`kept: update ${kept.update}`)
      .and.not.include(place.in());
  });

  const refusal = async (out: string, ...more: string[]) => {
    const { code, out: said, err } = await groundtwin(argv(out, ...more));
    expect({ code, said }).to.deep.equal({ code: 1, said: '' });
    return jsonLines(err)[0]!.error as { code: string; message: string };
  };
  /** Gives the same command again, which must end with the files of training that nothing happened to. */
  const goesOn = async (out: string) => {
    const saved = metricsOf(out).length;
    expect(saved).to.be.within(1, 11);
    const { resumedFrom, ended } = await train(out);
    expect(resumedFrom).to.be.within(50, 50 * (saved + 1));
    expect(ended).to.equal('updates');
    expect(readdirSync(out).sort()).to.deep.equal(readdirSync(whole).sort());
    for (const file of ['manifest.json', 'predict.onnx', 'metrics.jsonl', 'learning.html'])
      expect(readFileSync(join(out, file)).equals(readFileSync(join(whole, file))), file).to.equal(true);
  };

  it('goes on where it was killed, when the same command is given again, but not with another', async () => {
    const out = place.in('killed', 'run');
    await cutShort(out, 'SIGKILL');
    const { code, message } = await refusal(out, '--seed', '2');
    expect(code).to.equal('CHECKPOINT_FOREIGN');
    expect(message).to.include('its seed is 1, here it is 2').and.include('--restart');
    await goesOn(out);
  });

  it('goes on where it was interrupted; of a damaged checkpoint it says so, and begins anew when told to', async () => {
    const out = place.in('interrupted', 'run');
    const { code, out: said } = await cutShort(out, 'SIGINT');
    expect(code).to.equal(130);
    expect(JSON.parse(said)).to.include({ ended: 'stopped', stopped: true });
    expect(existsSync(join(out, 'predict.onnx')), 'a model of what was learned so far').to.equal(true);
    const damaged = readFileSync(join(out, 'checkpoint.bin')).subarray(0, -1);
    await goesOn(out);
    writeFileSync(join(out, 'checkpoint.bin'), damaged);
    expect(await refusal(out)).to.have.property('code', 'CHECKPOINT_INVALID');
    expect(await train(out, '--updates', '50', '--restart')).to.include({ resumedFrom: null, updates: 50 });
    expect(existsSync(join(out, 'checkpoint.bin'))).to.equal(false);
  });

  it('ends early by its patience, or never with 0', async () => {
    const out = place.in('early');
    const { updates, keptUpdate, ended } = await train(out, '--patience', '50', '--updates', '10000');
    expect(updates).to.equal(keptUpdate + 50);
    expect(ended).to.equal('patience');
    const prose = await groundtwin(argv(out, '--patience', '0', '--updates', '50').filter((option) => option !== '--json'));
    expect(prose.out).to.match(/^A model of Pendulum-v0 from 400 transitions, 50 updates; kept: update 50, loss [-.\d]+; in /);
    expect(metricsOf(out)[0]).to.have.all.keys('update', 'updates', 'loss');
  });

  it('refuses more elites than members', async () => {
    const refused = await groundtwin(argv(place.in('never'), '--elites', '3'));
    expect(refused.code).to.equal(2);
    expect(refused.err).to.include('elites is 3').and.include('from 1 to 2');
    expect(existsSync(place.in('never'))).to.equal(false);
  });
});

describe('bytes that differ', () => {
  const place = scratch();
  after(() => place.remove());
  const folder = (name: string, files: Readonly<Record<string, string>>) => {
    mkdirSync(place.in(name));
    for (const [file, text] of Object.entries(files)) writeFileSync(place.in(name, file), text);
    return place.in(name);
  };

  it('are counted in every file of either folder, but for the date of a run', () => {
    const one = folder('one', { a: 'abc', b: 'xyz', 'config.json': '{"date":"1","command":"c"}' });
    const other = folder('other', { a: 'aXcd', extra: '12345', 'config.json': '{"date":"2","command":"c"}' });
    expect(bytesDifferent(one, one)).to.equal(0);
    expect(bytesDifferent(one, other)).to.equal(2 + 3 + 5);
  });
});
