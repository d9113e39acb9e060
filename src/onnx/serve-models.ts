/** The child's end of an isolated runtime. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { guardProcess } from '../core/process-guard.ts';
import { GroundtwinError, isGroundtwinError } from '../errors.ts';
import { type ModelReply, type ModelRequest, mostReturned_bytes } from './isolated-runtime.ts';
import type { OnnxRuntime, OnnxSession, OnnxTensor } from './runtime.ts';

/** How long a call may go on after the parent is gone. */
const orphanLimit_ms = 1000;
/** Of address space that is never touched: thread stacks, and what allocators hold ready. */
const slack_bytes = 512e6;

/**
 * Serves models until the parent goes away.
 * @param memory_MB - that models may take together, beyond what this process has now.
 */
export function serveModels(channel: NodeJS.Process, runtime: OnnxRuntime, memory_MB: number): void {
  const memory_bytes = memory_MB * 1e6;
  guardProcess({ orphanLimit_ms, memoryLimit_bytes: process.memoryUsage.rss() + memory_bytes });
  refuseMemoryBeyond(memory_bytes);
  const sessions: OpenSessions = new Map();
  const send = (reply: ModelReply) => channel.send?.(reply);
  let turn: Promise<void> = Promise.resolve();
  // Signals to the whole group (Ctrl-C, a service being stopped) are the parent's to decide on.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) channel.on(signal, () => {});
  channel.on('message', (request: ModelRequest) => {
    turn = turn.then(async () => void send(await answer(runtime, sessions, request).catch(failure)));
  });
  channel.on('disconnect', () => channel.exit());
}

/** By number; none is given twice. */
type OpenSessions = Map<number, { readonly name: string; readonly session: OnnxSession }>;
let loads = 0;

async function answer(runtime: OnnxRuntime, sessions: OpenSessions, request: ModelRequest): Promise<ModelReply> {
  switch (request.op) {
    case 'load': {
      const { name, bytes } = request;
      const session = await runtime.load(bytes, { name });
      sessions.set(loads, { name, session });
      const { inputNames, outputNames, inputs, outputs } = session;
      return { op: 'loaded', session: loads++, facts: { inputNames, outputNames, inputs, outputs } };
    }
    case 'run': {
      const { name, session } = sessions.get(request.session)!;
      return { op: 'ran', results: requireModest(name, await session.run(request.feeds, request.outputs)) };
    }
    case 'release':
      await sessions.get(request.session)!.session.release();
      sessions.delete(request.session);
      return { op: 'released' };
  }
}

function requireModest(model: string, results: Record<string, OnnxTensor>): Record<string, OnnxTensor> {
  const bytes = Object.values(results).reduce((sum, { data }) => sum + ((data as Partial<ArrayBufferView>).byteLength ?? Infinity), 0);
  if (bytes <= mostReturned_bytes) return results;
  throw new GroundtwinError('RUNTIME_FAILED', { model, problem: `it returned ${bytes} bytes, more than ${mostReturned_bytes}` });
}

function failure(error: unknown): ModelReply {
  if (isGroundtwinError(error)) return { op: 'failed', code: error.code, details: error.details };
  const problem = error instanceof Error ? error.message : String(error);
  return { op: 'failed', code: 'RUNTIME_FAILED', details: { model: 'model', problem } };
}

/**
 * Linux: the kernel itself refuses memory beyond the limit (RLIMIT_DATA, setrlimit(2)), however fast it is asked for.
 * Without `prlimit` (util-linux), and elsewhere, the guard alone watches what is resident.
 */
function refuseMemoryBeyond(memory_bytes: number): void {
  if (process.platform !== 'linux') return;
  const [, now_kB] = /^VmData:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8')) ?? [];
  if (now_kB === undefined) return;
  const limit = Math.ceil(Number(now_kB) * 1024 + memory_bytes + slack_bytes);
  spawnSync('prlimit', [`--data=${limit}`, '--pid', String(process.pid)], { stdio: 'ignore' });
}
