/**
 * dm_control's reward shaping: 1 where a value lies in its bounds, falling with the distance from them.
 * @see Tunyasuvunakool et al. 2020, "dm_control: Software and tasks for continuous control", section 2.
 */
export type Sigmoid = 'gaussian' | 'linear' | 'quadratic';

/** @param margin - distance from the bounds at which the value is `atMargin`; 0 = a step. @returns in [0, 1]. */
export function tolerance(
  value: number,
  low: number,
  high: number,
  margin = 0,
  sigmoid: Sigmoid = 'gaussian',
  atMargin = sigmoid === 'gaussian' ? 0.1 : 0,
): number {
  if (value >= low && value <= high) return 1;
  if (margin === 0) return 0;
  const share = (value < low ? low - value : value - high) / margin;
  switch (sigmoid) {
    case 'gaussian':
      return Math.exp(Math.log(atMargin) * share * share);
    case 'linear':
      return Math.max(0, 1 - share * (1 - atMargin));
    case 'quadratic':
      return Math.max(0, 1 - share * share * (1 - atMargin));
  }
}
