/** `node --import tsx bench/learnable/main.ts <env id>…`: searches anew for the kept policies of these envs. */
import { verdict } from '../verify/learnable.ts';
import { search } from '../verify/learnable-search.ts';

for (const id of process.argv.slice(2)) {
  const { evaluation, steps, cpu_s } = await search(id, (line) => process.stderr.write(`${line}\n`));
  const { returns: _, ...found } = verdict(id, evaluation);
  process.stdout.write(`${JSON.stringify({ ...found, steps, cpu_s })}\n`);
}
