/** Steps of several lanes, time-major: row `step * lanes + lane`. */
export interface StepRows {
  readonly lanes: number;
  readonly reward: ArrayLike<number>;
  /** Of the state each step began in. */
  readonly value: ArrayLike<number>;
  /** Of the state each step led to, the last one of its episode if it ended there; 0 where it terminated. */
  readonly nextValue: ArrayLike<number>;
  /** 1 where the episode ended with the step, terminated or truncated: what came after is no consequence of it. */
  readonly ended: ArrayLike<number>;
}

/**
 * Generalised advantage estimation (Schulman et al. 2016, equation 16; Huang et al. 2022, core detail 5). A truncated episode goes on in its last state's value (Pardo et al. 2018).
 *
 * @param discount - γ. @param lambda - λ.
 * @param into - gets one advantage a row.
 */
export function advantages(rows: StepRows, discount: number, lambda: number, into: Float32Array): void {
  const { lanes, reward, value, nextValue, ended } = rows;
  for (let lane = 0; lane < lanes; lane++) {
    let advantage = 0;
    for (let row = reward.length - lanes + lane; row >= 0; row -= lanes) {
      const surprise = reward[row]! + discount * nextValue[row]! - value[row]!;
      advantage = surprise + (ended[row] ? 0 : discount * lambda * advantage);
      into[row] = advantage;
    }
  }
}

/** Share of the variance of returns that the values tell, 1 at best; NaN where returns do not vary. */
export function explainedVariance(value: ArrayLike<number>, target: ArrayLike<number>): number {
  const variance = (at: (i: number) => number) => {
    let [sum, squares] = [0, 0];
    for (let i = 0; i < target.length; i++) {
      sum += at(i);
      squares += at(i) ** 2;
    }
    return squares / target.length - (sum / target.length) ** 2;
  };
  return 1 - variance((i) => target[i]! - value[i]!) / variance((i) => target[i]!);
}
