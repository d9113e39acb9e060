/** A gap report for a build server: JUnit XML, as Jenkins, GitLab and others read it. One test case a row. */
import type { ReportInput } from './report-input.ts';

type Row = ReportInput['rows'][number];

/** INCONCLUSIVE is a failure as FAIL is: it is no pass. NOT_APPLICABLE is skipped. */
export function renderJunit({ rows, metadata }: Pick<ReportInput, 'rows' | 'metadata'>): string {
  const failures = rows.filter(({ verdict }) => isFailure(verdict)).length;
  const skipped = rows.filter(({ verdict }) => verdict === 'NOT_APPLICABLE').length;
  const suite = `gap of ${metadata.model} on ${metadata.task}`;
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuite name="${escaped(suite)}" tests="${rows.length}" failures="${failures}" errors="0" skipped="${skipped}" timestamp="${escaped(metadata.date)}">`,
    ...rows.map((row) => caseOf(row, metadata.task)),
    '</testsuite>',
    '',
  ].join('\n');
}

function isFailure(verdict: Row['verdict']): boolean {
  return verdict === 'FAIL' || verdict === 'INCONCLUSIVE';
}

function caseOf(row: Row, task: string): string {
  const ahead = row.horizon === undefined ? '' : ` at ${row.horizon} steps`;
  const head = `  <testcase classname="${escaped(`gap.${task}`)}" name="${escaped(`${row.id} ${row.title}${ahead}`)}"`;
  if (row.verdict === 'PASS') return `${head}/>`;
  const why = row.reason ?? '';
  if (!isFailure(row.verdict)) return `${head}><skipped message="${escaped(why)}"/></testcase>`;
  const found = `${row.verdict}: ${row.measured} [${row.low}, ${row.high}], passes ${row.passes}. ${why}`.trim();
  return `${head}><failure type="${row.verdict}" message="${escaped(found)}"/></testcase>`;
}

/** Names come from models and data, which are strangers'. What XML 1.0 cannot hold is left out. */
function escaped(text: string): string {
  return text.replace(/[^\t\n\r\u0020-\ud7ff\ue000-\ufffd]/g, '').replace(/[<>&"]/g, (character) => `&#${character.charCodeAt(0)};`);
}
