import { startProcess } from './process-worker.ts';
import { startThread } from './thread-worker.ts';
import type { WorkerStarters } from './worker-protocol.ts';

/** Workers on Node. @param url - the env worker root, TypeScript in a checkout and JavaScript in a package. */
export function nodeWorkers(url: URL): WorkerStarters {
  return Object.freeze({ process: (config) => startProcess(url, config), thread: (config) => startThread(url, config) });
}
