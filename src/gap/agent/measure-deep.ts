/** A3, A4, A5: the rows that train or plan. */
import { Rng } from '../../math/rng.ts';
import { type AxisContext, type AxisResult, type Finding, inconclusive, measured, notApplicable } from '../axis.ts';
import { type ResamplePlan, resamplePlan } from '../bootstrap.ts';
import { figure } from '../figures.ts';
import { mean } from '../statistics.ts';
import type { DeepSettings } from './agent-options.ts';
import { AGENT_TESTS } from './agent-tests.ts';
import { type Contestant, feedbackContestant, randomActions } from './contestants.ts';
import { exploitationGrowth, gainOver, meanOfRows, type OptimisationCurve, returnRatio } from './deep-metrics.ts';
import { searchIn } from './field.ts';
import { withEnv } from './grounds.ts';
import type { Prepared, Yardstick } from './measure-ranking.ts';
import { playPlanner } from './play-planner.ts';
import { playContestant } from './play-returns.ts';
import type { SearchTrace } from './policy-search.ts';

export interface DeepPrepared extends Prepared {
  readonly yardstick: Yardstick | null;
}

const { exploitation, transfer, transferAtCeiling, unlimited, planner } = AGENT_TESTS;
/** Of the policies that an optimisation came through, those that are played. */
const CHECKPOINTS = 4;
/** An agent that gains so much of what unlimited truth would gain it is at the ceiling. */
const CEILING = 0.95;

export async function measureDeep(context: AxisContext, prepared: DeepPrepared, settings: DeepSettings): Promise<AxisResult> {
  const { yardstick } = prepared;
  if (yardstick === null) {
    const finding = inconclusive('No policy is better in truth than random actions.');
    return { findings: [exploitation, transfer, unlimited, planner].map((test) => ({ test, finding })), figures: {} };
  }
  const parts = { ...prepared, yardstick };
  const seed = context.rng.uint32();
  const traces = await searches('dream', context, parts, settings, seed);
  const results = [
    await measureExploitation(context, parts, traces),
    await measureTransfer(context, parts, settings, traces, seed),
    await measurePlanner(context, parts, settings),
  ];
  return { findings: results.flatMap(({ findings }) => findings), figures: Object.assign({}, ...results.map(({ figures }) => figures)) };
}

type Parts = Prepared & { readonly yardstick: Yardstick };

/** Repetition r draws the same in truth and in the dream. */
async function searches(
  side: 'truth' | 'dream',
  { onProgress }: AxisContext,
  { grounds, kind }: Parts,
  { search, repetitions }: DeepSettings,
  seed: number,
): Promise<SearchTrace[]> {
  const traces: SearchTrace[] = [];
  for (let repetition = 0; repetition < repetitions; repetition++) {
    const progress = (done: number) =>
      onProgress?.(`search in ${side}`, repetition * search.generations + done, repetitions * search.generations);
    traces.push(await searchIn(side, { grounds, kind, settings: search, rng: new Rng(seed, repetition), progress }));
  }
  return traces;
}

/** Mean returns of each contestant in turn, float64 `[starts]`. */
function playAll(side: 'truth' | 'dream', { grounds, plan }: Parts, contestants: readonly Contestant[]): Promise<Float64Array[]> {
  return withEnv(grounds[side], plan.count, async (env) => {
    const returns: Float64Array[] = [];
    for (const contestant of contestants) returns.push(await playContestant({ env, ...grounds }, contestant));
    return returns;
  });
}

async function measureExploitation(context: AxisContext, parts: Parts, traces: readonly SearchTrace[]): Promise<AxisResult> {
  const curves: OptimisationCurve[] = [];
  for (const [i, { means }] of traces.entries()) {
    const chosen = Array.from({ length: CHECKPOINTS }, (_, c) => means[Math.round((c * (means.length - 1)) / (CHECKPOINTS - 1))]!);
    const policies = chosen.map((parameters) => feedbackContestant('checkpoint', parts.kind, parameters));
    curves.push({ truth: await playAll('truth', parts, policies), imagined: await playAll('dream', parts, policies) });
    context.onProgress?.('checkpoints', i + 1, traces.length);
  }
  const finding = curves.some(({ truth }) => truth.some(isBroken))
    ? inconclusive('Physics itself breaks down under these policies.')
    : measured(exploitationGrowth(curves, parts.yardstick.length, parts.plan), parts.plan.count);
  const means = (side: keyof OptimisationCurve) => curves.map((curve) => curve[side].map((returns) => figure(mean(returns))));
  return { findings: [{ test: exploitation, finding }], figures: { exploitation: { truth: means('truth'), imagined: means('imagined') } } };
}

function isBroken(returns: Float64Array): boolean {
  return returns.some(Number.isNaN);
}

interface Agents {
  readonly dream: readonly Contestant[];
  /** Of as many true steps as the subject learned from. */
  readonly equal: readonly Contestant[];
  readonly unlimited: readonly Contestant[];
}

async function measureTransfer(
  context: AxisContext,
  parts: Parts,
  settings: DeepSettings,
  traces: readonly SearchTrace[],
  seed: number,
): Promise<AxisResult> {
  const agents = settings.trainer ? await trained(context, parts, settings, seed) : await searched(context, parts, settings, traces, seed);
  const played = async (of: readonly Contestant[]) => meanOfRows(await playAll('truth', parts, of));
  const [dream, equal, most] = [await played(agents.dream), await played(agents.equal), await played(agents.unlimited)];
  const { random } = parts.yardstick;
  const isCeiling = mean(equal) - random >= CEILING * (mean(most) - random);
  return {
    findings: [
      { test: isCeiling ? transferAtCeiling : transfer, finding: ratioFinding(dream, equal, random, parts.plan) },
      { test: unlimited, finding: ratioFinding(dream, most, random, parts.plan) },
    ],
    figures: {
      transfer: { dream: figure(mean(dream)), equal: figure(mean(equal)), unlimited: figure(mean(most)), random: figure(random) },
    },
  };
}

function ratioFinding(ours: Float64Array, theirs: Float64Array, random: number, plan: ResamplePlan): Finding {
  if (isBroken(ours) || isBroken(theirs)) return inconclusive('Physics itself breaks down under these policies.', plan.count);
  if (!(gainOver(theirs, random, plan).low > 0))
    return inconclusive(
      'What truth itself leads to is not surely better than random actions: there is nothing to keep up with.',
      plan.count,
    );
  return measured(returnRatio(ours, theirs, random, plan), plan.count);
}

async function trained(context: AxisContext, { grounds }: Parts, { trainer, repetitions }: DeepSettings, seed: number): Promise<Agents> {
  const train = async (side: 'truth' | 'dream', stepLimit: number | null) => {
    const agents: Contestant[] = [];
    for (let repetition = 0; repetition < repetitions; repetition++)
      agents.push(await trainer!({ grounds, side, stepLimit }, new Rng(seed, repetition)));
    return agents;
  };
  return {
    dream: await train('dream', null),
    equal: await train('truth', context.training.count),
    unlimited: await train('truth', null),
  };
}

/** The search in truth is the same as in the dream; with equal steps it ends after the generation that uses them up. */
async function searched(
  context: AxisContext,
  parts: Parts,
  settings: DeepSettings,
  traces: readonly SearchTrace[],
  seed: number,
): Promise<Agents> {
  const { population, starts, generations } = settings.search;
  const afforded = Math.ceil(context.training.count / (population * starts * parts.grounds.steps));
  const inTruth = await searches('truth', context, parts, settings, seed);
  const after = (of: readonly SearchTrace[], generation: number) =>
    of.map(({ means }) => feedbackContestant('searched', parts.kind, means[Math.min(generation, generations)]!));
  return { dream: after(traces, generations), equal: after(inTruth, afforded), unlimited: after(inTruth, generations) };
}

async function measurePlanner(context: AxisContext, parts: Parts, settings: DeepSettings): Promise<AxisResult> {
  const { grounds } = parts;
  if (grounds.task.actionSpace.kind === 'dict')
    return {
      findings: [{ test: planner, finding: notApplicable('The task’s actions have names; no planner works in them.') }],
      figures: {},
    };
  const starts = Math.min(settings.plannedStarts, parts.plan.count);
  const size = grounds.starts.length / parts.plan.count;
  const place = { ...grounds, starts: grounds.starts.subarray(0, starts * size), steps: Math.min(settings.plannedSteps, grounds.steps) };
  const random = mean(await withEnv(grounds.truth, starts, (env) => playContestant({ env, ...place }, randomActions)));
  const inTruth = await playPlanner(place, starts, grounds.truth, settings.planner);
  context.onProgress?.('planning', 1, 2);
  const inDream = await playPlanner(place, starts, grounds.dream, settings.planner);
  context.onProgress?.('planning', 2, 2);
  const finding = ratioFinding(inDream, inTruth, random, resamplePlan(starts, context.rng, context.resamples));
  return {
    findings: [{ test: planner, finding }],
    figures: {
      planning: { planner: settings.planner.name, dream: figure(mean(inDream)), truth: figure(mean(inTruth)), random: figure(random) },
    },
  };
}
