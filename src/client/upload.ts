/** Bringing files to a server, part by part. */
import { GroundtwinError } from '../errors.ts';
import { sha256Hex } from '../math/hash.ts';
import { KIBIBYTE, Tensor } from '../wire/index.ts';
import type { Channel } from './channel.ts';

/** Of a frame, for what is not the part. */
const HEADER_BYTES = 4 * KIBIBYTE;

/** What fits one frame. */
export function partBytes(channel: Channel): number {
  return channel.info.limits.maxFrameBytes - HEADER_BYTES;
}

/** Sends what the server does not have yet. @returns the sha256 it is known by there. @throws CAPACITY, UPLOAD_INVALID. */
export async function upload(channel: Channel, bytes: Uint8Array): Promise<string> {
  const sha256 = sha256Hex(bytes);
  const size = partBytes(channel);
  let { have } = await channel.request('upload', { sha256, bytes: bytes.length });
  while (have < bytes.length) {
    const part = bytes.subarray(have, have + size);
    const reply = await channel.request('chunk', { sha256, offset: have, data: new Tensor(part, [part.length]) });
    if (reply.have <= have) throw new GroundtwinError('BAD_MESSAGE', { field: 'chunk reply.have', expected: `more than ${have}` });
    have = reply.have;
  }
  return sha256;
}

/** Uploads files and names them together. @returns the id of the whole. */
export async function publish(channel: Channel, kind: 'model' | 'policy', files: Readonly<Record<string, Uint8Array>>): Promise<string> {
  const hashes: Record<string, string> = {};
  for (const [name, bytes] of Object.entries(files)) hashes[name] = await upload(channel, bytes);
  return (await channel.request('publish', { kind, files: hashes })).id;
}
