/** What is drawn of plausibility and causality. */
import { reasonOf } from './absence.ts';
import type { PlannedFigure } from './axis-sections.ts';
import { edgesChart, effectChart } from './causality-charts.ts';
import { interval } from './numbers.ts';
import { energyChart, surpriseChart } from './plausibility-charts.ts';
import type { AxisFigures, ReportInput } from './report-input.ts';

export function plausibilityFigures(input: ReportInput): PlannedFigure[] {
  const { energy = [], violations = [] } = (input.axes as AxisFigures | undefined)?.plausibility ?? {};
  return [
    {
      title: 'Energy from nowhere',
      chart: energy.length === 0 ? null : energyChart(energy, input.metadata.controlDt_s),
      note: 'Energy that the motors’ work does not explain, summed along rollouts without actions (resting) and with them (driven): a good dream gains and loses no more than the engine itself.',
      why: reasonOf(input, 'P2', 'Energy was not measured.'),
    },
    {
      title: 'Surprise at what cannot be',
      chart: violations.length === 0 ? null : surpriseChart(violations),
      note: 'How often an impossible next state surprises the dream more than the true one, by the size of the violation: a good dream’s lines pass 75 % left of the vertical line.',
      why: reasonOf(input, 'P6', 'No violation could be made of these states.'),
    },
  ];
}

export function causalityFigures(input: ReportInput): PlannedFigure[] {
  const { effects } = input;
  const graph = (input.axes as AxisFigures | undefined)?.causality?.graph;
  return [
    {
      title: effects ? `Effect of other actions, R² ${interval(effects.effectR2)}` : 'Effect of other actions',
      chart: effects?.dots ? effectChart(effects.dots) : null,
      note: `What other actions change, ${effects?.horizon ?? ''} steps on, in the dream against physics, a dot for each entry: a good dream’s dots lie on the line; one that ignores actions lies flat.`,
      why: reasonOf(input, 'C1', 'No counterfactuals were executed.'),
    },
    {
      title: 'Who moves whom',
      chart: graph?.edges?.length ? edgesChart(graph) : null,
      note: 'Each variable of a row was moved, and what that moved in the columns is drawn, left half physics (blue), right half the dream (orange), fuller = stronger: a good dream’s halves match; a red frame is an edge that one of them lacks.',
      why: reasonOf(input, 'C5', 'Nothing moves anything else.'),
    },
  ];
}
