import { expect } from 'chai';
import { pendulum } from '../../envs/pendulum/task.ts';
import { BranchedRollouts, type RolloutSettings, type StepRows } from '../../src/learning/branched-rollouts.ts';
import { Rng } from '../../src/math/rng.ts';
import { anyTask, defineTask } from '../../src/task/task.ts';
import { manifestFor, StubModel } from '../contracts/stub-backends.ts';

/** Ends beyond 2 rad/s. */
const task = anyTask(defineTask({ ...pendulum, terminated: (next) => next.velocity_radps > 2 }));

/** The torque, and what member m adds to it, change the velocity alone: 1 N·m by 1 rad/s a step. */
function modelOf(members: number, bias = 0, limit = Number.POSITIVE_INFINITY): StubModel {
  return new StubModel(manifestFor(task, { members, outputs: ['sample', 'mean'] }), ({ state, action }, member) => {
    const velocity_radps = state[1]! + action[0]! + bias * member;
    const next = [state[0]!, velocity_radps > limit ? Number.NaN : velocity_radps];
    return { sample: next, mean: next };
  });
}

const plain: RolloutSettings = { steps: 3, penalty: 0, halt: null };

interface Row {
  readonly observation: readonly number[];
  readonly action: number;
  readonly reward: number;
  readonly next: readonly number[];
  readonly continues: number;
}

/** All rows, in order; the policy pushes by a quarter of the range, 0.5 N·m. */
async function dream(model: StubModel, starts: readonly number[], settings: RolloutSettings = plain, lanes = 2, scale = [1, 2]) {
  const rows: Row[] = [];
  const take = ({ active, observation, action, reward, next, continues }: StepRows) => {
    for (const lane of active.keys())
      if (active[lane])
        rows.push({
          observation: [...observation.subarray(3 * lane, 3 * lane + 3)],
          action: action[lane]!,
          reward: reward[lane]!,
          next: [...next.subarray(3 * lane, 3 * lane + 3)],
          continues: continues[lane]!,
        });
  };
  const rollouts = new BranchedRollouts(task, model, scale, lanes);
  const policy = (_: Float32Array, count: number, out: Float32Array) => void out.subarray(0, count).fill(0.25);
  return { figures: await rollouts.dream(Float64Array.from(starts), new Rng(1), policy, settings, take), rows };
}

describe('branched rollouts', () => {
  it('dream k steps from each start, with the reward and the end of the task, whatever the number of lanes', async () => {
    const { figures, rows } = await dream(modelOf(1), [0, 0, 1, 0, 2, 1]);
    // The third start, dreamed after the first two, ends at its third step, beyond 2 rad/s.
    expect(rows.map(({ next }) => next[2])).to.deep.equal([0.5, 0.5, 1, 1, 1.5, 1.5, 1.5, 2, 2.5]);
    expect(rows.map(({ continues }) => continues)).to.deep.equal([1, 1, 1, 1, 1, 1, 1, 1, 0]);
    const { observation, action, reward } = rows[3]!;
    expect(observation).to.deep.equal([Math.fround(Math.cos(1)), Math.fround(Math.sin(1)), 0.5]);
    expect(action).to.equal(0.25);
    expect(reward).to.be.closeTo(-1 - 0.1 * 0.25 - 0.001 * 0.25, 1e-6);
    expect(figures).to.deep.include({ rows: 9, ends: 1 / 9, disagreement: null, broken: 0, halted: 0 });
    const together = await dream(modelOf(1), [0, 0, 1, 0, 2, 1], plain, 3);
    expect(together.rows).to.have.deep.members(rows);
  });

  it('stop where the task ends', async () => {
    const { rows } = await dream(modelOf(1), [0, 1.6, 0, 0], { ...plain, steps: 2 });
    expect(rows.map(({ continues }) => continues)).to.deep.equal([0, 1, 1]);
  });

  it('are dreamed by every member as often, each from start to end', async () => {
    const { rows } = await dream(modelOf(2, -1), [0, 0, 0, 0, 0, 0, 0, 0], { ...plain, steps: 2 }, 4);
    const first = rows.slice(0, 4).map(({ next }) => next[2]!);
    expect([...first].sort()).to.deep.equal([-0.5, -0.5, 0.5, 0.5]);
    expect(rows.slice(4).map(({ next }) => next[2]!)).to.deep.equal(first.map((velocity) => 2 * velocity));
  });

  it('take off what the members disagree by, in units of the scale', async () => {
    // Members at +0, +1, +2 rad/s: deviation √(2/3), half of it in units of 2 rad/s.
    const apart = Math.sqrt(2 / 3) / 2;
    const [without, penalised] = [await dream(modelOf(3, 1), [0, -9]), await dream(modelOf(3, 1), [0, -9], { ...plain, penalty: 4 })];
    expect(penalised.figures.disagreement).to.be.closeTo(apart, 1e-6);
    expect(penalised.figures.reward).to.equal(without.figures.reward);
    penalised.rows.forEach(({ reward }, i) => void expect(reward).to.be.closeTo(without.rows[i]!.reward - 4 * apart, 1e-5));
  });

  it('are halted, at a cost, where the members disagree too much', async () => {
    const halting = (above: number) => dream(modelOf(3, 1), [0, -9], { ...plain, halt: { above, cost: 50 } });
    const { figures, rows } = await halting(0.4);
    expect(figures).to.include({ rows: 1, halted: 1, ends: 0 });
    expect(rows[0]).to.include({ continues: 0 });
    expect(rows[0]!.reward).to.be.below(-50);
    expect((await halting(0.41)).figures).to.include({ rows: 3, halted: 0 });
  });

  it('break off, without a row, at what is not finite', async () => {
    const { figures, rows } = await dream(modelOf(1, 0, 0.9), [0, 0, 0, -2]);
    expect(figures).to.include({ rows: 4, broken: 1 });
    expect(rows.every(({ next, reward }) => [...next, reward].every(Number.isFinite))).to.equal(true);
  });

  it('refuse to compare members that do not tell their means', async () => {
    const silent = new StubModel(manifestFor(task), () => ({ sample: [0, 0] }));
    const problem = await dream(silent, [0, 0], { ...plain, penalty: 1 }).catch((error: Error) => error.message);
    expect(problem).to.match(/tells no means/);
  });
});
