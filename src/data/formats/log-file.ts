import type { EpisodeSet } from '../episode.ts';
import type { FormatOptions } from './format.ts';
import { type McapChannel, type McapMessage, mcapBytes } from './mcap-file.ts';
import type { NamedNumbers } from './ros-messages.ts';
import { specRecord } from './spec-record.ts';
import { messagesOf, requireTimeline, type Topic, topicNames } from './timeline.ts';

/** How a log encodes named numbers. */
export interface MessageCodec {
  /** The format, for messages to the user. */
  readonly format: string;
  /** Of the MCAP file. */
  readonly profile: string;
  channel(topic: Topic, names: readonly string[]): McapChannel;
  encode(numbers: NamedNumbers, time_ns: bigint): Uint8Array;
}

export interface Log {
  /** The MCAP file. */
  readonly bytes: Uint8Array;
  /** Messages of each topic. */
  readonly counts: ReadonlyMap<Topic, number>;
  /** Times of the first and the last message. */
  readonly from_ns: bigint;
  readonly to_ns: bigint;
}

/** Episodes as a log, with what they are in a record named groundtwin. @throws DATA_INVALID for those that it cannot hold. */
export async function logOf(set: EpisodeSet, codec: MessageCodec, { onProgress }: FormatOptions): Promise<Log> {
  const dt_s = requireTimeline(set.spec, codec.format);
  const names = topicNames(set.spec);
  const places = new Map([...names.keys()].map((topic, i) => [topic, i]));
  const counts = new Map<Topic, number>();
  let span: readonly [from_ns: bigint, to_ns: bigint] | undefined;
  function* messages(): Generator<McapMessage> {
    for (const { topic, time_ns, values } of messagesOf(set, dt_s)) {
      if (topic === '/episode') onProgress?.(values[0]! + 1, set.episodes.length);
      counts.set(topic, (counts.get(topic) ?? 0) + 1);
      span = [span?.[0] ?? time_ns, time_ns];
      yield { channel: places.get(topic)!, time_ns, data: codec.encode({ names: names.get(topic)!, values }, time_ns) };
    }
  }
  const channels = [...names].map(([topic, own]) => codec.channel(topic, own));
  const bytes = await mcapBytes(codec.profile, channels, messages(), new Map([['groundtwin', new Map([['spec', specRecord(set.spec)]])]]));
  const [from_ns, to_ns] = span ?? [0n, 0n];
  return { bytes, counts, from_ns, to_ns };
}
