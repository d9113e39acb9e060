import { GroundtwinError } from '../errors.ts';
import type { Rng } from '../math/rng.ts';
import { copyValues } from '../spaces/space.ts';
import { bytesOfEpisode, type Episode, type EpisodeSet, type EpisodeSpec, requireWhole, rowsOf } from './episode.ts';
import { allocateSequences, requireHorizon, requireWindows, type SequenceBatch } from './sequence-batch.ts';
import { WindowDraw } from './window-draw.ts';

/** 1 GiB: what a store holds unless said otherwise. */
export const defaultStoreBytes = 2 ** 30;
/** Episodes of one store. */
export const maxEpisodes = 2 ** 20;

/** Whole episodes in memory, up to a limit; recording appends to it, formats read and write it. */
export class EpisodeStore implements EpisodeSet {
  readonly spec: EpisodeSpec;
  readonly maxBytes: number;
  private readonly held: Episode[] = [];
  private heldBytes = 0;
  private heldSteps = 0;
  /** Of the horizon last asked for, until an episode is added. */
  private draw: { readonly horizon: number; readonly of: WindowDraw } | undefined;

  /** @param options - `maxBytes` of all columns together. */
  constructor(spec: EpisodeSpec, options: { readonly maxBytes?: number } = {}) {
    this.spec = spec;
    this.maxBytes = options.maxBytes ?? defaultStoreBytes;
  }

  get episodes(): readonly Episode[] {
    return this.held;
  }

  get bytes(): number {
    return this.heldBytes;
  }

  get steps(): number {
    return this.heldSteps;
  }

  /** Keeps the episode itself, not a copy. @throws DATA_INVALID when a column has the wrong length, DATA_TOO_LARGE beyond the limit. */
  add(episode: Episode): void {
    requireWhole(this.spec, episode, 'the episode');
    const bytes = this.heldBytes + bytesOfEpisode(episode);
    if (bytes > this.maxBytes) throw new GroundtwinError('DATA_TOO_LARGE', { what: 'The episode store', bytes, maxBytes: this.maxBytes });
    if (this.held.length >= maxEpisodes)
      throw new GroundtwinError('DATA_INVALID', { path: 'the episode store', problem: `it holds at most ${maxEpisodes} episodes` });
    this.held.push(episode);
    this.heldBytes = bytes;
    this.heldSteps += episode.steps;
    this.draw = undefined;
  }

  /**
   * Draws sequences of `horizon` steps with replacement, each window of the store equally likely; none crosses an episode's end.
   * @throws OPTION_INVALID when no episode is that long.
   */
  sample(count: number, horizon: number, rng: Rng): SequenceBatch {
    const { observationSpace, actionSpace, agents } = this.spec;
    requireHorizon('EpisodeStore', horizon);
    const draw = this.drawOf(horizon);
    requireWindows('EpisodeStore', draw.windows, horizon);
    const batch = allocateSequences(this.spec, count, horizon);
    for (let i = 0; i < count; i++) {
      const { run, offset } = draw.draw(rng);
      const episode = this.held[run]!;
      const [end, at] = [offset + horizon, i * horizon];
      const seen = rowsOf(observationSpace, batch.observation, i * (horizon + 1), (i + 1) * (horizon + 1));
      copyValues(rowsOf(observationSpace, episode.observation, offset, end + 1), seen);
      copyValues(rowsOf(actionSpace, episode.action, offset, end), rowsOf(actionSpace, batch.action, at, at + horizon));
      batch.reward.set(episode.reward.subarray(offset * agents, end * agents), at * agents);
      batch.terminated.set(episode.terminated.subarray(offset, end), at);
      batch.truncated.set(episode.truncated.subarray(offset, end), at);
    }
    return batch;
  }

  private drawOf(horizon: number): WindowDraw {
    if (this.draw?.horizon !== horizon) {
      const lengths = this.held.map(({ steps }) => steps);
      this.draw = { horizon, of: new WindowDraw(lengths, horizon) };
    }
    return this.draw.of;
  }
}
