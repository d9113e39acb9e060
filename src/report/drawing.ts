/** What every picture of a page is drawn with. */
import * as Plot from '@observablehq/plot';
import { parseHTML } from 'linkedom';
import { html, type Markup, trusted } from './html.ts';

/** Drawn size in CSS pixels: about one column of the page, so that text keeps its size. */
export const WIDTH_px = 380;
export const HEIGHT_px = 230;

/** Colours are CSS variables of the page, so that one drawing serves light and dark. Dash patterns carry the same distinction without colour. */
export const MODEL = { stroke: 'var(--dream)', strokeWidth: 2.4 };
export const BASELINES = [
  { key: 'floor', label: 'floor', stroke: 'var(--truth)', strokeWidth: 1.6 },
  { key: 'persistence', label: 'still', stroke: 'var(--still)', strokeDasharray: '2,3', strokeWidth: 1.6 },
  { key: 'linear', label: 'linear', stroke: 'var(--linear)', strokeDasharray: '7,3', strokeWidth: 1.6 },
] as const;

export const HORIZON_STYLES = [
  { stroke: 'var(--dream)', strokeWidth: 2.4 },
  { stroke: 'var(--truth)', strokeWidth: 2, strokeDasharray: '7,3' },
  { stroke: 'var(--linear)', strokeWidth: 2, strokeDasharray: '2,3' },
];

/** A chart with its caption, or its caption with the reason why there is none. */
export function figureOf(caption: string, chart: Markup, note: string | null = null): Markup {
  return html`<figure class="chart"><figcaption>${caption}</figcaption>${chart}${note === null ? null : html`<p class="note">${note}</p>`}</figure>`;
}

/** A static picture with its name for who cannot see it. @param options - of Observable Plot; width and height in CSS pixels. */
export function draw(label: string, options: Plot.PlotOptions): Markup {
  const { document } = parseHTML('<!doctype html><html><body></body></html>') as unknown as { document: Plot.PlotOptions['document'] };
  const defaults = { width: WIDTH_px, height: HEIGHT_px, marginLeft: 48, marginBottom: 36, document };
  const svg = Plot.plot({
    ...defaults,
    ...options,
    x: { labelAnchor: 'center', labelArrow: 'none', ...options.x },
    y: { labelArrow: 'none', grid: true, ...options.y },
  });
  svg.setAttribute('style', `max-width:${1.2 * (options.width ?? WIDTH_px)}px`);
  // linkedom leaves `<` in attributes as it is: safe, but the label is written here so that every text goes through one escape
  return html`<svg role="img" aria-label="${label}"${trusted(svg.outerHTML.slice('<svg'.length))}`;
}

/** One line of a key: how it is drawn, and what it is. */
export function legendKey(
  label: string,
  { stroke, strokeWidth, strokeDasharray }: { stroke: string; strokeWidth: number; strokeDasharray?: string },
): Markup {
  return html`<span class="key"><svg width="28" height="10" viewBox="0 0 28 10"><line x1="1" x2="27" y1="5" y2="5" style="stroke:${stroke};stroke-width:${strokeWidth};stroke-dasharray:${strokeDasharray ?? 'none'}"/></svg>${label}</span>`;
}

const LONGEST_LABEL = 16;

/** Names come from models and tasks, and may be long. */
export function shortened(name: string): string {
  return name.length > LONGEST_LABEL ? `${name.slice(0, LONGEST_LABEL - 1)}…` : name;
}

/** Three significant digits. */
export function shortNumber(value: number): string {
  return String(Number(value.toPrecision(3)));
}

/** Straight lines and the like: where both coordinates agree. */
export function identityLine([low, high]: readonly [number, number]): Plot.Markish {
  const ends = [low, high].map((value) => ({ value }));
  return Plot.line(ends, { x: 'value', y: 'value', stroke: 'var(--still)', strokeDasharray: '2,3' });
}

/** The range of some numbers with a little room, what is not a number left out; undefined where none is left. */
export function roomyDomain(values: readonly (number | null)[], share = 0.05): [low: number, high: number] | undefined {
  const known = values.filter((value): value is number => value !== null && Number.isFinite(value));
  if (known.length === 0) return undefined;
  const [low, high] = known.reduce(([least, most], value) => [Math.min(least, value), Math.max(most, value)], [Infinity, -Infinity]);
  const room = share * (high - low || Math.abs(high) || 1);
  return [low - room, high + room];
}
