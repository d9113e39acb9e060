import { MessageChannel } from 'node:worker_threads';
import { expect } from 'chai';
import { SmallCopies } from '../../src/spaces/small-copies.ts';

describe('SmallCopies', () => {
  it('copies arrays of every kind, alone and by name, and shares nothing with what was copied', () => {
    const copies = new SmallCopies();
    const from = { a: Float64Array.of(1, 2), b: Float32Array.of(3), c: Uint8Array.of(4, 5, 6), d: Int32Array.of(-7) };
    const copy = copies.copyOf(from);
    from.a[0] = 9;
    from.c[2] = 9;
    expect(copy).to.deep.equal({ a: Float64Array.of(1, 2), b: Float32Array.of(3), c: Uint8Array.of(4, 5, 6), d: Int32Array.of(-7) });
  });

  it('keeps copies apart, over many blocks', () => {
    const copies = new SmallCopies();
    const all = Array.from({ length: 2000 }, (_, i) => copies.copyOf(i % 2 ? Float64Array.of(i, -i, i / 2) : Uint8Array.of(i % 256)));
    for (const [i, copy] of all.entries()) expect([...copy]).to.deep.equal(i % 2 ? [i, -i, i / 2] : [i % 256]);
  });

  it('gives a large array a buffer of its own', () => {
    const copies = new SmallCopies();
    expect(copies.copyOf(new Float64Array(100)).buffer.byteLength).to.equal(800);
  });

  it('lets nobody transfer a neighbour away', () => {
    const copies = new SmallCopies();
    const [first, second] = [copies.copyOf(Float64Array.of(1)), copies.copyOf(Float64Array.of(2))];
    const { port1, port2 } = new MessageChannel();
    try {
      port1.postMessage(first, [first.buffer as ArrayBuffer]);
    } catch {
      // Newer Nodes refuse, older ones copy.
    }
    port1.close();
    port2.close();
    expect([...first, ...second]).to.deep.equal([1, 2]);
  });
});
