import * as Plot from '@observablehq/plot';
import { BASELINES, draw, HEIGHT_px, HORIZON_STYLES, legendKey, MODEL, shortened, shortNumber } from './drawing.ts';
import { html, type Markup } from './html.ts';
import type { CoverageFigures, Curve, ErrorFigures, FanFigures, Figure, GapFigures, TrainingCurves } from './report-input.ts';

/** Error of one entry against time ahead, with its band, the floor and both trivial predictions. */
export function errorChart(fan: ErrorFigures, controlDt_s: number, height = HEIGHT_px): Markup {
  const seconds = fan.steps.map((step) => step * controlDt_s);
  const top = ceilingOf(fan);
  const band = fan.model.low.map((low, i) => ({ x: seconds[i]!, low: atMost(low, top), high: atMost(fan.model.high[i]!, top) }));
  const ends = [
    { label: 'dream', ...MODEL, values: fan.model.measured },
    ...BASELINES.map((line) => ({ ...line, values: fan[line.key] })),
  ].map(({ label, stroke, values }) => ({ label, stroke, ...lastPoint(seconds, values, top) }));
  return draw(
    `Error in ${fan.name} (${fan.unit}) up to ${seconds.at(-1)} s ahead, compared with the noise floor, nothing moving and a linear fit`,
    {
      height,
      marginRight: 48,
      x: { label: 'seconds ahead' },
      y: { label: fan.unit === '1' ? 'error' : `error (${fan.unit})`, domain: [0, top], ticks: 5 },
      marks: [
        Plot.ruleY([0], { stroke: 'var(--line)' }),
        Plot.areaY(band, { x: 'x', y1: 'low', y2: 'high', fill: 'var(--dream)', fillOpacity: 0.22 }),
        ...BASELINES.map(({ key, label: _, ...style }) => Plot.lineY(points(seconds, fan[key], top), { x: 'x', y: 'y', ...style })),
        Plot.lineY(points(seconds, fan.model.measured, top), { x: 'x', y: 'y', ...MODEL }),
        ...spread(ends, top, height).map(({ label, stroke, x, y, labelY }) => [
          Plot.text([{ x: seconds.at(-1)!, y: labelY, label }], {
            x: 'x',
            y: 'y',
            text: 'label',
            textAnchor: 'start',
            dx: 6,
            fill: stroke,
            fontWeight: 600,
          }),
          Plot.dot([{ x, y }], { x: 'x', y: 'y', r: 2.5, fill: stroke }),
        ]),
      ],
    },
  );
}

/** Skill against time ahead: 1 is the noise floor, 0 the better trivial prediction. */
export function skillChart({ skill, metadata }: GapFigures): Markup {
  const rows = skill.steps.map((step, i) => ({
    x: step * metadata.controlDt_s,
    y: inUnit(skill.measured[i]!),
    low: inUnit(skill.low[i]!),
    high: inUnit(skill.high[i]!),
  }));
  return draw('Skill over seconds ahead; 1 is as good as physics with sensor noise, 0 no better than a trivial prediction', {
    x: { label: 'seconds ahead', domain: [0, rows.at(-1)?.x ?? 1] },
    y: { label: 'skill', domain: [-0.2, 1.1], ticks: 5 },
    marks: [
      Plot.ruleY([0], { stroke: 'var(--still)', strokeDasharray: '2,3' }),
      Plot.ruleY([1], { stroke: 'var(--truth)' }),
      Plot.areaY(rows, { x: 'x', y1: 'low', y2: 'high', fill: 'var(--dream)', fillOpacity: 0.22 }),
      Plot.lineY(rows, { x: 'x', y: 'y', ...MODEL }),
      Plot.text(['physics with sensor noise'], { frameAnchor: 'right', y: 1, dy: -7, textAnchor: 'end', fill: 'var(--soft)' }),
      Plot.text(['trivial prediction'], { frameAnchor: 'left', y: 0, dx: 4, dy: -7, textAnchor: 'start', fill: 'var(--soft)' }),
    ],
  });
}

/** Coverage of the 90 % interval by seconds ahead, with the least that still counts as honest. */
export function coverageOverTimeChart(
  { steps, measured, low, high }: FanFigures & { readonly steps: readonly number[] },
  floor: number,
  controlDt_s: number,
): Markup {
  const rows = steps.map((step, i) => ({ x: step * controlDt_s, y: measured[i], low: low[i], high: high[i] }));
  return draw('Share of truths inside the 90 % interval over seconds ahead', {
    x: { label: 'seconds ahead', domain: [0, rows.at(-1)?.x ?? 1] },
    y: { label: 'interval holds', domain: [0, 1], tickFormat: '.0%' },
    marks: [
      Plot.ruleY([0.9], { stroke: 'var(--truth)' }),
      Plot.ruleY([floor], { stroke: 'var(--still)', strokeDasharray: '2,3' }),
      Plot.areaY(rows, { x: 'x', y1: 'low', y2: 'high', fill: 'var(--dream)', fillOpacity: 0.22 }),
      Plot.lineY(rows, { x: 'x', y: 'y', ...MODEL }),
      Plot.text(['least that is honest'], { frameAnchor: 'left', y: floor, dx: 4, dy: 9, textAnchor: 'start', fill: 'var(--soft)' }),
    ],
  });
}

/** Claimed against observed coverage for each tested horizon; on the diagonal the stated uncertainty is honest. */
export function reliabilityChart(overall: readonly CoverageFigures[], controlDt_s: number): Markup {
  const horizons = [...new Set(overall.map(({ horizon }) => horizon))];
  const lines = horizons.map((horizon, i) => ({
    horizon,
    style: HORIZON_STYLES[i % HORIZON_STYLES.length]!,
    rows: overall.filter((row) => row.horizon === horizon),
  }));
  const legend = lines.map(({ horizon, style }) => legendKey(`${shortNumber(horizon * controlDt_s)} s ahead`, style));
  const chart = draw('Reliability: share of truths inside the stated interval against the share the interval claims', {
    x: { label: 'interval claims to hold', domain: [0, 1], tickFormat: '.0%' },
    y: { label: 'interval holds', domain: [0, 1], tickFormat: '.0%' },
    marks: [
      Plot.line(
        [
          [0, 0],
          [1, 1],
        ],
        { stroke: 'var(--still)', strokeDasharray: '2,3' },
      ), // prettier-ignore
      Plot.text(
        [
          { x: 0.3, y: 0.86, label: 'too cautious' },
          { x: 0.75, y: 0.12, label: 'overconfident' },
        ],
        { x: 'x', y: 'y', text: 'label', fill: 'var(--soft)' },
      ), // prettier-ignore
      ...lines.flatMap(({ rows, style }) => [
        Plot.ruleX(rows, { x: 'level', y1: 'low', y2: 'high', stroke: style.stroke, strokeOpacity: 0.55 }),
        Plot.lineY(rows, { x: 'level', y: 'measured', ...style }),
        Plot.dot(rows, { x: 'level', y: 'measured', r: 2.4, fill: style.stroke }),
      ]),
    ],
  });
  return html`<p class="legend" aria-hidden="true">${legend}</p>${chart}`;
}

/** Coverage of the 90 % interval, entry by entry. */
export function coverageChart(elements: readonly (CoverageFigures & { readonly name: string })[], controlDt_s: number): Markup {
  const horizons = [...new Set(elements.map(({ horizon }) => horizon))];
  const names = [...new Set(elements.map(({ name }) => name))];
  const rows = elements.map((element) => ({
    ...element,
    ahead: `${shortNumber(element.horizon * controlDt_s)} s`,
    shown: shortened(element.name),
  }));
  const styleOf = (horizon: number) => HORIZON_STYLES[horizons.indexOf(horizon) % HORIZON_STYLES.length]!.stroke;
  const count = horizons.length * names.length;
  return draw('Coverage of the 90 % interval by entry and seconds ahead', {
    height: Math.max(HEIGHT_px, 60 + 16 * count),
    marginLeft: 112,
    marginRight: 40,
    x: {
      label: '90 % interval holds',
      domain: [elements.every(({ low }) => low !== null && low >= 0.5) ? 0.5 : 0, 1],
      tickFormat: '.0%',
      ticks: 5,
    },
    y: { label: null, axis: null },
    fy: { label: null, axis: 'left', domain: names.map(shortened) },
    marks: [
      Plot.ruleX([0.9], { stroke: 'var(--still)', strokeDasharray: '2,3' }),
      Plot.ruleY(rows, { fy: 'shown', y: 'ahead', x1: 'low', x2: 'high', stroke: ({ horizon }) => styleOf(horizon), strokeWidth: 2 }),
      Plot.dot(rows, { fy: 'shown', y: 'ahead', x: 'measured', r: 3, fill: ({ horizon }) => styleOf(horizon) }),
      Plot.text(rows, {
        fy: 'shown',
        y: 'ahead',
        x: 1,
        text: 'ahead',
        textAnchor: 'start',
        dx: 5,
        fill: ({ horizon }) => styleOf(horizon),
      }),
    ],
  });
}

/** One dot a start: what the model promised against what physics gave. */
export function returnChart({ imagined, truth }: NonNullable<GapFigures['returns']>): Markup {
  const dots = truth.flatMap((value, i) =>
    value === null || imagined[i] === null || imagined[i] === undefined ? [] : [{ truth: value, imagined: imagined[i] }],
  );
  const values = dots.flatMap((dot) => [dot.truth, dot.imagined]);
  const low = Math.min(...values, Infinity);
  const high = Math.max(...values, -Infinity);
  if (dots.length === 0) return html`<p class="empty">No return is a number.</p>`;
  const margin = 0.05 * (high - low || 1);
  const domain = [low - margin, high + margin];
  return draw('Imagined against true return, one dot a start; on the line the model keeps its promise', {
    x: { label: 'true return (physics)', domain, ticks: 5 },
    y: { label: 'imagined return (dream)', domain, ticks: 5 },
    marks: [
      Plot.line(
        [
          [domain[0]!, domain[0]!],
          [domain[1]!, domain[1]!],
        ],
        { stroke: 'var(--still)', strokeDasharray: '2,3' },
      ), // prettier-ignore
      Plot.dot(dots, {
        x: 'truth',
        y: 'imagined',
        r: 2.8,
        fill: 'var(--dream)',
        fillOpacity: 0.55,
        stroke: 'var(--dream)',
        strokeWidth: 0.6,
      }),
      Plot.text(['promises too much'], { frameAnchor: 'top-left', dx: 6, dy: 4, fill: 'var(--soft)' }),
      Plot.text(['promises too little'], { frameAnchor: 'bottom-right', dx: -6, dy: -4, fill: 'var(--soft)' }),
    ],
  });
}

/** Return of the agent by real steps, with the levels it is compared with. */
export function learningChart(curves: readonly Curve[], references: NonNullable<TrainingCurves['references']>): Markup {
  return curveChart('Return on true physics by real steps', curves, 'real steps', 'return (physics)', references);
}

/** Loss of the model by update. */
export function lossChart(curves: readonly Curve[]): Markup {
  const positive = curves.every(({ y }) => y.every((value) => value > 0));
  return curveChart('Training loss of the model by update', curves, 'updates', 'loss', [], positive ? 'log' : 'linear');
}

/** Error of the model on held-out data by update, and the error of what was kept. */
export function heldOutChart(curve: Curve, kept: number): Markup {
  return curveChart(
    'Error of the model on held-out data by update, in standard deviations of what it predicts',
    [curve],
    'updates',
    'held-out error (σ)',
    [{ name: 'kept', value: kept }],
    'log',
  );
}

/** Figures of an agent's training by its steps. */
export function trainingChart(label: string, curves: readonly Curve[], unit: string): Markup {
  return curveChart(label, curves, 'steps', unit, []);
}

/** Errors of several subjects over seconds ahead. */
export function comparisonChart(curves: readonly Curve[]): Markup {
  return curveChart('Error in standard deviations over seconds ahead, of each subject', curves, 'seconds ahead', 'error (σ)', []);
}

/** One entry along a plan: as imagined and as executed. */
export function pathChart(label: string, curves: readonly Curve[], quantity: string, goal: number): Markup {
  return curveChart(label, curves, 'steps', quantity, [{ name: 'goal', value: goal }]);
}

function curveChart(
  label: string,
  curves: readonly Curve[],
  x: string,
  y: string,
  references: NonNullable<TrainingCurves['references']>,
  type: 'linear' | 'log' = 'linear',
): Markup {
  const styled = curves.map((curve, i) => ({ curve, style: HORIZON_STYLES[i % HORIZON_STYLES.length]! }));
  const chart = draw(label, {
    insetTop: 12,
    insetBottom: references.length > 0 ? 8 : 0,
    x: { label: x, tickFormat: 's', ticks: 5 },
    y: { label: y, type, ticks: 5, ...(type === 'log' ? { tickFormat: '~g' } : {}) },
    marks: [
      Plot.ruleY(references, { y: 'value', stroke: 'var(--still)', strokeDasharray: '2,3' }),
      Plot.text(references, {
        y: 'value',
        text: ({ name }) => shortened(name),
        frameAnchor: 'left',
        dx: 4,
        dy: -7,
        textAnchor: 'start',
        fill: 'var(--soft)',
      }),
      ...styled.flatMap(({ curve, style }) => [
        ...bandOf(curve, style.stroke),
        Plot.lineY(
          curve.x.map((at, i) => ({ x: at, y: curve.y[i]! })),
          { x: 'x', y: 'y', ...style },
        ),
      ]), // prettier-ignore
    ],
  });
  if (curves.length < 2) return chart;
  return html`<p class="legend" aria-hidden="true">${styled.map(({ curve, style }) => legendKey(curve.name, style))}</p>${chart}`;
}

function bandOf({ x, low, high }: Curve, fill: string): Plot.Markish[] {
  if (low === undefined || high === undefined) return [];
  const rows = x.map((at, i) => ({ x: at, low: low[i]!, high: high[i]! }));
  return [Plot.areaY(rows, { x: 'x', y1: 'low', y2: 'high', fill, fillOpacity: 0.2 })];
}

/** The key to the lines of the error charts. */
export function errorLegend(): Markup {
  return html`<p class="legend" aria-hidden="true">${[
    legendKey('dream: the learned model, with its 95 % band', MODEL),
    legendKey('floor: physics restarted with sensor noise', BASELINES[0]),
    legendKey('still: nothing moves', BASELINES[1]),
    legendKey('linear: best linear fit', BASELINES[2]),
  ]}</p>`;
}

/** Highest value worth drawing: what diverges leaves the chart instead of flattening the rest. */
function ceilingOf(fan: ErrorFigures): number {
  const most = (values: readonly Figure[]) => Math.max(0, ...values.map((value) => value ?? 0));
  const trivial = Math.min(most(fan.persistence), most(fan.linear)) || most(fan.linear);
  const limit = 2 * Math.max(trivial, most(fan.floor));
  const wanted = Math.max(most(fan.model.high), most(fan.persistence), most(fan.linear), most(fan.floor));
  return 1.05 * (Math.min(wanted, limit) || wanted || 1);
}

function points(x: readonly number[], values: readonly Figure[], top: number): { x: number; y: number }[] {
  return values.map((value, i) => ({ x: x[i]!, y: value === null || value > top ? Number.NaN : value }));
}

function lastPoint(x: readonly number[], values: readonly Figure[], top: number): { x: number; y: number } {
  const at = values.findLastIndex((value) => value !== null && value <= top);
  return { x: x[Math.max(0, at)]!, y: values[at] ?? 0 };
}

/** Moves labels apart so that none overlaps: 13 px each. */
function spread<T extends { y: number }>(items: readonly T[], top: number, height: number): (T & { labelY: number })[] {
  const gap = (13 * top) / (height - 60);
  const placed = [...items].sort((a, b) => a.y - b.y).map((item) => ({ ...item, labelY: item.y }));
  for (let i = 1; i < placed.length; i++) placed[i]!.labelY = Math.max(placed[i]!.labelY, placed[i - 1]!.labelY + gap);
  const over = Math.max(0, placed.at(-1)!.labelY - top);
  for (let i = placed.length - 1, limit = top; i >= 0 && over > 0; i--, limit -= gap)
    placed[i]!.labelY = Math.min(placed[i]!.labelY, limit);
  return placed;
}

function atMost(value: Figure, top: number): number {
  return value === null ? Number.NaN : Math.min(value, top);
}

function inUnit(value: Figure): number {
  return value === null ? Number.NaN : Math.max(-0.2, Math.min(1.1, value));
}
