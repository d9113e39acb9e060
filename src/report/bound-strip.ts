/** A row's interval drawn against its bound, small enough for a table cell. */
import { html, type Markup } from './html.ts';
import type { Figure, RowFigures } from './report-input.ts';

const WIDTH_px = 210;
const HEIGHT_px = 20;
const EDGE_px = 8;

/** The passing region shaded, the interval a bar, the value a dot, the floor a tick; what lies beyond the strip is an arrow at its end. */
export function boundStrip({
  measured,
  low,
  high,
  bound,
  floor,
}: Pick<RowFigures, 'measured' | 'low' | 'high' | 'bound' | 'floor'>): Markup | null {
  if (measured === null || low === null || high === null) return null;
  const [from, to] = rangeOf(bound);
  const at = (value: number) => EDGE_px + (WIDTH_px - 2 * EDGE_px) * Math.max(0, Math.min(1, (value - from) / (to - from)));
  // An open side passes however far: arrows there lie within.
  const [passLow, passHigh] = [bound.low === null ? 0 : at(bound.low), bound.high === null ? WIDTH_px : at(bound.high)];
  const middle = HEIGHT_px / 2;
  const tick =
    floor === undefined
      ? null
      : html`<line class="floor" x1="${tenths(at(floor))}" x2="${tenths(at(floor))}" y1="2" y2="${HEIGHT_px - 2}"/>`;
  const interval = html`<line class="interval" x1="${tenths(at(low))}" x2="${tenths(at(high))}" y1="${middle}" y2="${middle}"/>`;
  return html`<svg class="strip" width="${WIDTH_px}" height="${HEIGHT_px}" viewBox="0 0 ${WIDTH_px} ${HEIGHT_px}" aria-hidden="true"><rect class="region" x="${tenths(passLow)}" y="2" width="${tenths(Math.max(2, passHigh - passLow))}" height="${HEIGHT_px - 4}" rx="3"/><line class="axis" x1="2" x2="${WIDTH_px - 2}" y1="${middle}" y2="${middle}"/>${tick}${interval}${valueMark(measured, from, to, at(measured))}</svg>`;
}

/** Wide enough for the bound and for what is usual beside it; of one that is open, twice the failing side. */
function rangeOf({ low, high }: { readonly low: Figure; readonly high: Figure }): [from: number, to: number] {
  if (low !== null && high !== null) return [low - 1.5 * (high - low), high + 1.5 * (high - low)];
  if (low !== null) return [Math.min(0, low), Math.max(1.05, 1.3 * low)];
  return high !== null && high > 0 ? [0, 3 * high] : [0, 1];
}

function valueMark(value: number, from: number, to: number, x: number): Markup {
  const middle = HEIGHT_px / 2;
  if (value >= from && value <= to) return html`<circle class="value" cx="${tenths(x)}" cy="${middle}" r="4.5"/>`;
  const tip = value < from ? x - 7 : x + 7;
  return html`<path class="value" d="M${tenths(tip)},${middle}L${tenths(x)},${middle - 6}L${tenths(x)},${middle + 6}Z"/>`;
}

function tenths(value: number): string {
  return value.toFixed(1);
}
