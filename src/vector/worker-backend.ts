/**
 * A backend whose lanes are stepped by workers, each with a physics module of its own. Lanes stay where they are: worker 0 has the first, worker 1 the next.
 * A worker that dies costs its own lanes their episode and nothing else; what runs above (wrappers, autoreset, checks) never leaves the parent.
 */

import type { Backend, BackendKind, ResetRequest, StepBatch } from '../core/backend.ts';
import type { LaneState } from '../core/picture.ts';
import { GroundtwinError } from '../errors.ts';
import type { Space, TypedArray, Values } from '../spaces/space.ts';
import type { Clock } from '../wire/clock.ts';
import { errorFromWire } from '../wire/error-form.ts';
import { allocateOutputs, type BackendDescription, leavesOf, valuesLeaves } from './worker-block.ts';
import { WorkerLanes } from './worker-lanes.ts';
import { type Isolation, type StartWorker, WorkerDied, type WorkerReply, type WorkerRequest, withLaneMoved } from './worker-protocol.ts';
import { restartLimits, WorkerSeat } from './worker-seat.ts';

export interface WorkerBackendOptions {
  readonly id: string;
  readonly lanes: number;
  readonly workers: number;
  readonly isolation: Isolation;
  readonly start: StartWorker;
  readonly clock: Clock;
  readonly stepDeadline_ms?: number;
  readonly taskModules?: readonly string[];
  readonly options?: Readonly<Record<string, unknown>>;
}

/** One worker, for tests and operators. */
export interface WorkerFacts {
  readonly isolation: Isolation;
  /** Process id or thread id; null while a new one is being started. */
  readonly id: number | null;
  readonly firstLane: number;
  readonly lanes: number;
  /** Workers that died in this place and were replaced. */
  readonly restarts: number;
}

/** A seat, and what the backend knows of its lanes, counted from its first. */
interface Crew {
  readonly index: number;
  readonly firstLane: number;
  readonly lanes: number;
  readonly seat: WorkerSeat;
  /** `[lanes]`, 1 = whatever ran here went down with a worker; until reset or loaded. */
  readonly lost: Uint8Array;
  arrays: WorkerLanes | null;
  /** Number of its last answer among all. */
  answered: number;
}

const step: WorkerRequest = Object.freeze({ op: 'step' });

export class WorkerBackend implements Backend {
  readonly id: string;
  readonly kind: BackendKind;
  readonly lanes: number;
  readonly agents: number;
  readonly observationSpace: Space;
  readonly actionSpace: Space;
  readonly controlDt_s: number;
  readonly canBranch: boolean;
  readonly fingerprint: string;
  readonly batch: StepBatch;
  private readonly isolation: Isolation;
  private readonly crews: readonly Crew[];
  /** Of the batch as workers know it: wrappers may add columns of their own. */
  private readonly leaves: readonly TypedArray[];
  /**
   * Who answered last is asked first. On Linux two workers may end up on one processor while another stands idle: one that has just run is not moved, one that slept longer is,
   * so the latter had better be the one that is woken onto a busy processor.
   */
  private readonly wakeOrder: Crew[];
  private answers = 0;
  private closed = false;

  /** @throws WORKER_FAILED when a worker does not come up, and whatever refuses the env in it. */
  static async start(options: WorkerBackendOptions): Promise<WorkerBackend> {
    const crews = crewsFor(options);
    const started = await Promise.allSettled(crews.map(({ seat }) => seat.ready()));
    const failed = started.findIndex(({ status }) => status === 'rejected');
    if (failed === -1) return new WorkerBackend(options, crews);
    await Promise.all(crews.map(({ seat }) => seat.close()));
    const { reason } = started[failed] as PromiseRejectedResult;
    throw reason instanceof WorkerDied
      ? new GroundtwinError('WORKER_FAILED', { env: options.id, worker: failed, what: reason.message })
      : reason;
  }

  private constructor({ lanes, isolation }: WorkerBackendOptions, crews: readonly Crew[]) {
    const first = crews[0]!.seat.current!.description;
    const description: BackendDescription = { ...first, lanes };
    this.id = description.id;
    this.kind = description.kind;
    this.lanes = lanes;
    this.agents = description.agents;
    this.observationSpace = description.observationSpace;
    this.actionSpace = description.actionSpace;
    this.controlDt_s = description.controlDt_s;
    this.canBranch = description.canBranch;
    this.fingerprint = description.fingerprint;
    const outputs = allocateOutputs(description);
    this.batch = { ...outputs, problems: new Array<GroundtwinError | null>(lanes).fill(null) };
    this.leaves = leavesOf(outputs);
    this.isolation = isolation;
    this.crews = crews;
    this.wakeOrder = [...crews];
  }

  get workers(): WorkerFacts[] {
    return this.crews.map(({ seat, firstLane, lanes }) => ({
      isolation: this.isolation,
      id: seat.current?.id ?? null,
      firstLane,
      lanes,
      restarts: seat.restarts,
    }));
  }

  /** A crash is no error of the step: its lanes are cut off with ENV_CRASHED. @throws WORKER_FAILED, before any lane moves, while a worker is not started again. */
  async step(actions: Values, active: Uint8Array): Promise<void> {
    for (const crew of this.crews) if (crew.seat.isGivenUp) throw this.givenUp(crew);
    this.wakeOrder.sort((a, b) => b.answered - a.answered);
    await Promise.all(this.wakeOrder.map((crew) => this.stepCrew(crew, actions, active)));
    for (const crew of this.crews)
      for (let lane = 0; lane < crew.lanes; lane++) if (crew.lost[lane] && active[crew.firstLane + lane]) this.cutOff(crew, lane);
  }

  /** @throws ENV_CRASHED when a worker dies, and the next one too; WORKER_FAILED; whatever refuses the parameters. */
  async reset(request: ResetRequest): Promise<void> {
    const concerned = this.crews.filter(({ firstLane, lanes }) => request.mask.subarray(firstLane, firstLane + lanes).includes(1));
    // Parameters are checked even where no lane is to be reset.
    const crews = concerned.length === 0 && request.params ? this.crews.slice(0, 1) : concerned;
    const ended = await Promise.allSettled(crews.map((crew) => this.resetCrew(crew, request)));
    const failed = ended.find((end) => end.status === 'rejected');
    if (!failed) return;
    // Who sent for this reset holds it for undone: where it was done all the same, the episode is not to go on unnoticed.
    for (const [i, { firstLane, lanes, lost }] of crews.entries())
      if (ended[i]!.status === 'fulfilled') for (let lane = 0; lane < lanes; lane++) lost[lane]! |= request.mask[firstLane + lane]!;
    throw failed.reason;
  }

  /** @throws ENV_CRASHED when the lane went down with its worker, or does so now. */
  async save(lane: number): Promise<Uint8Array> {
    const crew = this.crewOf(lane);
    const local = lane - crew.firstLane;
    if (crew.lost[local]) throw this.crashed(crew, local);
    const { state } = await this.ask(crew, local, { op: 'save', lane: local });
    return state!;
  }

  /** @throws ENV_CRASHED; OPTION_INVALID. */
  async stateOf(lane: number, side?: 'truth' | 'model'): Promise<LaneState> {
    const crew = this.crewOf(lane);
    const local = lane - crew.firstLane;
    if (crew.lost[local]) throw this.crashed(crew, local);
    const { seen } = await this.ask(crew, local, side ? { op: 'look', lane: local, side } : { op: 'look', lane: local });
    return seen!;
  }

  /** @throws ENV_CRASHED; SNAPSHOT_INVALID, SNAPSHOT_FOREIGN. */
  async load(lane: number, state: Uint8Array): Promise<void> {
    const crew = this.crewOf(lane);
    const local = lane - crew.firstLane;
    await this.ask(crew, local, { op: 'load', lane: local, state });
    this.arraysOf(crew)?.takeLane(local);
    this.batch.problems[lane] = null;
    crew.lost[local] = 0;
  }

  /** @throws ENV_CRASHED; OPTION_INVALID, SCENE_INVALID. */
  async perturb(lane: number, params: Readonly<Record<string, number>>): Promise<void> {
    const crew = this.crewOf(lane);
    const local = lane - crew.firstLane;
    if (crew.lost[local]) throw this.crashed(crew, local);
    await this.ask(crew, local, { op: 'perturb', lane: local, params });
    this.arraysOf(crew)?.takeLane(local);
  }

  async close(): Promise<void> {
    this.closed = true;
    await Promise.all(this.crews.map(({ seat }) => seat.close()));
  }

  private async stepCrew(crew: Crew, actions: Values, active: Uint8Array): Promise<void> {
    try {
      const arrays = this.arraysOf(crew);
      if (!arrays?.putStep(actions, active, crew.lost)) return;
      const reply = await crew.seat.call(step);
      this.answers += 1;
      crew.answered = this.answers;
      arrays.takeStepped();
      this.noteProblems(crew, arrays.stepped, reply);
    } catch (error) {
      this.passOnUnlessDied(error);
    }
  }

  private async resetCrew(crew: Crew, request: ResetRequest): Promise<void> {
    for (let attempt = 0; attempt < 2; attempt++) {
      try {
        await crew.seat.ready();
        return await this.resetOnce(crew, request);
      } catch (error) {
        this.passOnUnlessDied(error);
      }
    }
    if (crew.seat.isGivenUp) throw this.givenUp(crew);
    throw this.crashed(crew, Math.max(0, request.mask.subarray(crew.firstLane).indexOf(1)));
  }

  private async resetOnce(crew: Crew, { mask, seeds, params }: ResetRequest): Promise<void> {
    const arrays = this.arraysOf(crew);
    if (!arrays) throw new WorkerDied(crew.seat.whatHappened);
    arrays.putReset(mask, seeds);
    const reply = await crew.seat.call(params ? { op: 'reset', params } : { op: 'reset' });
    if (reply.op === 'refused') throw errorFromWire(withLaneMoved(reply.error, crew.firstLane));
    arrays.takeReset();
    this.noteProblems(crew, arrays.wasReset, reply);
    for (let lane = 0; lane < crew.lanes; lane++) if (arrays.wasReset[lane]) crew.lost[lane] = 0;
  }

  private async ask(crew: Crew, lane: number, request: WorkerRequest): Promise<Extract<WorkerReply, { op: 'done' }>> {
    try {
      await crew.seat.ready();
      const reply = await crew.seat.call(request);
      if (reply.op === 'done') return reply;
      throw reply.op === 'refused' ? errorFromWire(withLaneMoved(reply.error, crew.firstLane)) : new WorkerDied(reply.what);
    } catch (error) {
      this.passOnUnlessDied(error);
      throw crew.seat.isGivenUp ? this.givenUp(crew) : this.crashed(crew, lane);
    }
  }

  /** Null while nobody works there. A new worker brings a block of its own. @throws WORKER_FAILED when it holds another scene than the first. */
  private arraysOf(crew: Crew): WorkerLanes | null {
    const link = crew.seat.current;
    if (!link) return null;
    if (crew.arrays?.block === link.block) return crew.arrays;
    if (link.description.fingerprint !== this.fingerprint)
      throw new GroundtwinError('WORKER_FAILED', {
        env: this.id,
        worker: crew.index,
        what: 'came up with another scene or engine than the others',
      });
    crew.arrays = new WorkerLanes(link.block, this.leaves, crew.firstLane);
    return crew.arrays;
  }

  private noteProblems(crew: Crew, mask: Uint8Array, reply: WorkerReply): void {
    const { problems } = this.batch;
    for (let lane = 0; lane < crew.lanes; lane++) if (mask[lane]) problems[crew.firstLane + lane] = null;
    if (reply.op !== 'done') return;
    for (const { lane, error } of reply.problems ?? [])
      if (mask[lane]) problems[crew.firstLane + lane] = errorFromWire(withLaneMoved(error, crew.firstLane));
  }

  /** Keeps the last good observation; the lane must be reset. */
  private cutOff(crew: Crew, local: number): void {
    const lane = crew.firstLane + local;
    const { batch } = this;
    for (const column of this.leaves.slice(valuesLeaves(batch.observation).length)) {
      const width = column.length / this.lanes;
      column.fill(0, lane * width, (lane + 1) * width);
    }
    batch.truncated[lane] = 1;
    batch.problems[lane] = this.crashed(crew, local);
  }

  private crashed({ index, firstLane, seat }: Crew, local: number): GroundtwinError {
    return new GroundtwinError('ENV_CRASHED', { env: this.id, lane: firstLane + local, worker: index, what: seat.whatHappened });
  }

  private givenUp({ index, seat }: Crew): GroundtwinError {
    const { count, span_ms } = restartLimits;
    const what = `ended more than ${count} times within ${span_ms / 1000} s and is not started again until that time is over (it ${seat.whatHappened})`;
    return new GroundtwinError('WORKER_FAILED', { env: this.id, worker: index, what });
  }

  private passOnUnlessDied(error: unknown): void {
    if (this.closed) throw new GroundtwinError('ENV_CLOSED', { env: this.id });
    if (!(error instanceof WorkerDied)) throw error;
  }

  private crewOf(lane: number): Crew {
    return this.crews.find(({ firstLane, lanes }) => lane < firstLane + lanes)!;
  }
}

/** Lanes in rows of equal length, give or take one. */
function crewsFor(options: WorkerBackendOptions): Crew[] {
  const { id, lanes, workers, start, clock, stepDeadline_ms, taskModules = [] } = options;
  return Array.from({ length: workers }, (_, index) => {
    const firstLane = Math.floor((index * lanes) / workers);
    const count = Math.floor(((index + 1) * lanes) / workers) - firstLane;
    const lost = new Uint8Array(count);
    const config = { id, lanes: count, taskModules, options: options.options ?? {} };
    const deadline = stepDeadline_ms === undefined ? {} : { stepDeadline_ms };
    const seat = new WorkerSeat({ config, start, clock, onDeath: () => void lost.fill(1), ...deadline });
    return { index, firstLane, lanes: count, seat, lost, arrays: null, answered: 0 };
  });
}
