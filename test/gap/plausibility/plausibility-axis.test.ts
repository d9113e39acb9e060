import { expect } from 'chai';
import type { Transitions } from '../../../src/data/transitions.ts';
import { negativeControls } from '../../../src/gap/index.ts';
import { registry } from '../../../src/index.ts';
import { pendulum, swings } from '../pendulums.ts';
import { episodes, measure, type Rows } from './measure.ts';
import { meetings, twoBalls } from './two-balls.ts';

const wellBehaved = ['oracle', 'truth', 'noisy'] as const;
const killer = (name: string) => negativeControls[name]!.killedBy;

/** No row fails a subject that is truth, or nearly. */
function expectNoFailure(name: string, rows: Rows): void {
  for (const [id, word] of [
    ['P1'],
    ['P2'],
    ['P3'],
    ['P4'],
    ['P5', 'Steps'],
    ['P5', 'stops'],
    ['P5', 'links'],
    ['P5', 'Quat'],
    ['P6', 'Small'],
    ['P6', 'tenth'],
  ])
    expect(rows.of(id!, word), `${name} ${id} ${word}`).to.not.match(/^FAIL/);
}

describe('plausibility of a swinging rod, which touches nothing and is held by its hinge', function () {
  this.timeout(60_000);
  let heldOut: Transitions;
  const rows = (name: string) => measure(pendulum, heldOut, name, { starts: 20, horizon: 20 });
  before(async () => {
    heldOut = await swings(2, 20, 24);
  });

  for (const name of wellBehaved)
    it(`passes ${name}, and says which rows ask for what it lacks`, async () => {
      const found = await rows(name);
      expectNoFailure(name, found);
      for (const [id, word] of [['P2'], ['P5', 'Steps'], ['P5', 'links'], ['P6', 'tenth']]) expect(found.of(id!, word)).to.match(/^PASS/);
      expect(found.of('P1')).to.equal('NOT_APPLICABLE No two shapes of this scene can touch.');
      expect(found.of('P3')).to.match(/^NOT_APPLICABLE No two bodies/);
      expect(found.of('P4')).to.match(/^NOT_APPLICABLE Joints hold/);
      expect(found.of('P5', 'stops')).to.equal('NOT_APPLICABLE No joint has a stop.');
      expect(JSON.parse(JSON.stringify(found.figures))).to.deep.equal(found.figures);
    });

  for (const name of ['energy-gain', 'vanishing-body', 'degrees-for-radians', 'memoriser'])
    it(`catches ${name} by its row`, async () => {
      expect((await rows(`broken:${name}`)).of(killer(name))).to.match(/^FAIL/);
    });

  it('catches wrong-dt by the row for what never falls, and half of gravity by its energy', async () => {
    expect((await rows('broken:wrong-dt')).of(negativeControls['wrong-dt']!.elsewhere!)).to.match(/^FAIL/);
    expect((await rows('broken:gravity-half')).of('P2')).to.match(/^FAIL/);
  });

  it('lets a control of hardly any severity pass', async () => {
    const found = await rows('broken:energy-gain@0.00001');
    expect(found.of('P2')).to.match(/^PASS/);
  });
});

describe('plausibility of a hopper that is dropped', function () {
  this.timeout(60_000);
  const hopper = registry.task('Hopper-v0');
  let heldOut: Transitions;
  const rows = (name: string) => measure(hopper, heldOut, name, { starts: 16, horizon: 24 });
  before(async () => {
    heldOut = await episodes(hopper, 12, 40, (row, rng) => {
      row[1] = row[1]! + rng.uniform(0, 0.3);
    });
  });

  for (const name of ['oracle', 'noisy'])
    it(`does not fail ${name}`, async () => {
      const found = await rows(name);
      expectNoFailure(name, found);
      expect(found.of('P1')).to.match(/^PASS/);
      expect(found.of('P4')).to.match(name === 'oracle' ? /^PASS/ : /^(PASS|INCONCLUSIVE)/);
    });

  for (const name of ['gravity-half', 'wrong-dt', 'ghost-collision'])
    it(`catches ${name} by its row`, async () => {
      expect((await rows(`broken:${name}`)).of(killer(name))).to.match(/^FAIL/);
    });
});

describe('plausibility of two balls that meet in the air', function () {
  this.timeout(60_000);
  let heldOut: Transitions;
  const rows = (name: string) => measure(twoBalls, heldOut, name, { starts: 24, horizon: 20 });
  before(async () => {
    heldOut = await meetings(16);
  });

  it('finds truth to keep momentum, to fall, and its quaternions to be rotations', async () => {
    const found = await rows('oracle');
    expectNoFailure('oracle', found);
    for (const [id, word] of [['P3'], ['P4'], ['P5', 'Quat']]) expect(found.of(id!, word), id).to.match(/^PASS/);
    expect(found.of('P5', 'links')).to.match(/^NOT_APPLICABLE There are no joints/);
  });

  it('catches longer quaternions by their length', async () => {
    expect((await rows('broken:unnormalised-quaternion')).of(killer('unnormalised-quaternion'), 'Quat')).to.match(/^FAIL/);
  });

  it('has no angles that could be told in degrees, and says so', async () => {
    const error = await rows('broken:degrees-for-radians').catch((thrown: unknown) => thrown);
    expect(error).to.have.property('code', 'OPTION_INVALID');
    expect((error as Error).message).to.include('a task whose state has angles');
  });

  it('catches ghosts by their overlap', async () => {
    expect((await rows('broken:ghost-collision')).of('P1')).to.match(/^FAIL/);
  });
});
