/** What the everyday suite costs: a whole process, from the command line, on the model of the main job. */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { root } from '../machine.ts';
import { mainJob, runFolder } from './main-jobs.ts';
import { watchPeak } from './process-tree.ts';
import type { Context } from './row.ts';

export interface GapCost {
  /** Wall-clock: whatever else runs on the machine makes it longer. */
  readonly seconds: number;
  readonly peak_MB: number;
  readonly verdict: string;
  /** Rows by verdict, as `C4` or `H4@10`. */
  readonly rows: Readonly<Record<string, readonly string[]>>;
}

/** Once, however many rows ask. */
export function gapCost(context: Context): Promise<GapCost> {
  return context.once('everyday gap suite', async () => {
    const { modelFolder } = await mainJob(context, 1);
    const data = join(runFolder(context, 1), 'held-out.bin');
    context.log('groundtwin gap, all everyday rows');
    const began = performance.now();
    const { out, peak_MB } = await watched(['gap', '--model', modelFolder, '--data', data, '--seed', '1', '--json']);
    const seconds = (performance.now() - began) / 1000;
    const report = JSON.parse(out) as { verdict: string; rows: { id: string; horizon?: number; verdict: string }[] };
    const rows: Record<string, string[]> = {};
    for (const { id, horizon, verdict } of report.rows) {
      rows[verdict] ??= [];
      rows[verdict].push(horizon === undefined ? id : `${id}@${horizon}`);
    }
    return { seconds, peak_MB, verdict: report.verdict, rows };
  });
}

/** A command of this checkout, and the most that it and its descendants held at once. */
function watched(args: readonly string[]): Promise<{ out: string; peak_MB: number }> {
  const child = spawn(process.execPath, [join(root, 'bin', 'groundtwin.mjs'), ...args], { cwd: root, stdio: ['ignore', 'pipe', 'ignore'] });
  let out = '';
  const memory = watchPeak(child.pid!);
  child.stdout.on('data', (chunk: Buffer) => {
    out += chunk.toString();
  });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', () => {
      memory.stop();
      resolve({ out, peak_MB: memory.peak_MB });
    });
  });
}
