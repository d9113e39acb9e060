import { expect } from 'chai';
import { mainRows } from '../../bench/verify/main-rows.ts';
import { Absent, type Row } from '../../bench/verify/row.ts';
import { type Topics, verify } from '../../bench/verify/verify.ts';

const row = (id: string, measure: Row['measure'], more: Partial<Row> = {}): Row => ({
  id,
  what: `what ${id} measures`,
  operator: '<=',
  goal: 2,
  unit: 'm',
  budget_s: 5,
  measure,
  ...more,
});
const gives = (measured: number) => async () => ({ measured, raw: { measured } });

async function run(args: string[], topics: Topics): Promise<{ code: number; out: string; err: string[] }> {
  const [out, err]: string[][] = [[], []];
  const code = await verify(args, topics, { out: (text) => out!.push(text), err: (text) => err!.push(text) });
  return { code, out: out!.join('\n'), err: err! };
}

describe('npm run verify', () => {
  it('ends with 0 when every row holds and with 1 when one does not', async () => {
    expect((await run(['t'], { t: [row('t.a', gives(2))] })).code).to.equal(0);
    expect((await run(['t'], { t: [row('t.a', gives(2)), row('t.b', gives(2.1))] })).code).to.equal(1);
  });

  it('knows its three operators', async () => {
    const topics = {
      t: [
        row('t.most', gives(1)),
        row('t.least', gives(1), { operator: '>=' }),
        row('t.exact', gives(2), { operator: '=' }),
        row('t.inexact', gives(1), { operator: '=' }),
      ],
    };
    const { out } = await run(['t', '--json'], topics);
    expect(JSON.parse(out).rows.map((one: { holds: boolean }) => one.holds)).to.deep.equal([true, false, true, false]);
  });

  it('ends with 2 and names the topics when the topic or an option is unknown or missing', async () => {
    for (const args of [[], ['nothing'], ['t', 'u'], ['t', '--nonsense'], ['constructor']]) {
      const { code, out, err } = await run(args, { t: [], u: [] });
      expect(code, args.join(' ')).to.equal(2);
      expect(out).to.equal('');
      expect(err.join('\n')).to.contain('Topics: t, u');
    }
  });

  it('runs a row alone, and refuses one that the topic does not have by naming those it has', async () => {
    const ran: string[] = [];
    const noted = (id: string) =>
      row(id, async () => {
        ran.push(id);
        return { measured: 0, raw: null };
      });
    const topics = { t: [noted('t.a'), noted('t.b')] };
    expect((await run(['t', '--only', 't.b'], topics)).code).to.equal(0);
    expect(ran).to.deep.equal(['t.b']);
    const unknown = await run(['t', '--only', 't.c'], topics);
    expect(unknown.code).to.equal(2);
    expect(unknown.err.join('\n')).to.contain("no row 't.c'; it has t.a, t.b");
  });

  it('prints everything as one JSON object', async () => {
    const { out } = await run(['t', '--json'], { t: [row('t.a', gives(1.5))] });
    const report = JSON.parse(out);
    expect(report).to.have.all.keys('topic', 'commit', 'dirty', 'machine', 'rows');
    expect(report.machine).to.include.keys('processor', 'cores', 'memory_GiB', 'system', 'node');
    expect(report.dirty).to.be.a('boolean');
    const [{ seconds, ...first }] = report.rows;
    expect(seconds).to.be.within(0, 5);
    expect(first).to.deep.equal({
      id: 't.a',
      what: 'what t.a measures',
      operator: '<=',
      goal: 2,
      unit: 'm',
      measured: 1.5,
      holds: true,
      raw: { measured: 1.5 },
    });
  });

  it('prints a table for people, and each row’s time budget as it starts', async () => {
    const { out, err } = await run(['t'], { t: [row('t.long', gives(0.123456))] });
    expect(out).to.match(/^id +measured +goal +holds +seconds\nt\.long +0\.1235 m +<= 2 +yes +\d/);
    expect(err[0]).to.contain('t.long').and.to.contain('at most 5 s');
  });

  it('turns an error, an absence and a value that is no number into a row that does not hold, and goes on', async () => {
    const fails = (error: Error) => async () => {
      throw error;
    };
    const topics = {
      t: [
        row('t.a', fails(new Error('it broke'))),
        row('t.b', fails(new Absent('a GPU'))),
        row('t.c', gives(Number.NaN)),
        row('t.d', gives(1)),
      ],
    };
    const { code, out } = await run(['t', '--json'], topics);
    expect(code).to.equal(1);
    const rows = JSON.parse(out).rows as { measured: number | null; holds: boolean; raw: unknown }[];
    expect(rows.map(({ measured, holds }) => [measured, holds])).to.deep.equal([
      [null, false],
      [null, false],
      [null, false],
      [1, true],
    ]);
    expect(rows[0]!.raw).to.equal('it broke');
    expect(rows[1]!.raw).to.equal('absent on this machine: a GPU');
    expect((await run(['t'], topics)).out).to.contain('t.b: absent on this machine: a GPU');
  });

  it('makes what rows share only once, failures too, and passes --rerun on', async () => {
    let made = 0;
    const shares: Row['measure'] = async ({ once, rerun }) => {
      const measured = await once('job', async () => {
        made++;
        if (rerun) throw new Error('no such luck');
        return 1;
      });
      return { measured, raw: null };
    };
    const topics = { t: [row('t.a', shares), row('t.b', shares)] };
    expect((await run(['t'], topics)).code).to.equal(0);
    expect(made).to.equal(1);
    expect((await run(['t', '--rerun'], topics)).code).to.equal(1);
    expect(made).to.equal(2);
  });

  it('has unique rows in the topic main, each named after it and with a budget', () => {
    const ids = mainRows.map(({ id }) => id);
    expect(new Set(ids).size).to.equal(ids.length);
    for (const { id, budget_s } of mainRows) {
      expect(id).to.match(/^main\.[a-z0-9_]+$/);
      expect(budget_s).to.be.above(0);
    }
  });
});
