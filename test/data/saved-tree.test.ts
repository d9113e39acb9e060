import { expect } from 'chai';
import { packTree, unpackTree } from '../../src/data/saved-tree.ts';

describe('a tree of numbers and arrays as parts', () => {
  const tree = {
    count: 3,
    names: ['a', null],
    arrays: { floats: Float32Array.of(1.5, -2), doubles: [Float64Array.of(Math.PI), Int32Array.of(-7)] },
    bytes: Uint8Array.of(1, 2, 3),
    empty: new Float32Array(0),
  };

  it('comes back as it was, in memory of its own', () => {
    const parts = packTree(tree);
    const back = unpackTree(parts) as typeof tree;
    expect(back).to.deep.equal(tree);
    expect(back.arrays.floats).to.be.instanceOf(Float32Array);
    parts[1]![0] = 99;
    expect(back.arrays.floats[0]).to.equal(1.5);
  });

  it('takes views for what they show, and leaves out what is undefined', () => {
    const view = Float64Array.of(1, 2, 3).subarray(1, 2);
    expect(unpackTree(packTree({ view, none: undefined }))).to.deep.equal({ view: Float64Array.of(2) });
  });

  it('is none where parts are missing, of odd length, or unreadable', () => {
    const [text, ...parts] = packTree(tree);
    expect(unpackTree([text!, ...parts.slice(0, 2)])).to.equal(undefined);
    expect(unpackTree([text!, parts[0]!.subarray(1), ...parts.slice(1)])).to.equal(undefined);
    expect(unpackTree([Uint8Array.of(0xff), ...parts])).to.equal(undefined);
    expect(unpackTree([])).to.equal(undefined);
    expect(unpackTree([new TextEncoder().encode('{"$array":"constructor","part":1}'), Uint8Array.of(1)])).to.equal(undefined);
  });
});
