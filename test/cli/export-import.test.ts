import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { formats } from '../../src/data/formats/index.ts';
import { readTransitions } from '../../src/data/transitions.ts';
import { registry } from '../../src/index.ts';
import { groundtwin, scratch } from './harness.ts';

const env = ['--env', 'Pendulum-v0'];
const fixture = fileURLToPath(new URL('../data/fixtures/pendulum-random-v0', import.meta.url));

describe('groundtwin export and import', () => {
  const place = scratch();
  const data = place.in('data.bin');
  before(async () => {
    const { code, err } = await groundtwin(['record', ...env, '--episodes', '2', '--out', data]);
    expect(code, err).to.equal(0);
  });
  after(() => place.remove());

  for (const format of ['parquet', 'csv', 'minari', 'mcap', 'rosbag'])
    it(`${format}: what goes out comes back as the same file`, async () => {
      const [there, back] = [place.in(`${format}-v0`), place.in(`${format}.bin`)];
      const out = await groundtwin(['export', ...env, '--data', data, '--format', format, '--out', there, '--json']);
      expect(out.code, out.err).to.equal(0);
      expect(JSON.parse(out.out)).to.deep.equal({ env: 'Pendulum-v0', format, out: there, episodes: 2, steps: 400 });
      const imported = await groundtwin(['import', there, ...env, '--format', format, '--out', back, '--json']);
      expect(imported.code, imported.err).to.equal(0);
      expect(JSON.parse(imported.out)).to.include({ episodes: 2, steps: 400, states: 'recorded' });
      expect(readFileSync(back).equals(readFileSync(data))).to.equal(true);
    });

  it('import makes transitions of what Minari wrote, and says that states were inferred', async () => {
    const out = place.in('theirs.bin');
    const { code, out: said, err } = await groundtwin(['import', fixture, ...env, '--format', 'minari', '--out', out]);
    expect(code, err).to.equal(0);
    expect(said).to.equal(`2 episodes, 10 steps for Pendulum-v0, states inferred, in ${out}\n`);
    expect(readTransitions(out, registry.task('Pendulum-v0')).count).to.equal(10);
  });

  it('episodes in Parquet take the place of transitions where states cannot be told', async () => {
    const out = place.in('theirs.parquet');
    const taken = await groundtwin(['import', fixture, ...env, '--format', 'minari', '--as', 'episodes', '--out', out, '--json']);
    expect(taken.code, taken.err).to.equal(0);
    const again = await groundtwin(['export', '--data', out, '--format', 'minari', '--out', place.in('again-v0'), '--json']);
    expect(again.code, again.err).to.equal(0);
    expect((await formats.minari.read(place.in('again-v0'))).episodes).to.deep.equal((await formats.minari.read(fixture)).episodes);
  });

  it('refuses what does not fit, with typed errors', async () => {
    const refused = async (...argv: string[]) => {
      const { code, err } = await groundtwin([...argv, '--json']);
      return { exit: code, ...(JSON.parse(err.trim().split('\n').at(-1)!) as { error: { code: string; message: string } }).error };
    };
    const wrong = await refused('import', fixture, '--env', 'Reacher-v0', '--format', 'minari', '--out', place.in('x.bin'));
    expect(wrong).to.include({ code: 'DATA_INVALID' });
    const hidden = await refused('import', fixture, '--env', 'Hopper-v0', '--format', 'minari', '--out', place.in('x.bin'));
    expect(hidden).to.include({ code: 'OPTION_INVALID' });
    expect(hidden.message).to.match(/do not determine them/);
    expect(await refused('export', ...env, '--data', place.in('none.bin'), '--format', 'mcap', '--out', place.in('x.mcap'))).to.include({
      code: 'DATA_INVALID',
    });
    expect(await refused('export', ...env, '--data', data, '--format', 'minari', '--out', data)).to.include({ code: 'OPTION_INVALID' });
    expect((await groundtwin(['export', '--data', data, '--format', 'tar', '--out', 'x'])).code).to.equal(2);
  });
});
