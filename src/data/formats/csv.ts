/** Tables as text, as loggers, spreadsheets and pandas write them: a line of names, then a row an observation. */
import { writeFileAtomically } from '../atomic-file.ts';
import type { EpisodeSet } from '../episode.ts';
import { parseCsv } from './csv-table.ts';
import type { EpisodeFormat, FormatOptions, ImportOptions } from './format.ts';
import { episodeColumns } from './parquet-episodes.ts';
import { columnsWanted, episodesFromTable } from './table-episodes.ts';
import { bytesOfFile, refusing } from './untrusted-file.ts';

/** A text is held as one string, which may not be longer than this. */
const maxCsvBytes = 2 ** 28;

export const csv: EpisodeFormat = { place: 'file', write, read };

/** The columns of our Parquet, and the time from the first observation of an episode. Numbers keep every bit; seeds and the env have no place. */
async function write(path: string, set: EpisodeSet, { onProgress }: FormatOptions = {}): Promise<void> {
  const { controlDt_s } = set.spec;
  const columns = episodeColumns(set);
  const bytes = columns.find(({ type }) => type === 'BYTE_ARRAY');
  if (bytes) refusing('the episodes')(`${bytes.name} is an array too large for columns, as images are: write them as parquet or minari`);
  const [episode, step, ...values] = columns;
  const time = controlDt_s === undefined ? [] : [{ name: 'time_s', data: Array.from(step!.data, (at) => (at as number) * controlDt_s) }];
  const written = [episode!, step!, ...time, ...values];
  const lines = [written.map(({ name }) => quoted(name)).join(',')];
  for (let row = 0; row < step!.data.length; row++) lines.push(written.map(({ data }) => cellOf(data[row])).join(','));
  writeFileAtomically(path, `${lines.join('\n')}\n`);
  onProgress?.(set.episodes.length, set.episodes.length);
}

function cellOf(value: unknown): string {
  if (value === null) return '';
  if (typeof value === 'boolean') return value ? '1' : '0';
  return Object.is(value, -0) ? '-0' : String(value);
}

function quoted(name: string): string {
  return /[",;\t\r\n]|^[\s#]|\s$/.test(name) ? `"${name.replaceAll('"', '""')}"` : name;
}

async function read(path: string, options: ImportOptions = {}): Promise<EpisodeSet> {
  const refuse = refusing(path);
  const table = parseCsv(new TextDecoder().decode(bytesOfFile(path, refuse, maxCsvBytes)), refuse);
  return episodesFromTable(table, columnsWanted(table.names, options, refuse), options, refuse);
}
