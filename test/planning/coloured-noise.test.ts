import { expect } from 'chai';
import { Rng } from '../../src/math/rng.ts';
import { ColouredNoise } from '../../src/planning/index.ts';

const length = 16;
const sequences = 4000;

/** Mean power at k cycles a sequence, by a plain Fourier sum. */
function spectrumOf(exponent: number): { power: number[]; variance: number[] } {
  const noise = new ColouredNoise(length, exponent);
  const rng = new Rng(3);
  const power = new Array<number>(length / 2 + 1).fill(0);
  const variance = new Array<number>(length).fill(0);
  const values = new Float64Array(length);
  for (let sequence = 0; sequence < sequences; sequence++) {
    noise.draw(rng, values, 0, 1);
    for (let k = 0; k < power.length; k++) {
      let [cosine, sine] = [0, 0];
      values.forEach((value, step) => {
        cosine += value * Math.cos((2 * Math.PI * k * step) / length);
        sine += value * Math.sin((2 * Math.PI * k * step) / length);
      });
      power[k]! += (cosine ** 2 + sine ** 2) / sequences;
    }
    values.forEach((value, step) => {
      variance[step]! += value ** 2 / sequences;
    });
  }
  return { power, variance };
}

describe('coloured noise', () => {
  for (const exponent of [0, 1, 2, 3.5])
    it(`has power that falls as f^-${exponent}, and variance 1 at every step`, () => {
      const { power, variance } = spectrumOf(exponent);
      for (const value of variance) expect(value).to.be.closeTo(1, 0.1);
      for (let k = 2; k <= length / 2; k++) expect((power[k]! / power[1]!) * k ** exponent, `${k} cycles`).to.be.closeTo(1, 0.12);
      // The constant part counts as the slowest frequency.
      expect(power[0]! / power[1]!).to.be.closeTo(1, 0.1);
    });

  it('of one step is a plain normal number, of an odd length as even as of an even one', () => {
    const out = new Float64Array(1);
    new ColouredNoise(1, 2).draw(new Rng(1), out, 0, 1);
    expect(out[0]).to.equal(new Rng(1).normal());
    const rng = new Rng(2);
    const noise = new ColouredNoise(5, 0);
    const values = new Float64Array(5);
    const covariance = [0, 0];
    for (let i = 0; i < sequences; i++) {
      noise.draw(rng, values, 0, 1);
      covariance[0]! += values[2]! ** 2 / sequences;
      covariance[1]! += (values[2]! * values[3]!) / sequences;
    }
    expect(covariance[0]).to.be.closeTo(1, 0.1);
    expect(covariance[1]).to.be.closeTo(0, 0.1);
  });

  it('is written where asked, the same from the same seed', () => {
    const draw = (seed: number) => {
      const out = new Float64Array(8).fill(9);
      new ColouredNoise(3, 1).draw(new Rng(seed), out, 1, 2);
      return [...out];
    };
    const drawn = draw(1);
    expect(drawn.map((value, i) => (value === 9 ? i : -1)).filter((i) => i >= 0)).to.deep.equal([0, 2, 4, 6, 7]);
    expect(draw(1)).to.deep.equal(drawn);
    expect(draw(2)).to.not.deep.equal(drawn);
  });
});
