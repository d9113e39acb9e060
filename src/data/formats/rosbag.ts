/**
 * ROS 2 bags in MCAP storage: a folder with `metadata.yaml` and `<name>_0.mcap`. Every topic is a sensor_msgs/JointState, the one stock message of named
 * numbers with a stamp: `position` holds the values, whatever their unit.
 */
import { basename, join } from 'node:path';
import { writeFileAtomically } from '../atomic-file.ts';
import type { EpisodeSet } from '../episode.ts';
import type { EpisodeFormat, FormatOptions, ImportOptions } from './format.ts';
import { type Log, logOf, type MessageCodec } from './log-file.ts';
import { readMcap } from './mcap-file.ts';
import { jointState, jointStateDefinition, jointStateMessage, readableRosTypes, rosNumbers } from './ros-messages.ts';
import { collect, episodesFromMessages, type Series, type Topic, topicOf } from './timeline.ts';
import { bytesInside, entriesOf, refusing } from './untrusted-file.ts';

/** Of metadata.yaml: what ROS 2 Iron and later write, and all read. */
const bagVersion = 8;

export const rosbag: EpisodeFormat = { place: 'folder', write, read };

/** One for all topics, so that the file holds it once. */
const schema = { name: jointState, encoding: 'ros2msg', data: new TextEncoder().encode(jointStateDefinition) };

const codec: MessageCodec = {
  format: 'rosbag',
  profile: 'ros2',
  channel: (topic) => ({ topic, encoding: 'cdr', schema, metadata: { offered_qos_profiles: '' } }),
  encode: jointStateMessage,
};

async function write(path: string, set: EpisodeSet, options: FormatOptions = {}): Promise<void> {
  const file = `${basename(path)}_0.mcap`;
  const log = await logOf(set, codec, options);
  writeFileAtomically(join(path, file), log.bytes);
  writeFileAtomically(join(path, 'metadata.yaml'), bagDescription(file, log));
}

function bagDescription(file: string, { counts, from_ns, to_ns }: Log): string {
  const messages = [...counts.values()].reduce((sum, count) => sum + count, 0);
  const span = (indent: string) => [
    `${indent}duration:`,
    `${indent}  nanoseconds: ${to_ns - from_ns}`,
    `${indent}starting_time:`,
    `${indent}  nanoseconds_since_epoch: ${from_ns}`,
    `${indent}message_count: ${messages}`,
  ];
  const topics = [...counts].flatMap(([topic, count]) => [
    '    - topic_metadata:',
    `        name: ${topic}`,
    `        type: ${jointState}`,
    '        serialization_format: cdr',
    '        offered_qos_profiles: ""',
    '        type_description_hash: ""',
    `      message_count: ${count}`,
  ]);
  const path = JSON.stringify(file);
  const lines = [
    'rosbag2_bagfile_information:',
    `  version: ${bagVersion}`,
    '  storage_identifier: mcap',
    ...span('  '),
    '  topics_with_message_count:',
    ...topics,
    '  compression_format: ""',
    '  compression_mode: ""',
    '  relative_file_paths:',
    `    - ${path}`,
    '  files:',
    `    - path: ${path}`,
    ...span('      '),
    '  custom_data: ~',
    '  ros_distro: ""',
  ];
  return `${lines.join('\n')}\n`;
}

/** Names in metadata.yaml are not followed: the bag is all MCAP files of its folder, in order. */
async function read(path: string, options: ImportOptions = {}): Promise<EpisodeSet> {
  const refuse = refusing(path);
  const files = entriesOf(path, /\.mcap$/, refuse);
  if (files.length === 0)
    refuse('it is no folder with .mcap files; convert a bag in other storage with `ros2 bag convert`, a compressed one with `zstd -d`');
  const series = new Map<Topic, Series>();
  const unread = new Set<string>();
  let spec: string | undefined;
  for (const file of files) {
    const records = await readMcap(bytesInside(path, [file], refuse), refuse, ({ topic: name, encoding, schemaName }, time_ns, data) => {
      const topic = topicOf(name, options);
      if (topic === undefined) return;
      if (encoding === 'cdr' && readableRosTypes.includes(schemaName))
        collect(series, topic, time_ns, rosNumbers(schemaName, data), refuse);
      else unread.add(`${name} of ${schemaName}`);
    });
    spec ??= records.get('groundtwin')?.get('spec');
  }
  if (unread.size > 0) refuse(`${[...unread].join(', ').slice(0, 200)} cannot be read; ${readableRosTypes.join(', ')} can`);
  return episodesFromMessages(series, spec, refuse, options);
}
