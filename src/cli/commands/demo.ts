import { resolve } from 'node:path';
import type { Command } from 'commander';
import { exitCodes } from '../exit-codes.ts';
import { type MainJobResult, mainJobDefaults, runMainJob } from '../main-job.ts';
import { type Finish, startCount, withCommon } from '../options.ts';
import { terminal } from '../terminal.ts';

interface DemoOptions {
  readonly json?: boolean;
  readonly seed: number;
  readonly out?: string;
  readonly starts: number;
}

export function addDemo(program: Command, finish: Finish): void {
  withCommon(program.command('demo'), { seed: true })
    .description(
      'run the main job: collect on physics, learn the world, act from it alone, check over WebSocket, report the gap (about 3 minutes)',
    )
    .option('--out <folder>', 'run folder (default: runs/demo-seed-<seed>)')
    .option('--starts <n>', 'fresh starts of the check', startCount, mainJobDefaults.evaluationStarts)
    .action(async (options: DemoOptions) => finish(await demo(options)));
}

async function demo(options: DemoOptions): Promise<number> {
  const screen = terminal(options.json ?? false);
  const out = resolve(options.out ?? `runs/demo-seed-${options.seed}`);
  screen.note(
    `groundtwin demo, seed ${options.seed}: a cart learns to swing up its pole inside a learned world, and is checked against physics.`,
  );
  const command = `groundtwin demo --seed ${options.seed} --starts ${options.starts}`;
  const result = await runMainJob({
    seed: options.seed,
    out,
    command,
    config: { evaluationStarts: options.starts, imaginedStarts: Math.min(options.starts, mainJobDefaults.imaginedStarts) },
    onProgress: screen.progress,
  });
  screen.settle();
  screen.result({ ...result, report: undefined, verdict: result.report.verdict, summary: result.report.summary }, summary(result));
  return exitCodes.ok;
}

function summary(result: MainJobResult): string {
  const { report } = result;
  const mean = (values: readonly number[]) => (values.reduce((sum, value) => sum + value, 0) / values.length).toFixed(1);
  return [
    '',
    `The agent learned from ${result.realSteps} steps of physics and acts from its learned world alone:`,
    `  return on physics, over WebSocket   ${mean(result.trueReturns)}  (mean of ${result.trueReturns.length} fresh starts, lowest ${Math.min(...result.trueReturns).toFixed(1)}, of 250)`,
    `  return inside the learned world     ${mean(result.imaginedReturns)}  (${result.imaginedReturns.length} of the same starts)`,
    `  random agent                        ${mean(result.randomReturns)}`,
    '',
    ...report.rows.map(
      (row) =>
        `  ${row.verdict.padEnd(14)} ${row.id}${row.horizon ? ` at ${row.horizon} steps` : ''}: ${row.title} ${format(row.measured)} [${format(row.low)}, ${format(row.high)}], passes ${row.passes}`,
    ),
    '',
    ...report.summary,
    `Verdict: ${report.verdict}. ${result.seconds.toFixed(0)} s.`,
    `Report: ${result.reportFile}`,
  ].join('\n');
}

function format(value: number | null): string {
  return value === null ? '–' : value.toFixed(3);
}
