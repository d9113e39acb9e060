/** The worker's side: a backend that answers requests, with arrays copied to and from the block. */
import type { Backend } from '../core/backend.ts';
import { isGroundtwinError } from '../errors.ts';
import type { TypedArray } from '../spaces/space.ts';
import { errorToWire } from '../wire/error-form.ts';
import { type BackendDescription, type Block, describeBackend, leavesOf } from './worker-block.ts';
import type { LaneProblem, WorkerConfig, WorkerReply, WorkerRequest } from './worker-protocol.ts';

export type BuildBackend = (config: WorkerConfig) => Promise<Backend>;

/** Answers one request at a time. */
export class WorkerHost {
  readonly description: BackendDescription;
  private readonly backend: Backend;
  private readonly block: Block;
  private readonly from: readonly TypedArray[];
  private readonly into: readonly TypedArray[];

  constructor(backend: Backend, layOut: (description: BackendDescription) => Block) {
    this.backend = backend;
    this.description = describeBackend(backend);
    this.block = layOut(this.description);
    this.from = leavesOf(backend.batch);
    this.into = leavesOf(this.block.outputs);
  }

  async answer(request: WorkerRequest): Promise<WorkerReply> {
    try {
      return await this.carryOut(request);
    } catch (error) {
      return replyTo(error, request.op);
    }
  }

  private async carryOut(request: WorkerRequest): Promise<WorkerReply> {
    const { backend, block } = this;
    switch (request.op) {
      case 'step': {
        const pending = backend.step(block.actions, block.active);
        if (pending) await pending;
        return this.shown();
      }
      case 'reset': {
        const { mask, seeds } = block;
        await backend.reset(request.params ? { mask, seeds, params: request.params } : { mask, seeds });
        return this.shown();
      }
      case 'save':
        return { op: 'done', state: await backend.save(request.lane) };
      case 'look':
        return { op: 'done', seen: await backend.stateOf!(request.lane, request.side) };
      case 'load':
        await backend.load(request.lane, request.state);
        return this.shown();
      case 'perturb':
        await backend.perturb!(request.lane, request.params);
        return this.shown();
      case 'close':
        await backend.close();
        return { op: 'done' };
    }
  }

  private shown(): WorkerReply {
    for (let i = 0; i < this.from.length; i++) this.into[i]!.set(this.from[i]!);
    const problems = this.problems();
    return problems ? { op: 'done', problems } : allWell;
  }

  private problems(): LaneProblem[] | null {
    let found: LaneProblem[] | null = null;
    const { problems } = this.backend.batch;
    for (let lane = 0; lane < problems.length; lane++) {
      const error = problems[lane];
      if (!error) continue;
      found ??= [];
      found.push({ lane, error: errorToWire(error) });
    }
    return found;
  }
}

/** The reply of nearly every step. */
export const allWell: WorkerReply = Object.freeze({ op: 'done' });

/** A typed error refuses a request and leaves everything as it was; after any other, or in a step, nobody knows what state the lanes are in. */
export function replyTo(error: unknown, op: WorkerRequest['op'] | 'start'): Exclude<WorkerReply, { op: 'done' }> {
  if (isGroundtwinError(error) && op !== 'step') return { op: 'refused', error: errorToWire(error) };
  return { op: 'failed', what: `failed in ${op}: ${textOf(error)}` };
}

const longestText = 300;

export function textOf(error: unknown): string {
  return (error instanceof Error ? `${error.name}: ${error.message}` : String(error)).slice(0, longestText);
}
