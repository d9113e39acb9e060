/** Bytes of replies kept over all sessions. */
export interface SharedBytes {
  used: number;
  readonly limit: number;
}

/** The last replies of a session by request number, bounded in count and bytes; the latest is always kept. */
export class ReplyStore {
  private readonly frames = new Map<number, Uint8Array>();
  private bytes = 0;
  private readonly maxReplies: number;
  private readonly maxBytes: number;
  private readonly shared: SharedBytes;

  constructor(maxReplies: number, maxBytes: number, shared: SharedBytes) {
    this.maxReplies = maxReplies;
    this.maxBytes = maxBytes;
    this.shared = shared;
  }

  get(seq: number): Uint8Array | undefined {
    return this.frames.get(seq);
  }

  /** The lowest number kept, or the one asked for when none is. */
  oldest(otherwise: number): number {
    return this.frames.keys().next().value ?? otherwise;
  }

  add(seq: number, frame: Uint8Array): void {
    this.frames.set(seq, frame);
    this.count(frame.length);
    while (this.frames.size > 1 && this.isOver()) this.dropOldest();
  }

  clear(): void {
    this.count(-this.bytes);
    this.frames.clear();
  }

  private isOver(): boolean {
    return this.frames.size > this.maxReplies || this.bytes > this.maxBytes || this.shared.used > this.shared.limit;
  }

  private dropOldest(): void {
    const [seq, frame] = this.frames.entries().next().value!;
    this.frames.delete(seq);
    this.count(-frame.length);
  }

  private count(bytes: number): void {
    this.bytes += bytes;
    this.shared.used += bytes;
  }
}
