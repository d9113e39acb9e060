import { expect } from 'chai';
import type { Transitions } from '../../../src/data/transitions.ts';
import { breakSubject, type GapReport, type GapRow, negativeControls, runGap, type Subject } from '../../../src/gap/index.ts';
import { Rng } from '../../../src/math/rng.ts';
import { metadata } from '../synthetic.ts';
import { damped, exact, oracle, partsOf, pendulum, record, saturated, slightlyOff, truthOf, type World } from './worlds.ts';

/** The suite's own rows of counterfactuals, C1 and C2, and H1. */
async function judge(world: World, subject: Subject, data: Transitions): Promise<GapReport> {
  const truth = truthOf(world, 16);
  const settings = { starts: 128, horizon: 10, samples: 1, counterfactualStarts: 24, alternatives: 4, counterfactualHorizon: 10 };
  try {
    return await runGap({ truth, subject, heldOut: data, training: data, settings, metadata, rng: new Rng(1) });
  } finally {
    await truth.close();
    await subject.close();
  }
}

const row = ({ rows }: GapReport, id: string): GapRow => rows.find((each) => each.id === id)!;

describe('what is wrong about the effects of actions', function () {
  this.timeout(60_000);
  const worlds = { pendulum, saturated, damped };
  const data: Partial<Record<keyof typeof worlds, Transitions>> = {};
  before(async () => {
    for (const [name, world] of Object.entries(worlds)) data[name as keyof typeof worlds] = await record(world, 2, 12, 40);
  });

  const cases: readonly (readonly [control: string, world: keyof typeof worlds, alsoBy?: string])[] = [
    ['flipped-action', 'pendulum'],
    ['persistence', 'saturated', 'C1'],
    ['no-damping', 'damped'],
    ['ignored-clipping', 'saturated'],
  ];
  for (const [name, where, alsoBy] of cases)
    it(`is caught: ${name}`, async () => {
      const world = worlds[where];
      const { killedBy } = negativeControls[name]!;
      const judged = (text: string) => judge(world, breakSubject(text, exact(world), partsOf(world, data[where]!)), data[where]!);
      const broken = await judged(`broken:${name}`);
      for (const id of [killedBy, ...(alsoBy ? [alsoBy] : [])]) expect(row(broken, id).verdict, id).to.equal('FAIL');
      const touched = await judged(`broken:${name}@0.000001`);
      expect(row(touched, killedBy).verdict, 'hardly broken').to.equal('PASS');
    });

  it('while truth and a model 2 % off pass', async () => {
    for (const [where, world] of Object.entries(worlds))
      for (const subject of [oracle(world), slightlyOff(world)]) {
        const report = await judge(world, subject, data[where as keyof typeof worlds]!);
        for (const id of ['C1', 'C2']) expect(row(report, id).verdict, `${where}, ${subject.name}: ${id}`).to.equal('PASS');
      }
  });

  it('is refused where there is nothing to break', async () => {
    const given = partsOf(pendulum, data.pendulum!);
    const broken =
      (text: string, parts: { task: typeof given.task; engine: typeof given.engine } = given) =>
      () =>
        breakSubject(text, exact(pendulum), parts);
    expect(broken('broken:no-damping')).to.throw(/damping above 0/);
    expect(broken('broken:lamp-moves-things')).to.throw(/acts on nothing/);
    expect(broken('broken:confounded', { task: given.task, engine: given.engine })).to.throw(/recorded episodes/);
  });
});
