/** `groundtwin gap --compare`: reports made before, side by side. */
import { existsSync, readFileSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { writeFileAtomically } from '../data/atomic-file.ts';
import { GroundtwinError } from '../errors.ts';
import { compareReports, type GapReport, type ReportComparison } from '../gap/index.ts';
import { Rng } from '../math/rng.ts';
import { letterOf, renderComparison } from '../report/index.ts';
import { exitCodes } from './exit-codes.ts';
import { type Terminal, table } from './terminal.ts';

/** @param paths - of gap.json, or of folders that hold one. @throws DATA_INVALID, OPTION_INVALID. */
export function compareGaps(paths: readonly string[], seed: number, out: string | undefined, screen: Terminal): number {
  const reports = paths.map(readReport);
  const comparison = compareReports(reports, new Rng(seed));
  if (out !== undefined) {
    writeFileAtomically(join(resolve(out), 'comparison.json'), `${JSON.stringify(comparison, null, 1)}\n`);
    writeFileAtomically(join(resolve(out), 'comparison.html'), renderComparison(comparison, reports));
  }
  screen.result(comparison, prose(comparison, out));
  return exitCodes.ok;
}

function readReport(given: string): GapReport {
  const path = existsSync(given) && statSync(given).isDirectory() ? join(given, 'gap.json') : given;
  const refuse = (problem: string): never => {
    throw new GroundtwinError('DATA_INVALID', { path, problem });
  };
  if (!existsSync(path)) return refuse('there is no such file');
  let report: Partial<GapReport>;
  try {
    report = JSON.parse(readFileSync(path, 'utf8'));
  } catch {
    return refuse('it is no JSON');
  }
  if (report?.kind !== 'gapReport' || report.version !== 1) refuse('it is no gap report of version 1');
  if (!report.perStart) refuse('it lacks errors by start: measure it again');
  if (!isWhole(report as GapReport)) refuse('parts of it are not as a gap report has them: measure it again');
  return report as GapReport;
}

/** What is compared, of a file that anybody may have written. */
function isWhole({ rows, metadata, perStart, normalised }: GapReport): boolean {
  const texts = (...values: unknown[]) => values.every((value) => typeof value === 'string');
  const figures = (values: unknown) => Array.isArray(values) && values.every((value) => value === null || typeof value === 'number');
  try {
    const { measured, low, high } = normalised.model;
    return (
      texts(metadata.task, metadata.model, metadata.command, perStart.truth) &&
      typeof metadata.controlDt_s === 'number' &&
      rows.every((row) => texts(row.id, row.title, row.passes, row.verdict) && figures([row.measured, row.low, row.high])) &&
      perStart.horizons.every(({ horizon, error }) => Number.isInteger(horizon) && figures(error)) &&
      [normalised.steps, measured, low, high].every(figures)
    );
  } catch {
    return false;
  }
}

function prose({ subjects, rows, task }: ReportComparison, out: string | undefined): string {
  const number = (value: number | null | undefined) => (value == null ? '–' : value.toFixed(3));
  const head = ['row', 'what', 'ahead', 'passes', ...subjects.map((_, i) => letterOf(i))];
  const body = rows.map(({ id, title, horizon, passes, found }) => [
    id,
    title,
    horizon === undefined ? '' : `${horizon} steps`,
    passes,
    ...found.map((one) => (one === null ? '–' : `${number(one.measured)} ${one.verdict}`)),
  ]);
  const better = subjects.flatMap(({ improvements }, i) =>
    improvements.map(
      ({ horizon, probability: { measured, low, high } }) =>
        `${letterOf(i)} errs less than A ${horizon} steps ahead on ${number(measured)} [${number(low)}, ${number(high)}] of the starts`,
    ),
  );
  return [
    `${task}`,
    ...subjects.map(({ model, verdict }, i) => `${letterOf(i)}  ${model}: ${verdict}`),
    '',
    table([head, ...body]),
    '',
    ...better,
    ...(out === undefined ? [] : [`Page: ${join(resolve(out), 'comparison.html')}`]),
  ].join('\n');
}
