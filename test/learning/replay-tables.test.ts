import { expect } from 'chai';
import { ReplayTables } from '../../src/learning/replay-tables.ts';
import { Rng } from '../../src/math/rng.ts';
import { thrown } from '../onnx/run-graph.ts';

const shape = { observationSize: 2, actionSize: 1, capacity: 3 };

function filled(count: number): ReplayTables {
  const ring = new ReplayTables(shape);
  for (let i = 0; i < count; i++) ring.add([i, i + 0.5], [i / 10], 2 * i, [i + 1, i + 1.5], i % 2 === 0);
  return ring;
}

describe('replay tables', () => {
  it('keep whole rows, the newest of them', () => {
    const ring = filled(2);
    expect(ring.rows).to.equal(2);
    expect([...ring.columns.observation]).to.deep.equal([0, 0.5, 1, 1.5, 0, 0]);
    ring.add([5, 6], [0.5], 7, [8, 9], false);
    ring.add([10, 11], [1], 12, [13, 14], true);
    expect(ring.rows).to.equal(3);
    expect([...ring.columns.observation]).to.deep.equal([10, 11, 1, 1.5, 5, 6]);
    expect([...ring.columns.next]).to.deep.equal([13, 14, 2, 2.5, 8, 9]);
    expect([...ring.columns.reward]).to.deep.equal([12, 2, 7]);
    expect([...ring.columns.continues]).to.deep.equal([1, 0, 0]);
    expect([...ring.columns.action]).to.deep.equal([1, 0.1, 0.5].map(Math.fround));
    ring.clear();
    expect(ring.rows).to.equal(0);
  });

  it('draw every row that is filled, and no other', () => {
    const drawn = filled(2).draw(new Rng(1), 1000);
    expect(new Set(drawn)).to.deep.equal(new Set([0, 1]));
    expect(drawn.filter((row) => row === 0).length).to.be.within(430, 570);
  });

  it('go on from what was saved, at the same place of the ring', () => {
    for (const count of [0, 2, 3, 5]) {
      const ring = filled(count);
      const again = new ReplayTables(shape);
      again.load(structuredClone(ring.save()));
      for (const one of [ring, again]) one.add([7, 7], [0], 7, [8, 8], true);
      expect(again).to.deep.equal(ring);
    }
  });

  it('refuse what does not fit', () => {
    expect(thrown(() => new ReplayTables({ ...shape, capacity: 0 })).message).to.match(/capacity/);
    expect(thrown(() => new ReplayTables({ ...shape, capacity: 2 ** 40 })).code).to.equal('DATA_TOO_LARGE');
    const { columns } = filled(2).save();
    const saved = { written: 3, columns };
    expect(thrown(() => new ReplayTables(shape).load(saved)).message).to.match(/saved.observation.*4 numbers.*6, for 3 rows/);
    expect(thrown(() => new ReplayTables(shape).load({ written: -1, columns })).message).to.match(/saved.written/);
  });
});
