/** The gap suite's negative controls, through the command line: what is broken on purpose must fail, what is not must not. */
import { join } from 'node:path';
import { root } from '../machine.ts';
import { mainJob, runFolder } from './main-jobs.ts';
import type { Context, Measured } from './row.ts';
import { runNode } from './run-node.ts';

const broken = ['broken:action-blind', 'broken:gravity-half', 'broken:overconfident'] as const;
/** Exit code of `groundtwin gap` when a threshold is not met. */
const failed = 3;

interface GapRun {
  readonly subject: string;
  readonly exitCode: number | null;
  readonly verdict: string | null;
  /** Which tests failed. */
  readonly failing: readonly string[];
  readonly said?: string;
}

/** How many of the broken models are caught; none counts if the good one fails too. It need not pass: 256 starts may leave a row inconclusive. */
export async function brokenCaught(context: Context): Promise<Measured> {
  const { modelFolder } = await mainJob(context, 1);
  const data = join(runFolder(context, 1), 'held-out.bin');
  const runs: GapRun[] = [];
  for (const subject of ['model', ...broken]) {
    context.log(`groundtwin gap --subject ${subject}`);
    runs.push(await gap(modelFolder, data, subject));
  }
  const [good, ...bad] = runs;
  if (good!.verdict === null || good!.verdict === 'FAIL') throw new Error(`the good model fails: ${JSON.stringify(good)}`);
  return { measured: bad.filter(({ exitCode, verdict }) => exitCode === failed && verdict === 'FAIL').length, raw: runs };
}

async function gap(model: string, data: string, subject: string): Promise<GapRun> {
  const args = [
    join(root, 'bin', 'groundtwin.mjs'),
    'gap',
    '--model',
    model,
    '--data',
    data,
    '--subject',
    subject,
    '--axes',
    'none',
    '--seed',
    '1',
    '--json',
  ];
  const { code, out, err } = await runNode(args);
  const report = parse(out);
  if (report === undefined) return { subject, exitCode: code, verdict: null, failing: [], said: err.slice(-500) };
  const failing = report.rows.filter((row) => row.verdict === 'FAIL').map((row) => (row.horizon ? `${row.id}@${row.horizon}` : row.id));
  return { subject, exitCode: code, verdict: report.verdict, failing };
}

function parse(text: string): { verdict: string; rows: { id: string; horizon?: number; verdict: string }[] } | undefined {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
