/**
 * Share of a standard normal distribution below `x`, to 1e-7.
 * @see Abramowitz & Stegun 1964, 26.2.17.
 */
export function normalShareBelow(x: number): number {
  const t = 1 / (1 + 0.2316419 * Math.abs(x));
  const series = t * (0.31938153 + t * (-0.356563782 + t * (1.781477937 + t * (-1.821255978 + t * 1.330274429))));
  const above = Math.exp((-x * x) / 2) * series * INVERSE_ROOT_TWO_PI;
  return x < 0 ? above : 1 - above;
}

const INVERSE_ROOT_TWO_PI = 1 / Math.sqrt(2 * Math.PI);
