/** What a worker is asked and answers, whatever carries it. Arrays of every step travel in the block, see worker-block.ts. */
import type { LaneState } from '../core/picture.ts';
import type { WireError } from '../wire/error-form.ts';
import type { BackendDescription, Block } from './worker-block.ts';

/** Plain data: it is cloned on its way. */
export interface WorkerConfig {
  readonly id: string;
  readonly lanes: number;
  /** Modules whose exported tasks the worker registers: file URLs. */
  readonly taskModules: readonly string[];
  /** Passed on to whoever builds the backend. */
  readonly options: Readonly<Record<string, unknown>>;
}

export type WorkerRequest =
  /** Inputs in the block: actions, active. */
  | { readonly op: 'step' }
  /** Inputs in the block: mask, seeds. */
  | { readonly op: 'reset'; readonly params?: Readonly<Record<string, number>> }
  | { readonly op: 'save'; readonly lane: number }
  | { readonly op: 'look'; readonly lane: number; readonly side?: 'truth' | 'model' }
  | { readonly op: 'load'; readonly lane: number; readonly state: Uint8Array }
  | { readonly op: 'perturb'; readonly lane: number; readonly params: Readonly<Record<string, number>> }
  | { readonly op: 'close' };

export type WorkerReply =
  /** Outputs in the block; `problems` of the lanes that have one, `state` of a save, `seen` of a look. */
  | { readonly op: 'done'; readonly problems?: readonly LaneProblem[]; readonly state?: Uint8Array; readonly seen?: LaneState }
  /** Nothing was changed. */
  | { readonly op: 'refused'; readonly error: WireError }
  /** The worker can no longer be trusted. */
  | { readonly op: 'failed'; readonly what: string };

/** The first thing a worker says. */
export type WorkerGreeting =
  | { readonly op: 'ready'; readonly description: BackendDescription; readonly shared?: ArrayBufferLike }
  | Exclude<WorkerReply, { op: 'done' }>;

/** `lane` counts from the worker's first. */
export interface LaneProblem {
  readonly lane: number;
  readonly error: WireError;
}

export type Isolation = 'process' | 'thread';

/** The parent's end of one worker. One call at a time. */
export interface WorkerLink {
  readonly isolation: Isolation;
  /** Process id, or thread id. */
  readonly id: number;
  readonly description: BackendDescription;
  readonly block: Block;
  /** Called once when the worker ended without being asked to, also between calls: why, in words that go on from "worker 1 …". */
  onDeath: (what: string) => void;
  /** @throws WorkerDied */
  call(request: WorkerRequest): Promise<WorkerReply>;
  /** Ends it at once; a call under way is rejected with `why`. */
  kill(why: string): void;
  /** Ends it in good order, or by force when that takes too long. */
  close(): Promise<void>;
}

/** @throws GroundtwinError when the worker refuses the config, WorkerDied when it did not come up. */
export type StartWorker = (config: WorkerConfig) => Promise<WorkerLink>;
export type WorkerStarters = Readonly<Record<Isolation, StartWorker>>;

/** Inside this folder only: the backend turns it into ENV_CRASHED or WORKER_FAILED. */
export class WorkerDied extends Error {
  constructor(what: string) {
    super(what);
    this.name = 'WorkerDied';
  }
}

/** Moves the lane an error speaks of from the worker's count to the env's. */
export function withLaneMoved(error: WireError, firstLane: number): WireError {
  const details = error.details as { readonly lane?: unknown } | undefined;
  return typeof details?.lane === 'number' ? { ...error, details: { ...details, lane: details.lane + firstLane } } : error;
}
