/** Returns and lengths of the episodes under way, and of those that ended since they were last asked for. */
export class EpisodeCount {
  /** `[lanes]`, of the episodes under way. */
  readonly returns: Float64Array;
  readonly lengths: Float64Array;
  private ended = { count: 0, return: 0, length: 0 };

  constructor(lanes: number) {
    this.returns = new Float64Array(lanes);
    this.lengths = new Float64Array(lanes);
  }

  count(lane: number, reward: number, isEnd: boolean): void {
    this.returns[lane]! += reward;
    this.lengths[lane]!++;
    if (!isEnd) return;
    this.ended.count++;
    this.ended.return += this.returns[lane]!;
    this.ended.length += this.lengths[lane]!;
    this.returns[lane] = 0;
    this.lengths[lane] = 0;
  }

  /** Means over the episodes that ended, null if none did; and forgets them. */
  take(): { readonly episodes: number; readonly return: number | null; readonly length: number | null } {
    const { count, return: sum, length } = this.ended;
    this.ended = { count: 0, return: 0, length: 0 };
    return { episodes: count, return: count > 0 ? sum / count : null, length: count > 0 ? length / count : null };
  }
}
