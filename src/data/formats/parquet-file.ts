/** Parquet files: columns in, columns out. What a file says of itself is checked page by page before anything is unpacked. */
import { brotliDecompressSync, gunzipSync } from 'node:zlib';
import type { ColumnMetaData, Compressors, FileMetaData } from 'hyparquet';
import type { ColumnSource, SchemaElement } from 'hyparquet-writer';
import { GroundtwinError } from '../../errors.ts';
import { maxDataBytes, maxHeadBytes, maxNames, maxPartBytes, maxRows, maxValues, parsed, type Refuse } from './untrusted-file.ts';

/** Of one row: a number, a list of numbers, a string or bytes; null where there is none. */
export type Cell = unknown;

export interface ParquetTable {
  readonly rows: number;
  /** Names of the top-level columns. */
  readonly names: readonly string[];
  /** Key-value pairs of the footer. */
  readonly head: ReadonlyMap<string, string>;
  /** Whole columns; each is unpacked when it is asked for. */
  read(names: readonly string[]): Promise<ReadonlyMap<string, ArrayLike<Cell>>>;
}

/** Bytes of the header of a page. */
const maxPageHeaderBytes = 2 ** 16;
/** Bytes in a row that say "the number goes on". Its time grows with their square, and no number takes more than 10. */
const maxContinuation = 1024;

/** Loaded when first needed: it takes a quarter of a second. */
async function reader() {
  const [{ parquetMetadata, parquetRead }, { parquetHeader }, { decompress }] = await Promise.all([
    import('hyparquet'),
    import('hyparquet/src/column.js'),
    import('fzstd'),
  ]);
  const compressors: Compressors = {
    GZIP: (bytes, length) => gunzipSync(bytes, { maxOutputLength: length }),
    BROTLI: (bytes, length) => brotliDecompressSync(bytes, { maxOutputLength: length }),
    ZSTD: (bytes, length) => decompress(bytes, new Uint8Array(length)),
  };
  return { parquetMetadata, parquetRead, parquetHeader, compressors };
}

type Reader = Awaited<ReturnType<typeof reader>>;

/** @throws DATA_INVALID, DATA_TOO_LARGE before unpacking what would not fit. */
export async function openParquet(bytes: Uint8Array<ArrayBuffer>, refuse: Refuse): Promise<ParquetTable> {
  const library = await reader();
  return parsed(refuse, 'Parquet file', () => {
    const footerBytes = bytes.byteLength < 12 ? 0 : new DataView(bytes.buffer).getUint32(bytes.byteLength - 8, true);
    if (footerBytes > maxHeadBytes) refuse(`its footer has ${footerBytes} bytes, over the limit of ${maxHeadBytes}`);
    if (longestContinuation(bytes.subarray(bytes.byteLength - 8 - footerBytes)) > maxContinuation)
      refuse('its footer holds an endless number');
    const metadata = library.parquetMetadata(bytes);
    const names = metadata.schema.length > maxNames ? refuse(`it has more than ${maxNames} columns`) : topLevel(metadata);
    const rows = metadata.row_groups.reduce((sum, group) => sum + Number(group.num_rows), 0);
    if (!(rows >= 0 && rows <= maxRows) || rows !== Number(metadata.num_rows))
      refuse(`it says it has ${metadata.num_rows} rows; at most ${maxRows} are read`);
    const head = new Map((metadata.key_value_metadata ?? []).map(({ key, value }) => [key, value ?? '']));
    return { rows, names, head, read: (wanted) => readColumns(library, { bytes, metadata, rows }, wanted, refuse) };
  });
}

function longestContinuation(bytes: Uint8Array): number {
  let [longest, length] = [0, 0];
  for (const byte of bytes) {
    length = byte & 0x80 ? length + 1 : 0;
    if (length > longest) longest = length;
  }
  return longest;
}

function topLevel({ schema }: FileMetaData): string[] {
  const names: string[] = [];
  for (let at = 1, left = schema[0]?.num_children ?? 0; left > 0 && at < schema.length; left--) {
    names.push(schema[at]!.name);
    for (let open = 1; open > 0 && at < schema.length; at++) open += (schema[at]!.num_children ?? 0) - 1;
  }
  return names;
}

interface OpenFile {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly metadata: FileMetaData;
  readonly rows: number;
}

async function readColumns(library: Reader, { bytes, metadata, rows }: OpenFile, wanted: readonly string[], refuse: Refuse) {
  const chunks = metadata.row_groups.flatMap(({ columns }) => columns.map(({ meta_data }) => meta_data));
  const budget = { bytes: maxDataBytes, values: maxValues };
  const read = new Map<string, unknown[]>(wanted.map((name) => [name, new Array(rows)]));
  await parsed(refuse, 'Parquet file', async () => {
    for (const chunk of chunks) if (chunk && wanted.includes(chunk.path_in_schema[0]!)) checkPages(library, bytes, chunk, budget, refuse);
    const file = { byteLength: bytes.byteLength, slice: (from: number, to?: number) => bytes.buffer.slice(from, to) };
    await library.parquetRead({
      file,
      metadata,
      columns: [...wanted],
      compressors: library.compressors,
      useOffsetIndex: false,
      utf8: false,
      onChunk: ({ columnName, columnData, rowStart }) => {
        const column = read.get(columnName);
        if (!column || rowStart + columnData.length > rows) return;
        for (let i = 0; i < columnData.length; i++) column[rowStart + i] = columnData[i];
      },
    });
  });
  return read;
}

/** The library trusts the headers of pages: sizes and counts in them are held against what is there and against the budget. */
function checkPages(
  library: Reader,
  bytes: Uint8Array<ArrayBuffer>,
  chunk: ColumnMetaData,
  budget: { bytes: number; values: number },
  refuse: Refuse,
): void {
  const data = Number(chunk.data_page_offset);
  const dictionary = chunk.dictionary_page_offset ? Number(chunk.dictionary_page_offset) : data;
  const [from, to] = [Math.min(data, dictionary), Math.min(data, dictionary) + Number(chunk.total_compressed_size)];
  if (!(from >= 4 && to <= bytes.byteLength && from <= to)) refuse('a column of it lies outside the file');
  for (let at = from; at < to - 1; ) {
    const reader = { view: new DataView(bytes.buffer, at, Math.min(to - at, maxPageHeaderBytes)), offset: 0 };
    const page = library.parquetHeader(reader);
    const packed = Number(page.compressed_page_size);
    const values = [page.data_page_header, page.dictionary_page_header, page.data_page_header_v2].map((head) =>
      Number(head?.num_values ?? 0),
    );
    if (Number(page.uncompressed_page_size) > maxPartBytes) refuse(`a page of it unpacks to more than ${maxPartBytes} bytes`);
    budget.bytes -= Number(page.uncompressed_page_size);
    budget.values -= Math.max(...values);
    if (budget.bytes < 0)
      throw new GroundtwinError('DATA_TOO_LARGE', { what: 'The Parquet file', bytes: maxDataBytes - budget.bytes, maxBytes: maxDataBytes });
    if (budget.values < 0) refuse(`the columns to read hold more than ${maxValues} values`);
    if (!(packed >= 0 && Number(page.uncompressed_page_size) >= 0 && Math.min(...values) >= 0)) refuse('a page of it has a negative size');
    at += reader.offset + packed;
    if (at > to) refuse('a page of it reaches past its column');
  }
}

/** A column of the file to write: numbers (nulls make it nullable), booleans, strings, bytes, or rows of `width` numbers. */
export interface ParquetColumn {
  readonly name: string;
  readonly type: 'INT32' | 'INT64' | 'FLOAT' | 'DOUBLE' | 'BOOLEAN' | 'STRING' | 'BYTE_ARRAY';
  readonly data: ArrayLike<unknown>;
  readonly isNullable?: boolean;
  /** Each row is a list of such values. */
  readonly isList?: boolean;
}

/** @returns the file. */
export async function parquetBytes(columns: readonly ParquetColumn[], head: Readonly<Record<string, string>> = {}): Promise<Uint8Array> {
  const { parquetWriteBuffer } = await import('hyparquet-writer');
  const schema: SchemaElement[] = [{ name: 'schema', num_children: columns.length }, ...columns.flatMap(schemaOf)];
  return new Uint8Array(
    parquetWriteBuffer({
      columnData: columns.map(({ name, data }) => ({ name, data: data as ColumnSource['data'] })),
      schema,
      kvMetadata: Object.entries(head).map(([key, value]) => ({ key, value })),
      rowGroupSize: 100_000,
      createdBy: 'groundtwin',
    }),
  );
}

function schemaOf({ name, type, isNullable, isList }: ParquetColumn): SchemaElement[] {
  const value: SchemaElement = type === 'STRING' ? { name, type: 'BYTE_ARRAY', converted_type: 'UTF8' } : { name, type };
  if (!isList) return [{ ...value, repetition_type: isNullable ? 'OPTIONAL' : 'REQUIRED' }];
  return [
    { name, repetition_type: 'OPTIONAL', num_children: 1, converted_type: 'LIST' },
    { name: 'list', repetition_type: 'REPEATED', num_children: 1 },
    { ...value, name: 'element', repetition_type: 'OPTIONAL' },
  ];
}
