import { expect } from 'chai';
import { renderBench } from '../../bench/speed/render.ts';
import { failingPairs } from '../../bench/verify/check-env-row.ts';
import { truthRows } from '../../bench/verify/truth-rows.ts';

describe('rows of the topic truth', () => {
  it('render the same bytes a second time, at some speed', function () {
    this.timeout(30_000);
    const { hashes, framesPerSecond, withShadows } = renderBench(1);
    expect(hashes[0]).to.equal(hashes[1]);
    for (const speed of [framesPerSecond, withShadows]) expect(speed).to.be.above(0);
    expect(truthRows.map(({ id }) => id)).to.include.members([
      'truth.check_env',
      'truth.render_fps',
      'truth.workers2',
      'truth.crash_foreign_bytes',
    ]);
  });

  it('count the pairs of env and engine that break the contract', async () => {
    const { measured, raw } = await failingPairs(() => {}, ['Pendulum-v0']);
    expect(measured).to.equal(0);
    expect(raw).to.have.length.above(0);
  });
});
