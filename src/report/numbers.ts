/** Numbers as a reader sees them. */
import type { Figure, IntervalFigures } from './report-input.ts';

/** Three significant digits with a true minus sign; a dash for what is unknown. */
export function number(value: Figure): string {
  if (value === null) return '–';
  const size = Math.abs(value);
  const text = size !== 0 && (size < 1e-3 || size >= 1e6) ? value.toExponential(1) : String(Number(value.toPrecision(3)));
  return text.replace('-', '−');
}

/** `0.5 (0.4 to 0.6)` */
export function interval({ measured, low, high }: IntervalFigures): string {
  return `${number(measured)} (${number(low)} to ${number(high)})`;
}

/** `12,000` */
export function grouped(value: number): string {
  return String(value).replace(/\B(?=(\d{3})+$)/g, ',');
}
