import { expect } from 'chai';
import type { Transitions } from '../../../src/data/transitions.ts';
import {
  type AxisResult,
  breakSubject,
  causalityWith,
  meets,
  negativeControls,
  type Subject,
  type Verdict,
} from '../../../src/gap/index.ts';
import {
  blind,
  cartPole,
  conditioned,
  contextOf,
  exact,
  hopper,
  noisy,
  oracle,
  partsOf,
  pendulum,
  record,
  slightlyOff,
  type World,
} from './worlds.ts';

const axis = causalityWith({ starts: 16, alternatives: 8, horizon: 10, samples: 2, parameterStarts: 8 });
const smaller = causalityWith({ starts: 10, alternatives: 6, horizon: 10, samples: 1, parameterStarts: 8 });

async function measure(world: World, subject: Subject, data: Transitions, { samples = 1, by = axis } = {}): Promise<AxisResult> {
  const context = contextOf(world, subject, data, samples);
  try {
    return await by.measure(context);
  } finally {
    await context.truth.close();
    await subject.close();
  }
}

interface Row {
  readonly verdict: Verdict;
  readonly value: number;
  readonly reason?: string;
}

/** As the suite judges them; of several rows of one id the worst. */
function rowsOf({ findings }: AxisResult): Record<string, Row> {
  const order: readonly Verdict[] = ['FAIL', 'INCONCLUSIVE', 'PASS', 'NOT_APPLICABLE'];
  const rows: Record<string, Row> = {};
  for (const { test, finding } of findings) {
    const row = rowOf(finding, (low, high) => meets(test.bound, { measured: low, low, high }));
    const known = rows[test.id];
    if (!known || order.indexOf(row.verdict) < order.indexOf(known.verdict)) rows[test.id] = row;
  }
  return rows;
}

function rowOf(finding: AxisResult['findings'][number]['finding'], passes: (low: number, high: number) => boolean): Row {
  if (finding.kind === 'absent') return { verdict: finding.verdict, value: Number.NaN, reason: finding.reason };
  const { measured, low, high } = finding.interval;
  return { value: measured, verdict: passes(low, high) ? 'PASS' : passes(measured, measured) ? 'INCONCLUSIVE' : 'FAIL' };
}

const verdictsOf = (rows: Record<string, Row>) => Object.fromEntries(Object.entries(rows).map(([id, { verdict }]) => [id, verdict]));

describe('the causality axis', function () {
  this.timeout(120_000);
  let carts: Transitions;
  let rods: Transitions;
  before(async () => {
    carts = await record(cartPole, 2, 12, 90);
    rods = await record(pendulum, 2, 12, 60);
  });

  it('finds nothing wrong with truth itself', async () => {
    const result = await measure(cartPole, oracle(cartPole), carts);
    const all = { C3: 'PASS', C4: 'PASS', C5: 'PASS', C6: 'PASS', C7: 'PASS', C8: 'NOT_APPLICABLE', C9: 'PASS' };
    expect(verdictsOf(rowsOf(result))).to.deep.equal(all);
    expect(result.findings.map(({ test }) => test)).to.deep.equal(axis.tests);
    expect(JSON.parse(JSON.stringify(result.figures))).to.deep.equal(result.figures);
    expect(result.figures.nullCause, 'the place on the rail').to.deep.include({ sources: ['cartPosition_m'] });
    expect(rowsOf(result).C8!.reason).to.match(/conditioned/);
  });

  it('fails no good model: a little noise, parameters 2 % off', async () => {
    for (const [name, subject] of [
      ['noise', noisy(cartPole, carts)],
      ['2 % off', slightlyOff(cartPole)],
    ] as const) {
      const rows = rowsOf(await measure(cartPole, subject, carts, { samples: 2 }));
      expect(Object.values(verdictsOf(rows)), `${name}: ${JSON.stringify(rows)}`).to.not.include('FAIL');
    }
  });

  it('says what a pendulum has not: anything that acts on nothing, an edge to invent, a policy where actions are drawn blindly', async () => {
    const drawn = await record(blind, 3, 12, 60);
    const rows = rowsOf(await measure(blind, exact(blind), drawn));
    expect(verdictsOf(rows)).to.include({ C3: 'PASS', C4: 'NOT_APPLICABLE', C7: 'NOT_APPLICABLE', C9: 'PASS' });
    expect(rows.C7!.reason).to.match(/do not follow from the state/);
  });

  it('asks no more of contacts than truth itself can tell', async () => {
    const rows = rowsOf(await measure(hopper, exact(hopper), await record(hopper, 2, 16, 60)));
    expect(Object.values(verdictsOf(rows)), JSON.stringify(rows)).to.not.include('FAIL');
    expect(rows.C4!.verdict, 'the way along the ground').to.not.equal('NOT_APPLICABLE');
  });

  it('asks what mass and gravity change of a model that is told them', async () => {
    const told = await record(conditioned, 2, 8, 60);
    expect(rowsOf(await measure(conditioned, exact(conditioned), told)).C8).to.include({ verdict: 'PASS' });
    const deaf = { ...conditioned, off: () => conditioned.task.params };
    expect(rowsOf(await measure(conditioned, slightlyOff(deaf), told)).C8!.verdict, 'one that does not listen').to.equal('FAIL');
  });

  it('cannot tell from too few moments', async () => {
    const rows = rowsOf(await measure(pendulum, oracle(pendulum), await record(pendulum, 1, 1, 22)));
    expect(new Set(Object.values(verdictsOf(rows)))).to.deep.equal(new Set(['INCONCLUSIVE']));
  });

  it('does not fall over a subject whose values are not numbers', async () => {
    const subject = oracle(pendulum);
    const open = async (lanes: number) => {
      const env = await subject.open(lanes);
      const step = env.step.bind(env);
      env.step = (actions, active) => {
        const pending = step(actions, active);
        env.state.fill(Number.NaN);
        return pending;
      };
      return env;
    };
    const rows = rowsOf(await measure(pendulum, { ...subject, open }, rods));
    expect(rows.C3!.verdict).to.equal('FAIL');
    expect(rows.C9).to.include({ verdict: 'FAIL', value: 0 });
  });

  describe('catches, by the row that is named,', () => {
    const cases: readonly (readonly [control: string, world: World, data: () => Transitions])[] = [
      ['shuffled-actions', cartPole, () => carts],
      ['leaks-future', pendulum, () => rods],
      ['off-by-one-observation', pendulum, () => rods],
      ['confounded', cartPole, () => carts],
      ['spurious-edge', cartPole, () => carts],
      ['lamp-moves-things', cartPole, () => carts],
    ];
    for (const [name, world, data] of cases)
      it(name, async () => {
        const { killedBy } = negativeControls[name]!;
        const judged = async (text: string) =>
          rowsOf(await measure(world, breakSubject(text, exact(world), partsOf(world, data())), data(), { by: smaller }))[killedBy]!;
        const broken = await judged(`broken:${name}`);
        expect(broken.verdict, `${killedBy}: ${broken.value}`).to.equal('FAIL');
        const touched = await judged(`broken:${name}@0.0000001`);
        // C6 allows nothing at all, however small.
        expect(touched.verdict, `hardly broken, ${killedBy}: ${touched.value}`).to.equal(killedBy === 'C6' ? 'FAIL' : 'PASS');
      });
  });
});
