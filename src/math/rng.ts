import { heights, inside, tailStart, widths } from './ziggurat.ts';

/**
 * A small seeded generator whose whole state is six 32-bit words, so it can be saved, restored and sent.
 * sfc32 (Chris Doty-Humphrey, PractRand); seeds are spread by splitmix32. Only integer arithmetic, so streams are the same on every machine.
 */
export class Rng {
  /** Words 0–3: sfc32 state; word 4: 1 if a spare normal is stored; the spare itself is `spare`. */
  private a = 0;
  private b = 0;
  private c = 0;
  private d = 0;
  private spare = 0;
  private hasSpare = false;

  /** @param seed - any integer up to 2^53; equal seeds give equal streams. @param stream - an independent stream of the same seed. */
  constructor(seed: number, stream = 0) {
    this.seed(seed, stream);
  }

  /** Starts the stream of `seed` anew. */
  seed(seed: number, stream = 0): void {
    const low = seed >>> 0;
    const high = Math.floor(seed / 4294967296) >>> 0;
    this.a = mix(low ^ 0x9e3779b9);
    this.b = mix(high ^ this.a);
    this.c = mix(stream ^ this.b);
    this.d = 1;
    this.hasSpare = false;
    for (let i = 0; i < 12; i++) this.uint32();
  }

  /** The next 32 random bits, as an unsigned integer. */
  uint32(): number {
    const t = (((this.a + this.b) | 0) + this.d) | 0;
    this.d = (this.d + 1) | 0;
    this.a = this.b ^ (this.b >>> 9);
    this.b = (this.c + (this.c << 3)) | 0;
    this.c = (this.c << 21) | (this.c >>> 11);
    this.c = (this.c + t) | 0;
    return t >>> 0;
  }

  /** Uniform in [low, high), 32 bits of resolution. */
  uniform(low = 0, high = 1): number {
    return low + (high - low) * (this.uint32() / 4294967296);
  }

  /** Integer in [0, n), without bias. @param n - 1 … 2^32. */
  integer(n: number): number {
    const limit = 4294967296 - (4294967296 % n);
    let draw = this.uint32();
    while (draw >= limit) draw = this.uint32();
    return draw % n;
  }

  /** Standard normal (Marsaglia's polar method). */
  normal(): number {
    if (this.hasSpare) {
      this.hasSpare = false;
      return this.spare;
    }
    let u = 0;
    let v = 0;
    let s = 0;
    do {
      u = this.uint32() / 2147483648 - 1;
      v = this.uint32() / 2147483648 - 1;
      s = u * u + v * v;
    } while (s >= 1 || s === 0);
    const scale = Math.sqrt((-2 * Math.log(s)) / s);
    this.spare = v * scale;
    this.hasSpare = true;
    return u * scale;
  }

  /**
   * Writes the next `count` standard normals, the very ones that `normal` would return: models draw thousands a step.
   * Two of a pair are drawn together, so nothing goes through the spare.
   */
  normals(into: Float32Array | Float64Array, at: number, count: number): void {
    let i = 0;
    if (this.hasSpare && count > 0) into[at + i++] = this.normal();
    let { a, b, c, d } = this;
    for (; i + 1 < count; i += 2) {
      let u = 0;
      let v = 0;
      let s = 0;
      do {
        let t = (((a + b) | 0) + d) | 0;
        d = (d + 1) | 0;
        a = b ^ (b >>> 9);
        b = (c + (c << 3)) | 0;
        c = (((c << 21) | (c >>> 11)) + t) | 0;
        u = (t >>> 0) / 2147483648 - 1;
        t = (((a + b) | 0) + d) | 0;
        d = (d + 1) | 0;
        a = b ^ (b >>> 9);
        b = (c + (c << 3)) | 0;
        c = (((c << 21) | (c >>> 11)) + t) | 0;
        v = (t >>> 0) / 2147483648 - 1;
        s = u * u + v * v;
      } while (s >= 1 || s === 0);
      const scale = Math.sqrt((-2 * Math.log(s)) / s);
      into[at + i] = u * scale;
      into[at + i + 1] = v * scale;
    }
    this.a = a;
    this.b = b;
    this.c = c;
    this.d = d;
    if (i < count) into[at + i] = this.normal();
  }

  /**
   * Writes `count` standard normals of float32's resolution (Marsaglia and Tsang's ziggurat), three times as fast as `normals`, and others: dreams draw thousands a step.
   * Nothing goes through the spare.
   */
  normals32(into: Float32Array, at: number, count: number): void {
    let { a, b, c, d } = this;
    for (let i = at; i < at + count; i++) {
      // The plain recurrence, in local variables.
      const t = (((a + b) | 0) + d) | 0;
      d = (d + 1) | 0;
      a = b ^ (b >>> 9);
      b = (c + (c << 3)) | 0;
      c = (((c << 21) | (c >>> 11)) + t) | 0;
      const layer = t & 255;
      const drawn = (t >> 8) + 0.5;
      if (Math.abs(drawn) < inside[layer]!) {
        into[i] = drawn * widths[layer]!;
        continue;
      }
      this.a = a;
      this.b = b;
      this.c = c;
      this.d = d;
      const edge = this.atEdge(layer, drawn);
      ({ a, b, c, d } = this);
      if (Number.isNaN(edge)) i--;
      else into[i] = edge;
    }
    this.a = a;
    this.b = b;
    this.c = c;
    this.d = d;
  }

  /** One draw of a hundred. @returns NaN for a point above the curve. */
  private atEdge(layer: number, drawn: number): number {
    if (layer > 0) {
      const x = drawn * widths[layer]!;
      const y = heights[layer]! + this.uniform() * (heights[layer + 1]! - heights[layer]!);
      return y < Math.exp(-0.5 * x * x) ? x : Number.NaN;
    }
    for (;;) {
      // Uniforms in (0, 1): the logarithm of 0 is no number.
      const beyond = -Math.log((this.uint32() + 0.5) / 4294967296) / tailStart;
      const drop = -Math.log((this.uint32() + 0.5) / 4294967296);
      if (2 * drop > beyond * beyond) return drawn < 0 ? -tailStart - beyond : tailStart + beyond;
    }
  }

  /** A child generator that depends on this one's next draw; the parent moves on by one. */
  fork(): Rng {
    return new Rng(this.uint32(), this.uint32());
  }

  /** Shuffles in place (Fisher–Yates). */
  shuffle<T>(values: T[] | Int32Array): void {
    for (let i = values.length - 1; i > 0; i--) {
      const j = this.integer(i + 1);
      const held = values[i] as T & number;
      values[i] = values[j] as T & number;
      values[j] = held;
    }
  }

  /** The whole state: 6 numbers. */
  save(): number[] {
    return [this.a, this.b, this.c, this.d, this.hasSpare ? 1 : 0, this.spare];
  }

  /** Goes on exactly where `save` was called. */
  load(state: ArrayLike<number>): void {
    [this.a, this.b, this.c, this.d] = [state[0]! | 0, state[1]! | 0, state[2]! | 0, state[3]! | 0];
    this.hasSpare = state[4] === 1;
    this.spare = state[5] ?? 0;
  }
}

function mix(x: number): number {
  let z = (x + 0x9e3779b9) | 0;
  z = Math.imul(z ^ (z >>> 16), 0x21f0aaad);
  z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
  return z ^ (z >>> 15);
}
