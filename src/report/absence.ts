/** Why a picture is missing, in the words of the rows it belongs to. */
import type { ReportInput } from './report-input.ts';

/** @param id - of the rows that the picture belongs to. @param otherwise - where none of them gives a reason. */
export function reasonOf({ rows }: Pick<ReportInput, 'rows'>, id: string, otherwise: string): string {
  return (
    rows.find((row) => row.id === id && row.verdict !== 'PASS' && row.measured === null && row.reason !== undefined)?.reason ?? otherwise
  );
}
