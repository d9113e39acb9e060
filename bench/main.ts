/** `npm run bench -- <name> [--json]`. */
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { type Bench, type BenchRow, type BenchSize, fullSize } from './bench.ts';
import { machine } from './machine.ts';
import { imaginedBench } from './speed/imagined.ts';
import { truthOverheadBench } from './speed/truth-overhead.ts';

const benches: Readonly<Record<string, Bench>> = { 'truth-overhead': truthOverheadBench, imagined: imaginedBench };

/** @returns the exit code: 0, or 2 for a command that is not understood. */
export async function bench(
  args: readonly string[],
  out: (text: string) => void,
  err: (text: string) => void,
  size: BenchSize = fullSize,
): Promise<number> {
  const wanted = read(args);
  if (wanted === undefined) {
    err(`Usage: npm run bench -- <name> [--json]\nNames: ${Object.keys(benches).join(', ')}`);
    return 2;
  }
  const rows = await benches[wanted.name]!(size);
  out(wanted.json ? JSON.stringify({ bench: wanted.name, machine: machine(), rows }, null, 1) : rows.map(lineOf).join('\n'));
  return 0;
}

function read(args: readonly string[]): { name: string; json: boolean } | undefined {
  try {
    const { positionals, values } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: { json: { type: 'boolean', default: false } },
    });
    const [name = ''] = positionals;
    return positionals.length === 1 && Object.hasOwn(benches, name) ? { name, json: values.json } : undefined;
  } catch {
    return undefined;
  }
}

function lineOf({ what, ours, peer, ratio, low, high, unit }: BenchRow): string {
  return `${what}: ours ${ours.toPrecision(4)}, bare loop ${peer.toPrecision(4)}, ratio ${ratio.toFixed(3)} [${low.toFixed(3)}, ${high.toFixed(3)}] (${unit})`;
}

if (process.argv[1] === fileURLToPath(import.meta.url))
  process.exitCode = await bench(
    process.argv.slice(2),
    (text) => void process.stdout.write(`${text}\n`),
    (text) => void process.stderr.write(`${text}\n`),
  );
