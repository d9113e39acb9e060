import { agentsRows } from './agents-rows.ts';
import { gapRows } from './gap-rows.ts';
import { mainRows } from './main-rows.ts';
import { modelRows } from './model-rows.ts';
import { pythonRows } from './python-rows.ts';
import { truthRows } from './truth-rows.ts';
import { verify } from './verify.ts';

process.exitCode = await verify(
  process.argv.slice(2),
  { main: mainRows, truth: truthRows, model: modelRows, python: pythonRows, agents: agentsRows, gap: gapRows },
  { out: (text) => process.stdout.write(`${text}\n`), err: (text) => process.stderr.write(`${text}\n`) },
);
