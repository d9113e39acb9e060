import { expect } from 'chai';
import fc from 'fast-check';
import { sha256Hex } from '../../src/math/hash.ts';
import { Rng } from '../../src/math/rng.ts';

const seeds = fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER });
const draws = (rng: Rng, count: number) => Array.from({ length: count }, () => rng.uint32());

/** Share of a standard normal below x: Simpson's rule over its density. */
function normalShare(x: number): number {
  const steps = 200;
  const width = x / steps;
  const density = (t: number) => Math.exp(-0.5 * t * t) / Math.sqrt(2 * Math.PI);
  let sum = density(0) + density(x);
  for (let i = 1; i < steps; i++) sum += (i % 2 === 0 ? 2 : 4) * density(i * width);
  return 0.5 + (sum * width) / 3;
}

describe('Rng', () => {
  // From a Python program of its own: sfc32 as in PractRand, seeded by three rounds of splitmix32, twelve draws thrown away.
  const vectors: readonly (readonly [seed: number, stream: number, expected: readonly number[]])[] = [
    [0, 0, [584384466, 291425554, 1569698410, 2957037499]],
    [1, 0, [2008186101, 4030781619, 1556637576, 1685941935]],
    [1, 1, [103700651, 1816284604, 1542503715, 210380390]],
    [2 ** 32 - 1, 2, [2239016403, 3121148120, 2925731431, 939398257]],
    [7 * 2 ** 32 + 5, 0, [4121730290, 2482342502, 3498177511, 1441938009]],
    [2 ** 53 - 1, 0, [3115501998, 1317831833, 3651100464, 576605340]],
  ];
  for (const [seed, stream, expected] of vectors)
    it(`draws as sfc32 does from seed ${seed}, stream ${stream}`, () => expect(draws(new Rng(seed, stream), 4)).to.deep.equal(expected));

  it('is the plain recurrence of sfc32', () => {
    const rng = new Rng(0);
    rng.load([1, 2, 3, 1, 0, 0]);
    expect(draws(rng, 5)).to.deep.equal([4, 31, 56623170, 132259135, 3317874561]);
  });

  it('turns words into uniforms and normals', () => {
    const rng = new Rng(42);
    expect([rng.uniform(), rng.uniform(), rng.uniform()]).to.deep.equal([0.08428506390191615, 0.9186191956978291, 0.7258175869937986]);
    rng.seed(42);
    // Python's math.log and math.sqrt on the first pair inside the circle.
    expect(rng.normal()).to.be.closeTo(1.3536523491168067, 1e-14);
    expect(rng.normal()).to.be.closeTo(-0.8366794446146429, 1e-14);
  });

  it('gives many normals at once, the very ones that it gives singly, from half a pair on too', () => {
    for (const before of [0, 1, 2])
      for (const count of [0, 1, 2, 5, 8]) {
        const [many, single] = [new Rng(9), new Rng(9)];
        for (let i = 0; i < before; i++) expect(many.normal()).to.equal(single.normal());
        const into = new Float64Array(count + 2).fill(7);
        many.normals(into, 1, count);
        expect([...into]).to.deep.equal([7, ...Array.from({ length: count }, () => single.normal()), 7]);
        expect([many.normal(), many.uint32()], 'and goes on where it would').to.deep.equal([single.normal(), single.uint32()]);
      }
  });

  describe('in bulk, for dreams', () => {
    const count = 200_000;
    const drawn = (rng: Rng) => {
      const into = new Float32Array(count + 2).fill(7);
      rng.normals32(into, 1, count);
      return into;
    };

    it('draws by the ziggurat', () => {
      const rng = new Rng(42);
      const into = drawn(rng);
      // From a Python program of its own; the draws at 10594 and 10686 lie in the tail.
      const expected = [0.1934153965, -0.2027664017, -0.906268358, 0.6559635604];
      expected.forEach((value, i) => void expect(into[1 + i]).to.be.closeTo(value, 1e-7));
      expect(into[1 + 10594]).to.be.closeTo(-4.351505602670394, 1e-6);
      expect(into[1 + 10686]).to.be.closeTo(4.2278842825309715, 1e-6);
      expect(into[count]).to.be.closeTo(-0.0044459502286604636, 1e-9);
      expect([into[0], into[count + 1], rng.uint32()]).to.deep.equal([7, 7, 2896581127]);
    });

    it('draws the same in one go and in many', () => {
      const [once, often] = [new Rng(5), new Rng(5)];
      const into = new Float32Array(count);
      for (let at = 0; at < count; at += 16) often.normals32(into, at, 16);
      expect(into).to.deep.equal(drawn(once).subarray(1, count + 1));
    });

    it('is as normal as it can be told from so many draws', () => {
      const sorted = drawn(new Rng(2027))
        .subarray(1, count + 1)
        .sort();
      // Kolmogorov and Smirnov: 1.95 / √n is passed once in a thousand seeds.
      const furthest = sorted.reduce((most, x, i) => Math.max(most, Math.abs(normalShare(x) - (i + 0.5) / count)), 0);
      expect(furthest).to.be.below(1.95 / Math.sqrt(count));
      expect(new Set(sorted).size).to.be.above(0.95 * count);
    });
  });

  it('goes on exactly where it was saved, half a pair of normals included', () =>
    fc.assert(
      fc.property(seeds, fc.nat(5), fc.boolean(), (seed, before, normal) => {
        const rng = new Rng(seed);
        draws(rng, before);
        if (normal) rng.normal();
        const state = JSON.parse(JSON.stringify(rng.save())) as number[];
        const expected = [rng.normal(), rng.uniform(), rng.normal(), rng.uint32()];
        const other = new Rng(1);
        other.load(state);
        expect([other.normal(), other.uniform(), other.normal(), other.uint32()]).to.deep.equal(expected);
      }),
    ));

  it('gives equal seeds equal streams and others other ones', () =>
    fc.assert(
      fc.property(seeds, seeds, fc.nat(3), fc.nat(3), (a, b, stream, other) => {
        const same = a === b && stream === other;
        expect(String(draws(new Rng(a, stream), 3)) === String(draws(new Rng(b, other), 3))).to.equal(same);
      }),
    ));

  it('forgets its past when seeded', () => {
    const rng = new Rng(3);
    rng.normal();
    rng.seed(8);
    expect([rng.normal(), rng.normal()]).to.deep.equal((() => [new Rng(8)].flatMap((fresh) => [fresh.normal(), fresh.normal()]))());
  });

  it('has uniform and normal moments', () => {
    const rng = new Rng(2026);
    const count = 20000;
    const moments = (draw: () => number) => {
      const values = Array.from({ length: count }, draw);
      const mean = values.reduce((sum, value) => sum + value, 0) / count;
      const central = (power: number) => values.reduce((sum, value) => sum + (value - mean) ** power, 0) / count;
      return { mean, variance: central(2), skew: central(3) / central(2) ** 1.5, kurtosis: central(4) / central(2) ** 2 };
    };
    // Tolerances are about four standard errors.
    const uniform = moments(() => rng.uniform(-1, 3));
    expect(uniform.mean).to.be.closeTo(1, 0.033);
    expect(uniform.variance).to.be.closeTo(16 / 12, 0.04);
    const normal = moments(() => rng.normal());
    expect(normal.mean).to.be.closeTo(0, 0.029);
    expect(normal.variance).to.be.closeTo(1, 0.04);
    expect(normal.skew).to.be.closeTo(0, 0.07);
    expect(normal.kurtosis).to.be.closeTo(3, 0.14);
  });

  it('draws integers without bias, in range', () => {
    const rng = new Rng(5);
    const counts = new Array<number>(6).fill(0);
    for (let i = 0; i < 12000; i++) counts[rng.integer(6)]!++;
    // 2000 each, four standard deviations are 163.
    for (const count of counts) expect(count).to.be.within(1837, 2163);
    expect(Array.from({ length: 20 }, () => rng.integer(1))).to.deep.equal(new Array(20).fill(0));
  });

  it('forks a child and moves on, and shuffles every order', () => {
    const rng = new Rng(1);
    const child = rng.fork();
    expect(child.uint32()).to.not.equal(rng.uint32());
    const orders = new Set<string>();
    for (let i = 0; i < 200; i++) {
      const values = [1, 2, 3];
      rng.shuffle(values);
      orders.add(values.join(''));
    }
    expect([...orders].sort()).to.deep.equal(['123', '132', '213', '231', '312', '321']);
  });
});

describe('sha256Hex', () => {
  it('is SHA-256 of bytes, and of text as UTF-8', () => {
    // FIPS 180-2, appendix B.1.
    expect(sha256Hex('abc')).to.equal('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad');
    expect(sha256Hex(new Uint8Array([97, 98, 99]))).to.equal(sha256Hex('abc'));
    expect(sha256Hex('é')).to.equal(sha256Hex(new Uint8Array([0xc3, 0xa9])));
  });
});
