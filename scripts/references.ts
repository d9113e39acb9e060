/**
 * `npm run references [-- ids...]`: trains the reference agents that are named, or those that are missing, keeps them in bench/results/references,
 * and writes what they return into the tables of envs/<folder>/README.md. Training that was interrupted goes on.
 * With `--play` it plays those that are kept again instead of training any; with `--tables` it only writes the tables.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { intervalOf, type KeptReference, keptReference, recordReference, updateReference } from '../bench/verify/references.ts';
import { referencePlans } from '../bench/verify/references-plan.ts';
import { envFolders } from './env-docs.ts';
import { table, withSections } from './markdown.ts';

/** The table of the envs of a folder, and the commands behind it. */
export function referencesSection(kept: readonly KeptReference[]): string {
  const rows = kept.map(({ env, plan, steps, evaluation: { returns } }) => {
    const { measured, low, high } = intervalOf(returns);
    const digits = Math.max(0, 2 - Math.floor(Math.log10(Math.max(Math.abs(measured), 1))));
    const shown = (value: number) => value.toFixed(digits).replace('-', '−');
    const solved = plan.solved ? `${shown(plan.solved.return)}: ${plan.solved.source}` : '–: nobody is listed with a return';
    return [env, plan.agent, millions(steps), shown(measured), `${shown(low)} … ${shown(high)}`, shown(Math.min(...returns)), solved];
  });
  const heads = ['env', 'agent', 'env steps', 'return', '95 % interval', 'worst start', 'counts as solved at'];
  const commands = kept.flatMap(({ env, command, evaluation: { firstSeed, returns } }) => [
    command,
    `groundtwin eval --env ${env} --policy bench/results/references/${env}.onnx --episodes ${returns.length} --first-start ${firstSeed}`,
  ]);
  return [table(heads, rows), '', '```sh', ...commands, '```'].join('\n');
}

function millions(steps: number): string {
  return `${(steps / 1e6).toFixed(2)} M`;
}

/** What the README of a folder says of its reference agents. */
export function referencesOf(folder: string): string {
  const kept = envFolders.get(folder)!.flatMap(({ id }) => (referencePlans[id] ? (keptReference(id)?.kept ?? []) : []));
  return kept.length === 0 ? 'None yet.' : referencesSection(kept);
}

function writeSections(): void {
  for (const [folder, tasks] of envFolders) {
    if (!tasks.some(({ id }) => referencePlans[id])) continue;
    const file = fileURLToPath(new URL(`../envs/${folder}/README.md`, import.meta.url));
    writeFileSync(file, withSections(readFileSync(file, 'utf8'), { references: referencesOf(folder) }));
  }
}

async function main(args: readonly string[]): Promise<void> {
  if (args.includes('--tables')) return writeSections();
  const isPlayed = args.includes('--play');
  const named = args.filter((arg) => arg !== '--play');
  const ids = named.length > 0 ? named : Object.keys(referencePlans).filter((id) => (keptReference(id) !== undefined) === isPlayed);
  for (const id of ids) {
    if (!referencePlans[id]) throw new Error(`there is no plan of ${id}; there is one of ${Object.keys(referencePlans).join(', ')}`);
    const { evaluation } = await (isPlayed ? updateReference(id) : recordReference(id));
    const { measured, low, high } = intervalOf(evaluation.returns);
    process.stderr.write(`${id}: ${measured.toFixed(1)} [${low.toFixed(1)}, ${high.toFixed(1)}]\n`);
    writeSections();
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main(process.argv.slice(2));
