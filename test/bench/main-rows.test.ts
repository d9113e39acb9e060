import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { badInput } from '../../bench/verify/bad-input.ts';
import { codeHash } from '../../bench/verify/code-hash.ts';
import { mainRows } from '../../bench/verify/main-rows.ts';
import { residentBytesOfTree } from '../../bench/verify/process-tree.ts';
import { repeatBits } from '../../bench/verify/repeat-bits.ts';
import { runRows } from '../../bench/verify/run-rows.ts';
import { meanInterval } from '../../bench/verify/statistics.ts';
import { keptTruthPlanner, recordTruthPlanner } from '../../bench/verify/truth-planner.ts';

describe('rows of the topic main', () => {
  let folder: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'groundtwin-rows-'));
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  it('answer every wrong input with a typed error and go on serving', async () => {
    const { measured, raw } = await badInput(join(folder, 'bad'));
    expect((raw as { failure: string | null }[]).filter(({ failure }) => failure !== null)).to.deep.equal([]);
    expect(measured).to.equal(0);
    expect((raw as unknown[]).length).to.be.above(30);
  });

  it('repeat every env and backend bit for bit', async () => {
    const { measured, raw } = await repeatBits(join(folder, 'repeat'));
    expect(measured).to.equal(0);
    for (const { bytesCompared } of raw as { bytesCompared: number }[]) expect(bytesCompared).to.be.above(1000);
  });

  it('measure gradients and loops of the graphs', async () => {
    const rows = mainRows.filter(({ id }) => id === 'main.grad_err' || id === 'main.loop_bits');
    const results = await runRows(rows, { rerun: false, log: () => {} });
    expect(results.map(({ id, holds }) => [id, holds])).to.deep.equal([
      ['main.grad_err', true],
      ['main.loop_bits', true],
    ]);
  });

  it('bound a mean as Student did', () => {
    // 1 … 5: mean 3, standard error √.5, t(4) = 2.776.
    const { mean, low, high, count } = meanInterval([1, 2, 3, 4, 5]);
    expect([mean, count]).to.deep.equal([3, 5]);
    expect(low).to.be.closeTo(1.037, 1e-3);
    expect(high).to.be.closeTo(4.963, 1e-3);
  });

  it('count the memory of a process with its children', () => {
    const alone = residentBytesOfTree(process.pid);
    expect(alone).to.be.within(10e6, 10e9);
    expect(residentBytesOfTree(process.ppid)).to.be.at.least(alone / 2);
  });

  it('keep the truth planner’s result as long as the code it depends on, go on where it was cut off', async () => {
    const options = { folder: join(folder, 'planner'), starts: 2, maxSteps: 2 };
    expect(() => keptTruthPlanner(options)).to.throw('no kept result');
    await recordTruthPlanner(() => {}, { ...options, starts: 1 });
    expect(() => keptTruthPlanner(options)).to.throw('incomplete: 1 of 2');
    const lines: string[] = [];
    const { starts, code, decision_ms } = await recordTruthPlanner((line) => lines.push(line), options);
    expect(lines, 'the first start is kept').to.have.length(1);
    expect(starts.map(({ steps }) => steps)).to.deep.equal([2, 2]);
    expect(decision_ms).to.be.above(0);
    expect(code.files).to.include('src/physics/rapier-world.ts').and.to.include('agents/cem/search.ts');
    expect(keptTruthPlanner(options).starts).to.deep.equal(starts);
    const path = join(options.folder, 'CartPoleSwingUp-v0.json');
    const kept = JSON.parse(readFileSync(path, 'utf8'));
    writeFileSync(path, JSON.stringify({ ...kept, code: { ...code, sha256: '0'.repeat(64) } }));
    expect(() => keptTruthPlanner(options)).to.throw('stale');
  });

  it('hash what runs: imports of imports, but no types', () => {
    const { files } = codeHash('bench/verify/play-truth-planner.ts');
    expect(files).to.include('src/task/limits.ts');
    expect(files).not.to.include('src/core/physics-world.ts');
    expect(files).not.to.include('src/cli/main-job.ts');
  });
});
