import { expect } from 'chai';
import { TransitionRecorder, type Transitions } from '../../../src/data/transitions.ts';
import {
  axesNamed,
  claimsDoubt,
  envSubject,
  floorByPhysics,
  type GapReport,
  gapDefaults,
  linearOf,
  logDefaults,
  modelSubject,
  type OpenEnv,
  pairWithLog,
  planOf,
  play,
  type RunLogGapOptions,
  recordedStates,
  runLogGap,
  type Subject,
  TruthModel,
  withLogPlayer,
} from '../../../src/gap/index.ts';
import { registry } from '../../../src/index.ts';
import { Rng } from '../../../src/math/rng.ts';
import { rapierEngine } from '../../../src/physics/rapier-engine.ts';
import { codeOf } from '../../contracts/env-contract.ts';
import { metadata } from '../synthetic.ts';

const task = registry.task('Pendulum-v0');
const truth: OpenEnv = (lanes) => registry.truth(task, lanes);
const changed =
  (params: Readonly<Record<string, number>>): OpenEnv =>
  (lanes) =>
    registry.truth({ ...task, params: { ...task.params, ...params } }, lanes);
const altered = { mass_kg: 1.4, hingeDamping_Nmsprad: 0.1 };
const tests = axesNamed().flatMap((axis) => axis.tests);

/** Episodes of 61 steps from anywhere, torques held three steps and played so many later; noise in rad and rad/s. */
async function record(params: Readonly<Record<string, number>>, delay_steps = 0, noise = 0, episodes = 24): Promise<Transitions> {
  const env = await changed(params)(1);
  const recorder = new TransitionRecorder(task);
  const rng = new Rng(3);
  const measured = () => env.state.map((value) => value + noise * rng.normal());
  for (let episode = 0; episode < episodes; episode++) {
    await env.setState(0, [rng.uniform(-Math.PI, Math.PI), rng.uniform(-6, 6)], 0);
    const chosen: number[] = [];
    for (let [step, before] = [0, measured()]; step < 61; step++) {
      chosen.push(step % 3 === 0 ? rng.uniform(-2, 2) : chosen.at(-1)!);
      await env.step(Float32Array.of(chosen[step - delay_steps] ?? 0), Uint8Array.of(1));
      const after = measured();
      recorder.add(before, Float32Array.of(chosen[step]!), Float64Array.of(chosen[step]!), after, episode);
      before = after;
    }
  }
  await env.close();
  return recorder.transitions();
}

interface Asked extends Partial<Pick<RunLogGapOptions, 'tests' | 'linear'>> {
  readonly identified?: { readonly open: OpenEnv; readonly delay_steps: number };
  readonly delay_steps?: number;
  readonly segment_steps?: number;
  readonly samples?: number;
  readonly segments?: number;
  /** Whole ones played. */
  readonly episodes?: number;
}

async function measure(data: Transitions, subject: Subject, asked: Asked = {}): Promise<GapReport> {
  const { samples = 1, delay_steps = 0, segment_steps = 20, segments = 30, episodes = 4, identified, ...more } = asked;
  const env = await truth(16);
  try {
    return await withLogPlayer(subject, data, { samples, delay_steps }, (player) =>
      runLogGap({
        path: 'log.csv',
        recorded: recordedStates(task, data),
        player,
        claims: claimsDoubt(subject.model),
        physics: { env, data, ...(identified && { identified }) },
        tests,
        settings: { ...logDefaults, segments, segment_steps, samples, episodes },
        metadata: { ...metadata, task: task.id, controlDt_s: task.controlDt_s, truth: 'log.csv' },
        rng: new Rng(7),
        ...more,
      }),
    );
  } finally {
    await env.close();
    await subject.close();
  }
}

const rowsOf = ({ rows }: GapReport, id: string) => rows.filter((row) => row.id === id);

describe('the gap to a log', () => {
  let own: Transitions;
  let foreign: Transitions;
  before(async () => {
    own = await record({}, 0, 0, 60);
    foreign = await record(altered);
  });

  it('is next to nothing for the physics that the log was recorded on', async () => {
    const report = await measure(own, envSubject('truth', task, truth), { segment_steps: 40, segments: 180, episodes: 24 });
    report.normalised.model.measured.forEach((error, i) => {
      expect(error).to.be.at.most(Math.min(0.005, report.normalised.floor[i]!));
    });
    expect(report.rows.map(({ verdict }) => verdict)).to.not.include('FAIL');
    for (const row of rowsOf(report, 'H1')) expect(row.low).to.be.above(0.99);
    expect(rowsOf(report, 'H2')[0]).to.include({ verdict: 'PASS', measured: 1 });
    const { episodes, validSteps } = report.axes.log!.wholeEpisodes as { episodes: { steps: number }[]; validSteps: { low: number } };
    expect(episodes.map(({ steps }) => steps)).to.deep.equal(new Array(24).fill(61));
    expect(validSteps.low).to.equal(61);
    expect(report.summary.join(' ')).to.match(/Truth is a log: log.csv, 3660 steps in 60 episodes\. \d+ segments of 40 steps \(2 s\)/);
  });

  it('fails physics with other parameters', async () => {
    const report = await measure(own, envSubject('truth:gravity_mps2*0.5', task, changed({ gravity_mps2: 5 })), {
      segment_steps: 40,
      segments: 180,
      episodes: 4,
    });
    expect(report.verdict).to.equal('FAIL');
    const skill = rowsOf(report, 'H1').find(({ horizon }) => horizon === 10)!;
    expect(skill.high).to.be.below(0);
    expect(skill.verdict).to.not.equal('PASS');
  });

  it('says of every row that needs truth to be played why a log has no answer', async () => {
    const report = await measure(own, envSubject('truth', task, truth));
    for (const id of ['C1', 'C2', 'C3', 'C9', 'P1', 'P6', 'H3', 'H5', 'A1', 'A2', 'A6', 'A7'])
      for (const row of rowsOf(report, id)) expect(row, id).to.include({ verdict: 'NOT_APPLICABLE', measured: null });
    expect(rowsOf(report, 'C1')[0]!.reason).to.match(/knows only those that were taken/);
    expect(rowsOf(report, 'A7')[0]!.reason).to.match(/--identified/);
    for (const { id } of tests) expect(rowsOf(report, id), id).to.not.be.empty;
    expect(rowsOf(report, 'H1').find(({ horizon }) => horizon === 40)!.reason).to.match(/only 20 steps long/);
  });

  it('is what the same model errs by when it is played directly', async () => {
    const subject = modelSubject(task, new TruthModel({ ...task, params: { ...task.params, mass_kg: 1.2 } }, await rapierEngine()));
    const recorded = recordedStates(task, own);
    const starts = [3, 30, 183, 700];
    const env = await truth(4);
    const paired = await withLogPlayer(subject, own, { samples: 1 }, (player) =>
      pairWithLog(
        { recorded, player, linear: linearOf(recorded), floor: floorByPhysics(env, own, recorded), samples: 1 },
        starts,
        12,
        new Rng(1),
      ),
    );
    const dream = await subject.open(4);
    const direct = await play(dream, planOf(task, own, starts, 12), 1, 0);
    expect([...paired.imaginedMean]).to.deep.equal([...direct.rows]);
    for (const [i, row] of starts.entries())
      for (let step = 1; step <= 12; step++)
        for (let element = 0; element < 2; element++)
          expect(paired.truth[(i * 13 + step) * 2 + element]).to.equal(own.next[(row + step - 1) * 2 + element]);
    // The floor is apart from the log by about as much as a sensor errs.
    const gaps = paired.perturbed.map((value, at) => Math.abs(value - paired.truth[at]!));
    expect(Math.max(...gaps)).to.be.within(1e-5, 0.1);
    await dream.close();
    await env.close();
    await subject.close();
  });

  it('A7 passes parameters and a delay that are those of the machine, and fails the same two exchanged', async () => {
    const late = await record(altered, 1, 0.002);
    const identified = { open: changed(altered), delay_steps: 1 };
    const good = await measure(late, envSubject('identified', task, changed(altered)), { identified, delay_steps: 1 });
    const [fall, gain] = rowsOf(good, 'A7');
    expect(fall).to.include({ verdict: 'PASS', passes: '> 0', horizon: 20 });
    expect(fall!.measured).to.be.above(0.8);
    expect(gain).to.include({ verdict: 'PASS', horizon: 10 });
    const { error } = good.axes.log!.identification as { error: { before: { measured: number }; after: { measured: number } } };
    expect(1 - error.after.measured / error.before.measured).to.be.closeTo(fall!.measured!, 1e-4);
    // A machine as the task has it, and parameters that were another's.
    const bad = await measure(own, envSubject('truth', task, truth), { identified: { open: changed(altered), delay_steps: 0 } });
    for (const row of rowsOf(bad, 'A7')) {
      expect(row.verdict).to.equal('FAIL');
      expect(row.high).to.be.below(0);
    }
  });

  it('A7 does not pass parameters that change nothing', async () => {
    const report = await measure(foreign, envSubject('truth', task, truth), { identified: { open: truth, delay_steps: 0 } });
    for (const row of rowsOf(report, 'A7')) expect(row).to.include({ verdict: 'FAIL', measured: 0, low: 0, high: 0 });
  });

  it('judges how sure a model says it is', async () => {
    const model = new TruthModel(task, await rapierEngine());
    const noisy = { manifest: { ...model.manifest, members: 1, noise: { distribution: 'normal', size: 1 } } };
    expect(claimsDoubt(noisy as never)).to.equal(true);
    expect(claimsDoubt(model)).to.equal(false);
    expect(claimsDoubt(undefined)).to.equal(false);
    const report = await measure(own, envSubject('truth', task, truth), { samples: 20, segment_steps: 10, segments: 12, episodes: 2 });
    for (const row of rowsOf(report, 'H4').filter(({ horizon }) => (horizon ?? 0) <= 10))
      expect(row.reason).to.match(/says the same every time/);
  });

  it('asks for a longer log, or shorter segments', async () => {
    const asked = (segment_steps: number) => codeOf(() => measure(own, envSubject('truth', task, truth), { segment_steps }));
    expect(await asked(62)).to.equal('DATA_INVALID');
    expect(gapDefaults.horizon).to.equal(logDefaults.segment_steps);
  });
});
