import { expect } from 'chai';
import { randomPolicy } from '../../agents/index.ts';
import { evaluateTransitions, registry, type TransitionBatch } from '../../src/index.ts';
import { Rng } from '../../src/math/rng.ts';
import { flatSizeOf, flattenInto, sample, type TypedArray } from '../../src/spaces/space.ts';
import { walker } from '../contracts/stub-tasks.ts';

/** Steps of physics as they happened: what was, what was done, what came of it. */
async function played(id: string, steps: number) {
  const env = await registry.truth(id);
  const { size } = env.spec;
  const policy = randomPolicy(env.task.actionSpace, 1, 2);
  policy.reset(1);
  const width = flatSizeOf(env.task.actionSpace);
  const kept = { state: [] as number[], action: [] as number[], next: [] as number[] };
  const seen = { observation: [] as number[], reward: [] as number[], terminated: [] as number[], command: [] as number[] };
  await env.reset({ mask: Uint8Array.of(1), seeds: Float64Array.of(3) });
  for (let step = 0; step < steps; step++) {
    kept.state.push(...env.state.slice(0, size));
    const action = await policy.act(env.batch.observation);
    const flat = new Float64Array(width);
    flattenInto(action, flat);
    kept.action.push(...flat);
    await env.step(action, Uint8Array.of(1));
    kept.next.push(...env.state.slice(0, size));
    seen.observation.push(...(env.batch.observation as TypedArray));
    seen.reward.push(env.batch.reward[0]!);
    seen.terminated.push(env.batch.terminated[0]!);
    seen.command.push(...env.commands);
    if (env.batch.terminated[0]) await env.reset({ mask: Uint8Array.of(1), seeds: Float64Array.of(step) });
  }
  await env.close();
  return { kept, seen };
}

describe('evaluateTransitions', () => {
  for (const id of ['Pendulum-v0', 'CartPole-v0', 'Hopper-v0'])
    it(`says of ${id} what physics said, bit by bit`, async () => {
      const { kept, seen } = await played(id, 60);
      const judged = evaluateTransitions(id, kept);
      expect(judged.count).to.equal(60);
      expect([...judged.reward]).to.deep.equal(seen.reward);
      expect([...judged.terminated]).to.deep.equal(seen.terminated);
      expect([...(judged.observation as TypedArray)]).to.deep.equal(seen.observation);
      expect([...judged.command]).to.deep.equal(seen.command);
      expect([...judged.next]).to.deep.equal(kept.next);
      const sum = Object.values(judged.rewardTerms).map((column) => column[7]!);
      expect(sum.reduce((total, part) => total + part, 0)).to.be.closeTo(seen.reward[7]!, 1e-12);
      expect(judged.problems.every((problem) => problem === null)).to.equal(true);
    });

  it('judges the states themselves where nothing is said of what comes next', () => {
    const { reward, next, observation } = evaluateTransitions('Pendulum-v0', { state: [0, 0, Math.PI, 1], action: [0, 0] });
    expect([...reward]).to.deep.equal([0, -(Math.PI ** 2) - 0.1]);
    expect([...next]).to.deep.equal([0, 0, Math.PI, 1]);
    expect((observation as TypedArray)[3]).to.be.closeTo(-1, 1e-6);
  });

  it('goes on with what is the task’s: memory from the action, goals by seed', () => {
    const batch = { state: [0, 1, 0], action: [0.5], next: [2, 99, 99] };
    const next = evaluateTransitions(walker, batch).next;
    expect([next[0], next[2]], 'position as given, last push by the task').to.deep.equal([2, 0.5]);
    expect(next[1], 'the goal is not the model’s to set').to.not.equal(99);
    const goals = Array.from({ length: 20 }, (_, seed) => evaluateTransitions(walker, { ...batch, seed }).next[1]);
    expect(new Set(goals).size, 'some are drawn anew').to.be.above(1);
    expect(evaluateTransitions(walker, { ...batch, seed: 4 }).next[1]).to.equal(goals[4]);
  });

  it('judges a row alike whichever rows come before it, thousands of them', () => {
    const { task } = { task: registry.task('Pendulum-v0') };
    const rng = new Rng(2);
    const count = 2500;
    const state = Float64Array.from({ length: 2 * count }, () => rng.uniform(-3, 3));
    const action = sample(task.actionSpace, rng, count) as Float32Array;
    const next = state.map((value) => value + 0.1);
    const all = evaluateTransitions(task, { state, action, next });
    for (const row of [0, 1023, 1024, 2499]) {
      const at = (from: TypedArray, width: number) => from.slice(width * row, width * (row + 1));
      const alone = evaluateTransitions(task, { state: at(state, 2), action: at(action, 1), next: at(next, 2), seed: row });
      expect(alone.reward[0]).to.equal(all.reward[row]);
      expect([...(alone.observation as TypedArray)]).to.deep.equal([...at(all.observation as TypedArray, 3)]);
    }
  });

  it('says which row cannot be judged, and judges the others', () => {
    const { problems, reward } = evaluateTransitions('Pendulum-v0', { state: [0, 0, 0, 1], action: [0, 0], next: [0, 1e200, 0, 1] });
    expect(problems[0]).to.include('not finite');
    expect(problems[1]).to.equal(null);
    expect([reward[0], reward[1]]).to.deep.equal([0, -0.1]);
  });

  it('takes no rows for what they are', () => expect(evaluateTransitions('Pendulum-v0', { state: [], action: [] }).count).to.equal(0));

  const refused: readonly (readonly [what: string, batch: TransitionBatch, says: RegExp])[] = [
    ['half a row', { state: [1, 2, 3], action: [0] }, /state is of length 3; it must be n rows of 2 numbers/],
    ['fewer actions than states', { state: [1, 2, 3, 4], action: [0] }, /action is of length 1/],
    ['fewer next states', { state: [1, 2], action: [0], next: [1] }, /next is of length 1/],
    ['NaN in a state', { state: [1, Number.NaN], action: [0] }, /state\[0\]\[1\] is NaN/],
    ['infinity in a next state', { state: [1, 2], action: [0], next: [Infinity, 0] }, /next\[0\]\[0\] is Infinity/],
    ['an action outside', { state: [1, 2], action: [5] }, /action\[0\] is \[5\]; it must be inside Box/],
    ['a seed that is none', { state: [1, 2], action: [0], seed: -1 }, /seed is -1/],
    ['nothing', {} as TransitionBatch, /state is of length undefined/],
  ];
  for (const [what, batch, says] of refused)
    it(`refuses ${what}`, () =>
      expect(() => evaluateTransitions('Pendulum-v0', batch))
        .to.throw(says)
        .with.property('code', 'OPTION_INVALID'));
});
