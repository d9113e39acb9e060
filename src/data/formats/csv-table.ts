/** Comma-separated values (RFC 4180) into columns of numbers; semicolons and tabs too, a byte order mark, and lines of remarks before the names. */
import type { NumberTable } from './table-episodes.ts';
import { maxNames, maxRows, maxValues, type Refuse } from './untrusted-file.ts';

const separators = [',', ';', '\t'] as const;
const maxCellCharacters = 4096;

/** Cells that are no numbers (empty, words) are NaN: what is never asked for may hold anything. `true` and `false` are 1 and 0. @throws DATA_INVALID */
export function parseCsv(text: string, refuse: Refuse): NumberTable {
  const lines = linesOf(text, refuse);
  const head = lines.next();
  if (head.done) return refuse('it has no line with the names of its columns');
  const separator = separatorOf(head.value.text);
  const names = cellsOf(head.value, separator, refuse).map((name) => name.trim());
  if (names.length > maxNames) refuse(`it has more than ${maxNames} columns`);
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined) refuse(`two of its columns are named '${twice.slice(0, 80)}'`);
  const columns = names.map((): number[] => []);
  for (const line of lines) {
    const cells = cellsOf(line, separator, refuse);
    if (cells.length !== names.length)
      refuse(
        `line ${line.number} has ${cells.length} cells where the line of names has ${names.length} (separated by ${JSON.stringify(separator)})`,
      );
    columns.forEach((column, i) => void column.push(numberIn(cells[i]!)));
    const rows = columns[0]!.length;
    if (rows > maxRows || rows * names.length > maxValues)
      refuse(`it holds more than ${maxValues} numbers; write it as Parquet, or in parts`);
  }
  return { names, rows: columns[0]!.length, column: (name) => Float64Array.from(columns[names.indexOf(name)]!) };
}

interface Line {
  readonly text: string;
  /** From 1, as editors count. */
  readonly number: number;
}

/** Lines with something in them; those before the names that begin with # are remarks. */
function* linesOf(text: string, refuse: Refuse): Generator<Line> {
  if (text.includes('\0')) refuse('it is no text');
  let [at, number, isBody] = [text.startsWith('\uFEFF') ? 1 : 0, 0, false];
  while (at < text.length) {
    const newline = text.indexOf('\n', at);
    const end = newline < 0 ? text.length : newline;
    const line = text.slice(at, end).replace(/\r$/, '');
    [at, number] = [end + 1, number + 1];
    if (line.trim() === '' || (!isBody && line.startsWith('#'))) continue;
    isBody = true;
    yield { text: line, number };
  }
}

/** The one that the names are separated by. */
function separatorOf(head: string): string {
  const counts = separators.map((separator) => head.split(separator).length);
  return separators[counts.indexOf(Math.max(...counts))]!;
}

function cellsOf({ text, number }: Line, separator: string, refuse: Refuse): string[] {
  const cells = text.includes('"') ? quotedCells(text, separator) : text.split(separator);
  if (cells === undefined) return refuse(`line ${number} has a quotation mark without its other one`);
  if (cells.some((cell) => cell.length > maxCellCharacters))
    refuse(`a cell of line ${number} has more than ${maxCellCharacters} characters`);
  return cells;
}

/** @returns undefined where a quotation is not closed. */
function quotedCells(text: string, separator: string): string[] | undefined {
  const cells: string[] = [];
  const cell =
    separator === '\t'
      ? /(?:"((?:[^"]|"")*)"|([^\t"]*))(\t|$)/y
      : new RegExp(`(?:"((?:[^"]|"")*)"|([^${separator}"]*))(${separator}|$)`, 'y');
  for (;;) {
    const found = cell.exec(text);
    if (!found) return undefined;
    cells.push(found[1]?.replaceAll('""', '"') ?? found[2]!);
    if (found[3] === '') return cells;
  }
}

function numberIn(cell: string): number {
  const text = cell.trim();
  if (text === '') return Number.NaN;
  const value = Number(text);
  if (!Number.isNaN(value)) return value;
  return /^true$/i.test(text) ? 1 : /^false$/i.test(text) ? 0 : Number.NaN;
}
