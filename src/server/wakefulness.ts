import type { Clock } from '../wire/index.ts';

/** So long after a reply the next request is looked for instead of slept for. */
const span_ms = 0.1;
/** Where that was in vain so many times on end, so many replies are followed by sleep before it is tried again. */
const mostInVain = 3;
const asleepAfter = 64;

/**
 * Keeps the event loop from going to sleep between a reply and the request that follows at once: on virtual machines to be woken takes longer than a short step.
 * Who asks for the next step later, or from the same processor, pays for a few looks in vain once in so many replies.
 */
export class Wakefulness {
  private readonly clock: Clock;
  private until_ms = 0;
  /** Whether the event loop is kept going. */
  isAwake = false;
  private asleep = 0;
  private inVain = 0;

  constructor(clock: Clock) {
    this.clock = clock;
  }

  /** Called with every reply. */
  stay(): void {
    if (this.asleep > 0) {
      this.asleep -= 1;
      return;
    }
    this.until_ms = this.clock.now_ms() + span_ms;
    if (this.isAwake) {
      this.inVain = 0;
      return;
    }
    this.isAwake = true;
    setImmediate(this.look);
  }

  private readonly look = (): void => {
    this.isAwake = this.clock.now_ms() < this.until_ms;
    if (this.isAwake) setImmediate(this.look);
    else this.noteInVain();
  };

  private noteInVain(): void {
    this.inVain += 1;
    if (this.inVain < mostInVain) return;
    this.inVain = 0;
    this.asleep = asleepAfter;
  }
}
