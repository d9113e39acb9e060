import { expect } from 'chai';
import { type ArsConfig, type ArsProgress, ArsSearch, arsDefaults, arsPolicy, trainArs } from '../../agents/index.ts';
import { pendulum } from '../../envs/pendulum/task.ts';
import { box, contains, dict, discrete, multiDiscrete, rowOf, type Space } from '../../src/spaces/space.ts';
import { anyTask, defineTask } from '../../src/task/task.ts';
import { evaluate } from '../../src/vector/evaluate.ts';
import { registryOf } from '../contracts/stub-backends.ts';

/** Hold a rod up that starts near upright and falls by itself. */
const held = defineTask({
  ...pendulum,
  id: 'HeldPendulum-v0',
  horizon: 60,
  initial(rng, _params, start) {
    start.angle_rad = rng.uniform(-0.2, 0.2);
    start.velocity_radps = 0;
  },
});
const swing = anyTask(held);
/** The same by integers: full torque one way or the other. */
const pushed = anyTask(
  defineTask({
    ...held,
    id: 'PushedPendulum-v0',
    actionSpace: discrete(2),
    actuate: (state, action, next, command) => pendulum.actuate(state, [action[0] === 1 ? 2 : -2], next, command),
  }),
);
const registry = registryOf(swing, pushed);

const small: ArsConfig = {
  ...arsDefaults,
  directions: 8,
  elites: 4,
  noise: 0.3,
  stepSize: 0.3,
  iterations: 12,
  episodes: 2,
  validateEvery: 4,
  validationEpisodes: 10,
};

async function train(id: string, config: ArsConfig, { seed = 1, lanes = 1 } = {}) {
  const env = await registry.makeVector(id, { lanes, copy: false });
  const validations: number[] = [];
  const onProgress = ({ validation }: ArsProgress) => {
    if (validation !== undefined) validations.push(validation);
  };
  const result = await trainArs(env, config, seed, { onProgress });
  await env.close();
  return { ...result, validations };
}

describe('augmented random search', function () {
  this.timeout(60_000);

  for (const task of [swing, pushed])
    it(`finds a policy for ${task.id} that returns far more than the first, untrained one, on starts it never met`, async () => {
      const env = await registry.makeVector(task.id, { lanes: 20 });
      const { policy } = await train(task.id, small);
      const play = async (weights: readonly number[]) => {
        const player = arsPolicy(task.observationSpace, task.actionSpace, { ...policy, weights }, 20);
        const { returns } = await evaluate(env, player, { seed: 5, policySeed: 0, maxSteps: 60 });
        return returns.reduce((sum, value) => sum + value, 0) / 20;
      };
      const untrained = await play(policy.weights.map(() => 0));
      const trained = await play(policy.weights);
      await env.close();
      expect(untrained).to.be.below(-200);
      expect(trained).to.be.above(-60);
    });

  it('gives the same policy to the last bit from the same seed, on any number of lanes, and another from another', async () => {
    const config = { ...small, iterations: 3, hidden: 3, clocks_steps: [7], validateEvery: 1 };
    const first = await train(swing.id, config);
    expect(await train(swing.id, config)).to.deep.equal(first);
    expect(await train(swing.id, config, { lanes: 5 })).to.deep.equal(first);
    expect((await train(swing.id, config, { seed: 2 })).policy.weights).to.not.deep.equal(first.policy.weights);
  });

  it('goes on after a stop as if there had been none', async () => {
    const config = { ...small, iterations: 4, validateEvery: 1 };
    const env = await registry.makeVector(swing.id, { lanes: 2 });
    const before = new ArsSearch(env, config, 3);
    for (let i = 0; i < 2; i++) await before.iterate();
    const after = new ArsSearch(env, config, 3, JSON.parse(JSON.stringify(before.save())));
    for (let i = 0; i < 2; i++) await after.iterate();
    const { policy, steps } = await after.result();
    await env.close();
    const { policy: whole, steps: wholeSteps } = await train(swing.id, config, { seed: 3 });
    expect({ policy, steps }).to.deep.equal({ policy: whole, steps: wholeSteps });
  });

  it('gives the best policy it validated, and cuts episodes off where told', async () => {
    const config = { ...small, iterations: 5, validateEvery: 1, episodeSteps: 9 };
    const { validation, validations, steps } = await train(swing.id, config);
    expect(validation).to.equal(Math.max(...validations));
    expect(steps).to.equal(5 * (16 * 2 + 10) * 9);
  });
});

describe('a policy of augmented random search', () => {
  const shape = { observes: null, hidden: 0, clocks_steps: [] };
  const two = box({ low: [-9, -9], high: [9, 9] });

  it('survives JSON', async () => {
    const { policy } = await train(swing.id, { ...small, iterations: 1, hidden: 2 });
    const copy = JSON.parse(JSON.stringify(policy));
    expect(copy).to.deep.equal(policy);
    const act = (data: typeof policy) => [
      ...(arsPolicy(swing.observationSpace, swing.actionSpace, data, 1).act(Float32Array.of(0.1, 0.9, -2)) as Float32Array),
    ];
    expect(act(copy)).to.deep.equal(act(policy));
  });

  it('normalises, weighs, adds the bias and spans the range of each action', () => {
    const space = box({ low: [-2, 0], high: [4, 1] });
    const data = { ...shape, mean: [1, 2], deviation: [2, 4], weights: [0.5, 0.25, -0.25, 0, 3, 0.1] };
    const policy = arsPolicy(two, space, data, 2);
    // Lane 0: normalised 1 and −1, so 0.5 − 0.25 − 0.25 = 0 and −3 + 0.1, clipped to −1. Lane 1: both 0, so the biases.
    const actions = [...(policy.act(Float32Array.of(3, -2, 1, 2)) as Float32Array)];
    [1, 0, 0.25, 0.55].forEach((value, i) => void expect(actions[i]).to.be.closeTo(value, 1e-6));
  });

  it('takes the greatest of the outputs of each integer', () => {
    const weights = [1, 0, 0, 0, 0, 0.5, -1, 0, 0, 0, 1, 0, 0, 0, 0];
    const data = { ...shape, mean: [0, 0], deviation: [1, 1], weights };
    const policy = arsPolicy(two, multiDiscrete([3, 2]), data, 3);
    expect([...(policy.act(Float32Array.of(2, 1, -3, -1, 0, 0)) as Int32Array)]).to.deep.equal([0, 0, 2, 1, 1, 0]);
  });

  it('sees only the first elements it is told to, and clocks that run from its reset on', () => {
    const data = { observes: 1, hidden: 0, clocks_steps: [4], mean: [0], deviation: [1], weights: [0, 0.5, 0, 0] };
    const policy = arsPolicy(two, box({ low: [-1], high: [1] }), data, 1);
    const act = (second: number) => (policy.act(Float32Array.of(0, second)) as Float32Array)[0]!;
    const swings = (values: readonly number[]) =>
      [0, 0.5, 0, -0.5, 0].forEach((value, i) => void expect(values[i]).to.be.closeTo(value, 1e-6));
    swings([5, -5, 1, 7, 0].map(act));
    policy.reset(0);
    swings([5, -5, 1, 7, 0].map(act));
  });

  it('stays inside its space whatever it sees', () => {
    const space = box({ low: [-0.1, 0.3], high: [0.1, 0.7] });
    const data = { ...shape, mean: [0, 0], deviation: [1e-6, 1e6], weights: [1e3, 5, 0, -1e3, 5, 0] };
    const policy = arsPolicy(two, space, data, 1);
    for (const seen of [1e30, -1e30, 0, 1e-9]) {
      const action = policy.act(Float32Array.of(seen, -seen)) as Float32Array;
      expect(contains(space, rowOf(space, action, 0))).to.equal(true);
    }
  });

  it('refuses weights of another shape', () => {
    const data = { ...shape, mean: [0, 0], deviation: [1, 1], weights: [1, 2] };
    expect(() => arsPolicy(two, discrete(2), data, 1)).to.throw(/2, 2, 2.*6, 2, 2/);
  });

  for (const [what, space] of Object.entries<Space>({
    'endless actions': box({ low: [0], high: [Number.POSITIVE_INFINITY] }),
    'named actions': dict({ a: discrete(2) }),
  }))
    it(`refuses ${what}`, () => {
      const data = { ...shape, mean: [0, 0], deviation: [1, 1], weights: [] };
      expect(() => arsPolicy(two, space, data, 1)).to.throw(/bounded box or integers/);
    });
});
