import { expect } from 'chai';
import type { BenchRow } from '../../bench/bench.ts';
import { bench } from '../../bench/main.ts';
import { compare } from '../../bench/speed/paired.ts';

const tiny = { warmUp_s: 0, pairs: 2 };

async function run(args: string[]): Promise<{ code: number; out: string; err: string }> {
  let [out, err] = ['', ''];
  const code = await bench(
    args,
    (text) => {
      out += text;
    },
    (text) => {
      err += text;
    },
    tiny,
  );
  return { code, out, err };
}

describe('npm run bench', () => {
  for (const [name, count] of [
    ['truth-overhead', 5],
    ['imagined', 1],
  ] as const)
    it(`${name} still runs, and prints its rows as JSON`, async () => {
      const { code, out } = await run([name, '--json']);
      expect(code).to.equal(0);
      const report = JSON.parse(out) as { bench: string; machine: object; rows: BenchRow[] };
      expect(report.bench).to.equal(name);
      expect(report.machine).to.include.keys('processor');
      expect(report.rows.length).to.be.at.least(count);
      for (const row of report.rows) {
        expect(row).to.have.all.keys('what', 'ours', 'peer', 'ratio', 'low', 'high', 'unit');
        expect(row.ours).to.be.above(0);
        expect(row.ratio).to.be.within(row.low, row.high);
      }
    });

  it('ends with 2 and names the benchmarks for anything else', async () => {
    for (const args of [[], ['nothing'], ['imagined', '--nonsense'], ['imagined', 'truth-overhead']]) {
      const { code, err } = await run(args);
      expect(code).to.equal(2);
      expect(err).to.contain('truth-overhead, imagined');
    }
  });

  it('tells work of three times the size by its ratio', async () => {
    const work = (times: number) => () => {
      let sum = 0;
      for (let i = 0; i < times * 5_000_000; i++) sum += Math.sqrt(i);
      expect(sum).to.be.above(0);
    };
    const { ratio, pairs } = await compare(work(3), work(1), { warmUp_s: 0.2, pairs: 9 });
    expect(pairs).to.equal(9);
    expect(ratio).to.be.within(2, 4.5);
  });
});
