import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { areExclusive, causeOf, causes } from '../../bench/gap/engines/causes.ts';
import { changedTask, dividing, rotorsInLinks } from '../../bench/gap/engines/changes.ts';
import { SENSOR_NOISE } from '../../bench/gap/engines/compare.ts';
import { explains, fallOf } from '../../bench/gap/engines/fall.ts';
import { pageWith } from '../../bench/gap/engines/page.ts';
import { keepStudy, keptStudy, type Recorded, storedStudy, studiedEnvs, studyHash } from '../../bench/gap/engines/results.ts';
import { groupsOf, JUDGED_STEP, namedOf, type Study, studyOf, type Tried } from '../../bench/gap/engines/study.ts';
import { explainedEnvs } from '../../bench/verify/gap-engines.ts';
import { gapRows } from '../../bench/verify/gap-rows.ts';
import type { SceneSpec } from '../../src/core/scene-spec.ts';
import { resamplePlan, SENSOR_NOISE_SHARE } from '../../src/gap/index.ts';
import { registry } from '../../src/index.ts';
import { Rng } from '../../src/math/rng.ts';

const plan = resamplePlan(4, new Rng(1), 200);

describe('how much of a gap falls with its cause', () => {
  it('is one less the ratio of root-mean-square errors, and likewise of errors over motion', () => {
    const whole = { error: [1, 4, 1, 2], motion: [4, 4, 4, 4] };
    const removed = { error: [0.25, 0.25, 1, 0.5], motion: [1, 1, 1, 1] };
    const { error, perMotion } = fallOf(whole, removed, plan);
    expect(error.measured).to.be.closeTo(0.5, 1e-12);
    expect(perMotion.measured).to.be.closeTo(0, 1e-12);
    expect(error.low).to.be.below(0.5);
    expect(error.high).to.be.above(0.5);
  });

  it('explains a gap by both falls and both lower ends, not by one of them, nor where a figure is no number', () => {
    const interval = (measured: number, low: number) => ({ measured, low, high: 1 });
    const good = interval(0.6, 0.4);
    expect(explains({ error: good, perMotion: good })).to.equal(true);
    for (const poor of [interval(0.45, 0.4), interval(0.6, 0.3), interval(Number.NaN, Number.NaN)]) {
      expect(explains({ error: poor, perMotion: good })).to.equal(false);
      expect(explains({ error: good, perMotion: poor })).to.equal(false);
    }
  });
});

describe('what is taken away from two engines', () => {
  const hopper = registry.task('Hopper-v0');
  const changed = (id: string) => changedTask(hopper, [causeOf(id).removed(hopper)]);
  const sceneOf = (task: typeof hopper) => task.scene(task.params);

  it('is present in the scene, and gone after it', () => {
    const own = sceneOf(hopper);
    for (const { id, applies } of causes) expect(applies(own), id).to.equal(id !== 'springs');
    for (const id of ['rotors', 'damping', 'limits', 'contacts']) expect(causeOf(id).applies(sceneOf(changed(id))), id).to.equal(false);
    const shapes = (scene: SceneSpec) => scene.bodies.flatMap((body) => body.shapes);
    expect(shapes(sceneOf(changed('friction'))).every(({ friction, isRough }) => friction === 0 && isRough === false)).to.equal(true);
    expect(shapes(sceneOf(changed('softness'))).every(({ compliance }) => compliance!.solref![0] === 0.004)).to.equal(true);
    expect(registry.task('HalfCheetah-v0').scene(registry.task('HalfCheetah-v0').params)).to.satisfy(causeOf('springs').applies);
  });

  it('leaves the engine alone that does not have it, and steps that divide the control step', () => {
    const { rapier, mujoco } = changed('solver').engines;
    expect(rapier).to.include({ step_s: 0.002, solverIterations: 4, pgsIterations: 30 });
    expect(mujoco!.step_s).to.equal(0.0005);
    expect(changed('softness').engines.rapier).to.deep.equal(hopper.engines.rapier);
    expect(changed('softness').engines.mujoco!.step_s).to.equal(0.001);
    expect(changed('softness-1ms').engines.mujoco!.step_s).to.equal(0.00025);
    expect(changedTask(hopper, []).engines).to.deep.equal(hopper.engines);
    expect(dividing({ controlDt_s: 0.01 }, 0.003)).to.equal(0.0025);
    expect(dividing({ controlDt_s: 0.01 }, 0.0025)).to.equal(0.0025);
  });

  it('puts the inertia of a rotor into its link and into nothing else', () => {
    const [before, after] = [sceneOf(hopper), rotorsInLinks(sceneOf(hopper))];
    const driven = new Set(before.joints.filter(({ armature }) => armature).map(({ child }) => child));
    expect(driven.size).to.equal(3);
    before.bodies.forEach((body, i) => {
      const added = driven.has(body.name) ? 1 : 0;
      expect(after.bodies[i]!.inertial?.inertia_kgm2).to.deep.equal(body.inertial?.inertia_kgm2.map((moment) => moment + added));
      expect(after.bodies[i]!.inertial?.mass_kg).to.equal(body.inertial?.mass_kg);
    });
  });

  it('is named in groups of every size, stops once only, and found by its name', () => {
    expect(groupsOf(['a', 'b', 'c'], 2)).to.deep.equal([
      ['a', 'b'],
      ['a', 'c'],
      ['b', 'c'],
    ]);
    expect([areExclusive(['limits', 'softness']), areExclusive(['limits', 'solver'])]).to.deep.equal([true, false]);
    const tried = (ids: string, error: number, perMotion: number): Tried => {
      const of = (measured: number) => ({ measured, low: 0, high: 1 });
      return { causes: ids.split(''), error: of(error), perMotion: of(perMotion) };
    };
    const groups = [tried('a', 0.1, 0.9), tried('b', 0.7, 0.7), tried('c', 0.75, 0.75), tried('ab', 0.95, 0.78), tried('abc', 0.8, 0.8)];
    expect(namedOf(groups)).to.deep.equal(['c']);
    expect(namedOf([...groups, tried('bc', 0.9, 0.9)])).to.deep.equal(['b', 'c']);
    expect(namedOf([tried('a', -3, -2), tried('b', -1, -1)])).to.deep.equal(['b']);
    expect(() => causeOf('ghosts')).to.throw('solver');
    expect(SENSOR_NOISE).to.equal(SENSOR_NOISE_SHARE);
  });
});

describe('a study of two engines', function () {
  this.timeout(60_000);
  const folder = mkdtempSync(join(tmpdir(), 'groundtwin-engines-'));
  after(() => rmSync(folder, { recursive: true, force: true }));
  let study: Study;
  before(async () => {
    study = await studyOf('Pendulum-v0', () => undefined, { searched: 8, tested: 12, episodes: 2 });
  });

  it('finds on a pendulum that the step of Rapier makes the gap, which falls in proportion', () => {
    expect(study.named).to.deep.equal(['solver']);
    const { error } = fallOf(study.whole, study.removed, resamplePlan(12, new Rng(1), 200));
    expect(error.measured).to.be.closeTo(1 - 1 / 4, 0.03);
    expect(study.tried.find(({ causes: [id] }) => id === 'sweeps')!.error.measured).to.be.closeTo(0, 0.05);
    expect(study.leftIn).to.deep.equal([]);
  });

  it('measures the gap that the falls are of, and starts both engines alike', () => {
    const judged = study.gap.error.find(({ step }) => step === JUDGED_STEP)!.value.measured;
    const squares = Array.from(study.whole.error);
    expect(judged).to.be.closeTo(Math.sqrt(squares.reduce((sum, square) => sum + square, 0) / squares.length), 1e-12);
    expect(judged).to.be.within(1e-4, 0.1);
    expect(study.gap.effectR2.measured).to.be.above(0.999);
    for (const { rapier, mujoco } of study.returns) expect(mujoco / rapier).to.be.within(0.8, 1.25);
  });

  it('is kept to six digits, and does not count once the code has changed', () => {
    const code = 'a hash';
    keepStudy({ ...study, seconds: 1.23456789, code }, folder);
    expect(keptStudy('Pendulum-v0', 'another', folder)).to.equal(null);
    expect(keptStudy('Reacher-v0', code, folder)).to.equal(null);
    const kept = keptStudy('Pendulum-v0', code, folder)!;
    expect(kept.seconds).to.equal(1.23457);
    expect(kept.whole.error).to.have.length(12);
    expect(kept.whole.error[3]).to.be.closeTo(study.whole.error[3]!, 1e-5 * study.whole.error[3]!);
    expect(studyHash('Pendulum-v0'))
      .to.match(/^[0-9a-f]{64}$/)
      .and.not.equal(studyHash('Reacher-v0'));
  });

  it('counts where its named causes explain the gap, by the starts themselves', async () => {
    const recorded = (removed: Study['removed']) => ({ ...study, removed, seconds: 1, code: '' }) as Recorded;
    const { measured, raw } = await explainedEnvs(() => [recorded(study.removed), recorded(study.whole)]);
    expect(measured).to.equal(1);
    expect((raw as { isExplained: boolean }[]).map(({ isExplained }) => isExplained)).to.deep.equal([true, false]);
  });

  it('refuses an env that there is none of', async () => {
    const refusal = await studyOf('Nowhere-v0', () => undefined).catch((error: Error) => error.message);
    expect(refusal).to.include('Nowhere-v0');
  });
});

describe('docs/engine-gaps.md', () => {
  it('holds the tables that the recorded studies give', () => {
    const text = readFileSync(new URL('../../docs/engine-gaps.md', import.meta.url), 'utf8');
    // Stale ones too: that they count no more is for the row to say.
    const studies = studiedEnvs.map((env) => storedStudy(env));
    expect(studies).not.to.include(null);
    expect(pageWith(text, studies as Recorded[])).to.equal(text);
  });

  it('has a row of the figures that counts the explained envs', () => {
    expect(gapRows.find(({ id }) => id === 'gap.engine_envs')).to.include({ operator: '>=', goal: 6 });
  });
});
