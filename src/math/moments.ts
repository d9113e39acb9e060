/** Mean and spread of observations, one at a time (Welford 1962) or in groups (Chan, Golub & LeVeque 1983). */
export class Moments {
  count = 0;
  readonly mean: Float64Array;
  /** Sum of squared distances from the mean. */
  readonly squares: Float64Array;

  constructor(size: number) {
    this.mean = new Float64Array(size);
    this.squares = new Float64Array(size);
  }

  add(row: Float64Array): void {
    this.count++;
    for (let i = 0; i < row.length; i++) {
      const distance = row[i]! - this.mean[i]!;
      this.mean[i]! += distance / this.count;
      this.squares[i]! += distance * (row[i]! - this.mean[i]!);
    }
  }

  merge(other: Moments): void {
    if (other.count === 0) return;
    const count = this.count + other.count;
    for (let i = 0; i < this.mean.length; i++) {
      const distance = other.mean[i]! - this.mean[i]!;
      this.mean[i]! += (distance * other.count) / count;
      this.squares[i]! += other.squares[i]! + (distance * distance * this.count * other.count) / count;
    }
    this.count = count;
  }

  /** 1 before anything was seen, and where nothing ever changed. */
  deviation(): Float64Array {
    return this.squares.map((_, i) => this.deviationOf(i));
  }

  /** Of one element; as `deviation`. */
  deviationOf(i: number): number {
    const sum = this.squares[i]!;
    return sum > this.count * SMALLEST_VARIANCE ? Math.sqrt(sum / this.count) : 1;
  }
}

/** Below this an observation is a constant with rounding errors; dividing by its spread would make noise of them. */
const SMALLEST_VARIANCE = 1e-12;
