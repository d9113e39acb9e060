import type { Clock } from '../wire/clock.ts';
import {
  type StartWorker,
  type WorkerConfig,
  WorkerDied,
  type WorkerLink,
  type WorkerReply,
  type WorkerRequest,
} from './worker-protocol.ts';

/** A worker that ends more often than `count` times within the span is not started again until the span is over. */
export const restartLimits = Object.freeze({ count: 5, span_ms: 60_000 });
/** A worker that has not come up by then is taken for dead. */
const startLimit_ms = 60_000;

export interface SeatOptions {
  readonly config: WorkerConfig;
  readonly start: StartWorker;
  readonly clock: Clock;
  /** How long a worker may take over one request; absent = as long as it likes. */
  readonly stepDeadline_ms?: number;
  /** Called when the worker here died: whatever it held is gone. */
  readonly onDeath: () => void;
}

/** One worker's place: keeps somebody in it, within limits. */
export class WorkerSeat {
  /** Workers begun after the first. */
  restarts = -1;
  /** How the last worker died, in words that go on from "worker 1 …". */
  whatHappened = 'was never there';
  private readonly options: SeatOptions;
  private link: WorkerLink | null = null;
  private coming: Promise<WorkerLink> | null = null;
  private deaths_ms: number[] = [];
  private closed = false;

  constructor(options: SeatOptions) {
    this.options = options;
  }

  /** Who works here now, if anybody does. */
  get current(): WorkerLink | null {
    return this.link;
  }

  /** Whether nobody is here and nobody may be sent for. */
  get isGivenUp(): boolean {
    return this.link === null && this.coming === null && !this.mayStart();
  }

  /** The worker here, or the next one once it is up. @throws WorkerDied when none comes up; whatever refuses the config. */
  ready(): Promise<WorkerLink> {
    if (this.link) return Promise.resolve(this.link);
    if (this.isGivenUp) return Promise.reject(new WorkerDied(this.whatHappened));
    this.coming ??= this.begin();
    return this.coming;
  }

  /** @throws WorkerDied */
  async call(request: WorkerRequest): Promise<WorkerReply> {
    const { link } = this;
    if (!link) throw new WorkerDied('is not there');
    const limit_ms = this.options.stepDeadline_ms;
    const inTime =
      limit_ms === undefined
        ? noLimit
        : this.options.clock.after(limit_ms, () => link.kill(`took longer than ${limit_ms} ms over a ${request.op} and was killed`));
    try {
      const reply = await link.call(request);
      if (reply.op !== 'failed') return reply;
      link.kill(reply.what);
      throw new WorkerDied(reply.what);
    } finally {
      inTime();
    }
  }

  async close(): Promise<void> {
    this.closed = true;
    const coming = this.coming?.catch(() => null);
    const link = this.link ?? (await coming);
    this.link = null;
    await link?.close();
  }

  private async begin(): Promise<WorkerLink> {
    try {
      const link = await this.startInTime();
      link.onDeath = (what) => this.loseLink(what);
      this.restarts += 1;
      if (!this.closed) this.link = link;
      return link;
    } catch (error) {
      this.noteDeath(error instanceof Error ? error.message : String(error));
      throw error;
    } finally {
      this.coming = null;
    }
  }

  private startInTime(): Promise<WorkerLink> {
    const { start, config, clock } = this.options;
    return new Promise((resolve, reject) => {
      let late = false;
      const inTime = clock.after(startLimit_ms, () => {
        late = true;
        reject(new WorkerDied(`did not come up within ${startLimit_ms / 1000} s`));
      });
      start(config)
        .then((link) => (late ? link.close() : resolve(link)), reject)
        .finally(inTime);
    });
  }

  private loseLink(what: string): void {
    this.link = null;
    this.noteDeath(what);
    this.options.onDeath();
    // At once, so that it is up when its lanes are reset; whoever needs it then meets what goes wrong.
    if (!this.closed && this.mayStart()) this.ready().catch(() => {});
  }

  private noteDeath(what: string): void {
    this.whatHappened = what;
    this.deaths_ms.push(this.options.clock.now_ms());
    if (this.deaths_ms.length > restartLimits.count + 1) this.deaths_ms.shift();
  }

  private mayStart(): boolean {
    const [oldest] = this.deaths_ms;
    return this.deaths_ms.length <= restartLimits.count || this.options.clock.now_ms() - oldest! > restartLimits.span_ms;
  }
}

const noLimit = () => {};
