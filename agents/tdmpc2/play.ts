import type { VectorEnv, VectorStepResult } from '../../src/core/vector-env.ts';
import { ReplayBuffer } from '../../src/data/replay-buffer.ts';
import { requireBoundedBox, toActionRange } from '../../src/learning/action-scale.ts';
import { EpisodeCount } from '../../src/learning/episode-count.ts';
import { flattenLanes, lastObservation, nextObservation, rewardOf } from '../../src/learning/lane-steps.ts';
import { allocate, type Box, box, flatSizeOf, type TypedArray, unbounded, type Values } from '../../src/spaces/space.ts';

/**
 * Plays all lanes with actions that it is given, and keeps what came of them, observations flat and actions normalised.
 * Lanes that end are begun anew at once, whatever the env's autoreset: there is no step whose action is ignored.
 */
export class Player {
  readonly observationSize: number;
  readonly actionSize: number;
  readonly replay: ReplayBuffer;
  readonly episodes: EpisodeCount;
  /** float32 `[lanes, size]`: what the next actions answer. */
  readonly observation: Float32Array;
  private readonly env: VectorEnv;
  private readonly space: Box;
  private readonly actions: TypedArray;
  /** float64 `[lanes, size]`: what the env shows, and what ended episodes were left in. */
  private readonly shown: Float64Array;
  private readonly shownRows: readonly Float64Array[];
  private readonly left: Float64Array;
  private readonly leftRows: readonly Float64Array[];
  private readonly ended: Uint8Array;

  /** @throws OPTION_INVALID for actions that are no bounded box of floats; DATA_TOO_LARGE. */
  constructor(env: VectorEnv, capacity: number) {
    this.env = env;
    this.space = requireBoundedBox('tdmpc2', env.actionSpace);
    this.observationSize = flatSizeOf(env.observationSpace);
    this.actionSize = flatSizeOf(this.space);
    const spec = {
      env: env.id,
      observationSpace: unbounded(Array.from({ length: this.observationSize }, (_, i) => `${i}`)),
      actionSpace: box({ low: -1, high: 1, shape: [this.actionSize] }),
      agents: 1,
    };
    this.replay = new ReplayBuffer(spec, { capacity, lanes: env.lanes });
    this.episodes = new EpisodeCount(env.lanes);
    this.observation = new Float32Array(env.lanes * this.observationSize);
    this.actions = allocate(env.actionSpace, env.lanes) as TypedArray;
    this.shown = new Float64Array(this.observation.length);
    this.shownRows = rowsOf(this.shown, env.lanes);
    this.left = new Float64Array(this.observation.length);
    this.leftRows = rowsOf(this.left, env.lanes);
    this.ended = new Uint8Array(env.lanes);
  }

  /** Begins an episode in every lane. @param seed - of the first lane. */
  async begin(seed: number): Promise<void> {
    this.ended.fill(1);
    this.open((await this.env.reset({ seed })).observation);
  }

  /**
   * One step of all lanes.
   * @param normalised - float32 `[lanes, actionSize]`.
   * @returns `[lanes]`, 1 where an episode ended, and another began; reused.
   */
  async step(normalised: Float32Array): Promise<Uint8Array> {
    const { env, actions, actionSize, ended } = this;
    for (let i = 0; i < actions.length; i++) actions[i] = toActionRange(this.space, i % actionSize, normalised[i]!);
    const result = await (env.stepNow ? env.stepNow(actions) : env.step(actions));
    for (let lane = 0; lane < env.lanes; lane++) ended[lane] = result.terminated[lane]! | result.truncated[lane]!;
    const hasEnd = ended.includes(1);
    flattenLanes(env.observationSpace, result.observation, this.shownRows, this.shown);
    if (hasEnd) flattenLanes(env.observationSpace, lastObservation(env, result), this.leftRows, this.left);
    for (let lane = 0; lane < env.lanes; lane++) this.keep(lane, normalised, result, (ended[lane] ? this.leftRows : this.shownRows)[lane]!);
    if (hasEnd) this.open(await nextObservation(env, result, ended));
    else this.observation.set(this.shown);
    return ended;
  }

  private keep(lane: number, normalised: Float32Array, result: VectorStepResult, next: Float64Array): void {
    const reward = rewardOf(result.reward, lane, this.env.agents);
    const action = normalised.subarray(lane * this.actionSize, (lane + 1) * this.actionSize);
    this.replay.add(lane, action, [reward], result.terminated[lane] === 1, result.truncated[lane] === 1, next);
    this.episodes.count(lane, reward, this.ended[lane] === 1);
  }

  /** Takes observations of all lanes in, of which those that ended begin. */
  private open(observation: Values): void {
    flattenLanes(this.env.observationSpace, observation, this.shownRows, this.shown);
    this.observation.set(this.shown);
    for (let lane = 0; lane < this.env.lanes; lane++) if (this.ended[lane]) this.replay.begin(lane, this.shownRows[lane]!);
  }
}

function rowsOf(all: Float64Array, lanes: number): Float64Array[] {
  const size = all.length / lanes;
  return Array.from({ length: lanes }, (_, lane) => all.subarray(lane * size, (lane + 1) * size));
}
