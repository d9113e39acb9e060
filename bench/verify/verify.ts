/** `npm run verify -- <topic>`: runs the commands behind the figures we claim. */
import { parseArgs } from 'node:util';
import { machine, revision } from '../machine.ts';
import type { Row } from './row.ts';
import { runRows, table } from './run-rows.ts';

export type Topics = Readonly<Record<string, readonly Row[]>>;

export interface Streams {
  /** Results. */
  readonly out: (text: string) => void;
  /** Progress and complaints. */
  readonly err: (text: string) => void;
}

/** All figures hold; some do not; the command was not understood. */
export const exitCodes = { holds: 0, fails: 1, usage: 2 } as const;

interface Wanted {
  readonly topic: string;
  readonly rows: readonly Row[];
  readonly json: boolean;
  readonly rerun: boolean;
}

/** @returns the exit code. */
export async function verify(args: readonly string[], topics: Topics, { out, err }: Streams): Promise<number> {
  const wanted = read(args, topics);
  if (typeof wanted === 'string') {
    err(`${wanted}\n${usage(topics)}`);
    return exitCodes.usage;
  }
  const rows = await runRows(wanted.rows, { rerun: wanted.rerun, log: err });
  out(wanted.json ? JSON.stringify({ topic: wanted.topic, ...revision(), machine: machine(), rows }, null, 1) : table(rows));
  return rows.every(({ holds }) => holds) ? exitCodes.holds : exitCodes.fails;
}

/** @returns what is wanted, or what is wrong with it. */
function read(args: readonly string[], topics: Topics): Wanted | string {
  const parsed = parse(args);
  if (typeof parsed === 'string') return parsed;
  const { positionals, values } = parsed;
  const [topic, ...more] = positionals;
  if (topic === undefined) return 'Which topic?';
  if (more.length > 0) return `One topic at a time, got ${positionals.join(', ')}.`;
  if (!Object.hasOwn(topics, topic)) return `There is no topic '${topic}'.`;
  const all = topics[topic]!;
  const unknown = values.only?.find((id) => !all.some((row) => row.id === id));
  if (unknown !== undefined) return `Topic ${topic} has no row '${unknown}'; it has ${all.map(({ id }) => id).join(', ')}.`;
  const rows = values.only ? all.filter(({ id }) => values.only!.includes(id)) : all;
  return { topic, rows, json: values.json, rerun: values.rerun };
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        json: { type: 'boolean', default: false },
        only: { type: 'string', multiple: true },
        rerun: { type: 'boolean', default: false },
      },
    });
  } catch (error) {
    return (error as Error).message;
  }
}

function usage(topics: Topics): string {
  return [
    'Usage: npm run verify -- <topic> [--json] [--only ID]… [--rerun]',
    `Topics: ${Object.keys(topics).join(', ')}`,
    '--only runs single rows, --rerun makes kept results of long runs anew.',
  ].join('\n');
}
