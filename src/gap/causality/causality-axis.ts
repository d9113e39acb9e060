/** C: does the model know what causes what? Counterfactuals are executed in truth, and the model's answers held against them. */
import { type Axis, type AxisContext, type AxisResult, type Finding, inconclusive, measured, notApplicable } from '../axis.ts';
import { type ResamplePlan, resamplePlan } from '../bootstrap.ts';
import { figure, intervalFigures } from '../figures.ts';
import { drawHeldOut, type HeldOut, momentsOf } from '../held-out.ts';
import { rowsAtStep } from '../paired-rollouts.ts';
import { mean } from '../statistics.ts';
import type { GapTest } from '../thresholds.ts';
import { arrowOfTime } from './arrow-of-time.ts';
import { type Branches, type CausalSettings, CONFOUNDING_steps, causalDefaults, playBranches } from './branches.ts';
import { butForAccuracy, butForQuestions, type Outcome } from './but-for.ts';
import { causalGraph, MOVED, SURELY_MOVED } from './causal-graph.ts';
import { confounding } from './confounding.ts';
import { doTheta } from './do-theta.ts';
import { type Branch, effectsAt, squaresBut } from './effects.ts';
import { endings } from './endings.ts';
import { nearestCounterfactual } from './nearest-counterfactual.ts';
import { nullCause } from './null-cause.ts';
import { followsState } from './recorded-policy.ts';

/** In the order of the rows. */
export const CAUSALITY_TESTS = {
  nearest: { id: 'C3', title: 'Nearest executed counterfactual', bound: { kind: 'atLeast', value: 0.9 } },
  nullCause: { id: 'C4', title: 'Effect of an irrelevant variable ÷ floor', bound: { kind: 'atMost', value: 1 }, floor: 1 },
  graph: { id: 'C5', title: 'Who moves whom (F1)', bound: { kind: 'atLeast', value: 0.9 } },
  spurious: { id: 'C5', title: 'Strongest spurious edge', bound: { kind: 'atMost', value: MOVED } },
  arrow: { id: 'C6', title: 'Effect before its cause', bound: { kind: 'atMost', value: 0 } },
  confounding: { id: 'C7', title: 'Error under do(a) ÷ logged', bound: { kind: 'atMost', value: 1.5 } },
  theta: { id: 'C8', title: 'Effect of physical parameters (R²)', bound: { kind: 'atLeast', value: 0.7 } },
  butFor: { id: 'C9', title: 'But-for questions', bound: { kind: 'atLeast', value: 0.85 } },
} as const satisfies Readonly<Record<string, GapTest>>;

type Name = keyof typeof CAUSALITY_TESTS;

/** Fewer starts tell nothing. */
const FEWEST_STARTS = 8;
/** Share of the recorded actions' variance that must follow from the state for them to be a policy's. */
const POLICY_SHARE = 0.25;

export const causalityAxis: Axis = causalityWith(causalDefaults);

/** Of other sizes. */
export function causalityWith(settings: CausalSettings): Axis {
  return { name: 'causality', tests: Object.values(CAUSALITY_TESTS), measure: (context) => measureCausality(context, settings) };
}

async function measureCausality(context: AxisContext, settings: CausalSettings): Promise<AxisResult> {
  const { truth, heldOut, rng } = context;
  const steps = 2 * settings.horizon;
  const moments = momentsOf(heldOut, steps).length;
  if (moments < FEWEST_STARTS)
    return resultOf(
      (name) => inconclusive(`${moments} held-out moments are followed by ${steps} steps, ${FEWEST_STARTS} are needed: ${name}.`),
      {},
    );
  const long = drawHeldOut(truth.task, heldOut, Math.min(settings.starts, moments), steps, rng);
  const branches = await playBranches(context, settings, long);
  const plan = resamplePlan(long.starts, rng, context.resamples);
  const some = drawHeldOut(truth.task, heldOut, Math.min(settings.parameterStarts, moments), branches.horizon, rng);
  const theta = await doTheta(context, some, Math.min(context.samples, settings.samples));
  const found = judgeBranches(context, branches, plan, long);
  return resultOf((name) => (name === 'theta' ? theta.finding : found.findings[name]), { ...found.figures, theta: theta.figures });
}

function resultOf(findingOf: (name: Name) => Finding, figures: Readonly<Record<string, unknown>>): AxisResult {
  const names = Object.keys(CAUSALITY_TESTS) as Name[];
  return { findings: names.map((name) => ({ test: CAUSALITY_TESTS[name], finding: findingOf(name) })), figures };
}

/** All rows that come of the branches, with what a reader may want to know of each. */
function judgeBranches(
  context: AxisContext,
  branches: Branches,
  plan: ResamplePlan,
  long: HeldOut,
): { findings: Readonly<Record<Exclude<Name, 'theta'>, Finding>>; figures: Readonly<Record<string, unknown>> } {
  const nearest = findNearest(branches, context.scale, plan);
  const nothing = findNullCause(branches, context.scale, plan);
  const graph = findGraph(branches, context.scale, plan);
  const mixed = findConfounding(context, branches, plan);
  const butFor = findButFor(context, branches, plan);
  const { fork, forked, base, copies } = branches.forked;
  const arrow = arrowOfTime({ starts: plan.count, copies, horizon: long.horizon, fork, base, forked, scale: context.scale }, plan);
  return {
    findings: {
      nearest: nearest.finding,
      nullCause: nothing.finding,
      graph: graph.finding,
      spurious: graph.spurious,
      arrow: measured(arrow, plan.count, { horizon: fork }),
      confounding: mixed.finding,
      butFor: butFor.finding,
    },
    figures: {
      starts: plan.count,
      horizon: branches.horizon,
      truthValid_steps: branches.valid,
      nearest: nearest.figures,
      nullCause: nothing.figures,
      graph: graph.figures,
      confounding: mixed.figures,
      butFor: butFor.figures,
    },
  };
}

interface Found {
  readonly finding: Finding;
  readonly figures: unknown;
}

function findNearest({ elements, alternatives, horizon, base, twin }: Branches, scale: Float64Array, plan: ResamplePlan): Found {
  const end = (rows: Float64Array) => rowsAtStep(rows, plan.count, horizon, elements.length, horizon);
  const ends = { truth: alternatives.map(({ truth }) => end(truth)), imagined: alternatives.map(({ imagined }) => end(imagined)) };
  const drift = effectsAt(elements, twin, base.truth, scale, plan.count, horizon);
  const floor = Math.sqrt(mean(drift.map((value) => value * value)) * elements.length);
  const found = nearestCounterfactual(elements, scale, ends, floor, plan);
  const figures = { asked: found.asked, of: plan.count * alternatives.length, chance: figure(1 / alternatives.length) };
  if (found.asked < plan.count) return { finding: inconclusive('The alternatives lead to the same ends in truth.', plan.count), figures };
  return { finding: measured(found, plan.count, { horizon }), figures };
}

function findNullCause({ sources, elements, horizon, base, twin }: Branches, scale: Float64Array, plan: ResamplePlan): Found {
  const drift = effectsAt(elements, twin, base.truth, scale, plan.count, horizon);
  const found = nullCause(sources, drift, elements.length, plan);
  if (!found)
    return { finding: notApplicable('Everything that can be moved alone moves something else in truth.', plan.count), figures: null };
  const figures = { sources: found.sources, effect: figure(found.effect), floor: figure(found.floor) };
  return { finding: measured(found, plan.count, { horizon }), figures };
}

function findGraph(
  { sources, elements, horizon, base, twin }: Branches,
  scale: Float64Array,
  plan: ResamplePlan,
): Found & { readonly spurious: Finding } {
  const labels = elements.map(({ label }) => label);
  const drift = effectsAt(elements, twin, base.truth, scale, plan.count, horizon);
  const floor = Float64Array.from(labels, (_, i) =>
    Math.sqrt(mean(drift.filter((_gap, at) => at % labels.length === i).map((gap) => gap * gap))),
  );
  const { edges, agreement, spurious } = causalGraph(sources, labels, floor, plan);
  const figures = {
    edges: edges.map((edge) => ({ ...edge, truth: figure(edge.truth), imagined: figure(edge.imagined) })),
    spurious: edges.filter(({ truth, imagined }) => truth <= MOVED && imagined > MOVED).map(({ from, to }) => `${from} → ${to}`),
    missed: edges.filter(({ truth, imagined }) => truth > SURELY_MOVED && imagined <= MOVED).map(({ from, to }) => `${from} → ${to}`),
  };
  const isMoving = edges.some(({ truth }) => truth > SURELY_MOVED);
  return {
    figures,
    finding: isMoving ? measured(agreement, plan.count, { horizon }) : notApplicable('Nothing moves anything else in truth.', plan.count),
    spurious: Number.isNaN(spurious.measured)
      ? notApplicable('No edge could be invented: all is moved by all, or by sensor noise alone, in truth.', plan.count)
      : measured(spurious, plan.count, { horizon }),
  };
}

function findConfounding({ heldOut, truth, scale }: AxisContext, branches: Branches, plan: ResamplePlan): Found {
  const share = followsState(truth.task, heldOut);
  const { base, twin } = branches;
  const squares = (branch: Branch) => errorSquares(branches, branch.imagined, branch.truth, scale, plan.count);
  const doing = branches.doing.map(squares);
  const underDo = Float64Array.from({ length: plan.count }, (_, start) => mean(doing.map((values) => values[start]!)));
  const found = confounding(underDo, squares(base), errorSquares(branches, twin, base.truth, scale, plan.count), plan);
  const figures = {
    policyShare: figure(share),
    underDo: figure(found.underDo),
    underLogged: figure(found.underLogged),
    ...intervalFigures(found),
  };
  if (!(share >= POLICY_SHARE))
    return {
      finding: notApplicable('The recorded actions do not follow from the state, so nothing is confounded: record a policy.', plan.count),
      figures,
    };
  return { finding: measured(found, plan.count, { horizon: Math.min(CONFOUNDING_steps, branches.horizon) }), figures };
}

/** Mean square over elements and the first steps, standard deviations squared: float64 `[starts]`. */
function errorSquares(
  { elements, horizon }: Branches,
  rows: Float64Array,
  truth: Float64Array,
  scale: Float64Array,
  starts: number,
): Float64Array {
  const steps = Math.min(CONFOUNDING_steps, horizon);
  const out = new Float64Array(starts);
  for (let step = 1; step <= steps; step++) {
    const gaps = effectsAt(elements, rows, truth, scale, starts, step);
    for (let start = 0; start < starts; start++) {
      const { sum, count } = squaresBut(gaps, start, elements.length, []);
      out[start]! += sum / count / steps;
    }
  }
  return out;
}

function findButFor(
  { truth, scale, rng }: AxisContext,
  { elements, base, without, plan: held, horizon }: Branches,
  plan: ResamplePlan,
): Found {
  const outcome = (rows: Float64Array): Outcome => ({
    rows: rowsAtStep(rows, plan.count, horizon, elements.length, horizon),
    ended: endings(truth.task, held, rows),
  });
  const fact = outcome(base.truth);
  const questions = butForQuestions(
    elements,
    scale,
    fact,
    without.map((branch) => outcome(branch.truth)),
    rng,
  );
  const dreams = without.map((branch) => outcome(branch.imagined));
  const found = butForAccuracy(questions, elements, fact, dreams, plan);
  const ended = questions.filter(({ ask }) => ask.kind === 'ended').length;
  const figures = { asked: found.asked, ended, yes: questions.filter(({ answer }) => answer).length };
  if (found.asked < plan.count)
    return { finding: inconclusive('What was done decided too little in truth to ask about.', plan.count), figures };
  return { finding: measured(found, plan.count, { horizon }), figures };
}
