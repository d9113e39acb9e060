import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { expect } from 'chai';
import { codeHash } from '../../src/cli/code-hash.ts';
import { openSubject } from '../../src/cli/gap-subject.ts';
import { trainingAudits } from '../../src/cli/training-audits.ts';
import { keepWorst } from '../../src/cli/worst-episodes.ts';
import type { Transitions } from '../../src/data/transitions.ts';
import { type Figure, figure, runGap, type WorstStart } from '../../src/gap/index.ts';
import { make, registry } from '../../src/index.ts';
import { Rng } from '../../src/math/rng.ts';
import { rapierEngine } from '../../src/physics/rapier-engine.ts';
import { oracle, swings } from '../gap/pendulums.ts';
import { metadata } from '../gap/synthetic.ts';
import { groundtwin, scratch } from './harness.ts';

const settings = { starts: 24, horizon: 12, samples: 1, counterfactualStarts: 8, alternatives: 2, counterfactualHorizon: 4 };

describe('the worst episodes of a gap report', () => {
  const place = scratch();
  const task = registry.task('Pendulum-v0');
  let heldOut: Transitions;
  let kept: readonly WorstStart[];
  after(() => place.remove());

  const keep = async (asked: string, out: string) => {
    const subject = await openSubject(task, undefined, asked);
    const truth = await oracle(4);
    try {
      const report = await runGap({ truth, subject, heldOut, training: heldOut, settings, metadata, rng: new Rng(7) });
      const conditioned = { task, names: [], ranges: undefined };
      const who = { model: undefined, subject: asked, data: undefined };
      return (await keepWorst({ report, conditioned, subject, engine: await rapierEngine(), heldOut, out, who })).starts;
    } finally {
      await truth.close();
      await subject.close();
    }
  };
  const episodeOf = (out: string) => JSON.parse(readFileSync(`${out}/worst/1/episode.json`, 'utf8'));

  before(async () => {
    heldOut = await swings(5, 20, 16);
    kept = await keep('broken:gravity-half', place.in('gap'));
  });

  it('are five, each with replays that give the recorded bits by the commands that the report names', async () => {
    expect(kept).to.have.length(5);
    for (const start of kept) {
      expect(start.kept!.commands.map((command) => command.replace(/ \S*gap\/worst\/\d/, ''))).to.deep.equal([
        'groundtwin replay verify/truth.replay',
        'groundtwin replay verify/subject.replay --subject broken:gravity-half',
      ]);
      for (const { path } of start.kept!.files) expect(existsSync(place.in('gap', path)), path).to.equal(true);
    }
    for (const command of kept[0]!.kept!.commands) {
      const { code, out, err } = await groundtwin(command.split(' ').slice(1));
      expect({ code, out }, err).to.deep.equal({ code: 0, out: 'Pendulum-v0: 12 steps, every bit as recorded\n' });
    }
  });

  it('hold what the report measured: its truth and its first draw, from its state and actions', () => {
    const episode = episodeOf(place.in('gap'));
    const [first] = kept;
    expect(episode).to.deep.include({ start: first!.start, exceedsAt: first!.exceedsAt, seed: first!.from!.seed });
    expect(episode.truth[0]).to.deep.equal(first!.from!.state);
    for (const { label, truth, draw } of first!.entries) {
      const { offset } = episode.entries.find(({ name }: { name: string }) => name === label);
      const column = (rows: number[][]): Figure[] => rows.map((row) => figure(row[offset]!));
      expect(column(episode.truth)).to.deep.equal(truth);
      expect(column(episode.subject)).to.deep.equal(draw);
    }
  });

  it('diverge, with exit code 3, on anything but who was measured', async () => {
    const file = place.in('gap', 'worst', '1', 'subject.replay');
    const { code, out } = await groundtwin(['replay', 'verify', file, '--subject', 'broken:gravity-half@0.4']);
    expect(code, out).to.equal(3);
    expect((await groundtwin(['replay', 'verify', file, '--subject', 'broken:lamp'])).code).to.equal(2);
  });

  it('keep snapshots of physics at the start and where .4 σ is passed, to go on from', async () => {
    const { exceedsAt } = kept[0]!;
    expect(exceedsAt).to.be.within(1, 11);
    const { truth, actions } = episodeOf(place.in('gap'));
    for (const [name, at] of [
      ['start', 0],
      ['exceeds', exceedsAt!],
    ] as const) {
      const env = await make('Pendulum-v0', { maxEpisodeSteps: null });
      await env.restore(readFileSync(place.in('gap', 'worst', '1', `${name}.snapshot`)));
      for (let step = at; step < 12; step++) {
        const { observation } = await env.step(Float32Array.from(actions[step]));
        const [angle, velocity] = truth[step + 1];
        expect(Array.from(observation as Float32Array), `${name} ${step}`).to.deep.equal(
          Array.from(Float32Array.of(Math.cos(angle), Math.sin(angle), velocity)),
        );
      }
      await env.close();
    }
  });

  it('can be watched side by side on a page that loads nothing', () => {
    const page = readFileSync(place.in('gap', 'worst', '1', 'watch.html'), 'utf8');
    expect(page)
      .to.match(/<canvas/)
      .and.to.not.match(/https?:|NaN/);
    expect(page).to.include('The same 12 actions');
  });

  it('of who must know a plan whole hold physics alone; files of an earlier report go', async () => {
    const out = place.in('gap');
    const starts = await keep('broken:leaks-future', out);
    const [{ kept: files }] = starts as [WorstStart];
    expect(files!.commands).to.have.length(1);
    for (const name of ['subject.replay', 'watch.html']) expect(existsSync(`${out}/worst/1/${name}`)).to.equal(false);
    expect(episodeOf(out)).to.not.have.property('subject');
  });
});

describe('what a result is traced to', () => {
  it('names the code by one hash, the same every time', () => {
    expect(codeHash()).to.match(/^[0-9a-f]{64}$/);
    expect(codeHash()).to.equal(codeHash());
  });

  it('finds audits in the metrics beside a model, whatever else those hold', () => {
    const place = scratch();
    const model = place.in('run', 'model');
    mkdirSync(model, { recursive: true });
    expect(trainingAudits(model)).to.deep.equal([]);
    expect(trainingAudits(undefined)).to.deep.equal([]);
    const lines = [
      '{"iteration":1,"audit":null}',
      '{"iteration":2,"audit":{"realSteps":100,"return":{"imagined":2.5,"truth":2}}}',
      '{"audit":{"realSteps":"many","return":{"imagined":1,"truth":1}}}',
      '{"audit":{"realSteps":5}}',
      'null',
      '{"cut',
      '',
    ];
    writeFileSync(`${dirname(model)}/metrics.jsonl`, lines.join('\n'));
    expect(trainingAudits(model)).to.deep.equal([{ steps: 100, imagined: 2.5, truth: 2 }]);
    place.remove();
  });
});
