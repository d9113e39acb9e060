import { mainRows } from './main-rows.ts';
import { verify } from './verify.ts';

process.exitCode = await verify(
  process.argv.slice(2),
  { main: mainRows },
  { out: (text) => process.stdout.write(`${text}\n`), err: (text) => process.stderr.write(`${text}\n`) },
);
