import { Worker } from 'node:worker_threads';

export interface ProcessGuard {
  /** How long this process may be busy after its parent is gone before it is ended. */
  readonly orphanLimit_ms: number;
  /** Resident memory of this process, bytes, beyond which it is ended with `memorySignal`; absent = no limit. */
  readonly memoryLimit_bytes?: number;
}

/** Ends a process that took too much memory; its parent tells it from other ends by this signal. Windows knows no other than SIGKILL. */
export const memorySignal: NodeJS.Signals = process.platform === 'win32' ? 'SIGKILL' : 'SIGUSR2';
/** Memory can be written at some GB/s. */
const look_ms = 10;

/**
 * Guards a child process against what it cannot see itself while it is wedged in a call: that its parent is gone, or that memory runs out.
 * A thread with nothing else to do watches for it: the standard input, which is open exactly as long as the parent lives and wants the child, and the memory.
 */
export function guardProcess({ orphanLimit_ms, memoryLimit_bytes }: ProcessGuard): void {
  const watch = `
    const { Socket } = require('node:net');
    const end = () => setTimeout(() => process.kill(process.pid, 'SIGKILL'), ${orphanLimit_ms});
    new Socket({ fd: 0, readable: true, writable: false }).on('close', end).on('error', () => {}).resume();
    const limit = ${memoryLimit_bytes ?? 'Infinity'};
    const look = () => process.memoryUsage.rss() > limit && process.kill(process.pid, '${memorySignal}');
    if (limit < Infinity) setInterval(look, ${look_ms});`;
  new Worker(watch, { eval: true, execArgv: [], resourceLimits: { maxOldGenerationSizeMb: 8, maxYoungGenerationSizeMb: 2 } }).unref();
}
