/** MCAP files: channels of timed messages, whatever their encoding. Libraries are loaded when first needed. */
import { GroundtwinError } from '../../errors.ts';
import { maxDataBytes, maxHeadBytes, maxMessages, maxNames, maxPartBytes, parsed, type Refuse } from './untrusted-file.ts';

export interface McapChannel {
  readonly topic: string;
  /** Of messages: `json`, `cdr`, … */
  readonly encoding: string;
  readonly schema: { readonly name: string; readonly encoding: string; readonly data: Uint8Array };
  readonly metadata?: Readonly<Record<string, string>>;
}

export interface McapMessage {
  /** Index of the channel. */
  readonly channel: number;
  readonly time_ns: bigint;
  readonly data: Uint8Array;
}

/** Texts by key, in records by name. */
export type McapRecords = ReadonlyMap<string, ReadonlyMap<string, string>>;

/** @returns the file: chunked, indexed, not compressed, so that any reader takes it. */
export async function mcapBytes(
  profile: string,
  channels: readonly McapChannel[],
  messages: Iterable<McapMessage>,
  records: McapRecords,
): Promise<Uint8Array> {
  const { McapWriter } = await import('@mcap/core');
  const parts: Uint8Array[] = [];
  let length = 0;
  const writable = {
    position: () => BigInt(length),
    async write(bytes: Uint8Array) {
      parts.push(Uint8Array.from(bytes));
      length += bytes.byteLength;
    },
  };
  const writer = new McapWriter({ writable });
  await writer.start({ profile, library: 'groundtwin' });
  const ids: number[] = [];
  const schemaIds = new Map<McapChannel['schema'], number>();
  for (const { topic, encoding, schema, metadata = {} } of channels) {
    const schemaId = schemaIds.get(schema) ?? (await writer.registerSchema(schema));
    schemaIds.set(schema, schemaId);
    ids.push(await writer.registerChannel({ topic, messageEncoding: encoding, schemaId, metadata: new Map(Object.entries(metadata)) }));
  }
  let sequence = 0;
  for (const { channel, time_ns, data } of messages)
    await writer.addMessage({ channelId: ids[channel]!, sequence: sequence++, logTime: time_ns, publishTime: time_ns, data });
  for (const [name, metadata] of records) await writer.addMetadata({ name, metadata: new Map(metadata) });
  await writer.end();
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.byteLength;
  }
  return bytes;
}

/** What a channel holds, as its file says. */
export interface ForeignChannel {
  readonly topic: string;
  readonly encoding: string;
  readonly schemaName: string;
  readonly schemaEncoding: string;
}

/**
 * Walks through all messages in file order.
 * @returns the records of the file.
 * @throws DATA_INVALID, also for a file cut short; DATA_TOO_LARGE where chunks would unpack to more than a file may.
 */
export async function readMcap(
  bytes: Uint8Array,
  refuse: Refuse,
  onMessage: (channel: ForeignChannel, time_ns: bigint, data: Uint8Array) => void,
): Promise<McapRecords> {
  const [{ McapStreamReader }, { decompress }] = await Promise.all([import('@mcap/core'), import('fzstd')]);
  let left = maxDataBytes;
  const unpack = (packed: Uint8Array, size: bigint) => {
    if (size > maxPartBytes) refuse(`a chunk of it unpacks to ${size} bytes, over the limit of ${maxPartBytes}`);
    left -= Number(size);
    if (left < 0)
      throw new GroundtwinError('DATA_TOO_LARGE', { what: 'The MCAP file', bytes: maxDataBytes - left, maxBytes: maxDataBytes });
    return decompress(packed, new Uint8Array(Number(size)));
  };
  const records = new Map<string, ReadonlyMap<string, string>>();
  const schemas = new Map<number, { name: string; encoding: string }>();
  const channels = new Map<number, ForeignChannel>();
  let messages = 0;
  return parsed(refuse, 'MCAP file', () => {
    const reader = new McapStreamReader({
      decompressHandlers: {
        zstd: unpack,
        lz4: () => refuse('its chunks are compressed with lz4; compress them anew with zstd, as in `mcap compress --compression zstd`'),
      },
    });
    reader.append(bytes);
    for (let record = reader.nextRecord(); record !== undefined; record = reader.nextRecord()) {
      if (record.type === 'Schema') schemas.set(record.id, { name: record.name, encoding: record.encoding });
      else if (record.type === 'Channel') {
        const schema = schemas.get(record.schemaId);
        const { topic, messageEncoding: encoding } = record;
        channels.set(record.id, { topic, encoding, schemaName: schema?.name ?? '', schemaEncoding: schema?.encoding ?? '' });
        if (channels.size + schemas.size > maxNames) refuse(`it has more than ${maxNames} channels`);
      } else if (record.type === 'Metadata') {
        if (records.size >= maxNames) refuse(`it has more than ${maxNames} records`);
        if ([...record.metadata].reduce((sum, [key, value]) => sum + key.length + value.length, 0) < maxHeadBytes)
          records.set(record.name, record.metadata);
      } else if (record.type === 'Message') {
        if (++messages > maxMessages) refuse(`it has more than ${maxMessages} messages`);
        onMessage(channels.get(record.channelId)!, record.logTime, record.data);
      }
    }
    if (!reader.done()) refuse('it ends early; repair it with `mcap recover`');
    return records;
  });
}
