import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Context, holds, type Row, type RowResult } from './row.ts';

export interface RunRowsOptions {
  readonly rerun: boolean;
  readonly log: (line: string) => void;
}

/** Runs rows one after the other; what they share is made once. */
export async function runRows(rows: readonly Row[], { rerun, log }: RunRowsOptions): Promise<RowResult[]> {
  const folder = mkdtempSync(join(tmpdir(), 'groundtwin-verify-'));
  const context = contextIn(folder, rerun, log);
  const results: RowResult[] = [];
  try {
    for (const row of rows) {
      log(`${row.id}: ${row.what} (${row.operator} ${row.goal} ${row.unit}); at most ${row.budget_s} s`);
      const result = await runRow(row, context);
      log(`${row.id}: ${textOf(result.measured)} ${result.unit}, ${result.holds ? 'holds' : 'DOES NOT HOLD'}, ${result.seconds} s`);
      results.push(result);
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  return results;
}

function contextIn(folder: string, rerun: boolean, log: (line: string) => void): Context {
  const made = new Map<string, Promise<unknown>>();
  return {
    folder,
    rerun,
    log: (line) => log(`  ${line}`),
    once<T>(key: string, make: () => Promise<T>): Promise<T> {
      const known = made.get(key) as Promise<T> | undefined;
      if (known) return known;
      const making = make();
      made.set(key, making);
      return making;
    },
  };
}

async function runRow(row: Row, context: Context): Promise<RowResult> {
  const { id, what, operator, goal, unit } = row;
  const about = { id, what, operator, goal, unit };
  const started_ms = performance.now();
  const seconds = () => Number(((performance.now() - started_ms) / 1000).toFixed(2));
  try {
    const { measured, raw } = await row.measure(context);
    const usable = typeof measured === 'number' && Number.isFinite(measured);
    return { ...about, measured: usable ? measured : null, holds: usable && holds(operator, measured, goal), seconds: seconds(), raw };
  } catch (error) {
    return { ...about, measured: null, holds: false, seconds: seconds(), raw: error instanceof Error ? error.message : String(error) };
  }
}

/** A figure as people read it. */
export function textOf(measured: number | null): string {
  if (measured === null) return '-';
  return Number.isInteger(measured) ? String(measured) : String(Number(measured.toPrecision(4)));
}

/** The results as a table for a terminal. */
export function table(results: readonly RowResult[]): string {
  const lines = [['id', 'measured', 'goal', 'holds', 'seconds'], ...results.map(cells)];
  const widths = lines[0]!.map((_, column) => Math.max(...lines.map((line) => line[column]!.length)));
  const text = lines.map((line) =>
    line
      .map((cell, i) => cell.padEnd(widths[i]!))
      .join('  ')
      .trimEnd(),
  );
  const reasons = results.filter(({ measured }) => measured === null).map(({ id, raw }) => `${id}: ${raw}`);
  return [...text, ...reasons].join('\n');
}

function cells({ id, measured, operator, goal, unit, holds: held, seconds }: RowResult): string[] {
  return [id, `${textOf(measured)} ${unit}`.trim(), `${operator} ${goal}`, held ? 'yes' : 'NO', seconds.toFixed(1)];
}
