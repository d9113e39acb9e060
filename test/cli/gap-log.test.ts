import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { randomPolicy } from '../../agents/index.ts';
import { recordTruth } from '../../bench/verify/identify-data.ts';
import { episodesOf } from '../../src/data/episode-transitions.ts';
import { formats } from '../../src/data/formats/index.ts';
import type { Transitions } from '../../src/data/transitions.ts';
import type { GapReport } from '../../src/gap/index.ts';
import { registry } from '../../src/index.ts';
import { writeObservationModel } from '../../src/world-model/observation-folder.ts';
import { stubGraphs, stubManifest } from '../world-model/observation-stub.ts';
import { groundtwin, scratch } from './harness.ts';

const task = registry.task('Pendulum-v0');
const degrees = 180 / Math.PI;

/** As somebody's logger writes it: degrees, milliseconds that jitter, a pause between episodes. */
function loggedText(data: Transitions): string {
  const lines = ['# bench 3', 'stamp_ms;theta_deg;rate_dps;torque'];
  let time_ms = 1e6;
  for (let row = 0; row < data.count; row++) {
    lines.push([time_ms, data.state[2 * row]! * degrees, data.state[2 * row + 1]! * degrees, data.action[row]].join(';'));
    time_ms += 49 + (row % 3);
    if (data.episode[row + 1] === data.episode[row]) continue;
    lines.push([time_ms, data.next[2 * row]! * degrees, data.next[2 * row + 1]! * degrees, ''].join(';'));
    time_ms += 5000;
  }
  return lines.join('\n');
}

describe('groundtwin gap --truth log:', () => {
  const place = scratch();
  const env = ['--env', 'Pendulum-v0'];
  const columns = [
    '--columns',
    `state.angle_rad=theta_deg*${1 / degrees}`,
    `state.velocity_radps=rate_dps*${1 / degrees}`,
    'action.torque_Nm=torque',
    'time_s=stamp_ms*0.001',
  ];
  const log = `log:${place.in('robot.csv')}`;
  const few = ['--axes', 'none', '--segment', '10'];
  const report = (text: string) => JSON.parse(text) as GapReport;
  after(() => place.remove());
  before(async () => {
    const policy = randomPolicy(task.actionSpace, 1, 5);
    const recorded = (params: Readonly<Record<string, number>>, delay_steps: number) =>
      recordTruth({ task, params, policy, episodes: 8, steps: 80, delay_steps, noise: 0.002, seed: 3 });
    writeFileSync(place.in('robot.csv'), loggedText(await recorded({ mass_kg: 1.4 }, 1)));
    const own = await recordTruth({ task, params: {}, policy, episodes: 6, steps: 60, delay_steps: 0, noise: 0, seed: 3 });
    for (const format of ['csv', 'minari', 'mcap'] as const)
      await formats[format].write(place.in(`own-${format}-v0`), episodesOf(task, own));
  });

  it('finds next to nothing between truth and what truth did, in any format', async () => {
    const hashes: string[] = [];
    for (const format of ['csv', 'minari', 'mcap']) {
      const { out, err, code } = await groundtwin(['gap', ...env, '--truth', `log:${place.in(`own-${format}-v0`)}`, ...few, '--json']);
      expect(code, err).to.be.oneOf([0, 3]);
      const { normalised, rows, metadata, perStart } = report(out);
      for (const error of normalised.model.measured) expect(error).to.be.below(1e-3);
      expect(rows.map(({ verdict }) => verdict)).to.not.include('FAIL');
      expect(metadata).to.include({ model: 'truth', truth: `own-${format}-v0` });
      hashes.push(perStart.truth);
    }
    expect(new Set(hashes).size).to.equal(1);
  }).timeout(60_000);

  it('writes the report, JUnit and the exit code that every gap has', async () => {
    const out = place.in('report');
    const own = `log:${place.in('own-csv-v0')}`;
    const {
      code,
      out: text,
      err,
    } = await groundtwin([
      'gap',
      ...env,
      '--truth',
      own,
      '--subject',
      'truth:gravity_mps2*0.3',
      ...few,
      '--out',
      out,
      '--junit',
      join(out, 'gap.xml'),
    ]);
    expect(code, err).to.equal(3);
    expect(text).to.match(/error \(of persistence, linear\) +1 step ahead +10 steps ahead/);
    expect(text).to.match(/^C1, C2: It asks what other actions would have led to/m);
    expect(text).to.match(/Truth is a log: own-csv-v0, 360 steps in 6 episodes/);
    expect(readFileSync(join(out, 'gap.xml'), 'utf8')).to.match(/<testsuite name="gap of truth:gravity_mps2\*0.3 on Pendulum-v0"/);
    expect(readFileSync(join(out, 'report.html'), 'utf8')).to.match(/<dt>Truth<\/dt><dd>own-csv-v0<\/dd>/);
    const { metadata } = report(readFileSync(join(out, 'gap.json'), 'utf8'));
    expect(metadata.command).to.include(`--truth ${own}`);
  }).timeout(60_000);

  it('A7: what identify finds in a log brings physics nearer to the part it has not seen, and the other way round does not', async () => {
    const found = place.in('found');
    const identified = await groundtwin([
      'identify',
      ...env,
      '--data',
      place.in('robot.csv'),
      ...columns,
      '--parameters',
      'mass_kg',
      '--delay',
      '1',
      '--segments',
      '40',
      '--out',
      found,
    ]);
    expect(identified.code, identified.err).to.equal(0);
    const { out } = await groundtwin(['gap', ...env, '--truth', log, ...columns, '--identified', found, ...few, '--json']);
    const { rows, metadata, summary } = report(out);
    expect(metadata.model).to.match(/^identified: mass_kg=1\.[34]\d*, commands 1 steps late$/);
    expect(metadata.command).to.include("--columns 'state.angle_rad=theta_deg*0.017");
    expect(summary.join(' ')).to.match(/160 steps in 2 episodes, those that were kept apart/);
    const [fall, gain] = rows.filter(({ id }) => id === 'A7');
    expect(fall).to.include({ verdict: 'PASS', horizon: 10 });
    expect(gain).to.include({ verdict: 'PASS', horizon: 10 });
    const own = await groundtwin([
      'gap',
      ...env,
      '--truth',
      `log:${place.in('own-csv-v0')}`,
      '--identified',
      join(found, 'identify.json'),
      ...few,
      '--json',
    ]);
    for (const row of report(own.out).rows.filter(({ id }) => id === 'A7')) expect(row.verdict).to.equal('FAIL');
    expect(own.code).to.equal(3);
  }).timeout(60_000);

  it('refuses what it cannot do, with a way out', async () => {
    const minari = fileURLToPath(new URL('../data/fixtures/pendulum-random-v0', import.meta.url));
    writeFileSync(place.in('torn.parquet'), 'PAR1 and no more');
    writeFileSync(
      place.in('binary'),
      Uint8Array.from({ length: 200 }, (_, i) => i),
    );
    const own = `log:${place.in('own-csv-v0')}`;
    const refusals: readonly [argv: string[], code: number, says: RegExp][] = [
      [['--truth', 'robot.csv'], 2, /'physics', or log:<file>/],
      [['--truth', `log:${place.in('nowhere.csv')}`], 1, /DATA_INVALID: .*nothing of that name/],
      [['--truth', `log:${place.in('torn.parquet')}`], 1, /DATA_INVALID: .*footer has \d+ bytes/],
      [['--truth', `log:${place.in('binary')}`], 1, /DATA_INVALID: .*no log that is read/],
      [['--truth', log], 1, /DATA_INVALID: .*lacks columns of Pendulum-v0: action\.torque_Nm/],
      [['--truth', log, ...columns, '--segment', '100'], 1, /DATA_INVALID: .*longest episode has 80 steps.*--segment/],
      [['--truth', `log:${minari}`, '--columns', 'time_s=t'], 2, /--columns.*csv and parquet/],
      [['--truth', own, '--observation-topic', '/x'], 2, /--observation-topic.*mcap and rosbag/],
      [['--truth', own, '--columns', 'nonsense'], 2, /ours=theirs/],
      [['--truth', own, '--data', place.in('x.bin')], 2, /the log is what is held out/],
      [['--truth', own, '--subject', 'identified'], 2, /--identified <file>/],
      [['--truth', own, '--identified', place.in('nowhere')], 1, /DATA_INVALID/],
      [['--segment', '10'], 2, /used with --truth log:<file>/],
    ];
    for (const [argv, code, says] of refusals) {
      const outcome = await groundtwin(['gap', ...env, ...argv]);
      expect(outcome, argv.join(' ')).to.include({ code, out: '' });
      expect(outcome.err).to.match(says);
    }
  }).timeout(60_000);

  it('holds a model of observations against what was seen, and knows no physics for it', async () => {
    const graphs = stubGraphs();
    writeObservationModel(place.in('seen'), { manifest: stubManifest(task, graphs), graphs });
    const asked = ['gap', '--model', place.in('seen'), '--truth', `log:${place.in('own-mcap-v0')}`, '--samples', '19', ...few];
    const { code, out, err } = await groundtwin([...asked, '--json']);
    expect(code, err).to.equal(3);
    const { errors, rows, samples, metadata } = report(out);
    expect(errors.map(({ label }) => label)).to.deep.equal(['cosAngle', 'sinAngle', 'velocity_radps']);
    expect(samples).to.equal(19);
    expect(metadata.truth).to.equal('own-mcap-v0, as it was seen');
    expect(rows.find(({ id }) => id === 'H1')!.high).to.be.below(0);
    expect(rows.find(({ id }) => id === 'A7')!.reason).to.match(/knows of no state/);
    const refused = await groundtwin([...asked, '--subject', 'truth']);
    expect(refused.code).to.equal(2);
    expect(refused.err).to.match(/the model predicts observations/);
  }).timeout(60_000);

  it('says why an engine cannot be put where only observations were logged', async () => {
    const hopper = registry.task('Hopper-v0');
    const names = (hopper.observationSpace as { names: readonly string[] }).names;
    const actions = (hopper.actionSpace as { names: readonly string[] }).names.map((name) => `action.${name}`);
    const row = [...names, ...actions].map(() => '0').join(',');
    writeFileSync(place.in('hopper.csv'), [[...names, ...actions].join(','), row, row, row].join('\n'));
    const { code, err } = await groundtwin(['gap', '--env', 'Hopper-v0', '--truth', `log:${place.in('hopper.csv')}`]);
    expect(code).to.equal(2);
    expect(err)
      .to.match(/holds observations alone/)
      .and.to.match(/do not tell where the robot was/)
      .and.to.match(/A model that predicts observations can be measured/);
    expect(existsSync(place.in('hopper.csv'))).to.equal(true);
  });
});
