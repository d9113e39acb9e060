/** What the audits of a training found, from the metrics that lie beside its model. */
import { existsSync, readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { AuditFigures } from '../report/index.ts';

const mostBytes = 2 ** 28;
/** More cannot be told apart on a page; the last of each few stays. */
const mostAudits = 500;

/** @param folder - of the model. @returns none where there are no metrics, or no audits among them. */
export function trainingAudits(folder: string | undefined): AuditFigures[] {
  const path = folder && join(dirname(folder), 'metrics.jsonl');
  if (!path || !existsSync(path) || statSync(path).size > mostBytes) return [];
  const audits = readFileSync(path, 'utf8').split('\n').flatMap(auditOf);
  const few = Math.ceil(audits.length / mostAudits);
  return audits.filter((_, i) => (audits.length - 1 - i) % few === 0);
}

/** Of a line that anybody may have written, or that was cut short. */
function auditOf(line: string): AuditFigures[] {
  try {
    const { audit } = JSON.parse(line);
    const [steps, imagined, truth] = [audit.realSteps, audit.return.imagined, audit.return.truth];
    return [steps, imagined, truth].every(Number.isFinite) ? [{ steps, imagined, truth }] : [];
  } catch {
    return [];
  }
}
