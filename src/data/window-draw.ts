import type { Rng } from '../math/rng.ts';

/** Where a drawn window begins. */
export interface Window {
  /** Index of the run. */
  readonly run: number;
  /** Steps after the run's begin. */
  readonly offset: number;
}

/** Draws windows of `horizon` steps that lie whole in one run, each of them equally likely, however long the runs are. */
export class WindowDraw {
  /** How many there are. */
  readonly windows: number;
  /** `[runs]`: windows in all runs up to and with this one. */
  private readonly upTo: Float64Array;

  /** @param lengths - steps of each run. */
  constructor(lengths: ArrayLike<number>, horizon: number) {
    this.upTo = new Float64Array(lengths.length);
    let windows = 0;
    for (let run = 0; run < lengths.length; run++) {
      windows += Math.max(0, lengths[run]! - horizon + 1);
      this.upTo[run] = windows;
    }
    this.windows = windows;
  }

  /** Of at least one window. */
  draw(rng: Rng): Window {
    const drawn = rng.integer(this.windows);
    let [low, high] = [0, this.upTo.length - 1];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.upTo[middle]! > drawn) high = middle;
      else low = middle + 1;
    }
    return { run: low, offset: drawn - (low > 0 ? this.upTo[low - 1]! : 0) };
  }
}
