/** The agent axis: what policies earn in the dream and in truth, and whether a model knows where it errs. */
import { type Axis, type AxisContext, type AxisResult, notApplicable } from '../axis.ts';
import { resamplePlan } from '../bootstrap.ts';
import type { GapTest } from '../thresholds.ts';
import { type AgentOptions, type AgentSettings, agentDefaults, deepDefaults } from './agent-options.ts';
import { AGENT_TESTS } from './agent-tests.ts';
import { feedbackKind } from './contestants.ts';
import { feedbackProblem } from './feedback-fits.ts';
import { lensOver, openGrounds, startCount } from './grounds.ts';
import { type DeepPrepared, measureDeep } from './measure-deep.ts';
import { measureDoubts } from './measure-doubts.ts';
import { measureRanking, type Prepared } from './measure-ranking.ts';

const { bias, spearman, pearson, violation, regret, auroc, doubtRank, exploitation, transfer, unlimited, planner } = AGENT_TESTS;
const EVERYDAY: readonly GapTest[] = [bias, spearman, pearson, violation, regret, auroc, doubtRank];
const DEEP: readonly GapTest[] = [exploitation, transfer, unlimited, planner];
const NOTHING: AxisResult = { findings: [], figures: {} };

/** A1, A2, A6; with `deep` A3, A4 and A5 too. */
export function agentAxisOf(options: AgentOptions = {}): Axis {
  const tests = options.deep ? [...EVERYDAY, ...DEEP] : EVERYDAY;
  return { name: 'agent', tests, measure: (context) => measureAgent(context, options, tests) };
}

/** Each part draws from a stream of its own. */
async function measureAgent(context: AxisContext, options: AgentOptions, tests: readonly GapTest[]): Promise<AxisResult> {
  const settings = { ...agentDefaults, ...options.settings };
  const [contestRng, doubtRng, deepRng] = [context.rng.fork(), context.rng.fork(), context.rng.fork()];
  const played = await measurePlayed({ ...context, rng: contestRng }, options, settings, tests);
  const doubts = await measureDoubts({ ...context, rng: doubtRng }, settings);
  const { prepared } = played;
  const deep =
    options.deep && prepared ? await measureDeep({ ...context, rng: deepRng }, prepared, { ...deepDefaults, ...options.deep }) : NOTHING;
  const parts = [played.result, doubts, deep];
  return { findings: parts.flatMap(({ findings }) => findings), figures: Object.assign({}, ...parts.map(({ figures }) => figures)) };
}

/** A1 and A2, and what the deep rows go on from; where nothing can be played, that. */
async function measurePlayed(
  context: AxisContext,
  options: AgentOptions,
  settings: AgentSettings,
  tests: readonly GapTest[],
): Promise<{ result: AxisResult; prepared?: DeepPrepared }> {
  const { task } = context.truth;
  const problem = feedbackProblem(task);
  if (problem !== null && (options.deep || !options.policies?.length)) {
    const missing = tests.filter(({ id }) => id !== auroc.id);
    return { result: { findings: missing.map((test) => ({ test, finding: notApplicable(problem) })), figures: {} } };
  }
  const grounds = await openGrounds(context, settings.starts, settings.steps);
  const kind = feedbackKind(task, lensOver(task, context.heldOut, context.rng));
  const prepared: Prepared = { grounds, kind, settings, options, plan: resamplePlan(startCount(grounds), context.rng, context.resamples) };
  const { result, yardstick } = await measureRanking(context, prepared);
  return { result, prepared: { ...prepared, yardstick } };
}
