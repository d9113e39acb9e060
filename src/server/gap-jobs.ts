/** Gaps that a session has the server measure: each in a process of its own, asked after now and then, ended by its deadline, by who asked, or with the session. */
import { GroundtwinError } from '../errors.ts';
import { type Clock, type Request, Tensor } from '../wire/index.ts';
import type { ModelBytes } from '../world-model/model-folder.ts';
import type { Answer } from './hosted-env.ts';
import type { ServerLimits } from './limits.ts';

export type GapRequest = Omit<Request<'gap'>, 'deadline_s'>;

export interface GapRun {
  /** The report's JSON in UTF-8. Rejects with whatever went wrong. */
  readonly report: Promise<Uint8Array>;
  /** Ends it; `report` need not settle then. */
  cancel(): void;
}

/**
 * Begins to measure a gap, off this thread.
 * @param model - one that the caller uploaded, which `request.model` names by its id. @throws for what can be refused at once.
 */
export type MeasureGap = (
  request: GapRequest,
  model: ModelBytes | undefined,
  onProgress: (stage: string, done: number, of: number) => void,
) => GapRun;

/** Of all sessions. */
export interface SharedGaps {
  readonly measure: MeasureGap | undefined;
  readonly clock: Clock;
  readonly limits: ServerLimits;
  running: number;
}

interface Job {
  stage: string;
  done: number;
  of: number;
  outcome: { readonly report: Uint8Array } | { readonly error: unknown } | undefined;
  /** Stops what runs; nothing where it has ended. */
  end(): void;
}

export class GapJobs {
  private readonly shared: SharedGaps;
  private readonly jobs = new Map<number, Job>();
  private lastJob = 0;

  constructor(shared: SharedGaps) {
    this.shared = shared;
  }

  /** @returns its number in this session. @throws CALL_UNSUPPORTED, CAPACITY, OPTION_INVALID, and what is refused at once. */
  begin({ deadline_s, ...request }: Request<'gap'>, model: ModelBytes | undefined): number {
    const { measure, limits } = this.shared;
    if (!measure)
      throw new GroundtwinError('CALL_UNSUPPORTED', { env: request.id.slice(0, 100), call: 'gap', why: 'this server measures no gaps' });
    const limit_ms = limitOf(deadline_s, limits.gap_ms);
    this.reserve();
    const job: Job = { stage: 'starting', done: 0, of: 1, outcome: undefined, end: () => {} };
    const run = measure(request, model, (stage, done, of) => Object.assign(job, { stage, done, of }));
    this.watch(job, run, limit_ms);
    this.lastJob += 1;
    this.jobs.set(this.lastJob, job);
    return this.lastJob;
  }

  /** @throws OPTION_INVALID for a number there is none of; what ended the job, each time it is asked. */
  look(number: number): Answer {
    const { stage, done, of, outcome } = this.job(number);
    if (!outcome) return { state: 'running', stage, done, of };
    if ('error' in outcome) throw outcome.error;
    return { state: 'done', stage, done, of, report: new Tensor(outcome.report, [outcome.report.length]) };
  }

  /** Ends it, if it still runs, and forgets it. @throws OPTION_INVALID. */
  cancel(number: number): void {
    this.job(number).end();
    this.jobs.delete(number);
  }

  close(): void {
    for (const job of this.jobs.values()) job.end();
    this.jobs.clear();
  }

  private job(number: number): Job {
    const job = this.jobs.get(number);
    if (job) return job;
    throw new GroundtwinError('OPTION_INVALID', {
      who: 'gap',
      option: 'job',
      value: String(number),
      allowed: 'one that this session began and has not cancelled',
    });
  }

  /** Results that nobody fetched make room for what is asked now. */
  private reserve(): void {
    const { maxGaps, maxGapsPerSession } = this.shared.limits;
    for (const [number, { outcome }] of this.jobs) if (outcome) this.jobs.delete(number);
    if (this.jobs.size >= maxGapsPerSession)
      throw new GroundtwinError('CAPACITY', { what: 'gaps a session at once', limit: maxGapsPerSession });
    if (this.shared.running >= maxGaps) throw new GroundtwinError('CAPACITY', { what: 'gaps at once', limit: maxGaps });
  }

  private watch(job: Job, run: GapRun, limit_ms: number): void {
    const { shared } = this;
    shared.running += 1;
    let isOver = false;
    const settle = (outcome: Job['outcome']) => {
      if (isOver) return;
      isOver = true;
      shared.running -= 1;
      disarm();
      job.outcome = outcome;
    };
    job.end = () => {
      if (isOver) return;
      run.cancel();
      settle(undefined);
    };
    const disarm = shared.clock.after(limit_ms, () => {
      run.cancel();
      settle({ error: new GroundtwinError('STEP_DEADLINE', { op: 'gap', limit_s: limit_ms / 1000 }) });
    });
    run.report.then(
      (report) => settle({ report }),
      (error: unknown) => settle({ error }),
    );
  }
}

function limitOf(deadline_s: number | undefined, most_ms: number): number {
  if (deadline_s === undefined) return most_ms;
  if (deadline_s > 0) return Math.min(most_ms, deadline_s * 1000);
  throw new GroundtwinError('OPTION_INVALID', {
    who: 'gap',
    option: 'deadline_s',
    value: String(deadline_s),
    allowed: `a number of seconds above 0; ${most_ms / 1000} is the most`,
  });
}
