/** MCAP with messages in JSON, one channel a topic with its JSON Schema, as Foxglove and `mcap` read it. A message is an object of named numbers. */
import { writeFileAtomically } from '../atomic-file.ts';
import type { EpisodeSet } from '../episode.ts';
import type { EpisodeFormat, FormatOptions, ImportOptions } from './format.ts';
import { logOf, type MessageCodec } from './log-file.ts';
import { readMcap } from './mcap-file.ts';
import type { NamedNumbers } from './ros-messages.ts';
import { collect, episodesFromMessages, type Series, type Topic, topicOf } from './timeline.ts';
import { bytesOfFile, isJsonObject, type Refuse, refusing } from './untrusted-file.ts';

/** How deep numbers may lie in a message, and how many are looked at. */
const maxDepth = 4;
const maxNumbers = 4096;
/** Bytes of one message. */
const maxMessageBytes = 2 ** 20;

export const mcap: EpisodeFormat = { place: 'file', write, read };

const codec: MessageCodec = {
  format: 'mcap',
  profile: '',
  channel(topic, names) {
    const title = `groundtwin.${topic.slice(1)}`;
    const properties = Object.fromEntries(names.map((name) => [name, { type: 'number' }]));
    const schema = JSON.stringify({ title, type: 'object', properties, required: names });
    return { topic, encoding: 'json', schema: { name: title, encoding: 'jsonschema', data: new TextEncoder().encode(schema) } };
  },
  encode: (numbers) => new TextEncoder().encode(jsonOf(numbers)),
};

async function write(path: string, set: EpisodeSet, options: FormatOptions = {}): Promise<void> {
  writeFileAtomically(path, (await logOf(set, codec, options)).bytes);
}

/** @throws DATA_INVALID for what JSON has no number for. */
function jsonOf({ names, values }: NamedNumbers): string {
  const members = names.map((name, i) => {
    const value = values[i]!;
    if (!Number.isFinite(value)) refusing('the episodes')(`${name.slice(0, 80)} is ${value}, which JSON cannot hold`);
    return `${JSON.stringify(name)}:${Object.is(value, -0) ? '-0' : JSON.stringify(value)}`;
  });
  return `{${members.join(',')}}`;
}

async function read(path: string, options: ImportOptions = {}): Promise<EpisodeSet> {
  const refuse = refusing(path);
  const series = new Map<Topic, Series>();
  const others = new Set<string>();
  const records = await readMcap(bytesOfFile(path, refuse), refuse, (channel, time_ns, data) => {
    const topic = topicOf(channel.topic, options);
    if (topic === undefined) return;
    if (channel.encoding !== 'json') others.add(channel.encoding);
    else collect(series, topic, time_ns, numbersIn(data, refuse), refuse);
  });
  if (series.size === 0 && others.has('cdr')) refuse('its messages are those of ROS 2: import it as rosbag');
  return episodesFromMessages(series, records.get('groundtwin')?.get('spec'), refuse, options);
}

/** All numbers of a message, named by where they are: `pose.x`, `joints.0`. */
function numbersIn(data: Uint8Array, refuse: Refuse): NamedNumbers {
  if (data.byteLength > maxMessageBytes) refuse(`a message has ${data.byteLength} bytes, over the limit of ${maxMessageBytes}`);
  let message: unknown;
  try {
    message = JSON.parse(new TextDecoder().decode(data));
  } catch {
    refuse('a message of it is no JSON');
  }
  const names: string[] = [];
  const values: number[] = [];
  const visit = (value: unknown, path: readonly string[]) => {
    if (names.length > maxNumbers || path.length > maxDepth) return;
    if (typeof value === 'number' || typeof value === 'boolean') {
      names.push(path.join('.'));
      values.push(Number(value));
    } else if (Array.isArray(value)) value.forEach((item, i) => void visit(item, [...path, String(i)]));
    else if (isJsonObject(value)) for (const [key, item] of Object.entries(value)) visit(item, [...path, key]);
  };
  visit(message, []);
  return { names, values };
}
