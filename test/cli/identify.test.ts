import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { randomPolicy } from '../../agents/index.ts';
import { recordTruth } from '../../bench/verify/identify-data.ts';
import { writeTransitions } from '../../src/data/transitions.ts';
import { make, registry } from '../../src/index.ts';
import { groundtwin, scratch } from './harness.ts';

const task = registry.task('Pendulum-v0');

describe('groundtwin identify', () => {
  const place = scratch();
  const data = place.in('data.bin');
  const asked = ['identify', '--env', 'Pendulum-v0', '--data', data];
  after(() => place.remove());
  before(async () => {
    const policy = randomPolicy(task.actionSpace, 1, 5);
    const params = { mass_kg: 1.4, hingeDamping_Nmsprad: 0.05 };
    writeTransitions(data, task, await recordTruth({ task, params, policy, episodes: 4, steps: 80, delay_steps: 1, noise: 0.01, seed: 3 }));
  });

  it('writes what it found, and prints the same as JSON; its ranges are those that make() takes', async () => {
    const out = place.in('found');
    const parameters = 'mass_kg,hingeDamping_Nmsprad=0:0.5';
    const { code, out: text, err } = await groundtwin([...asked, '--parameters', parameters, '--delay', '2', '--out', out, '--json']);
    expect(code, err).to.equal(0);
    const found = JSON.parse(text);
    expect(JSON.parse(readFileSync(join(out, 'identify.json'), 'utf8'))).to.deep.equal(found);
    expect(found.delay.steps).to.equal(1);
    const [mass, damping] = found.parameters;
    expect(mass.estimate).to.be.closeTo(1.4, 0.05);
    expect(damping).to.include({ name: 'hingeDamping_Nmsprad', low: 0, high: 0.5, identifiable: true });
    expect(found.run.command).to.equal(
      `groundtwin identify --seed 1 --env Pendulum-v0 --delay 2 --segment 10 --segments 100 --held-out 0.25 --search auto --evaluations 400 --data ${data} --parameters ${parameters}`,
    );
    const env = await make('Pendulum-v0', { randomize: found.ranges });
    const { info } = await env.reset({ seed: 1 });
    expect(info).to.include({ latency_steps: 1 });
    await env.close();
  }).timeout(60_000);

  it('prints a table that flags what cannot be told', async () => {
    const { out, code } = await groundtwin([
      ...asked,
      '--parameters',
      'mass_kg,length_m,gravity_mps2',
      '--segments',
      '15',
      '--search',
      'slopes',
    ]);
    expect(code).to.equal(0);
    expect(out).to.match(/^parameter +before +found +95 % +bounds/);
    for (const name of ['mass_kg', 'length_m', 'gravity_mps2']) expect(out).to.match(new RegExp(`^${name} .*UNIDENTIFIABLE`, 'm'));
    expect(out).to.match(/^mass_kg and length_m can hardly be told apart/m);
    expect(out).to.match(/^Held-out error over 10 steps.* it fell by /m);
  }).timeout(60_000);

  it('refuses what it cannot do, with a way out', async () => {
    const refusals: readonly [more: string[], code: number, says: RegExp][] = [
      [['--parameters', 'masss_kg'], 2, /of its parameters: mass_kg, length_m/],
      [['--parameters', 'mass_kg=3'], 2, /<name>=<low>:<high>/],
      [['--parameters', 'mass_kg=3:2'], 2, /bounds in order/],
      [['--parameters', 'mass_kg,mass_kg'], 2, /named once/],
      [['--parameters', 'mass_kg', '--held-out', '1'], 2, /above 0 and below 1/],
      [['--parameters', 'mass_kg', '--segment', '500'], 1, /DATA_INVALID: .*500 steps/],
      [[], 2, /--parameters/],
    ];
    for (const [more, code, says] of refusals) {
      const outcome = await groundtwin([...asked, ...more]);
      expect(outcome, more.join(' ')).to.include({ code, out: '' });
      expect(outcome.err).to.match(says);
    }
  });
});
