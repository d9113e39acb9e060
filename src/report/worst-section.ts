/** The starts that went wrong most, with what to look at and how to play them again. */
import * as Plot from '@observablehq/plot';
import { draw, legendKey, MODEL } from './drawing.ts';
import { html, type Markup } from './html.ts';
import { number } from './numbers.ts';
import type { Figure, ReportInput, WorstEntryFigures, WorstStartFigures } from './report-input.ts';

const TRUTH = { stroke: 'var(--truth)', strokeWidth: 2 };
const DRAW = { stroke: 'var(--dream)', strokeWidth: 1, strokeDasharray: '2,2' };
const VALID_ERROR = 0.4;
const SMALL = { width: 280, height: 150, marginLeft: 44, marginBottom: 32, marginTop: 16 };

export function worstSection({ worst, metadata, samples }: ReportInput): Markup | null {
  if (!worst || worst.starts.length === 0) return null;
  const { step, starts } = worst;
  const draws = samples > 1 ? [legendKey('one of its draws, which can be played again', DRAW)] : [];
  return html`<section aria-labelledby="worst"><h2 id="worst">The ${starts.length} worst episodes</h2>
<p class="lead">The starts with the largest error ${number(step * metadata.controlDt_s)} s ahead (${step} ${step === 1 ? 'step' : 'steps'}), the worst first, with the quantities that went wrong most: this is what the numbers above look like at their worst.</p>
<p class="legend" aria-hidden="true">${[legendKey('physics', TRUTH), legendKey('dream: its best guess', MODEL), ...draws]}</p>
${starts.map((start, i) => worstStart(start, i, metadata.controlDt_s))}</section>`;
}

function worstStart(start: WorstStartFigures, i: number, controlDt_s: number): Markup {
  const from = start.from ? `, from held-out episode ${start.from.episode}, draws from seed ${start.from.seed}` : '';
  const left =
    start.exceedsAt === null
      ? 'it never leaves .4 σ'
      : `above .4 σ from ${number(start.exceedsAt * controlDt_s)} s on (step ${start.exceedsAt})`;
  return html`<div class="panel worst"><h3>${i + 1}. Start ${start.start}: off by ${number(start.error)} σ</h3>
<p class="note">Start ${start.start} of the report${from}; ${left}.</p>
<div class="small">${errorPicture(start, controlDt_s)}${start.entries.map((entry) => entryPicture(entry, start.exceedsAt, controlDt_s))}</div>
${start.kept ? keptOf(start.kept) : null}</div>`;
}

function keptOf({ files, commands }: NonNullable<WorstStartFigures['kept']>): Markup {
  const links = files.map(({ path, what }) => html`<a href="./${path.split('/').map(encodeURIComponent).join('/')}">${what}</a>`);
  return html`<p class="files">${links}</p>${commands.map((command) => html`<p class="command"><code>${command}</code></p>`)}`;
}

function errorPicture({ errors, exceedsAt }: WorstStartFigures, controlDt_s: number): Markup {
  const rows = pointsOf(errors, controlDt_s);
  const top = Math.max(2 * VALID_ERROR, Math.min(20, Math.max(...rows.map(({ y }) => (Number.isFinite(y) ? y : 0)))));
  return captioned(
    'error (σ)',
    draw('Error over seconds ahead, in standard deviations', {
      ...SMALL,
      x: { label: 'seconds ahead', ticks: 4 },
      y: { label: null, domain: [0, 1.05 * top], ticks: 4 },
      marks: [
        Plot.ruleY([VALID_ERROR], { stroke: 'var(--still)', strokeDasharray: '2,3' }),
        ...passage(exceedsAt, controlDt_s),
        Plot.lineY(rows, { x: 'x', y: ({ y }) => Math.min(y, 1.05 * top), ...MODEL }),
      ],
    }),
  );
}

function entryPicture(
  { name, kind, unit, error, truth, imagined, draw: one }: WorstEntryFigures,
  exceedsAt: number | null,
  controlDt_s: number,
): Markup {
  const near = (values: readonly Figure[]) => (kind === 'angle' ? unwrapped(values) : values);
  const real = near(truth);
  const [low, high] = windowOf(real, near(imagined));
  const lines = (values: readonly Figure[]) =>
    pointsOf(
      near(values).map((value) => (value === null || value < low || value > high ? null : value)),
      controlDt_s,
    );
  const quantity = unit === '1' ? name : `${name} (${unit})`;
  return captioned(
    `${quantity}, off by ${number(error)} σ`,
    draw(`${quantity} in physics and in the dream over seconds ahead`, {
      ...SMALL,
      x: { label: 'seconds ahead', ticks: 4 },
      y: { label: null, domain: [low, high], ticks: 4 },
      marks: [
        ...passage(exceedsAt, controlDt_s),
        Plot.lineY(lines(one), { x: 'x', y: 'y', ...DRAW }),
        Plot.lineY(pointsOf(real, controlDt_s), { x: 'x', y: 'y', ...TRUTH }),
        Plot.lineY(lines(imagined), { x: 'x', y: 'y', ...MODEL, strokeDasharray: '6,3' }),
      ],
    }),
  );
}

function captioned(caption: string, chart: Markup): Markup {
  return html`<figure><figcaption>${caption}</figcaption>${chart}</figure>`;
}

/** Where the error first passes the limit. */
function passage(exceedsAt: number | null, controlDt_s: number): Plot.Markish[] {
  return exceedsAt === null ? [] : [Plot.ruleX([exceedsAt * controlDt_s], { stroke: 'var(--fail)', strokeDasharray: '3,3' })];
}

function pointsOf(values: readonly Figure[], controlDt_s: number): { x: number; y: number }[] {
  return values.map((value, step) => ({ x: step * controlDt_s, y: value ?? Number.NaN }));
}

/** What truth does and the dream, with some room; a dream that is farther off than truth's own range leaves the picture. */
function windowOf(truth: readonly Figure[], dream: readonly Figure[]): [low: number, high: number] {
  const ends = (values: readonly Figure[]) => {
    const known = values.filter((value): value is number => value !== null);
    return [Math.min(...known), Math.max(...known)] as const;
  };
  const [[low, high], [lowest, highest]] = [ends(truth), ends(dream)];
  const range = Math.max(high - low, 1e-6, 0.02 * Math.abs(high));
  const room = 0.08 * range;
  return [Math.max(Math.min(low, lowest), low - range) - room, Math.min(Math.max(high, highest), high + range) + room];
}

/** An angle without jumps at ±π. */
function unwrapped(values: readonly Figure[]): Figure[] {
  const out: Figure[] = [];
  values.forEach((value, i) => void out.push(i === 0 ? value : besideBefore(value, out[i - 1] ?? null)));
  return out;
}

/** The same angle within half a turn of another. */
function besideBefore(value: Figure, other: Figure): Figure {
  if (value === null || other === null) return value;
  return value - 2 * Math.PI * Math.round((value - other) / (2 * Math.PI));
}
