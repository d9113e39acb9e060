import type { VectorEnv, VectorStepResult } from '../../src/core/vector-env.ts';
import { EpisodeCount } from '../../src/learning/episode-count.ts';
import { flattenLanes, lastObservation, nextObservation, rewardOf } from '../../src/learning/lane-steps.ts';
import type { Rng } from '../../src/math/rng.ts';
import { allocate, flatSizeOf, type TypedArray, type Values } from '../../src/spaces/space.ts';
import { MemoryLanes } from '../../src/world-model/memory-lanes.ts';
import type { ObservationModel } from '../../src/world-model/observation-model.ts';
import { type ActionDistribution, draw, drawEvenly, toEnvAction } from './distribution.ts';
import { ExperienceLog } from './experience-log.ts';
import type { Forward, Weights } from './networks.ts';

/** Who acts: nobody (at random) before there is a model. */
export interface Actor {
  readonly model: ObservationModel;
  readonly forward: Forward;
  readonly weights: Weights;
}

/**
 * Plays all lanes, remembering through the model what was seen and done, and logs it. Lanes that end are begun anew at once, whatever the env's autoreset:
 * there is no step whose action is ignored.
 */
export class Player {
  readonly logs: readonly ExperienceLog[];
  readonly episodes: EpisodeCount;
  /** float64 `[lanes, size]`: what the next actions answer. */
  readonly observation: Float64Array;
  /** float64 `[lanes, actionSize]`: what was done before, 0 at the start of an episode. */
  readonly done: Float64Array;
  /** `[lanes]`, 1 where an episode has just begun. */
  readonly fresh: Float64Array;
  private readonly env: VectorEnv;
  private readonly distribution: ActionDistribution;
  private readonly actions: TypedArray;
  private readonly drawn: Float32Array;
  private readonly shownRows: readonly Float64Array[];
  private readonly left: Float64Array;
  private readonly leftRows: readonly Float64Array[];
  private readonly ended: Uint8Array;
  private memories: MemoryLanes | undefined;
  private initial = new Float32Array(0);

  constructor(env: VectorEnv, distribution: ActionDistribution) {
    const { lanes } = env;
    const [seen, done] = [flatSizeOf(env.observationSpace), flatSizeOf(env.actionSpace)];
    this.env = env;
    this.distribution = distribution;
    this.logs = Array.from({ length: lanes }, () => new ExperienceLog(seen, done));
    this.episodes = new EpisodeCount(lanes);
    this.observation = new Float64Array(lanes * seen);
    this.done = new Float64Array(lanes * done);
    this.fresh = new Float64Array(lanes).fill(1);
    this.actions = allocate(env.actionSpace, lanes) as TypedArray;
    this.drawn = new Float32Array(lanes * distribution.columns);
    this.shownRows = rowsOf(this.observation, lanes);
    this.left = new Float64Array(lanes * seen);
    this.leftRows = rowsOf(this.left, lanes);
    this.ended = new Uint8Array(lanes);
  }

  /** float32 `[lanes, K]`, a view; empty before there is a model. */
  get memory(): Float32Array {
    return this.memories?.memory ?? new Float32Array(0);
  }

  /** Goes on with another model, and the memories of the one before. @param memory - as `memory` gave them; absent or empty = none. */
  async remember(model: ObservationModel, memory = this.memory): Promise<void> {
    const before = memory.slice();
    this.initial = (await model.initial()) as Float32Array<ArrayBuffer>;
    this.memories = new MemoryLanes(model, this.env.lanes);
    for (let lane = 0; lane < this.env.lanes; lane++) this.memories.start(lane, lane, this.initial);
    if (before.length === this.memories.memory.length) this.memories.memory.set(before);
  }

  /** Begins an episode in every lane. @param seed - of the first lane. */
  async begin(seed: number): Promise<void> {
    this.ended.fill(1);
    this.open((await this.env.reset({ seed })).observation);
  }

  /** One step of all lanes. */
  async step(actor: Actor | undefined, rng: Rng): Promise<void> {
    const { env, ended } = this;
    await this.choose(actor, rng);
    const result = await (env.stepNow ? env.stepNow(this.actions) : env.step(this.actions));
    for (let lane = 0; lane < env.lanes; lane++) ended[lane] = result.terminated[lane]! | result.truncated[lane]!;
    const hasEnd = ended.includes(1);
    flattenLanes(env.observationSpace, result.observation, this.shownRows, this.observation);
    if (hasEnd) flattenLanes(env.observationSpace, lastObservation(env, result), this.leftRows, this.left);
    for (let lane = 0; lane < env.lanes; lane++) this.keep(lane, result, (ended[lane] ? this.leftRows : this.shownRows)[lane]!);
    if (hasEnd) this.open(await nextObservation(env, result, ended));
  }

  private async choose(actor: Actor | undefined, rng: Rng): Promise<void> {
    const { distribution, drawn, done, actions, memories, env } = this;
    const { columns, outputs } = distribution;
    if (actor && memories) {
      for (let lane = 0; lane < env.lanes; lane++) if (this.fresh[lane]) memories.start(lane, lane, this.initial);
      await memories.observe(done, this.observation, new Uint8Array(env.lanes).fill(1));
      const output = await actor.forward.run(actor.weights, memories.memory);
      for (let lane = 0; lane < env.lanes; lane++) draw(distribution, output, lane * outputs, rng, drawn, lane * columns);
    } else for (let lane = 0; lane < env.lanes; lane++) drawEvenly(distribution, rng, drawn, lane * columns);
    for (let i = 0; i < actions.length; i++) actions[i] = toEnvAction(distribution, i % columns, drawn[i]!);
    done.set(actions);
    this.fresh.fill(0);
  }

  private keep(lane: number, result: VectorStepResult, next: Float64Array): void {
    const columns = this.done.length / this.env.lanes;
    const reward = rewardOf(result.reward, lane, this.env.agents);
    this.logs[lane]!.step(this.done.subarray(lane * columns, (lane + 1) * columns), reward, result.terminated[lane] === 0, next);
    this.episodes.count(lane, reward, this.ended[lane] === 1);
  }

  /** Takes observations of all lanes in, of which those that ended begin. */
  private open(observation: Values): void {
    flattenLanes(this.env.observationSpace, observation, this.shownRows, this.observation);
    const columns = this.done.length / this.env.lanes;
    for (let lane = 0; lane < this.env.lanes; lane++) {
      if (!this.ended[lane]) continue;
      this.fresh[lane] = 1;
      this.done.fill(0, lane * columns, (lane + 1) * columns);
      this.logs[lane]!.begin(this.shownRows[lane]!);
    }
  }
}

function rowsOf(all: Float64Array, lanes: number): Float64Array[] {
  const size = all.length / lanes;
  return Array.from({ length: lanes }, (_, lane) => all.subarray(lane * size, (lane + 1) * size));
}
