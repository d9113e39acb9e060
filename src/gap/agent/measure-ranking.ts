import { type AxisContext, type AxisResult, type Finding, inconclusive, measured } from '../axis.ts';
import type { Interval, ResamplePlan } from '../bootstrap.ts';
import { resamplePlan } from '../bootstrap.ts';
import { figure, intervalFigures } from '../figures.ts';
import { SMALLEST_POLICY_SPAN } from '../thresholds.ts';
import type { AgentOptions, AgentSettings } from './agent-options.ts';
import { AGENT_TESTS } from './agent-tests.ts';
import type { Contestant, FeedbackKind } from './contestants.ts';
import { fieldOfGiven, fieldOfSearch, searchIn } from './field.ts';
import { type Grounds, startCount } from './grounds.ts';
import { playContest } from './play-contest.ts';
import { type Contest, type RankingFindings, rankPolicies } from './policy-ranking.ts';

/** What the parts of the axis share. */
export interface Prepared {
  readonly grounds: Grounds;
  readonly kind: FeedbackKind;
  readonly settings: AgentSettings;
  readonly options: AgentOptions;
  /** Over the common starts. */
  readonly plan: ResamplePlan;
}

/** What returns are measured by: the true mean return of random actions, and an expert's less that. */
export interface Yardstick {
  readonly random: number;
  readonly length: number;
}

const { bias, spearman, pearson, violation, regret } = AGENT_TESTS;
const FEWEST_STARTS = 2;

/** A1 and A2. @returns without a yardstick where truth gave none. */
export async function measureRanking(
  context: AxisContext,
  prepared: Prepared,
): Promise<{ result: AxisResult; yardstick: Yardstick | null }> {
  const { grounds, options } = prepared;
  const field = await fieldOf(context, prepared);
  const expert = options.expert ?? grounds.task.solvedAt;
  const contest = await playContest(grounds, field, expert, (done) => context.onProgress?.('policies', done, field.length));
  if (contest.starts < FEWEST_STARTS) {
    const finding = inconclusive('Physics itself breaks down under these policies.', contest.starts);
    return {
      result: { findings: [bias, spearman, pearson, violation, regret].map((test) => ({ test, finding })), figures: {} },
      yardstick: null,
    };
  }
  const plan = contest.starts === startCount(grounds) ? prepared.plan : resamplePlan(contest.starts, context.rng, context.resamples);
  const found = rankPolicies(contest, plan);
  return {
    result: { findings: findingsOf(found, contest.starts), figures: { policies: figuresOf(contest, found) } },
    yardstick: found.yardstick > 0 ? { random: found.truthMeans[contest.random]!, length: found.yardstick } : null,
  };
}

async function fieldOf({ rng, onProgress }: AxisContext, { grounds, kind, settings, options }: Prepared): Promise<Contestant[]> {
  const { policies } = settings;
  if (options.policies?.length) return fieldOfGiven(grounds, options.policies, policies);
  const trace = await searchIn('truth', {
    grounds,
    kind,
    settings: settings.search,
    rng,
    progress: (done) => onProgress?.('search in truth', done, settings.search.generations),
  });
  return fieldOfSearch(trace, kind, policies);
}

/** A value beside a doubt is shown, and decides nothing. */
function findingsOf(found: RankingFindings, starts: number): AxisResult['findings'] {
  const doubt = doubtOf(found);
  const finding = (interval: Interval): Finding => measured(interval, starts, doubt === undefined ? {} : { doubt });
  return [
    { test: bias, finding: finding(found.bias) },
    { test: spearman, finding: finding(found.spearman) },
    { test: pearson, finding: finding(found.pearson) },
    { test: violation, finding: finding(found.violation) },
    { test: regret, finding: finding(found.regret) },
  ];
}

function doubtOf({ span, lead, yardstick }: RankingFindings): string | undefined {
  if (!(yardstick > 0 && lead.low > 0))
    return 'No policy is surely better in truth than random actions: measure more starts, or give better policies.';
  return span < SMALLEST_POLICY_SPAN ? 'The policies’ true returns lie too close together.' : undefined;
}

function figuresOf({ names, random }: Contest, found: RankingFindings): unknown {
  return {
    yardstick: figure(found.yardstick),
    random: figure(found.truthMeans[random]!),
    span: figure(found.span),
    lead: intervalFigures(found.lead),
    returns: names.map((name, i) => ({ name, truth: figure(found.truthMeans[i]!), imagined: figure(found.imaginedMeans[i]!) })),
  };
}
