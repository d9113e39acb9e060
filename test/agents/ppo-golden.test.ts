import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { advantages } from '../../agents/ppo/advantages.ts';
import { ppoDefaults } from '../../agents/ppo/config.ts';
import { distributionOf } from '../../agents/ppo/distribution.ts';
import { initialParameters, networksOf } from '../../agents/ppo/networks.ts';
import { compileUpdate } from '../../agents/ppo/update.ts';
import { Rng } from '../../src/math/rng.ts';
import { nodeRuntime, TrainingProgram } from '../../src/onnx/index.ts';
import { box } from '../../src/spaces/space.ts';

interface Golden {
  readonly lanes: number;
  readonly hidden: readonly number[];
  readonly before: Readonly<Record<string, number[]>>;
  readonly after: Readonly<Record<string, number[]>>;
  /** Rows `step * lanes + lane`. */
  readonly rollout: Readonly<
    Record<'observations' | 'actions' | 'log_probs' | 'values' | 'rewards' | 'advantages' | 'returns' | 'ended' | 'last', number[]>
  >;
  /** Rows in the order of each epoch. */
  readonly orders: readonly (readonly number[])[];
}

const golden: Golden = JSON.parse(readFileSync(new URL('../goldens/ppo-update.golden.json', import.meta.url), 'utf8'));
const { lanes, rollout } = golden;
const rows = rollout.values.length;

/** The largest difference of any element. */
function distance(got: ArrayLike<number>, expected: readonly number[]): number {
  expect(got.length).to.equal(expected.length);
  return Math.max(...expected.map((value, i) => Math.abs(got[i]! - value)));
}

describe('a rollout of Stable-Baselines3', () => {
  const advantage = new Float32Array(rows);
  const values = [...rollout.values, ...rollout.last];
  const nextValue = rollout.values.map((_, row) => (rollout.ended[row] ? 0 : values[row + lanes]!));
  advantages(
    { lanes, reward: rollout.rewards, value: rollout.values, nextValue, ended: rollout.ended },
    ppoDefaults.discount,
    ppoDefaults.lambda,
    advantage,
  );

  it('has its advantages', () => {
    expect(rollout.ended, 'episodes that end and that go on').to.include.members([0, 1]);
    expect(distance(advantage, rollout.advantages)).to.be.below(1e-5);
  });

  it('teaches our PPO what it teaches theirs: all weights after three epochs are the same', async () => {
    const networks = networksOf(distributionOf(box({ low: [-1, -1], high: [1, 1] })), rollout.observations.length / rows, golden.hidden);
    const parameters = initialParameters(networks, 0, new Rng(1)).map((spec) => ({
      ...spec,
      initial: Float32Array.from(golden.before[spec.name]!),
    }));
    const config = { ...ppoDefaults, minibatch: 16, entropyWeight: 0.01 };
    const program = await TrainingProgram.open(nodeRuntime(), compileUpdate(networks, config, parameters));
    const tables = {
      observation: rollout.observations,
      action: rollout.actions,
      log_probability: rollout.log_probs,
      value: rollout.values,
      return: rollout.returns,
    };
    const columns = Object.fromEntries(Object.entries(tables).map(([name, column]) => [name, Float32Array.from(column)]));
    program.setTables({ ...columns, advantage }, rows);
    for (const order of golden.orders) await program.run(Int32Array.from(order), 3e-3);
    const after = program.parameters();
    expect(Object.keys(after)).to.have.members(Object.keys(golden.after));
    for (const [name, expected] of Object.entries(golden.after)) {
      expect(distance(after[name]!, expected), name).to.be.below(2e-6);
      expect(distance(golden.before[name]!, expected), `${name} has learned`).to.be.above(1e-3);
    }
    await program.release();
  });
});
