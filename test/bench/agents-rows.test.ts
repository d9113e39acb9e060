import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { ppoDefaults } from '../../agents/ppo/config.ts';
import { play } from '../../bench/agents/play-ppo.ts';
import { makeRuns } from '../../bench/agents/queue.ts';
import { recordedRuns, resultFile, staleness } from '../../bench/agents/results.ts';
import { nameOf, type Played, type Recorded, type Run, taskFile } from '../../bench/agents/run.ts';
import { runHash } from '../../bench/agents/run-hash.ts';
import { runs } from '../../bench/agents/table.ts';
import { costTo, savingOf } from '../../bench/verify/agents-efficiency.ts';
import { finalReturn, randomReturn } from '../../bench/verify/agents-kept.ts';
import { marginOf } from '../../bench/verify/agents-margins.ts';
import { resumedBytes } from '../../bench/verify/agents-resume.ts';
import { envs } from '../../envs/index.ts';

const config = { ...ppoDefaults, steps: 256, rolloutSteps: 64, minibatch: 32, epochs: 1, hidden: [8] };
const run: Run<typeof config> = { agent: 'ppo', env: 'Pendulum-v0', engine: 'rapier', seed: 1, config, evaluateEvery: 128, starts: 2 };
const played: Played = {
  curve: [{ steps: 1, return: 5, seconds: 1, cpu_s: 1 }],
  wall_s: 1,
  cpu_s: 1,
  stepsPerSecond: 1,
  stepsPerCpuSecond: 1,
};
const silent = () => {};
const curveOf = (...returns: readonly number[]) =>
  ({ curve: returns.map((value, i) => ({ steps: 100 * (i + 1), return: value, seconds: i + 1, cpu_s: i + 1 })) }) as unknown as Recorded;

describe('recorded trainings', function () {
  this.timeout(60_000);
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'groundtwin-agents-'));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it('are judged at the steps asked for and at the end, and again the same', async () => {
    const { curve } = await play(run);
    expect(curve.map(({ steps }) => steps)).to.deep.equal([128, 256]);
    for (const point of curve) expect(point.return).to.be.within(-4000, 0);
    const again = await play(run);
    expect(again.curve.map((point) => point.return)).to.deep.equal(curve.map((point) => point.return));
  });

  it('play in a process of their own, and go on where a queue was stopped', async () => {
    const [made, failed]: [string[], string[]] = [[], []];
    const more = [1, 2, 3].map((seed) => ({ ...run, seed }));
    const options = { jobs: 1, log: silent, folder };
    failed.push(
      ...(await makeRuns(more, {
        ...options,
        play: async ({ seed }) => {
          if (seed === 2) throw new Error('stopped');
          return played;
        },
      })),
    );
    expect(failed).to.deep.equal(['ppo/Pendulum-v0-2']);
    expect(() => recordedRuns(more, folder)).to.throw(/1 of 3 .* ppo\/Pendulum-v0-2 \(missing\).*bench\/agents\/main\.ts/);
    await makeRuns(more, { ...options, log: (line) => made.push(line) });
    expect(made[0]).to.equal('1 of 3 trainings to make');
    expect(recordedRuns(more, folder).map(({ seed, curve }) => [seed, curve.length])).to.deep.equal([
      [1, 1],
      [2, 2],
      [3, 1],
    ]);
  });

  it('are stale once their settings or the code they depend on changed', async () => {
    expect(staleness(run, undefined, folder)).to.equal('missing');
    await makeRuns([run], { jobs: 1, log: silent, folder, play: async () => played });
    expect(staleness(run, undefined, folder)).to.equal(undefined);
    expect(staleness({ ...run, config: { ...config, discount: 0.9 } } as Run, undefined, folder)).to.match(/asked for otherwise/);
    const file = resultFile(run, folder);
    writeFileSync(file, readFileSync(file, 'utf8').replace(runHash(run), 'another'));
    expect(staleness(run, undefined, folder)).to.match(/code/);
  });

  it('depend on agent, task, engine, and on who plays them', () => {
    const of = (more: Partial<Run>) => runHash({ ...run, ...more });
    const all = [{}, { env: 'Hopper-v0' }, { agent: 'sb3-ppo' }, { agent: 'sb3-sac' }, { agent: 'sb3-ppo', engine: 'mujoco' }] as const;
    expect(new Set(all.map(of)).size).to.equal(all.length);
    expect(of({ seed: 2 })).to.equal(of({}));
  });

  it('have names of their own, on tasks that there are', () => {
    expect(new Set(runs.map(nameOf)).size).to.equal(runs.length);
    const known = envs.map(({ id }) => id);
    for (const { env } of runs) {
      expect(known).to.include(env);
      expect(() => readFileSync(taskFile(env))).not.to.throw();
    }
  });
});

describe('rows of the topic agents', function () {
  this.timeout(60_000);

  it('measure margins in the range from random to the other', () => {
    const { margin, improvement } = marginOf([10, 10, 10], [5, 5, 5], -5);
    expect(margin).to.deep.equal({ measured: 0.5, low: 0.5, high: 0.5 });
    expect(improvement.measured).to.equal(1);
    const noisy = marginOf([0, 10, 20], [0, 10, 20], 0).margin;
    expect(noisy.measured).to.equal(0);
    expect(noisy.low).to.be.below(-0.3);
    expect(() => marginOf([1], [0], 1)).to.throw(/no range/);
  });

  it('take the end of a curve, and what chance gets', async () => {
    expect(finalReturn(curveOf(0, 1, 2, 6))).to.equal(3);
    expect(await randomReturn('Pendulum-v0', 8)).to.be.within(-1700, -800);
  });

  it('compare costs to a return, in favour of the others where they never came there', () => {
    expect(costTo(5, curveOf(1, 6, 4, 7), 'steps', 99)).to.equal(200);
    expect(costTo(8, curveOf(1, 6, 4, 7), 'steps', 99)).to.equal(99);
    const slow = [curveOf(0, 0, 0, 0, 9), curveOf(0, 0, 0, 0, 0, 0)];
    const slower = [curveOf(0, 0, 0, 0, 0, 0, 0, 9), curveOf(0, 0, 0, 0, 0, 0, 0, 9)];
    const quick = [curveOf(9), curveOf(9)];
    expect(savingOf(9, 'steps', { slow, slower }, { quick }).ratio.measured).to.equal(5.5);
    expect(savingOf(9, 'steps', { slow }, { never: [curveOf(0), curveOf(0)] }).ratio).to.deep.equal({ measured: 0, low: 0, high: 0 });
  });

  it('find no byte that differs after kills', async () => {
    const place = mkdtempSync(join(tmpdir(), 'groundtwin-resumed-'));
    try {
      const { measured, raw } = await resumedBytes({ folder: place, log: silent }, ['ppo'], 1, 4000);
      expect(measured).to.equal(0);
      expect((raw as { kills: number }[])[0]!.kills).to.equal(1);
    } finally {
      rmSync(place, { recursive: true, force: true });
    }
  });
});
