import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { type CheckOptions, checkEnv, envChecks, type MakeEnv } from '../../src/check/check-env.ts';
import { checkRegistered } from '../../src/check/check-registered.ts';
import type { RenderMode, RenderResults, ViewOptions } from '../../src/core/picture.ts';
import type { ResetOptions, VectorEnv, VectorStepResult } from '../../src/core/vector-env.ts';
import { isGroundtwinError } from '../../src/errors.ts';
import { registry } from '../../src/index.ts';
import { allocate, box, type TypedArray, type Values } from '../../src/spaces/space.ts';
import type { TaskEnv } from '../../src/task/task-env.ts';
import { timeLimit } from '../../src/wrappers/time-limit.ts';
import { codeOf } from '../contracts/env-contract.ts';
import { type WalkerDynamics, walkers } from '../contracts/stub-backends.ts';
import { walker } from '../contracts/stub-tasks.ts';

type Walkers = ReturnType<typeof walkers>;

const limitOf = (steps: number | null | undefined) => (steps === null ? [] : [timeLimit(steps ?? 9)]);
const good = (lanes: number, options: Parameters<MakeEnv>[1] = {}) =>
  walkers(lanes, { ...(options.autoreset ? { autoreset: options.autoreset } : {}), wrappers: limitOf(options.maxEpisodeSteps) });

const options: CheckOptions = {
  steps: 30,
  takes: ['autoreset', 'maxEpisodeSteps'],
  horizon: 9,
  params: walker.params,
  strangers: [async () => good(1, { maxEpisodeSteps: null })],
};

/** An env whose methods may be changed one by one; `env` is the good one. */
class Through implements VectorEnv {
  readonly env: Walkers;
  constructor(env: Walkers) {
    this.env = env;
  }
  get id() {
    return this.env.id;
  }
  get kind() {
    return this.env.kind;
  }
  get lanes() {
    return this.env.lanes;
  }
  get agents() {
    return this.env.agents;
  }
  get observationSpace() {
    return this.env.observationSpace;
  }
  get actionSpace() {
    return this.env.actionSpace;
  }
  get controlDt_s() {
    return this.env.controlDt_s;
  }
  get autoreset() {
    return this.env.autoreset;
  }
  reset(given?: ResetOptions) {
    return this.env.reset(given);
  }
  step(actions: Values): Promise<VectorStepResult> {
    return this.env.step(actions);
  }
  snapshot(lane?: number) {
    return this.env.snapshot(lane);
  }
  restore(snapshot: Uint8Array, lane?: number): Promise<Values> {
    return this.env.restore(snapshot, lane);
  }
  render<M extends RenderMode = 'rgb_array'>(mode?: M, options?: ViewOptions): Promise<RenderResults[M]> {
    return this.env.render(mode, options);
  }
  close() {
    return this.env.close();
  }
}

const nothing = (env: VectorEnv) => allocate(env.observationSpace, 1);
const addTo = (values: Values, offset: number, at = 0) => {
  const array = (values as TypedArray).slice();
  array[at] = array[at]! + offset;
  return array;
};

class NamedTwice extends Through {
  override get observationSpace() {
    return box({ low: -Infinity, high: Infinity, shape: [3], names: ['a', 'b', 'a'] });
  }
}
class TooNarrow extends Through {
  override get observationSpace() {
    return box({ low: -0.01, high: 0.01, shape: [3] });
  }
}
/** The last action is observed as 0. */
class Blind extends Through {
  blinded(values: Values): Values {
    return (values as TypedArray).map((value, i) => (i % 3 === 2 ? 0 : value)) as TypedArray;
  }
  override async reset(given?: ResetOptions) {
    const result = await this.env.reset(given);
    return { ...result, observation: this.blinded(result.observation) };
  }
  override async step(actions: Values) {
    const result = await this.env.step(actions);
    return { ...result, observation: this.blinded(result.observation) };
  }
  override async restore(snapshot: Uint8Array, lane?: number) {
    return this.blinded(await this.env.restore(snapshot, lane));
  }
}
class WearsOut extends Through {
  resets = 0;
  override reset(given?: ResetOptions) {
    this.resets++;
    return this.env.reset(given);
  }
  override async step(actions: Values) {
    const result = await this.env.step(actions);
    return { ...result, observation: addTo(result.observation, 1e-3 * this.resets) };
  }
}
class OneSeed extends Through {
  override reset(given: ResetOptions = {}) {
    return this.env.reset(typeof given.seed === 'number' ? { ...given, seed: new Array(this.lanes).fill(5) } : given);
  }
}
class OneStart extends Through {
  override async reset(given?: ResetOptions) {
    const result = await this.env.reset(given);
    return { ...result, observation: new Float32Array(3 * this.lanes) };
  }
}
class FeelsNeighbours extends Through {
  override async step(actions: Values) {
    const result = await this.env.step(actions);
    return { ...result, observation: addTo(result.observation, 1e-3 * this.lanes) };
  }
}
class PaysMore extends Through {
  override async step(actions: Values) {
    const result = await this.env.step(actions);
    return { ...result, reward: result.reward.map((value) => value * (1 + 1e-6)) };
  }
}
class LongColumn extends Through {
  override async step(actions: Values) {
    const result = await this.env.step(actions);
    return { ...result, info: { ...result.info, extra: new Float64Array(this.lanes + 1) } };
  }
}
/** Pays a little more after a restore into these lanes. */
class RestoresBadly extends Through {
  private readonly badly: (lane: number) => boolean;
  private offset = 0;
  constructor(env: Walkers, badly: (lane: number) => boolean) {
    super(env);
    this.badly = badly;
  }
  override async step(actions: Values) {
    const result = await this.env.step(actions);
    return { ...result, reward: result.reward.map((value) => value + this.offset) };
  }
  override async restore(snapshot: Uint8Array, lane = 0) {
    const observation = await this.env.restore(snapshot, lane);
    this.offset = this.badly(lane) ? 1e-9 : 0;
    return observation;
  }
}
class RestoresBlindly extends Through {
  override async restore(snapshot: Uint8Array, lane?: number) {
    await this.env.restore(snapshot, lane);
    return nothing(this);
  }
}
class TakesAnySnapshot extends Through {
  override restore(snapshot: Uint8Array, lane?: number) {
    return this.env.restore(snapshot, lane).catch(() => nothing(this));
  }
}
class Clips extends Through {
  override step(actions: Values) {
    return this.env.step(actions).catch((error) => {
      if (!isGroundtwinError(error, 'ACTION_OUTSIDE_SPACE')) throw error;
      return this.env.step((actions as TypedArray).map((value) => Math.min(1, Math.max(-1, value))) as TypedArray);
    });
  }
}
class BeginsByItself extends Through {
  override step(actions: Values) {
    return this.env.step(actions).catch(async (error) => {
      if (!isGroundtwinError(error, 'ENV_NOT_RESET')) throw error;
      await this.env.reset({ seed: 1 });
      return this.env.step(actions);
    });
  }
}
class Undead extends Through {
  private last: VectorStepResult | undefined;
  override async step(actions: Values) {
    try {
      this.last = await this.env.step(actions);
    } catch (error) {
      if (!isGroundtwinError(error, 'ENV_CLOSED')) throw error;
    }
    return (
      this.last ?? { ...(await good(1).reset()), reward: new Float64Array(1), terminated: new Uint8Array(1), truncated: new Uint8Array(1) }
    );
  }
}
class TerminatesAtLimit extends Through {
  override async step(actions: Values) {
    const result = await this.env.step(actions);
    return {
      ...result,
      terminated: result.terminated.map((end, lane) => end | result.truncated[lane]!),
      truncated: new Uint8Array(this.lanes),
    };
  }
}
class LosesLastObservation extends Through {
  override async step(actions: Values) {
    const result = await this.env.step(actions);
    const { finalObservation: _, ...info } = result.info;
    return { ...result, info };
  }
}
class IgnoresParams extends Through {
  override reset({ params: _, ...given }: ResetOptions = {}) {
    return this.env.reset(given);
  }
}
class ForgetsParams extends Through {
  override async restore(snapshot: Uint8Array, lane = 0) {
    const observation = await this.env.restore(snapshot, lane);
    ((this.env.backend as TaskEnv).dynamics as WalkerDynamics).gains[lane] = 1;
    return observation;
  }
}

/** Each check with an env that has one defect; `also` are checks that see it too. */
const defects: Record<string, { readonly make: MakeEnv; readonly also?: readonly string[] }> = {
  spaces: { make: async (lanes, made) => new NamedTwice(good(lanes, made)) },
  'observation-in-space': { make: async (lanes, made) => new TooNarrow(good(lanes, made)) },
  'constant-elements': { make: async (lanes, made) => new Blind(good(lanes, made)), also: ['autoreset'] },
  deterministic: {
    make: async (lanes, made) => new WearsOut(good(lanes, made)),
    also: ['batch-size', 'snapshot-elsewhere', 'snapshot-observation', 'autoreset', 'params-in-snapshots'],
  },
  'seeds-differ': { make: async (lanes, made) => new OneSeed(good(lanes, made)), also: ['randomised-starts', 'batch-size', 'autoreset'] },
  'randomised-starts': { make: async (lanes, made) => new OneStart(good(lanes, made)), also: ['snapshot-observation', 'autoreset'] },
  'batch-size': {
    make: async (lanes, made) => new FeelsNeighbours(good(lanes, made)),
    also: ['snapshot-elsewhere', 'snapshot-observation', 'autoreset'],
  },
  'unshared-memory': {
    make: async (lanes, made = {}) =>
      walkers(lanes, {
        copy: false,
        wrappers: limitOf(made.maxEpisodeSteps),
        ...(made.autoreset ? { autoreset: made.autoreset } : {}),
      }),
    also: ['snapshot-observation', 'autoreset'],
  },
  'reward-terms': { make: async (lanes, made) => new PaysMore(good(lanes, made)) },
  info: { make: async (lanes, made) => new LongColumn(good(lanes, made)) },
  'snapshot-in-place': {
    make: async (lanes, made) => new RestoresBadly(good(lanes, made), () => true),
    also: ['params-in-snapshots', 'snapshot-refused'],
  },
  'snapshot-elsewhere': {
    make: async (lanes, made) => new RestoresBadly(good(lanes, made), (lane) => lane === 0),
    also: ['params-in-snapshots'],
  },
  'snapshot-observation': { make: async (lanes, made) => new RestoresBlindly(good(lanes, made)) },
  'snapshot-refused': { make: async (lanes, made) => new TakesAnySnapshot(good(lanes, made)), also: ['after-close'] },
  'action-refused': { make: async (lanes, made) => new Clips(good(lanes, made)) },
  'before-reset': { make: async (lanes, made) => new BeginsByItself(good(lanes, made)), also: ['autoreset'] },
  'after-close': { make: async (lanes, made) => new Undead(good(lanes, made)) },
  'time-limit': { make: async (lanes, made) => new TerminatesAtLimit(good(lanes, made)), also: ['info'] },
  autoreset: { make: async (lanes, made) => new LosesLastObservation(good(lanes, made)) },
  'params-matter': { make: async (lanes, made) => new IgnoresParams(good(lanes, made)) },
  'params-in-snapshots': { make: async (lanes, made) => new ForgetsParams(good(lanes, made)) },
};

const failing = (checks: readonly { name: string; holds: boolean }[]) => checks.filter(({ holds }) => !holds).map(({ name }) => name);

describe('checkEnv', () => {
  it('finds nothing wrong with a good env, wrapped or not', async () => {
    for (const make of [good, (lanes: number, made?: Parameters<MakeEnv>[1]) => new Through(good(lanes, made))]) {
      const report = await checkEnv(async (lanes, made) => make(lanes, made), options);
      expect(report.checks.filter(({ holds }) => !holds)).to.deep.equal([]);
      expect(report).to.include({ env: 'Walker-v0', holds: true });
      expect(report.checks.map(({ name }) => name)).to.deep.equal(envChecks.map(({ name }) => name));
    }
  });

  it('has a defect here for each of its checks', () => {
    expect(Object.keys(defects)).to.have.members(envChecks.map(({ name }) => name));
  });

  for (const [name, { make, also = [] }] of Object.entries(defects))
    it(`names ${name} for an env that breaks it`, async () => {
      const { checks, holds } = await checkEnv(make, options);
      expect(holds).to.equal(false);
      expect(failing(checks)).to.include(name);
      expect([name, ...also], 'and nothing that the defect does not touch').to.include.members(failing(checks));
      expect(checks.find((check) => check.name === name)!.detail).to.not.equal('');
    });

  it('reports what an env throws, and one that cannot be made', async () => {
    class Throws extends Through {
      override snapshot(): Promise<Uint8Array> {
        throw new Error('no room for it');
      }
    }
    const thrown = await checkEnv(async (lanes, made) => new Throws(good(lanes, made)), { ...options, only: ['snapshot-in-place'] });
    expect(thrown.checks).to.deep.equal([{ name: 'snapshot-in-place', holds: false, detail: 'no room for it', seconds: 0 }]);
    const misspelt = await codeOf(() => checkEnv(async (lanes, made) => good(lanes, made), { ...options, only: ['snapshots'] }));
    expect(misspelt, 'no check of that name').to.equal('OPTION_INVALID');
    const unmade = await checkEnv(() => registry.makeVector('Nowhere-v0'), { only: ['spaces'] });
    expect(unmade.holds).to.equal(false);
    expect(unmade.checks[0]!.detail).to.match(/^ENV_UNKNOWN: /);
  });

  it('lets declared elements be constant, by name or position', async () => {
    const make: MakeEnv = async (lanes, made) => new Blind(good(lanes, made));
    for (const constant of [['element 2'], [2]])
      expect((await checkEnv(make, { ...options, constant, only: ['constant-elements'] })).holds).to.equal(true);
    expect((await checkEnv(make, { ...options, constant: [1], only: ['constant-elements'] })).checks[0]!.detail).to.include('element 2');
  });

  it('checks the time limit and the autoreset of an env that takes no options', async () => {
    const only = ['time-limit', 'autoreset'];
    for (const autoreset of ['nextStep', 'sameStep', 'disabled'] as const) {
      const report = await checkEnv(async (lanes) => good(lanes, { autoreset }), { steps: 30, horizon: 9, only });
      expect(report.checks.map(({ holds, detail }) => [holds, detail])).to.deep.equal([
        [true, 'cut off after 9 steps'],
        [true, autoreset],
      ]);
    }
    expect((await checkEnv(async (lanes) => good(lanes), { steps: 30, horizon: 8, only: ['time-limit'] })).holds).to.equal(false);
  });

  it('tells the time by the clock it is given, and refuses too few steps', async () => {
    let now_s = 0;
    const report = await checkEnv(async (lanes) => good(lanes), { only: ['spaces', 'info'], clock_s: () => now_s++ });
    expect(report.checks.map(({ seconds }) => seconds)).to.deep.equal([1, 1]);
    expect(await codeOf(() => checkEnv(async (lanes) => good(lanes), { steps: 9 }))).to.equal('OPTION_INVALID');
  });

  it('has each check with what it means in docs/api.md', () => {
    const doc = readFileSync(new URL('../../docs/api.md', import.meta.url), 'utf8');
    for (const { name, what } of envChecks) expect(doc).to.include(`| \`${name}\` | it ${what} |`);
  });
});

describe('checkRegistered', () => {
  it('knows the engines of a task', async () => {
    const only = ['spaces'];
    expect(await checkRegistered(registry, 'Pendulum-v0', { engine: 'rapier', only })).to.deep.include({ engine: 'rapier', holds: true });
    expect(await codeOf(() => checkRegistered(registry, 'Pendulum-v0', { engine: 'abacus', only }))).to.equal('OPTION_INVALID');
    expect(await codeOf(() => checkRegistered(registry, 'Pendulm-v0'))).to.equal('ENV_UNKNOWN');
  });
});
