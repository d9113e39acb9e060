/** What is drawn of the agent axis, and of how the agent and the model were trained. */
import { reasonOf } from './absence.ts';
import { auditChart, exploitationChart, policyChart, rankingChart, transferChart } from './agent-charts.ts';
import type { PlannedFigure } from './axis-sections.ts';
import { learningChart, lossChart, returnChart } from './charts.ts';
import { interval } from './numbers.ts';
import type { AxisFigures, IntervalFigures, ReportInput } from './report-input.ts';

export function agentFigures(input: ReportInput): PlannedFigure[] {
  return [...returnFigures(input), ...policyFigures(input), ...deepFigures(input), ...trainingFigures(input)];
}

function returnFigures({ returns }: ReportInput): PlannedFigure[] {
  if (!returns) return [];
  return [{ title: 'Imagined and true return of the agent', chart: returnChart(returns), note: returnNote(returns.comparison), why: '' }];
}

function returnNote({ bias, pearson, spearman }: Readonly<Record<'bias' | 'pearson' | 'spearman', IntervalFigures>>): string {
  return `One dot a start: on the dotted line the dream promises exactly what physics pays. Mean promise minus payment ${interval(bias)}. Correlation ${interval(pearson)}, by rank ${interval(spearman)}.`;
}

function policyFigures(input: ReportInput): PlannedFigure[] {
  const policies = (input.axes as AxisFigures | undefined)?.agent?.policies?.returns;
  const why = reasonOf(input, 'A2', 'No policies were played.');
  return [
    {
      title: 'Policies: what is promised and what is paid',
      chart: policies ? policyChart(policies) : null,
      note: 'One dot a policy, numbered by its true rank: a good dream’s dots lie on the line; dots above it are promised too much.',
      why,
    },
    {
      title: 'Policies: are they ranked rightly?',
      chart: policies ? rankingChart(policies) : null,
      note: 'A good dream’s lines are level: where two cross, choosing by the dream chooses wrongly.',
      why,
    },
  ];
}

function deepFigures(input: ReportInput): PlannedFigure[] {
  const { agent } = (input.axes as AxisFigures | undefined) ?? {};
  const deep = 'Asked for with --deep, since it trains and plans for minutes.';
  const exploited = agent?.exploitation ? exploitationChart(agent.exploitation) : null;
  const audited = input.audits?.length ? auditChart(input.audits) : null;
  return [
    {
      title: 'Exploitation: what optimising in the dream does to its promises',
      chart: exploited ?? audited,
      note: exploited
        ? 'A policy is optimised in the dream and played in both along the way: a good dream’s two lines rise together; where only the promise rises, its faults are being exploited.'
        : 'Audits of the training, the same segments in both: a good dream’s two lines rise together; where only the promise rises, its faults are being exploited.',
      why: reasonOf(input, 'A3', deep),
    },
    {
      title: 'Transfer: what the dream is worth in physics',
      chart: agent?.transfer || agent?.planning ? transferChart(agent) : null,
      note: 'True return of what was trained, or planned, in the dream, beside the same done in physics: a good dream’s orange dots lie as far right as the blue ones.',
      why: reasonOf(input, 'A4', deep),
    },
  ];
}

function trainingFigures({ training }: ReportInput): PlannedFigure[] {
  const { returns = [], losses = [], references = [] } = training ?? {};
  return [
    ...(returns.length === 0
      ? []
      : [
          {
            title: 'Learning: return by real steps',
            chart: learningChart(returns, references),
            note: 'What the agent earned in physics while the model was learned.',
            why: '',
          },
        ]),
    ...(losses.length === 0
      ? []
      : [
          {
            title: 'Model training loss',
            chart: lossChart(losses),
            note: 'A loss that still falls at the end says that longer training would have helped.',
            why: '',
          },
        ]),
  ];
}
