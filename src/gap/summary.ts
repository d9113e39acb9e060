import { unreachable } from '../errors.ts';
import type { ErrorFan, Figure, IntervalFigures } from './figures.ts';
import type { GapRow } from './gap-rows.ts';
import type { GapMetadata } from './measurements.ts';
import type { Verdict } from './thresholds.ts';

export interface SummaryFacts {
  readonly verdict: Verdict;
  readonly rows: readonly GapRow[];
  readonly metadata: GapMetadata;
  readonly horizon: number;
  readonly starts: number;
  readonly errors: readonly ErrorFan[];
  readonly validSteps: IntervalFigures & { readonly share: number };
}

/** Fewest held-out starts the suite asks for. */
export const FEWEST_STARTS = 256;

/** Entries named in the sentence about errors. */
const NAMED_ERRORS = 3;

/** Tests named in the sentence about the verdict; the rows tell them all. */
const NAMED_TESTS = 5;

/** The result in plain sentences with seconds and units: verdict, what was learned, how far it is off, cautions. */
export function summarise(facts: SummaryFacts): string[] {
  const caution = facts.starts < FEWEST_STARTS ? [`Only ${facts.starts} starts were measured; the suite asks for ${FEWEST_STARTS}.`] : [];
  return [verdictSentence(facts), learnedSentence(facts), accuracySentence(facts), ...caution];
}

function verdictSentence({ verdict, rows, ...facts }: SummaryFacts): string {
  switch (verdict) {
    case 'PASS':
      return `This learned world can be trusted for ${trustText(facts)}.`;
    case 'FAIL':
      return `Do not rely on this learned world yet: ${those(rows, 'FAIL', 'fails', 'fail')}.`;
    case 'INCONCLUSIVE':
    case 'NOT_APPLICABLE': {
      const which = rows.some((row) => row.verdict === 'INCONCLUSIVE')
        ? `: ${those(rows, 'INCONCLUSIVE', 'is inconclusive', 'are inconclusive')}, none fails`
        : '';
      return `This measurement cannot settle how far the learned world can be trusted${which}.`;
    }
    default:
      return unreachable(verdict);
  }
}

function those(rows: readonly GapRow[], wanted: Verdict, one: string, several: string): string {
  const found = rows.filter(({ verdict }) => verdict === wanted);
  const named = [...new Set(found.map(({ title }) => title.charAt(0).toLowerCase() + title.slice(1)))];
  const more = named.length > NAMED_TESTS ? [`${named.length - NAMED_TESTS} more`] : [];
  return `${found.length} of ${rows.length} tests ${found.length === 1 ? one : several} (${[...named.slice(0, NAMED_TESTS), ...more].join(', ')})`;
}

function learnedSentence({ metadata, errors }: SummaryFacts): string {
  const from =
    metadata.trainingSteps === undefined
      ? ''
      : ` from ${grouped(metadata.trainingSteps)} real steps (${durationText(metadata.trainingSteps * metadata.controlDt_s)} of experience)`;
  return `The model learned to predict ${errors.length} ${errors.length === 1 ? 'quantity' : 'quantities'} of ${metadata.task}${from}.`;
}

function accuracySentence(facts: SummaryFacts): string {
  const { errors, metadata, horizon } = facts;
  const steps = errors[0]!.steps;
  const wanted = Math.max(1, Math.min(horizon, Math.round((facts.validSteps.measured ?? 0) / 2)));
  const at = steps.findIndex((step) => step >= wanted);
  const offs = mostTelling(errors).map(
    (fan) => `${amount(fan.model.measured[at]!)}${fan.unit === '1' ? '' : ` ${fan.unit}`} in ${fan.name}`,
  );
  const seconds = amount(steps[at]! * metadata.controlDt_s);
  const valid = facts.verdict === 'PASS' ? '' : ` Half of its dreams stay close to ${metadata.truth ?? 'physics'} for ${trustText(facts)}.`;
  return `Dreaming ${seconds} s ahead (${steps[at]} steps) from a start it never saw, it is typically off by ${listed(offs)}.${valid}`;
}

/** Positions and angles say more to a newcomer than rates do. */
function mostTelling(errors: readonly ErrorFan[]): ErrorFan[] {
  const rank = ({ kind }: ErrorFan) => ['length', 'angle', 'range'].indexOf(kind) + 1 || 9;
  return [...errors].sort((a, b) => rank(a) - rank(b)).slice(0, NAMED_ERRORS);
}

function trustText({ validSteps, horizon, metadata }: Pick<SummaryFacts, 'validSteps' | 'horizon' | 'metadata'>): string {
  const steps = validSteps.measured ?? 0;
  const text = `${amount(steps * metadata.controlDt_s)} s (${amount(steps)} steps)`;
  return steps >= horizon ? `at least ${text}, the longest measured` : `about ${text}`;
}

/** Three significant digits, never in exponent form for everyday sizes. */
function amount(value: Figure): string {
  if (value === null) return 'an unknown amount';
  return value !== 0 && Math.abs(value) < 1e-4 ? value.toExponential(1) : String(Number(value.toPrecision(2)));
}

function durationText(seconds: number): string {
  if (seconds < 120) return `${Math.round(seconds)} s`;
  return seconds < 7200 ? `${Math.round(seconds / 60)} min` : `${Number((seconds / 3600).toPrecision(2))} h`;
}

function grouped(value: number): string {
  return String(value).replace(/\B(?=(\d{3})+$)/g, ',');
}

function listed(items: readonly string[]): string {
  return items.length < 2 ? items.join('') : `${items.slice(0, -1).join(', ')} and ${items[items.length - 1]}`;
}
