import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { arsDefaults } from '../../agents/index.ts';
import { verdict } from '../../bench/verify/learnable.ts';
import { learnable, learnableRows } from '../../bench/verify/learnable-rows.ts';
import { keptSearch, search } from '../../bench/verify/learnable-search.ts';
import { searches } from '../../bench/verify/learnable-tasks.ts';
import { registry } from '../../src/index.ts';

const silent = () => {};

describe('the row truth.learnable', function () {
  this.timeout(60_000);

  it('counts every env of the suite once, and each has a kept policy of the config it names', () => {
    const suite = registry.ids().filter((id) => !['DmHopperHop-v0', 'CartPoleSwingUp-v0'].includes(id));
    expect(Object.keys(searches).sort()).to.deep.equal(suite);
    expect(learnableRows[0]!.goal).to.equal(16);
    for (const id of suite) expect(keptSearch(id).config, id).to.deep.equal(searches[id]);
  });

  it('plays a kept policy live against random and idle', async () => {
    const { measured, raw } = await learnable({ rerun: false, log: silent }, ['InvertedPendulum-v0'], 4);
    expect(measured).to.equal(1);
    const [{ learned, random, returns }] = raw as [ReturnType<typeof verdict>];
    expect(learned).to.be.above(random);
    expect(returns.learned).to.have.length(4);
  });

  it('holds only where both intervals are above zero', () => {
    const of = (learned: readonly number[], random: readonly number[], idle: readonly number[]) =>
      verdict('', { firstSeed: 0, learned, random, idle });
    const few = [1, 2, 3, 4, 5, 6];
    const more = few.map((value) => value + 10);
    const zero = few.map(() => 0);
    expect(of(more, few, zero)).to.include({ holds: true, learned: 13.5, random: 3.5, idle: 0 });
    expect(of(more, few, zero).overRandom).to.include({ measured: 10, low: 10, high: 10 });
    expect(of(more, few, more)).to.include({ holds: false });
    expect(of(more, [99, -99, 99, -99, 99, -99], zero)).to.include({ holds: false });
    expect(of(few, more, zero)).to.include({ holds: false });
  });

  it('keeps a search so that the same one gives the same file, apart from times', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'groundtwin-learnable-'));
    const config = { ...arsDefaults, directions: 2, elites: 1, iterations: 2, episodeSteps: 20, validateEvery: 1, validationEpisodes: 2 };
    try {
      const found = await search('CartPole-v0', silent, config, folder);
      expect(keptSearch('CartPole-v0', folder)).to.deep.equal(found);
      const again = await search('CartPole-v0', silent, config, folder);
      expect({ ...again, cpu_s: 0 }).to.deep.equal({ ...found, cpu_s: 0 });
      expect(found.curve).to.have.length(2);
      expect(() => keptSearch('Pendulum-v0', folder)).to.throw(/main\.ts Pendulum-v0/);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
