import { expect } from 'chai';
import { renderBench } from '../../bench/speed/render.ts';
import { truthRows } from '../../bench/verify/truth-rows.ts';

describe('rows of the topic truth', () => {
  it('render the same bytes a second time, at some speed', function () {
    this.timeout(30_000);
    const { hashes, framesPerSecond, withShadows } = renderBench();
    expect(hashes[0]).to.equal(hashes[1]);
    expect(framesPerSecond).to.be.above(withShadows);
    expect(truthRows.map(({ id }) => id)).to.deep.equal(['truth.render_fps']);
  });
});
