/** The two ends of a pipe: the parent hands over numbers, the child fits and reports. */
import { type ChildProcess, fork } from 'node:child_process';
import { sourceLoader } from '../core/source-loader.ts';
import { GroundtwinError } from '../errors.ts';
import type { OnnxRuntime } from '../onnx/index.ts';
import { type FitHooks, type FitJob, type FitProgress, type FitResult, type FitState, fitEnsemble } from './fit-ensemble.ts';

type ToChild =
  | { readonly op: 'fit'; readonly job: FitJob; readonly checkpoints: { readonly every: number; readonly from?: FitState } | null }
  | { readonly op: 'stop' };
type ToParent =
  | { readonly op: 'progress'; readonly progress: FitProgress }
  | { readonly op: 'checkpoint'; readonly state: FitState }
  | { readonly op: 'done'; readonly result: FitResult }
  | { readonly op: 'failed'; readonly problem: string };

/** How a child is begun; `url` is the worker root, TypeScript in a checkout and JavaScript in a package. */
export interface ChildEntry {
  readonly url: URL;
}

/**
 * Fits in a process of its own, ended when the fit is over. Checkpoints are saved in this process: a child that outlives its parent for a moment
 * cannot write over what the next one saves.
 *
 * @throws TRAINING_FAILED with the child's reason, or when it died; whatever a hook throws.
 */
export async function fitInChild(entry: ChildEntry, job: FitJob, hooks: FitHooks = {}): Promise<FitResult> {
  const child = start(entry);
  const { checkpoints } = hooks;
  const wayOut = checkpoints ? '; start it again, and it goes on from its last checkpoint' : '';
  try {
    return await new Promise<FitResult>((resolve, reject) => {
      const fail = (problem: string) => reject(new GroundtwinError('TRAINING_FAILED', { problem }));
      child.on('message', (message: ToParent) => {
        try {
          if (message.op === 'done') resolve(message.result);
          else if (message.op === 'failed') fail(message.problem);
          else if (message.op === 'checkpoint') checkpoints?.save(message.state);
          else {
            hooks.onProgress?.(message.progress);
            if (hooks.shouldStop?.()) child.send({ op: 'stop' } satisfies ToChild);
          }
        } catch (error) {
          reject(error);
        }
      });
      child.on('error', (error) => fail(error.message));
      child.on('exit', (code, signal) => fail(`the training process ended with ${signal ?? `exit code ${code}`}${wayOut}`));
      const plain = checkpoints ? { every: checkpoints.every, ...(checkpoints.from ? { from: checkpoints.from } : {}) } : null;
      child.send({ op: 'fit', job, checkpoints: plain } satisfies ToChild);
    });
  } finally {
    child.removeAllListeners('exit');
    child.kill();
  }
}

function start({ url }: ChildEntry): ChildProcess {
  return fork(url, [], {
    execArgv: sourceLoader(url),
    serialization: 'advanced',
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
}

/** The child's end: serves fits until the parent goes away. */
export function serveFits(channel: NodeJS.Process, runtime: OnnxRuntime): void {
  let stopping = false;
  const send = (message: ToParent) => channel.send?.(message);
  channel.on('message', async (message: ToChild) => {
    if (message.op === 'stop') {
      stopping = true;
      return;
    }
    try {
      const result = await fitEnsemble(runtime, message.job, {
        onProgress: (progress) => send({ op: 'progress', progress }),
        shouldStop: () => stopping,
        ...(message.checkpoints ? { checkpoints: { ...message.checkpoints, save: (state) => send({ op: 'checkpoint', state }) } } : {}),
      });
      send({ op: 'done', result });
    } catch (error) {
      send({ op: 'failed', problem: error instanceof Error ? error.message : String(error) });
    }
  });
  channel.on('disconnect', () => channel.exit());
}
