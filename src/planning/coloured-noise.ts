import type { Rng } from '../math/rng.ts';

/**
 * Noise over a plan whose power falls with frequency as f^−exponent, each element normal with variance 1: 0 is white, 1 pink, 2 red. Slow noise pushes one way for long, which explores a swing;
 * white noise cancels itself. It is periodic in its length, and the constant part counts as the slowest frequency.
 * @see Timmer & König 1995, "On generating power law noise"; Pinneri et al. 2020 for its use in planning.
 */
export class ColouredNoise {
  readonly length: number;
  /** float64 `[draws, length]`: an orthogonal wave each, as strong as its frequency is to be. */
  private readonly waves: Float64Array;
  private readonly drawn: Float64Array;

  /** @param length - steps, at least 1. @param exponent - 0 or more. */
  constructor(length: number, exponent: number) {
    this.length = length;
    this.drawn = new Float64Array(length);
    this.waves = new Float64Array(length * length);
    let power = 0;
    for (let draw = 0; draw < length; draw++) {
      const cycles = Math.ceil(draw / 2);
      // Constant and, of an even length, the fastest wave have no sine beside them, so half the power.
      const isSingle = cycles === 0 || 2 * cycles === length;
      const squared = Math.max(cycles, 1) ** -exponent * (isSingle ? 0.5 : 1);
      power += isSingle ? squared : squared / 2;
      const wave = draw % 2 === 1 ? Math.cos : Math.sin;
      for (let step = 0; step < length; step++)
        this.waves[draw * length + step] = Math.sqrt(squared) * (cycles === 0 ? 1 : wave((2 * Math.PI * cycles * step) / length));
    }
    for (let i = 0; i < this.waves.length; i++) this.waves[i] = this.waves[i]! / Math.sqrt(power);
  }

  /** Writes `out[at]`, `out[at + stride]`, …: one value a step. */
  draw(rng: Rng, out: Float64Array, at: number, stride: number): void {
    const { length, waves, drawn } = this;
    rng.normals(drawn, 0, length);
    for (let step = 0; step < length; step++) {
      let sum = 0;
      for (let draw = 0; draw < length; draw++) sum += drawn[draw]! * waves[draw * length + step]!;
      out[at + step * stride] = sum;
    }
  }
}
