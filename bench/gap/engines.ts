/** `node --import tsx bench/gap/engines.ts [--only part of a name]… [--page]`: studies the envs that are missing or stale, then writes docs/engine-gaps.md. With --page it writes only. */
import { parseArgs } from 'node:util';
import { writePage } from './engines/page.ts';
import { keepStudy, keptStudy, studiedEnvs, studyHash } from './engines/results.ts';
import { studyOf } from './engines/study.ts';

const { values } = parseArgs({ options: { only: { type: 'string', multiple: true }, page: { type: 'boolean', default: false } } });
const log = (line: string) => process.stderr.write(`${line}\n`);
const chosen = values.page ? [] : studiedEnvs.filter((env) => values.only?.some((part) => env.includes(part)) ?? true);
for (const env of chosen) {
  const code = studyHash(env);
  if (keptStudy(env, code)) continue;
  const began = performance.now();
  const study = await studyOf(env, log);
  const seconds = (performance.now() - began) / 1000;
  keepStudy({ ...study, seconds, code });
  log(`${env}: ${study.named.join(', ')}; ${seconds.toFixed(0)} s`);
}
writePage();
