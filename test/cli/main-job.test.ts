import { readdirSync, readFileSync } from 'node:fs';
import { expect } from 'chai';
import { cemDefaults, petsDefaults } from '../../agents/index.ts';
import { type MainJobResult, type Progress, runMainJob } from '../../src/cli/main-job.ts';
import { readTransitions } from '../../src/data/transitions.ts';
import { registry } from '../../src/index.ts';
import { groundtwin, jsonLines, scratch } from './harness.ts';

/** The whole job, every part tiny: it shows that the parts fit, not that anything is learned. */
const config = {
  training: { ...petsDefaults, explorationSteps: 120, rounds: 1, episodesPerRound: 1, episodeSteps: 30, updates: 50, finalUpdates: 60 },
  evaluationStarts: 2,
  imaginedStarts: 2,
};
const planner = { ...cemDefaults, population: 6, elites: 2, iterations: 1, horizon: 4 };

describe('the main job, tiny', function () {
  this.timeout(120_000);
  const place = scratch();
  const told: Progress[] = [];
  let result: MainJobResult;
  before(async () => {
    result = await runMainJob({ seed: 5, out: place.in('a'), config, planner, onProgress: (progress) => told.push(progress) });
  });
  after(() => place.remove());
  const text = (run: string, file: string) => readFileSync(place.in(run, file), 'utf8');
  const bytes = (run: string, file: string) => readFileSync(place.in(run, file)).toString('base64');

  it('leaves a run folder that holds all of it', () => {
    expect(readdirSync(place.in('a')).sort()).to.deep.equal(
      ['config.json', 'gap.json', 'held-out.bin', 'main-job.json', 'metrics.jsonl', 'model', 'report.html', 'training.bin', 'worst'].sort(),
    );
    expect(readdirSync(place.in('a', 'model')).sort()).to.deep.equal(['manifest.json', 'predict.onnx']);
    expect(readdirSync(place.in('a', 'worst')).sort()).to.deep.equal(['1', '2', '3', '4', '5']);
  });

  it('writes down what was asked, with versions, machine and planner', () => {
    const written = JSON.parse(text('a', 'config.json'));
    expect(written).to.include.all.keys('command', 'seeds', 'versions', 'machine', 'date');
    expect(written.seeds).to.deep.equal([5]);
    expect(written.config).to.deep.include({ ...config, planner, task: 'CartPoleSwingUp-v0' });
  });

  it('learned from the steps it says, and from no other', () => {
    const task = registry.task('CartPoleSwingUp-v0');
    const training = readTransitions(place.in('a', 'training.bin'), task);
    expect(training.count).to.equal(150);
    expect(result.realSteps).to.equal(150);
    expect(readTransitions(place.in('a', 'held-out.bin'), task).count).to.equal(2 * 250);
    const { training: told, trust } = JSON.parse(text('a', 'model/manifest.json'));
    expect(told).to.include({ transitions: 150, updates: 60 });
    expect(trust.horizon.steps).to.equal(result.report.trust.steps);
    expect(trust.familiarity.distance).to.have.length(101);
    const events = jsonLines(text('a', 'metrics.jsonl')).map(({ event }) => event);
    expect(events).to.deep.equal(['round', 'round', 'model', 'check']);
  });

  it('returns what it wrote', () => {
    const written = JSON.parse(text('a', 'main-job.json'));
    expect(written).to.include({ seed: 5, realSteps: 150, verdict: result.report.verdict });
    expect(written.trueReturns).to.deep.equal(result.trueReturns);
    for (const returns of [result.trueReturns, result.imaginedReturns, result.randomReturns]) expect(returns).to.have.length(2);
    expect(JSON.parse(text('a', 'gap.json'))).to.deep.equal(result.report);
    expect(text('a', 'report.html')).to.match(/^<!doctype html>/i);
  });

  it('tells of every stage, to its end', () => {
    for (const stage of [
      'episode 1 of 2',
      'learning, round 1',
      'learning the world',
      'check on physics over WebSocket',
      'inside the model',
      'gap: rollouts',
    ]) {
      const of = told.filter((progress) => progress.stage.includes(stage));
      expect(of, stage).to.not.have.length(0);
      expect(of.at(-1)!.done, stage).to.equal(of.at(-1)!.of);
    }
  });

  it('keeps worst episodes that play again, on the model that it leaves', async () => {
    for (const command of result.report.worst.starts[0]!.kept!.commands) {
      const { code, out, err } = await groundtwin(command.split(' ').slice(1));
      expect({ code, out }, err).to.deep.equal({ code: 0, out: 'CartPoleSwingUp-v0: 40 steps, every bit as recorded\n' });
    }
  });

  it('comes out the same from the same seed, byte for byte', async () => {
    await runMainJob({ seed: 5, out: place.in('b'), config, planner });
    for (const file of ['model/manifest.json', 'model/predict.onnx', 'training.bin', 'held-out.bin'])
      expect(bytes('b', file), file).to.equal(bytes('a', file));
    // Commands name the folder.
    const alike = (run: string) =>
      text(run, 'gap.json')
        .replace(/"date": ".*"/, '')
        .replaceAll(place.in(run), 'run');
    expect(alike('b')).to.equal(alike('a'));
    for (const file of ['truth.replay', 'subject.replay', 'start.snapshot', 'episode.json'])
      expect(bytes('b', `worst/1/${file}`), file).to.equal(bytes('a', `worst/1/${file}`));
  });
});
