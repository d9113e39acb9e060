import type { Clock } from '../wire/clock.ts';

/**
 * Holds steps back to a rhythm. Step k is due one period after step k − 1 was. Who is late by up to a period may catch up; after more than that the rhythm begins anew from now:
 * a pause (a breakpoint, a slow policy) is not followed by a rush of steps without any time between them.
 */
export class Pacer {
  private readonly clock: Clock;
  private readonly period_ms: number;
  private due_ms = Number.NEGATIVE_INFINITY;
  private stop: (() => void) | null = null;

  constructor(clock: Clock, period_ms: number) {
    this.clock = clock;
    this.period_ms = period_ms;
  }

  /** Called as a step begins. */
  begin(): void {
    const next_ms = this.due_ms + this.period_ms;
    const now_ms = this.clock.now_ms();
    this.due_ms = now_ms - next_ms > this.period_ms ? now_ms + this.period_ms : next_ms;
  }

  /** Resolves when the step is due. Timers may ring early: then it waits again. */
  async wait(): Promise<void> {
    for (let left_ms = this.left_ms(); left_ms > 0; left_ms = this.left_ms()) await this.sleep(left_ms);
  }

  /** Ends a wait under way. */
  cancel(): void {
    this.due_ms = Number.NEGATIVE_INFINITY;
    this.stop?.();
  }

  private left_ms(): number {
    return this.due_ms - this.clock.now_ms();
  }

  private sleep(delay_ms: number): Promise<void> {
    return new Promise((resolve) => {
      const callOff = this.clock.after(delay_ms, () => {
        this.stop = null;
        resolve();
      });
      this.stop = () => {
        callOff();
        this.stop = null;
        resolve();
      };
    });
  }
}
