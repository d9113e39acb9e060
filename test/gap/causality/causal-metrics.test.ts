import { expect } from 'chai';
import fc from 'fast-check';
import type { StateEntry } from '../../../src/core/state-spec.ts';
import { actionsOfOthers, farthestApart, nothingDone } from '../../../src/gap/causality/plans.ts';
import type { HeldOut } from '../../../src/gap/held-out.ts';
import { stepsOfPlan } from '../../../src/gap/held-out.ts';
import {
  arrowOfTime,
  butForAccuracy,
  butForQuestions,
  causalGraph,
  confounding,
  nearestCounterfactual,
  nullCause,
  resamplePlan,
} from '../../../src/gap/index.ts';
import { elementsOf } from '../../../src/gap/paired-rollouts.ts';
import { Rng } from '../../../src/math/rng.ts';
import { box, discrete } from '../../../src/spaces/space.ts';

const entry = (name: string, kind: StateEntry['kind']): StateEntry => ({ name, kind, unit: '', role: 'dynamic', size: 1, offset: 0 });
const elements = elementsOf([entry('place', 'length'), entry('turn', 'angle')]);
const scale = Float64Array.of(2, 1);
const planOf = (count: number) => resamplePlan(count, new Rng(1), 50);
const rows = (...values: number[]) => Float64Array.from(values);

describe('nearest counterfactual', () => {
  // One start: ends at 0, 2 and 4 (0, 1 and 2 deviations), all turned to just this side of π.
  const truth = [rows(0, 3.1), rows(2, 3.1), rows(4, 3.1)];
  const share = (imagined: Float64Array[], floor = 0) => nearestCounterfactual(elements, scale, { truth, imagined }, floor, planOf(1));

  it('is right up to half way to the next end, angles the short way round', () => {
    expect(share([rows(0.9, -3.1), rows(2.9, -3.1), rows(3.1, -3.1)])).to.deep.include({ measured: 1, asked: 3 });
    expect(share([rows(1.1, 3.1), rows(0.9, 3.1), rows(4, 3.1)]).measured).to.equal(1 / 3);
  });
  it('gives nothing for a tie, for what is not a number, or for ends that all follow one action', () => {
    expect(share([rows(1, 3.1), rows(Number.NaN, 3.1), rows(3, 3.1)]).measured).to.equal(0);
    expect(share(truth.map(() => rows(2, 3.1))).measured).to.equal(1 / 3);
  });
  it('does not ask for ends nearer than three floors', () => {
    expect(share(truth, 0.34).asked).to.equal(0);
    expect(share(truth, 0.33).asked).to.equal(3);
  });
});

describe('null cause', () => {
  const floor = rows(0.001, 0.001, 0.001, 0.001);
  const source = (label: string, truth: Float64Array, imagined: Float64Array) => ({ label, own: [0], truth, imagined });
  it('compares what truth shows to be idle with the floor, only at starts where it is', () => {
    const lamp = source('lamp', rows(0.5, 0, 0.5, 0.2), rows(0.5, 0.003, 0.5, 7));
    const cause = source('cause', rows(0.5, 1, 0.5, 1), rows(0.5, 0, 0.5, 0));
    const found = nullCause([cause, lamp], floor, 2, planOf(2))!;
    expect(found.sources).to.deep.equal(['lamp']);
    expect(found.measured).to.be.closeTo(3, 1e-9);
  });
  it('is none where everything acts', () => {
    expect(nullCause([source('cause', rows(0.5, 1, 0.5, 1), rows(0, 0, 0, 0))], floor, 2, planOf(2))).to.equal(null);
  });
});

describe('causal graph', () => {
  const first = (truth: Float64Array, imagined: Float64Array) => [{ label: 'a', own: [0], truth, imagined }];
  it('counts edges that both have, leaves out what truth is unsure about, and finds the strongest that only the model has', () => {
    const graph = causalGraph(first(rows(9, 0.11, 0.01, 0.09), rows(9, 0.08, 0.2, 0)), ['a', 'b', 'c', 'd'], rows(0, 0, 0, 0), planOf(1));
    expect(graph.agreement.measured).to.be.closeTo(2 / 3, 1e-12);
    expect(graph.spurious.measured).to.be.closeTo(0.19, 1e-9);
    expect(graph.edges.map(({ from, to }) => from + to)).to.deep.equal(['ab', 'ac', 'ad']);
  });
  it('asks for no small edge where noise alone is larger', () => {
    const graph = causalGraph(first(rows(9, 1, 0.01), rows(9, 1, 0.2)), ['a', 'b', 'c'], rows(0, 0, 0.06), planOf(1));
    expect(graph.spurious.measured).to.be.NaN;
  });
});

describe('the strongest spurious edge', () => {
  /** At 12 starts a source that moves nothing in truth moves `b` by `amount` in the model at the first `count`. */
  const spurious = (count: number, amount: number) => {
    const imagined = Float64Array.from({ length: 24 }, (_, i) => (i % 2 === 1 && i < 2 * count ? amount : 0));
    return causalGraph([{ label: 'a', own: [0], truth: new Float64Array(24), imagined }], ['a', 'b'], rows(0, 0), planOf(12)).spurious;
  };
  it('is what a quarter of the starts show', () => {
    expect(spurious(3, -0.4).measured).to.equal(0.4);
    expect(spurious(12, 0.4)).to.deep.equal({ measured: 0.4, low: 0.4, high: 0.4 });
  });
  it('is none that shows near an event alone, however strong', () => {
    expect(spurious(1, 1000)).to.deep.include({ measured: 0, low: 0 });
    expect(spurious(2, 1000).measured).to.equal(0);
  });
  it('does not rest on the few starts that were drawn', () => {
    const { low, high } = spurious(4, 0.4);
    expect([low, high]).to.deep.equal([0, 0.4]);
  });
});

describe('arrow of time', () => {
  const play = (forked: readonly number[]) =>
    arrowOfTime({ starts: 1, copies: 1, horizon: 2, fork: 1, base: rows(1, 2, 3), forked: rows(...forked), scale: rows(2) }, planOf(1))
      .measured;
  it('is the largest change up to the fork, and none after it counts', () => {
    expect(play([1, 2, 9])).to.equal(0);
    expect(play([1, 2.5, 3])).to.equal(0.25);
    expect(play([1, Number.NaN, 3])).to.equal(1000);
  });
});

describe('confounding', () => {
  it('is the ratio of root mean squares over the floor, and 1 where both are at it', () => {
    expect(confounding(rows(16, 16), rows(1, 1), rows(0, 0), planOf(2)).measured).to.equal(4);
    expect(confounding(rows(0, 0), rows(0, 0), rows(1e-6, 1e-6), planOf(2))).to.include({ measured: 1, low: 1, high: 1 });
  });
});

describe('but-for questions', () => {
  const starts = 40;
  const rng = new Rng(5);
  const random = (spread: number) => ({
    rows: Float64Array.from({ length: 2 * starts }, () => spread * rng.normal()),
    ended: Uint8Array.from({ length: starts }, () => rng.integer(2)),
  });
  const [fact, without] = [random(0.3), random(0.3)];
  const questions = butForQuestions(elements, scale, fact, [without], new Rng(1));
  const accuracy = (imagined: typeof fact) => butForAccuracy(questions, elements, fact, [imagined], planOf(starts)).measured;
  const between = (share: number) => ({
    ...without,
    rows: without.rows.map((value, i) => fact.rows[i]! + share * (value - fact.rows[i]!)),
  });

  it('are right for truth and one half for the fact, yes, no and what is not a number at worst', () => {
    expect(questions.filter(({ ask }) => ask.kind === 'ended')).to.have.length.above(8);
    expect(accuracy(without)).to.equal(1);
    expect(accuracy(fact)).to.equal(0.5);
    const yes = questions.filter(({ answer }) => answer).length;
    expect(yes).to.equal(questions.length / 2);
    const ended = questions.filter(({ ask }) => ask.kind === 'ended').length;
    const nothing = { rows: new Float64Array(2 * starts).fill(Number.NaN), ended: new Uint8Array(starts) };
    expect(accuracy(nothing)).to.equal(ended / 2 / questions.length);
  });
  it('forgive being off by less than half of what the push changed', () => {
    for (const share of [0.55, 1.45]) expect(accuracy(between(share))).to.equal(1);
    for (const share of [0.45, 1.55]) expect(accuracy(between(share))).to.be.below(0.85);
  });
});

describe('plans that differ in one thing', () => {
  const plan = (starts: number, horizon: number): HeldOut => ({
    starts,
    horizon,
    state: new Float64Array(starts),
    action: Float64Array.from({ length: starts * horizon }, (_, i) => 1 + i),
    command: new Float64Array(starts * horizon),
    following: new Float64Array(starts * horizon),
    episode: new Int32Array(starts),
  });
  it('give every start the actions of another, each once, and only for the steps asked for', () =>
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 12 }), fc.nat(), (starts, seed) => {
        const from = plan(starts, 3);
        const dealt = actionsOfOthers(from, starts - 1, new Rng(seed), 1, 2);
        for (let start = 0; start < starts; start++) {
          const own = from.action.subarray(3 * start, 3 * start + 3);
          const got = dealt.map(({ action }) => action.subarray(3 * start, 3 * start + 3));
          for (const [first, , last] of got) expect([first, last]).to.deep.equal([own[0], own[2]]);
          expect(new Set([own[1], ...got.map((actions) => actions[1])]).size).to.equal(starts);
        }
      }),
    ));
  it('end earlier, or do nothing at first where nothing can be done', () => {
    expect([...stepsOfPlan(plan(2, 3), 0, 2).action]).to.deep.equal([1, 2, 4, 5]);
    expect([...nothingDone(plan(2, 3), box({ low: [-9], high: [9] }), 2)!.action]).to.deep.equal([0, 0, 3, 0, 0, 6]);
    expect(nothingDone(plan(2, 3), box({ low: [1], high: [9] }), 2)).to.equal(null);
    expect(nothingDone(plan(2, 3), discrete(2), 2)).to.equal(null);
  });
  it('are chosen far apart', () => {
    const ends = [0.1, 5, 5.1, -4];
    const squared = (_start: number, a: number, b: number) => ((ends[a] ?? 0) - (b < 0 ? 0 : ends[b]!)) ** 2;
    expect(farthestApart(1, 4, 3, squared)).to.deep.equal([[2, 3, 0]]);
  });
});
