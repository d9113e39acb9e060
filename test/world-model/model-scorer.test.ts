import { expect } from 'chai';
import { TruthScorer } from '../../src/planning/truth-scorer.ts';
import { TaskEnv } from '../../src/task/task-env.ts';
import { ModelScorer } from '../../src/world-model/model-scorer.ts';
import { manifestFor, StubModel, WalkerDynamics } from '../contracts/stub-backends.ts';
import { walker } from '../contracts/stub-tasks.ts';

const model = new StubModel(manifestFor(walker, { members: 2 }), ({ state, action }, member) => ({
  sample: [state[0]! + action[0]! * (1 + member)],
}));
/** Hard stops cost nothing here. */
const free = { margin: 0, perStep: 0 };
/** Rows of starts: position, goal, last push. */
const starts = Float64Array.of(0, 1, 0, 2.5, 1, 0);

describe('scoring plans in a model', () => {
  it('sums rewards over the horizon or until the end, averaged over members', async () => {
    const scorer = new ModelScorer(walker, model, 2, free);
    scorer.begin(starts);
    const plans = Float32Array.of(0.5, 0.5, 0, 0, 0.5, 0.5, 1, -1);
    const out = new Float64Array(4);
    await scorer.score(plans, 2, 2, out);
    // A push p pays 2·p·(1 + member) − p²/2. From 2.5 m member 1 is past 3 m at once, and so is 1 m with either member.
    const close = (i: number, members: readonly [number, number]) => expect(out[i]).to.be.closeTo((members[0] + members[1]) / 2, 1e-5);
    close(0, [1.75, 3.75]);
    close(1, [0, 0]);
    // .5 reaches 3.0, not past it; the second step ends. Member 1 ends after its first.
    close(2, [1.75, 1.875]);
    close(3, [1.5, 3.5]);
  });

  it('gives equal candidates equal scores, from any start and in any place', async () => {
    const noisy = new StubModel(
      manifestFor(walker, { members: 2, noise: { distribution: 'normal', size: 1 } }),
      ({ state, action, noise }) => ({ sample: [state[0]! + action[0]! + 0.1 * noise[0]!] }),
    );
    const scorer = new ModelScorer(walker, noisy, 1, free);
    scorer.seed(4);
    scorer.begin(starts.subarray(0, 3));
    const out = new Float64Array(3);
    await scorer.score(Float32Array.of(0.1, 0.2, -0.1, 0.3, 0.1, 0.2), 3, 2, out);
    expect(out[2]).to.equal(out[0]);
    expect(out[1]).to.not.equal(out[0]);
  });

  it('puts plans that break the model below all others', async () => {
    const fragile = new StubModel(manifestFor(walker), ({ state, action }) => ({
      sample: [action[0]! > 0 ? Number.NaN : state[0]! + action[0]!],
    }));
    const scorer = new ModelScorer(walker, fragile, 1, free);
    scorer.begin(starts.subarray(0, 3));
    const out = new Float64Array(2);
    await scorer.score(Float32Array.of(-1, -1, -1, 1), 2, 2, out);
    expect(out[0]).to.be.closeTo(-5, 1e-5);
    expect(out[1]).to.equal(Number.NEGATIVE_INFINITY);
  });
});

describe('scoring plans in truth', () => {
  const envOf = (lanes: number) => new TaskEnv(walker, new WalkerDynamics(), lanes);

  it('is stepping the env', async () => {
    const [source, scratch, twin] = [envOf(2), envOf(1), envOf(2)];
    for (const env of [source, twin]) env.reset({ mask: Uint8Array.of(1, 1), seeds: Float64Array.of(5, 6), params: { gain: 0.5 } });
    const scorer = new TruthScorer(source, scratch, free);
    scorer.begin();
    const plans = Float32Array.of(0.5, -0.25, 1, 1, 0.5, 0.5, -0.5, 1);
    const out = new Float64Array(4);
    await scorer.score(plans, 2, 2, out);
    for (const candidate of [0, 1]) {
      twin.reset({ mask: Uint8Array.of(1, 1), seeds: Float64Array.of(5, 6), params: { gain: 0.5 } });
      const sums = [0, 0];
      for (const step of [0, 1]) {
        twin.step(Float32Array.of(plans[candidate * 2 + step]!, plans[4 + candidate * 2 + step]!), Uint8Array.of(1, 1));
        for (const lane of [0, 1]) sums[lane]! += twin.batch.reward[lane]!;
      }
      expect([out[candidate], out[2 + candidate]]).to.deep.equal(sums);
    }
  });

  it('leaves the source where it is', async () => {
    const [source, scratch] = [envOf(1), envOf(1)];
    source.reset({ mask: Uint8Array.of(1), seeds: Float64Array.of(5) });
    const before = source.save(0);
    const scorer = new TruthScorer(source, scratch, free);
    scorer.begin();
    await scorer.score(Float32Array.of(0.5, 0.5), 1, 2, new Float64Array(1));
    expect(source.save(0)).to.deep.equal(before);
  });

  it('puts plans that break physics below all others', async () => {
    const [source, scratch] = [envOf(1), envOf(1)];
    source.setState(0, Float64Array.of(-1.5, 0, 0), 1);
    const scorer = new TruthScorer(source, scratch, free);
    scorer.begin();
    const out = new Float64Array(2);
    await scorer.score(Float32Array.of(0, 0, -1, 0), 2, 2, out);
    expect([...out]).to.deep.equal([0, Number.NEGATIVE_INFINITY]);
  });
});
