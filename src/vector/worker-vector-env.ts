import { SyncVectorEnv, type SyncVectorEnvOptions } from './sync-vector-env.ts';
import type { WorkerBackend, WorkerFacts } from './worker-backend.ts';

/** A vector env whose lanes are stepped by workers: the same results to the bit, and a crash costs the lanes of one worker only. */
export class WorkerVectorEnv extends SyncVectorEnv {
  private readonly workerBackend: WorkerBackend;

  constructor(backend: WorkerBackend, options: SyncVectorEnvOptions) {
    super(backend, options);
    this.workerBackend = backend;
  }

  /** Who works here now. */
  get workers(): readonly WorkerFacts[] {
    return this.workerBackend.workers;
  }
}
