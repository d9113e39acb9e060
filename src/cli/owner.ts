import { guardProcess } from '../core/process-guard.ts';

/** How long a process that serves may take to leave after its owner is gone, wedged or not. */
const orphanLimit_ms = 5000;

/**
 * Resolves when the process that owns this one closes its standard input or is gone, however it ended: the system closes the pipe.
 * Signals to the whole group (Ctrl-C, a service being stopped) are the owner's to decide on.
 */
export function ownerGone(): Promise<void> {
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => {});
  guardProcess({ orphanLimit_ms });
  return new Promise((resolve) => {
    const done = () => resolve();
    process.stdin.once('close', done).once('end', done).once('error', done).resume();
  });
}

/**
 * Ends this process now, when all is closed. An ordinary exit would wait until V8 has compiled what WebAssembly it began to: with Node 20 for seconds,
 * at the end of each of the owner's programs.
 */
export function leaveAtOnce(): void {
  process.kill(process.pid, 'SIGKILL');
}
