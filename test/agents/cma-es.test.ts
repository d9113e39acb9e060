import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { Evolution } from '../../agents/cma-es/evolution.ts';
import { strategyParameters } from '../../agents/cma-es/strategy.ts';
import { type CmaEsConfig, CmaEsTraining, cmaEsDefaults, onnxPolicy, trainCmaEs } from '../../agents/index.ts';
import { pendulum } from '../../envs/pendulum/task.ts';
import { controllerPolicy } from '../../src/learning/controller.ts';
import { Rng } from '../../src/math/rng.ts';
import { nodeRuntime } from '../../src/onnx/index.ts';
import { discrete } from '../../src/spaces/space.ts';
import { anyTask, defineTask } from '../../src/task/task.ts';
import { evaluate } from '../../src/vector/evaluate.ts';
import { registryOf } from '../contracts/stub-backends.ts';

type Objective = (x: Float64Array) => number;

const sphere: Objective = (x) => x.reduce((sum, value) => sum + value * value, 0);
const ellipsoid: Objective = (x) => x.reduce((sum, value, i) => sum + 1e6 ** (i / (x.length - 1)) * value * value, 0);
const rosenbrock: Objective = (x) =>
  Array.from(x.subarray(1)).reduce((sum, value, i) => sum + 100 * (x[i]! ** 2 - value) ** 2 + (x[i]! - 1) ** 2, 0);

interface Descent {
  readonly active?: boolean;
  readonly separable?: boolean;
  readonly start?: number;
  readonly sigma?: number;
}

/** Evaluations until 1e-8 is reached in ten dimensions. */
function evaluations(objective: Objective, seed: number, { active = false, separable = false, start = 1, sigma = 1 }: Descent): number {
  const rng = new Rng(seed);
  const search = new Evolution(new Float64Array(10).fill(start), sigma, { population: null, active, separable });
  for (let count = 0; count < 20_000; ) {
    const values = search.ask(rng).map(objective);
    count += values.length;
    search.tell(values.map((value) => -value));
    if (Math.min(...values) <= 1e-8) return count;
  }
  return Number.POSITIVE_INFINITY;
}

const median = (values: readonly number[]) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)]!;

describe('the evolution strategy', function () {
  this.timeout(30_000);

  // Medians of 11 seeds of pycma 4.5.0, by the method's author, from the same starts with the same population.
  const published: readonly [name: string, objective: Objective, descent: Descent, evaluations: number][] = [
    ['the sphere', sphere, {}, 1300],
    ['the ellipsoid', ellipsoid, {}, 5530],
    ["Rosenbrock's valley", rosenbrock, { start: 0.1, sigma: 0.1 }, 5640],
    ['the ellipsoid, actively', ellipsoid, { active: true }, 4060],
    ["Rosenbrock's valley, actively", rosenbrock, { start: 0.1, sigma: 0.1, active: true }, 4880],
  ];
  for (const [name, objective, descent, expected] of published)
    it(`descends ${name} within a tenth of pycma's evaluations`, () => {
      const counts = [1, 2, 3, 4, 5].map((seed) => evaluations(objective, seed, descent));
      expect(median(counts)).to.be.within(0.9 * expected, 1.1 * expected);
    });

  it('descends the ellipsoid in half the evaluations by its diagonal alone', () => {
    expect(evaluations(ellipsoid, 1, { separable: true })).to.be.below(0.5 * evaluations(ellipsoid, 1, {}));
  });

  it('does not care in what unit, or how bent, what it looks for is, nor where', () => {
    const path = (objective: Objective, shift: number) => {
      const search = new Evolution(new Float64Array(5).fill(shift + 1), 0.5, { population: 8, active: true, separable: false });
      const rng = new Rng(4);
      for (let i = 0; i < 40; i++) search.tell(search.ask(rng).map((x) => -objective(x.map((value) => value - shift))));
      return Array.from(search.mean, (value) => value - shift);
    };
    const plain = path(ellipsoid, 0);
    expect(path((x) => Math.exp(ellipsoid(x) ** 0.1) - 7, 0)).to.deep.equal(plain);
    path(ellipsoid, 16).forEach((value, i) => void expect(value).to.be.closeTo(plain[i]!, 1e-9));
  });

  it('needs as many evaluations however the axes are turned', () => {
    const turned: Objective = (x) => {
      const along = x.reduce((sum, value, i) => sum + value * (i + 1), 0) / 385;
      return ellipsoid(x.map((value, i) => value - 2 * along * (i + 1)));
    };
    const [straight, askew] = [ellipsoid, turned].map((objective) =>
      median([1, 2, 3, 4, 5].map((seed) => evaluations(objective, seed, {}))),
    );
    expect(askew! / straight!).to.be.within(0.85, 1.15);
  });

  it('goes on from what it saved to the last bit', () => {
    for (const separable of [false, true]) {
      const make = () => new Evolution(new Float64Array(6).fill(1), 0.3, { population: null, active: true, separable });
      const run = (search: Evolution, rng: Rng, count: number) => {
        for (let i = 0; i < count; i++) search.tell(search.ask(rng).map((x) => -rosenbrock(x)));
        return search.save();
      };
      const whole = run(make(), new Rng(2), 30);
      const rng = new Rng(2);
      const half = run(make(), rng, 17);
      const other = make();
      expect(other.load(JSON.parse(JSON.stringify(half)))).to.equal(true);
      expect(run(other, rng, 13)).to.deep.equal(whole);
      expect(other.load({ ...half, arrays: half.arrays.slice(1) })).to.equal(false);
      expect(other.load({ ...half, sigma: Number.NaN })).to.equal(false);
    }
  });

  it('counts what is not a number as worst, and survives values that are all alike', () => {
    const search = new Evolution(new Float64Array(3), 1, { population: 6, active: true, separable: false });
    const rng = new Rng(1);
    for (let i = 0; i < 30; i++) search.tell(search.ask(rng).map((x) => (x[0]! > 0 ? Number.NaN : x[0]!)));
    expect(search.mean[0]).to.be.below(0.1);
    for (let i = 0; i < 200; i++) search.tell(search.ask(rng).map(() => 0));
    expect([...search.mean, search.sigma].every(Number.isFinite)).to.equal(true);
  });

  it('has the numbers of the tutorial, worked out by hand for n = 2 and λ = 4', () => {
    const { weights, selectionMass, stepRate, rankOneRate } = strategyParameters(2, { population: 4, separable: false, active: false });
    // w' = ln 2.5, ln 1.25
    const [first, second] = [Math.log(2.5), Math.log(1.25)];
    expect(weights[0]).to.be.closeTo(first / (first + second), 1e-12);
    expect(Array.from(weights.subarray(2), Math.abs)).to.deep.equal([0, 0]);
    const mass = (first + second) ** 2 / (first ** 2 + second ** 2);
    expect(selectionMass).to.be.closeTo(mass, 1e-12);
    expect(stepRate).to.be.closeTo((mass + 2) / (mass + 7), 1e-12);
    expect(rankOneRate).to.be.closeTo(2 / (3.3 ** 2 + mass), 1e-12);
  });
});

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
const pushed = anyTask(
  defineTask({
    ...held,
    id: 'PushedPendulum-v0',
    actionSpace: discrete(2),
    actuate: (state, action, next, command) => pendulum.actuate(state, [action[0] === 1 ? 2 : -2], next, command),
  }),
);
const registry = registryOf(swing, pushed);
const small: CmaEsConfig = { ...cmaEsDefaults, steps: 15_000, episodes: 2, validateEvery: 4, validationEpisodes: 10 };

describe('CMA-ES', function () {
  this.timeout(60_000);
  const folder = mkdtempSync(join(tmpdir(), 'groundtwin-cma-es-'));
  after(() => rmSync(folder, { recursive: true, force: true }));

  const train = async (
    id: string,
    config: CmaEsConfig,
    { lanes = 1, ...options }: Parameters<typeof trainCmaEs>[3] & { lanes?: number } = {},
  ) => {
    const env = await registry.makeVector(id, { lanes, copy: false });
    return trainCmaEs(env, config, 1, options).finally(() => env.close());
  };

  for (const [task, hidden] of [
    [swing, 0],
    [swing, 4],
    [pushed, 0],
  ] as const)
    it(`finds a controller for ${task.id} with ${hidden} units, and its graph acts as it does`, async () => {
      const { policy, controller, validation, steps } = await train(task.id, {
        ...small,
        hidden,
        steps: hidden > 0 ? 40_000 : 15_000,
        validationEpisodes: 20,
      });
      expect(validation).to.be.above(-60);
      expect(steps).to.be.within(15_000, 45_000);
      const env = await registry.makeVector(task.id, { lanes: 20 });
      const graph = await onnxPolicy(nodeRuntime(), policy, env);
      const mean = async (player: Parameters<typeof evaluate>[1]) => {
        const { returns } = await evaluate(env, player, { seed: 5, policySeed: 0, maxSteps: 60 });
        return returns.reduce((sum, value) => sum + value, 0) / 20;
      };
      const [ofGraph, ofController] = [
        await mean(graph),
        await mean(controllerPolicy(task.observationSpace, task.actionSpace, controller, 20)),
      ];
      await graph.close();
      await env.close();
      expect(ofGraph).to.be.closeTo(ofController, 0.5);
      expect(ofGraph).to.be.above(-60);
    });

  it('is the same on any number of lanes', async () => {
    const config = { ...small, steps: 3000, hidden: 2 };
    expect(await train(swing.id, config, { lanes: 5 })).to.deep.equal(await train(swing.id, config));
  });

  it('goes on from a checkpoint with the same bytes, metrics too', async () => {
    const config = { ...small, steps: 6000, validateEvery: 2 };
    const files = (name: string) => ({
      metrics: join(folder, `${name}.jsonl`),
      checkpoint: { path: join(folder, `${name}.bin`), every: 1 },
    });
    const whole = await train(swing.id, config, files('whole'));
    let iterations = 0;
    await train(swing.id, config, { ...files('cut'), isStopped: () => ++iterations === 3 });
    const ended = await train(swing.id, config, files('cut'));
    expect(ended).to.deep.equal(whole);
    for (const file of ['jsonl', 'bin'])
      expect(readFileSync(join(folder, `cut.${file}`)).equals(readFileSync(join(folder, `whole.${file}`)))).to.equal(true);
    await train(swing.id, { ...config, sigma: 0.4 }, files('cut')).then(
      () => expect.fail('it went on'),
      (error) => expect(error).to.include({ code: 'CHECKPOINT_FOREIGN' }),
    );
  });

  for (const [option, value] of [
    ['sigma', 0],
    ['population', 1],
    ['steps', 0],
    ['hidden', -1],
  ] as const)
    it(`refuses ${option} = ${value}`, async () => {
      const env = await registry.makeVector(swing.id, {});
      expect(() => new CmaEsTraining(env, { ...small, [option]: value }, 1)).to.throw(new RegExp(option));
      await env.close();
    });
});
