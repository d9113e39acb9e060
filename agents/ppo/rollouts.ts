import type { VectorEnv, VectorStepResult } from '../../src/core/vector-env.ts';
import { GroundtwinError } from '../../src/errors.ts';
import { EpisodeCount } from '../../src/learning/episode-count.ts';
import { flattenLanes, lastObservation, nextObservation, rewardOf } from '../../src/learning/lane-steps.ts';
import type { Rng } from '../../src/math/rng.ts';
import { allocate, type TypedArray, type Values } from '../../src/spaces/space.ts';
import { advantages } from './advantages.ts';
import type { PpoConfig } from './config.ts';
import { draw, toEnvActions } from './distribution.ts';
import type { Forward } from './forward.ts';
import { LOG_DEVIATION, type PpoNetworks, type PpoWeights } from './networks.ts';
import { ObservationNormaliser, RewardScale } from './normalise.ts';

/** What an update learns from, row `step * lanes + lane`; reused by the next rollout. */
export interface Rollout {
  readonly rows: number;
  /** float32 `[rows, size]`, normalised. */
  readonly observation: Float32Array;
  /** `[rows, columns]`, as drawn. */
  readonly action: Float32Array | Int32Array;
  /** float32 `[rows]` each, in the unit of the scaled reward. */
  readonly logProbability: Float32Array;
  readonly value: Float32Array;
  readonly advantage: Float32Array;
  readonly return: Float32Array;
}

/**
 * Plays the policy in all lanes (Huang et al. 2022, core detail 1). Lanes that end are begun anew at once, whatever the env's autoreset:
 * there is no step whose action is ignored, and the same seeds give the same rows.
 */
export class Collector {
  readonly normaliser: ObservationNormaliser;
  readonly rewards: RewardScale;
  readonly episodes: EpisodeCount;
  readonly rows: number;
  private readonly env: VectorEnv;
  private readonly networks: PpoNetworks;
  private readonly config: PpoConfig;
  private readonly rng: Rng;
  /** `[lanes, size]`, what the env shows. */
  private readonly shown: Float64Array;
  private readonly shownRows: readonly Float64Array[];
  /** `[rows + lanes, size]`, normalised; the last lanes are what the rollout ended in, and the next begins with. */
  private readonly observation: Float32Array;
  private readonly action: Float32Array | Int32Array;
  private readonly actions: TypedArray;
  private readonly logProbability: Float32Array;
  private readonly reward: Float64Array;
  private readonly ended: Uint8Array;
  private readonly nextValue: Float64Array;
  private readonly advantage: Float32Array;
  private readonly target: Float32Array;
  /** `[lanes]`, 1 where an episode ended on the last step. */
  private readonly mask: Uint8Array;
  /** Rows whose episode was truncated, and the observations that it was left in, normalised. */
  private readonly cutRows: number[] = [];
  private cut: Float32Array;

  constructor(env: VectorEnv, networks: PpoNetworks, config: PpoConfig, rng: Rng) {
    const { distribution, observationSize: size } = networks;
    const rows = config.rolloutSteps * env.lanes;
    this.env = env;
    this.networks = networks;
    this.config = config;
    this.rng = rng;
    this.rows = rows;
    this.normaliser = new ObservationNormaliser(size, config.normaliseObservations);
    this.rewards = new RewardScale(env.lanes, config.discount, config.normaliseRewards);
    this.episodes = new EpisodeCount(env.lanes);
    this.shown = new Float64Array(env.lanes * size);
    this.shownRows = Array.from({ length: env.lanes }, (_, lane) => this.shown.subarray(lane * size, (lane + 1) * size));
    this.observation = new Float32Array((rows + env.lanes) * size);
    this.action =
      distribution.kind === 'gaussian' ? new Float32Array(rows * distribution.columns) : new Int32Array(rows * distribution.columns);
    this.actions = allocate(env.actionSpace, env.lanes) as TypedArray;
    this.logProbability = new Float32Array(rows);
    this.reward = new Float64Array(rows);
    this.ended = new Uint8Array(rows);
    this.nextValue = new Float64Array(rows);
    this.advantage = new Float32Array(rows);
    this.target = new Float32Array(rows);
    this.mask = new Uint8Array(env.lanes);
    this.cut = new Float32Array(env.lanes * size);
  }

  /** Begins an episode in every lane. @param seed - of the first lane. */
  async begin(seed: number): Promise<void> {
    this.look((await this.env.reset({ seed })).observation, this.rows);
  }

  /** `[lanes, size]`, normalised: what the next rollout begins with; a view. */
  get last(): Float32Array {
    return this.observation.subarray(this.rows * this.networks.observationSize);
  }

  /** All that the next rollout depends on, but for the generator and what the env's snapshots hold; views. */
  memory(): readonly Float64Array[] {
    const { normaliser, rewards, episodes } = this;
    return [
      normaliser.seen.mean,
      normaliser.seen.squares,
      rewards.seen.mean,
      rewards.seen.squares,
      rewards.running,
      episodes.returns,
      episodes.lengths,
    ];
  }

  /** Goes on from what another had. @throws OPTION_INVALID when it is of another size. */
  load(counts: readonly [observations: number, rewards: number], observation: Float32Array, memory: readonly Float64Array[]): void {
    const own = [this.last, ...this.memory()];
    const given = [observation, ...memory];
    if (given.length !== own.length || given.some((values, i) => values.length !== own[i]!.length))
      throw new GroundtwinError('OPTION_INVALID', {
        who: 'ppo',
        option: 'saved',
        value: `arrays of ${given.map(({ length }) => length)}`,
        allowed: `arrays of ${own.map(({ length }) => length)}, as this env's are`,
      });
    given.forEach((values, i) => void own[i]!.set(values));
    [this.normaliser.seen.count, this.rewards.seen.count] = counts;
  }

  /** Episodes under way are no longer counted: they will not be gone on with. */
  forgetEpisodes(): void {
    for (const values of [this.rewards.running, this.episodes.returns, this.episodes.lengths]) values.fill(0);
  }

  /** Plays one rollout, with the same weights throughout. */
  async collect(actor: Forward, critic: Forward, parameters: PpoWeights['parameters']): Promise<Rollout> {
    const { lanes } = this.env;
    this.observation.set(this.last);
    this.cutRows.length = 0;
    for (let row = 0; row < this.rows; row += lanes) {
      this.choose(await actor.run(parameters, this.observed(row, lanes)), parameters[LOG_DEVIATION] ?? NONE, row);
      await this.take(await (this.env.stepNow ? this.env.stepNow(this.actions) : this.env.step(this.actions)), row);
    }
    const value = await critic.run(parameters, this.observation);
    await this.weigh(value, critic, parameters);
    const { rows, action, logProbability, advantage, target } = this;
    return { rows, observation: this.observed(0, rows), action, logProbability, value: value.subarray(0, rows), advantage, return: target };
  }

  private observed(row: number, count: number): Float32Array {
    const { observationSize: size } = this.networks;
    return this.observation.subarray(row * size, (row + count) * size);
  }

  private choose(outputs: Float32Array, logDeviation: Float32Array, row: number): void {
    const { distribution } = this.networks;
    const { lanes } = this.env;
    for (let lane = 0; lane < lanes; lane++) {
      const from = { outputs, from: lane * distribution.outputs };
      const into = { action: this.action, at: (row + lane) * distribution.columns };
      this.logProbability[row + lane] = draw(distribution, from, logDeviation, this.rng, into);
    }
    toEnvActions(distribution, this.action, row * distribution.columns, this.actions);
  }

  /** Keeps a step, and begins the lanes that ended anew. */
  private async take(result: VectorStepResult, row: number): Promise<void> {
    const { env, mask, ended } = this;
    for (let lane = 0; lane < env.lanes; lane++) {
      const reward = rewardOf(result.reward, lane, env.agents);
      mask[lane] = result.terminated[lane]! | result.truncated[lane]!;
      ended[row + lane] = mask[lane]!;
      this.reward[row + lane] = this.rewards.scale(lane, reward, mask[lane] === 1);
      this.episodes.count(lane, reward, mask[lane] === 1);
    }
    const next = row + env.lanes;
    if (!mask.includes(1)) return this.look(result.observation, next);
    this.keepCut(lastObservation(env, result), result.terminated, row);
    this.look(await nextObservation(env, result, mask), next);
  }

  /** Keeps what truncated episodes were left in: it is normalised, but not counted, as in Stable-Baselines3. */
  private keepCut(final: Values, terminated: Uint8Array, row: number): void {
    const { observationSize: size } = this.networks;
    this.flatten(final);
    for (let lane = 0; lane < this.env.lanes; lane++) {
      if (!this.mask[lane] || terminated[lane]) continue;
      const at = this.cutRows.push(row + lane) - 1;
      if ((at + 1) * size > this.cut.length) this.cut = grown(this.cut);
      this.normaliser.write(this.shownRows[lane]!, this.cut, at * size);
    }
  }

  /** Takes observations of all lanes in, and writes them normalised to `row` and after. */
  private look(observation: Values, row: number): void {
    this.flatten(observation);
    for (const shown of this.shownRows) this.normaliser.see(shown);
    for (let lane = 0; lane < this.shownRows.length; lane++)
      this.normaliser.write(this.shownRows[lane]!, this.observation, (row + lane) * this.networks.observationSize);
  }

  private flatten(observation: Values): void {
    flattenLanes(this.env.observationSpace, observation, this.shownRows, this.shown);
  }

  /** @param value - of all observations, the last ones too. */
  private async weigh(value: Float32Array, critic: Forward, parameters: PpoWeights['parameters']): Promise<void> {
    const { rows, reward, ended, nextValue, cutRows, config, advantage, target } = this;
    const { lanes } = this.env;
    for (let row = 0; row < rows; row++) nextValue[row] = ended[row] ? 0 : value[row + lanes]!;
    if (cutRows.length > 0) {
      const left = await critic.run(parameters, this.cut.subarray(0, cutRows.length * this.networks.observationSize));
      cutRows.forEach((row, i) => {
        nextValue[row] = left[i]!;
      });
    }
    advantages({ lanes, reward, value, nextValue, ended }, config.discount, config.lambda, advantage);
    for (let row = 0; row < rows; row++) target[row] = advantage[row]! + value[row]!;
  }
}

const NONE = new Float32Array(0);

function grown(values: Float32Array): Float32Array {
  const larger = new Float32Array(2 * values.length);
  larger.set(values);
  return larger;
}
