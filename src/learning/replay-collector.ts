import type { VectorEnv, VectorStepResult } from '../core/vector-env.ts';
import { allocate, type Box, flatSizeOf, type TypedArray, type Values } from '../spaces/space.ts';
import { requireBoundedBox, toActionRange } from './action-scale.ts';
import { EpisodeCount } from './episode-count.ts';
import { flattenLanes, lastObservation, nextObservation, rewardOf } from './lane-steps.ts';
import { ReplayTables } from './replay-tables.ts';

/** Plays actions in all lanes and keeps every step as a row of a ring. */
export class ReplayCollector {
  readonly ring: ReplayTables;
  readonly episodes: EpisodeCount;
  /** float32 `[lanes, observationSize]`: what lanes show. */
  readonly observation: Float32Array;
  readonly actionSize: number;
  private readonly env: VectorEnv;
  private readonly box: Box;
  private readonly size: number;
  private readonly actions: TypedArray;
  private readonly shown: Float64Array;
  private readonly shownRows: readonly Float64Array[];
  /** `[lanes, size]`: what the last step led to, before lanes that ended were begun anew. */
  private readonly led: Float32Array;
  /** `[lanes]`, 1 where an episode ended on the last step. */
  private readonly mask: Uint8Array;

  /** @throws OPTION_INVALID for actions that are no bounded box of floats, DATA_TOO_LARGE. */
  constructor(who: string, env: VectorEnv, capacity: number) {
    const { lanes } = env;
    this.env = env;
    this.box = requireBoundedBox(who, env.actionSpace);
    this.size = flatSizeOf(env.observationSpace);
    this.actionSize = this.box.low.length;
    this.ring = new ReplayTables({ observationSize: this.size, actionSize: this.actionSize, capacity });
    this.episodes = new EpisodeCount(lanes);
    this.observation = new Float32Array(lanes * this.size);
    this.actions = allocate(env.actionSpace, lanes) as TypedArray;
    this.shown = new Float64Array(lanes * this.size);
    this.shownRows = Array.from({ length: lanes }, (_, lane) => this.shown.subarray(lane * this.size, (lane + 1) * this.size));
    this.led = new Float32Array(lanes * this.size);
    this.mask = new Uint8Array(lanes);
  }

  /** Begins an episode in every lane. @param seed - of the first lane. */
  async begin(seed: number): Promise<void> {
    this.look((await this.env.reset({ seed })).observation, this.observation);
  }

  /** One step of all lanes. @param normalised - `[lanes, actionSize]`, −1 … 1. */
  async step(normalised: Float32Array): Promise<void> {
    const { env, actions, box, actionSize } = this;
    for (let i = 0; i < actions.length; i++) actions[i] = toActionRange(box, i % actionSize, normalised[i]!);
    const result = await (env.stepNow ? env.stepNow(actions) : env.step(actions));
    const hasEnded = this.see(result);
    this.keep(result, normalised);
    if (hasEnded) this.look(await nextObservation(env, result, this.mask), this.observation);
    else this.observation.set(this.led);
  }

  /** Episodes under way are no longer counted: they will not be gone on with. */
  forgetEpisodes(): void {
    this.episodes.returns.fill(0);
    this.episodes.lengths.fill(0);
  }

  /** Takes in what the step led to. @returns whether any episode ended. */
  private see(result: VectorStepResult): boolean {
    const { env, mask, led, size } = this;
    for (let lane = 0; lane < env.lanes; lane++) mask[lane] = result.terminated[lane]! | result.truncated[lane]!;
    const hasEnded = mask.includes(1);
    this.look(result.observation, led);
    if (!hasEnded || env.autoreset !== 'sameStep') return hasEnded;
    flattenLanes(env.observationSpace, lastObservation(env, result), this.shownRows, this.shown);
    for (let lane = 0; lane < env.lanes; lane++) if (mask[lane]) led.set(this.shownRows[lane]!, lane * size);
    return true;
  }

  private keep({ reward, terminated }: VectorStepResult, normalised: Float32Array): void {
    const { env, observation, led, size, actionSize } = this;
    for (let lane = 0; lane < env.lanes; lane++) {
      const own = rewardOf(reward, lane, env.agents);
      const at = (values: Float32Array, width: number) => values.subarray(lane * width, (lane + 1) * width);
      this.ring.add(at(observation, size), at(normalised, actionSize), own, at(led, size), terminated[lane] === 0);
      this.episodes.count(lane, own, this.mask[lane] === 1);
    }
  }

  private look(observation: Values, into: Float32Array): void {
    flattenLanes(this.env.observationSpace, observation, this.shownRows, this.shown);
    into.set(this.shown);
  }
}
