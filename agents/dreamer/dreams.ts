import type { Experience } from '../../src/data/experience.ts';
import type { Rng } from '../../src/math/rng.ts';
import { MemoryLanes } from '../../src/world-model/memory-lanes.ts';
import type { ObservationModel } from '../../src/world-model/observation-model.ts';
import type { DreamerConfig } from './config.ts';
import { draw, toEnvAction } from './distribution.ts';
import type { DreamerNetworks, Forward, Weights } from './networks.ts';
import { lambdaReturns, rangeOf, stepWeights, symexp, symlog } from './returns.ts';

type DreamConfig = Pick<DreamerConfig, 'dreams' | 'context' | 'horizon' | 'discount' | 'lambda'>;

/** What a gradient step learns from, row `step * dreams + dream`; see `compileUpdate`. */
export interface Dreamt {
  readonly memory: Float32Array;
  readonly action: Float32Array;
  /** Of the return over what the critic expected; not yet divided by the range of returns. */
  readonly advantage: Float32Array;
  readonly target: Float32Array;
  readonly weight: Float32Array;
  /** From the 5th to the 95th percentile of λ-returns, and their mean. */
  readonly range: number;
  readonly meanReturn: number;
}

/** Dreams side by side, from what the model remembers of real sequences. */
export class Dreams {
  private readonly model: ObservationModel;
  private readonly networks: DreamerNetworks;
  private readonly config: DreamConfig;
  private readonly actor: Forward;
  private readonly critic: Forward;
  private readonly lanes: MemoryLanes;
  private readonly all: Uint8Array;

  constructor(model: ObservationModel, networks: DreamerNetworks, config: DreamConfig, actor: Forward, critic: Forward) {
    this.model = model;
    this.networks = networks;
    this.config = config;
    this.actor = actor;
    this.critic = critic;
    this.lanes = new MemoryLanes(model, config.dreams);
    this.all = new Uint8Array(config.dreams).fill(1);
  }

  /** @param data - more rows than the context. */
  async dream(data: Experience, weights: Weights, rng: Rng): Promise<Dreamt> {
    const { dreams, horizon, discount, lambda } = this.config;
    const { memorySize, distribution } = this.networks;
    const start = await this.remember(data, rng);
    const memory = new Float32Array((horizon + 1) * dreams * memorySize);
    const action = new Float32Array(horizon * dreams * distribution.columns);
    const reward = new Float32Array(horizon * dreams);
    const continues = new Float32Array(reward.length);
    for (let step = 0; step < horizon; step++) {
      memory.set(this.lanes.memory, step * this.lanes.memory.length);
      await this.act(weights, rng, action.subarray(step * dreams * distribution.columns, (step + 1) * dreams * distribution.columns));
      reward.set(this.lanes.reward, step * dreams);
      continues.set(this.lanes.continues, step * dreams);
    }
    memory.set(this.lanes.memory, horizon * this.lanes.memory.length);
    const value = (await this.critic.run(weights, memory)).map(symexp);
    const rows = { dreams, reward, continues, value };
    const returns = lambdaReturns(rows, discount, lambda);
    return {
      memory: memory.subarray(0, horizon * dreams * memorySize),
      action,
      advantage: returns.map((one, row) => one - value[row]!),
      target: returns.map(symlog),
      weight: stepWeights(rows, start, discount),
      range: rangeOf(returns),
      meanReturn: returns.reduce((sum, one) => sum + one, 0) / returns.length,
    };
  }

  /** Lets the model see real sequences. @returns float32 `[dreams]`: 1 where the task goes on after what was seen last. */
  private async remember({ count, observation, previousAction, continues, first }: Experience, rng: Rng): Promise<Float32Array> {
    const { dreams, context } = this.config;
    const { lanes, all } = this;
    const initial = await this.model.initial();
    const starts = Array.from({ length: dreams }, () => rng.integer(count - context + 1));
    const base = rng.integer(1 << 24) * dreams;
    for (let step = 0; step < context; step++) {
      starts.forEach((start, lane) => {
        if (step === 0 || first[start + step]) lanes.start(lane, base + lane, initial);
      });
      const taken = (values: Float32Array) => rowsOf(values, values.length / count, starts, step);
      await lanes.observe(taken(previousAction), taken(observation), all);
    }
    return Float32Array.from(starts, (start) => continues[start + context - 1]!);
  }

  /** One step of all dreams. @param drawn - gets the actions, as drawn. */
  private async act(weights: Weights, rng: Rng, drawn: Float32Array): Promise<void> {
    const { distribution } = this.networks;
    const { outputs, columns } = distribution;
    const output = await this.actor.run(weights, this.lanes.memory);
    for (let dream = 0; dream < this.config.dreams; dream++) draw(distribution, output, dream * outputs, rng, drawn, dream * columns);
    await this.lanes.predict(
      drawn.map((value, i) => toEnvAction(distribution, i % columns, value)),
      this.all,
    );
  }
}

function rowsOf(values: Float32Array, width: number, starts: readonly number[], step: number): Float32Array {
  const rows = new Float32Array(starts.length * width);
  starts.forEach((start, lane) => void rows.set(values.subarray((start + step) * width, (start + step + 1) * width), lane * width));
  return rows;
}
