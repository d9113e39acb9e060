/** Pictures of the agent axis: what policies are promised in the dream, and what physics pays. */
import * as Plot from '@observablehq/plot';
import { draw, identityLine, legendKey, MODEL, roomyDomain, shortened } from './drawing.ts';
import { html, type Markup } from './html.ts';
import type { AuditFigures, AxisFigures, Figure } from './report-input.ts';

type Agent = NonNullable<AxisFigures['agent']>;
type Policies = NonNullable<Agent['policies']>['returns'];

const TRUTH = { stroke: 'var(--truth)', strokeWidth: 2 };
const NOTHING = html`<p class="empty">No return is a number.</p>`;

interface Ranked {
  readonly name: string;
  readonly truth: number;
  readonly imagined: number;
  /** 1 = pays most. */
  readonly trueRank: number;
  readonly dreamRank: number;
}

/** Policies whose returns are numbers on both sides, with their ranks. */
function ranked(policies: Policies): Ranked[] {
  const known = policies.flatMap(({ name, truth, imagined }) => (truth === null || imagined === null ? [] : [{ name, truth, imagined }]));
  return known.map((policy) => ({
    ...policy,
    trueRank: 1 + known.filter(({ truth }) => truth > policy.truth).length,
    dreamRank: 1 + known.filter(({ imagined }) => imagined > policy.imagined).length,
  }));
}

/** One dot a policy, numbered by its true rank: what the dream promises it against what physics pays. */
export function policyChart(policies: Policies): Markup {
  const rows = ranked(policies);
  const domain = roomyDomain(
    rows.flatMap(({ truth, imagined }) => [truth, imagined]),
    0.08,
  );
  if (!domain) return NOTHING;
  const axis = { domain, ticks: 5, tickFormat: '~s' };
  return draw('Imagined against true return, one dot a policy, numbered by true rank; on the line promises are kept', {
    height: 300,
    x: { label: 'true return (physics)', ...axis },
    y: { label: 'imagined return (dream)', ...axis },
    marks: [
      identityLine(domain),
      Plot.text(['promises too much'], { frameAnchor: 'top-left', dx: 6, dy: 4, fill: 'var(--soft)' }),
      Plot.text(['promises too little'], { frameAnchor: 'bottom-right', dx: -6, dy: -4, fill: 'var(--soft)' }),
      Plot.dot(rows, { x: 'truth', y: 'imagined', r: 4, fill: 'var(--dream)', fillOpacity: 0.6, stroke: 'var(--dream)' }),
      Plot.text(rows, {
        x: 'truth',
        y: 'imagined',
        text: ({ trueRank }) => String(trueRank),
        dx: 7,
        dy: 7,
        textAnchor: 'start',
        fill: 'currentColor',
      }),
    ],
  });
}

/** A line a policy from its rank in truth to its rank in the dream: every crossing is a pair in the wrong order. */
export function rankingChart(policies: Policies): Markup {
  const rows = ranked(policies);
  if (rows.length === 0) return NOTHING;
  const colour = ({ trueRank, dreamRank }: Ranked) => (trueRank === dreamRank ? 'var(--truth)' : 'var(--fail)');
  return draw('Ranks of the policies in truth and in the dream; lines that cross are pairs in the wrong order', {
    height: 300,
    marginLeft: 120,
    marginRight: 40,
    x: { domain: [0, 1], axis: null },
    y: { domain: [rows.length + 0.5, 0.2], axis: null, grid: false },
    marks: [
      Plot.text(
        [
          { x: 0, label: 'rank in physics' },
          { x: 1, label: 'in the dream' },
        ],
        { x: 'x', y: 0.3, text: 'label', fill: 'var(--soft)' },
      ), // prettier-ignore
      Plot.link(rows, { x1: 0, x2: 1, y1: 'trueRank', y2: 'dreamRank', stroke: colour, strokeWidth: 1.8 }),
      Plot.dot(rows, { x: 0, y: 'trueRank', r: 3, fill: colour }),
      Plot.dot(rows, { x: 1, y: 'dreamRank', r: 3, fill: colour }),
      Plot.text(rows, {
        x: 0,
        y: 'trueRank',
        text: ({ trueRank, name }) => `${shortened(name)}  ${trueRank}`,
        textAnchor: 'end',
        dx: -8,
        fill: 'currentColor',
      }),
      Plot.text(rows, {
        x: 1,
        y: 'dreamRank',
        text: ({ dreamRank }) => String(dreamRank),
        textAnchor: 'start',
        dx: 8,
        fill: 'currentColor',
      }),
    ],
  });
}

/** Imagined and true return along an optimisation in the dream: thin lines are its repetitions, thick ones their means. */
export function exploitationChart({ truth, imagined }: NonNullable<Agent['exploitation']>): Markup {
  const points = Math.max(...truth.map(({ length }) => length), 2) - 1;
  const share = (i: number) => i / points;
  const thin = (curves: readonly (readonly Figure[])[], stroke: string) =>
    curves.map((curve) =>
      Plot.lineY(
        curve.map((y, i) => ({ x: share(i), y: y ?? Number.NaN })),
        { x: 'x', y: 'y', stroke, strokeOpacity: 0.35, strokeWidth: 1 },
      ),
    ); // prettier-ignore
  const means = (curves: readonly (readonly Figure[])[]) =>
    Array.from({ length: points + 1 }, (_, i) => ({ x: share(i), y: meanOf(curves.map((curve) => curve[i] ?? null)) }));
  const chart = draw('Imagined and true return along an optimisation in the dream', {
    x: { label: 'share of the optimisation', tickFormat: '.0%', ticks: 4 },
    y: { label: 'return', ticks: 5, tickFormat: '~s' },
    marks: [
      ...thin(truth, TRUTH.stroke),
      ...thin(imagined, MODEL.stroke),
      Plot.lineY(means(truth), { x: 'x', y: 'y', ...TRUTH }),
      Plot.lineY(means(imagined), { x: 'x', y: 'y', ...MODEL, strokeDasharray: '6,3' }),
    ],
  });
  return html`${promiseLegend()}${chart}`;
}

/** Imagined and true return of segments in the audits of a training. */
export function auditChart(audits: readonly AuditFigures[]): Markup {
  const chart = draw('Imagined and true return of segments, by real steps of the training', {
    x: { label: 'real steps', tickFormat: '~s', ticks: 5 },
    y: { label: 'return of a segment', ticks: 5, tickFormat: '~s' },
    marks: [
      Plot.lineY(audits, { x: 'steps', y: 'truth', ...TRUTH, marker: 'dot' }),
      Plot.lineY(audits, { x: 'steps', y: 'imagined', ...MODEL, strokeDasharray: '6,3', marker: 'dot' }),
    ],
  });
  return html`${promiseLegend()}${chart}`;
}

function promiseLegend(): Markup {
  return html`<p class="legend" aria-hidden="true">${[legendKey('imagined: what the dream promises', { ...MODEL, strokeDasharray: '6,3' }), legendKey('true: what physics pays', TRUTH)]}</p>`;
}

/** What training and planning in the dream are worth in truth, beside the same in truth. */
export function transferChart({ transfer, planning }: Pick<Agent, 'transfer' | 'planning'>): Markup {
  const training = transfer && [
    { name: 'random, training', value: transfer.random },
    { name: 'trained in the dream', value: transfer.dream },
    { name: 'in truth, as many steps', value: transfer.equal },
    { name: 'in truth, any number', value: transfer.unlimited },
  ];
  const plans = planning && [
    { name: 'random, planning', value: planning.random },
    { name: 'planned in the dream', value: planning.dream },
    { name: 'planned in truth', value: planning.truth },
  ];
  const rows = [...(training ?? []), ...(plans ?? [])].filter(({ value }) => value !== null);
  const domain = roomyDomain(rows.map(({ value }) => value));
  if (!domain) return NOTHING;
  const colour = ({ name }: { readonly name: string }) =>
    name.endsWith('dream') ? MODEL.stroke : name.startsWith('random') ? 'var(--still)' : TRUTH.stroke;
  return draw('True return of agents trained and planners planning in the dream and in truth', {
    height: 70 + 24 * rows.length,
    marginLeft: 150,
    x: { label: 'true return (physics)', domain, ticks: 5, tickFormat: '~s' },
    y: { label: null, domain: rows.map(({ name }) => name) },
    marks: [Plot.dot(rows, { y: 'name', x: 'value', r: 5, fill: colour })],
  });
}

function meanOf(values: readonly Figure[]): number {
  const known = values.filter((value): value is number => value !== null);
  return known.length === 0 ? Number.NaN : known.reduce((sum, value) => sum + value, 0) / known.length;
}
