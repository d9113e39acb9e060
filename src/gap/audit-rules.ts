import type { Audit } from './audit.ts';
import type { Interval } from './bootstrap.ts';

/** What audits of a training lead to. */
export interface AuditRules {
  /** An audit holds if the model promises at most so much more than truth, lower end of the interval, in reward deviations a step. */
  readonly mostExcess: number;
  /** And if at most this share of dreams ends otherwise than truth, lower end of the interval. */
  readonly mostEnds: number;
  /** Penalty on disagreement after the first audit that does not hold, in reward deviations a unit [λ of Yu et al. 2020]; doubled with each that follows. */
  readonly penalty: number;
  /** Training stops after so many audits in a row that do not hold. */
  readonly stopAfter: number;
}

export const auditRules: AuditRules = { mostExcess: 0.5, mostEnds: 0.5, penalty: 0.5, stopAfter: 4 };

export interface AuditDecision {
  /** Whether the last audit held. */
  readonly holds: boolean;
  /** What the scheduled length of rollouts is divided by; the least is 1 step. */
  readonly shorten: number;
  /** On disagreement, in reward deviations a unit; beside what was asked for anyway. */
  readonly penalty: number;
  /** Whether to collect from where the gap was widest. */
  readonly collect: boolean;
  readonly stop: boolean;
  /** In words, with numbers. */
  readonly why: string;
}

/** What an audit is judged by. */
export type AuditedFigures = Pick<Audit, 'excess'> & { readonly ends: Pick<Audit['ends'], 'disagreement'> };

const trusted: AuditDecision = { holds: true, shorten: 1, penalty: 0, collect: false, stop: false, why: 'no audit yet' };

/**
 * From all audits so far to what follows. One that does not hold halves the rollouts, raises the penalty and asks to collect there; one that holds takes half of that back;
 * several in a row that do not hold stop the training: what is learned from such a model is no good, and more of it is worse.
 */
export function decide(audits: readonly AuditedFigures[], rules: AuditRules): AuditDecision {
  let [decision, streak] = [trusted, 0];
  for (const audit of audits) {
    const problem = problemOf(audit, rules);
    streak = problem === undefined ? 0 : streak + 1;
    decision = problem === undefined ? relaxed(decision, rules) : tightened(decision, rules, problem, streak);
  }
  return decision;
}

function relaxed({ shorten, penalty }: AuditDecision, rules: AuditRules): AuditDecision {
  const left = penalty > rules.penalty ? penalty / 2 : 0;
  return {
    ...trusted,
    shorten: Math.max(1, shorten / 2),
    penalty: left,
    why: 'what the model promised beyond truth is within what is allowed',
  };
}

function tightened({ shorten, penalty }: AuditDecision, rules: AuditRules, why: string, streak: number): AuditDecision {
  return {
    holds: false,
    shorten: shorten * 2,
    penalty: penalty > 0 ? penalty * 2 : rules.penalty,
    collect: true,
    stop: streak >= rules.stopAfter,
    why: streak > 1 ? `${why}, for the ${streak}. time in a row` : why,
  };
}

/** What is not finite, or was not before it went through a file, does not hold. */
function isAtMost({ low }: Interval, most: number): boolean {
  return Number.isFinite(low) && low <= most;
}

function problemOf({ excess, ends }: AuditedFigures, { mostExcess, mostEnds }: AuditRules): string | undefined {
  if (!isAtMost(excess, mostExcess))
    return `the model promised ${told(excess)} reward deviations a step beyond truth, allowed are ${mostExcess}`;
  if (!isAtMost(ends.disagreement, mostEnds))
    return `of the dreams ${told(ends.disagreement)} ended otherwise than truth, as shares of all; allowed are ${mostEnds}`;
  return undefined;
}

function told({ measured, low }: Interval): string {
  return [measured, low].every(Number.isFinite) ? `${measured.toFixed(2)} (at least ${low.toFixed(2)})` : 'no finite number of';
}
