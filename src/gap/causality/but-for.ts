import type { Rng } from '../../math/rng.ts';
import { type Interval, plannedInterval, type ResamplePlan } from '../bootstrap.ts';
import { type Element, elementGap, type Reals } from '../paired-rollouts.ts';

/** One yes/no question about a plan that was not carried out. */
export interface ButForQuestion {
  readonly start: number;
  /** Which of the plans without the push. */
  readonly plan: number;
  /** `passed`: would this element have ended above (below) the threshold? `ended`: would the episode have ended? */
  readonly ask:
    | { readonly kind: 'passed'; readonly element: number; readonly threshold: number; readonly above: boolean }
    | { readonly kind: 'ended' };
  /** What happened with the push, and what truth answers without it. */
  readonly fact: boolean;
  readonly answer: boolean;
}

/** Rows where a plan leads, `[starts, size]`, and whether its episode ended on the way. */
export interface Outcome {
  readonly rows: Reals;
  readonly ended: Uint8Array;
}

export interface ButForAccuracy extends Interval {
  readonly asked: number;
}

/** A push that changed an element by less, in standard deviations, is not asked about. */
export const SMALLEST_CHANGE = 0.1;

/**
 * Questions whose answers truth has executed, as many yes as no both among those that the push decided and among those that it did not: neither a constant answer,
 * nor the fact, nor guessing earns more than one half.
 * With y the element's end as it was and y′ the end without the push, the threshold is half way between them (the push decided) or as far again beyond y′ (it did not): right is
 * who is off by less than half of what the push changed.
 *
 * @param without - a plan without the push each. @param smallest - change that can be asked about, standard deviations. @param most - questions of a kind.
 */
export function butForQuestions(
  elements: readonly Element[],
  scale: Reals,
  fact: Outcome,
  without: readonly Outcome[],
  rng: Rng,
  { smallest = SMALLEST_CHANGE, most = 1000 }: { readonly smallest?: number; readonly most?: number } = {},
): ButForQuestion[] {
  return [...passedQuestions(elements, scale, fact, without, rng, smallest, most), ...endedQuestions(fact, without, rng, most)];
}

function passedQuestions(
  elements: readonly Element[],
  scale: Reals,
  fact: Outcome,
  without: readonly Outcome[],
  rng: Rng,
  smallest: number,
  most: number,
): ButForQuestion[] {
  const size = elements.length;
  const changed: { start: number; plan: number; element: number; change: number }[] = [];
  without.forEach(({ rows }, plan) => {
    for (let row = 0; row < rows.length; row += size)
      for (const element of elements) {
        const change = elementGap(element, rows, row, fact.rows, row);
        // A threshold beyond half a turn would be on the other side.
        const isPlain = element.kind !== 'angle' || Math.abs(change) < Math.PI / 2;
        if (isPlain && Math.abs(change) >= smallest * scale[element.index]!)
          changed.push({ start: row / size, plan, element: element.index, change });
      }
  });
  rng.shuffle(changed);
  const count = Math.min(most, changed.length) - (Math.min(most, changed.length) % 4);
  return changed.slice(0, count).map(({ start, plan, element, change }, i) => {
    const [decided, answer] = [i % 4 < 2, i % 2 === 0];
    const threshold = change * (decided ? 0.5 : 1.5);
    const isAbove = change > threshold;
    return {
      start,
      plan,
      ask: { kind: 'passed', element, threshold, above: isAbove === answer },
      fact: decided ? !answer : answer,
      answer,
    };
  });
}

/** Equally many of each of the four: ended or not, with the push or without. */
function endedQuestions(fact: Outcome, without: readonly Outcome[], rng: Rng, most: number): ButForQuestion[] {
  const strata: ButForQuestion[][] = [[], [], [], []];
  without.forEach(({ ended }, plan) => {
    ended.forEach((end, start) => {
      const was = fact.ended[start] === 1;
      strata[2 * Number(was) + end]!.push({ start, plan, ask: { kind: 'ended' }, fact: was, answer: end === 1 });
    });
  });
  const count = Math.min(Math.floor(most / 4), ...strata.map(({ length }) => length));
  return strata.flatMap((stratum) => {
    rng.shuffle(stratum);
    return stratum.slice(0, count);
  });
}

/**
 * C9: share of the questions that the model answers as truth does.
 * Its answer is read off its own play of the plan without the push; thresholds are told from where truth ended with it.
 * What is not a number is wrong.
 *
 * @param fact - where truth ended with the push. @param imagined - where the model ends without it, a plan each. @param plan - resamples of the starts.
 * @see gap suite C9
 */
export function butForAccuracy(
  questions: readonly ButForQuestion[],
  elements: readonly Element[],
  fact: Outcome,
  imagined: readonly Outcome[],
  plan: ResamplePlan,
): ButForAccuracy {
  const right = new Float64Array(plan.count);
  const asked = new Float64Array(plan.count);
  for (const question of questions) {
    asked[question.start]!++;
    if (answerOf(question, elements, fact, imagined[question.plan]!) === question.answer) right[question.start]!++;
  }
  const total = (values: Float64Array) => values.reduce((sum, value) => sum + value, 0);
  return { ...plannedInterval([right, asked], ([r, a]) => total(r!) / total(a!), plan), asked: questions.length };
}

function answerOf({ start, ask }: ButForQuestion, elements: readonly Element[], fact: Outcome, { rows, ended }: Outcome): boolean | null {
  if (ask.kind === 'ended') return ended[start] === 1;
  const row = start * elements.length;
  const change = elementGap(elements[ask.element]!, rows, row, fact.rows, row);
  return Number.isFinite(change) ? change > ask.threshold === ask.above : null;
}
