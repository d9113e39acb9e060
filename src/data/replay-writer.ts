import { closeSync, fsyncSync, mkdirSync, openSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { GroundtwinError } from '../errors.ts';
import { sha256Bytes } from '../math/hash.ts';
import { spaceToJson } from '../wire/space-json.ts';
import {
  bytesOfEvent,
  join,
  linkBytes,
  maxReplayBytes,
  maxReplayEvents,
  maxReplayHeadBytes,
  type ReplayEvent,
  type ReplayHead,
  recordHead,
  recordHeadBytes,
  recordKinds,
  replayFormat,
  replayMagic,
  uint32,
} from './replay-format.ts';

const endBytes = 8;

/**
 * Appends to a replay file. Each record goes to the system whole before `add` returns, so a killed process leaves everything up to its last event;
 * `end` adds the count and syncs the disk.
 */
export class ReplayWriter {
  private readonly head: ReplayHead;
  private readonly file: number;
  private link: Uint8Array;
  private offset = 0;
  private events = 0;
  private steps = 0;
  private state: 'open' | 'broken' | 'closed' = 'open';

  /** Begins the file anew. @throws REPLAY_REFUSED for a head beyond its limit. */
  constructor(path: string, head: ReplayHead) {
    this.head = head;
    const { observationSpace, actionSpace, ...facts } = head;
    const spaces = { observationSpace: spaceToJson(observationSpace), actionSpace: spaceToJson(actionSpace) };
    const json = new TextEncoder().encode(JSON.stringify({ format: replayFormat, ...facts, ...spaces }));
    if (json.byteLength > maxReplayHeadBytes) this.refuse(`its head takes ${json.byteLength} bytes, over ${maxReplayHeadBytes}`);
    const start = join([replayMagic, uint32(json.byteLength), json]);
    this.link = sha256Bytes([start], linkBytes);
    mkdirSync(dirname(path), { recursive: true });
    this.file = openSync(path, 'w');
    this.write(join([start, this.link]));
  }

  /** @throws REPLAY_REFUSED when a limit is reached; the error of the system when the disk is full, and for every event after it. */
  add(event: ReplayEvent): void {
    if (this.state === 'closed') this.refuse('the recording has ended');
    if (this.state === 'broken') this.refuse('an event before it could not be written, so the file ends there');
    const body = bytesOfEvent(event);
    const room = maxReplayBytes - this.offset - 2 * (recordHeadBytes + linkBytes) - endBytes;
    if (this.events >= maxReplayEvents || body.byteLength > room)
      this.refuse(`a file holds at most ${maxReplayEvents} events and ${maxReplayBytes} bytes`);
    this.append(recordKinds[event.op], body);
    this.events++;
    if (event.op === 'step') this.steps++;
  }

  /** Adds the final record, unless the file is broken, and closes it. Once. */
  end(): void {
    if (this.state === 'closed') return;
    try {
      if (this.state === 'open') {
        this.append(recordKinds.end, join([uint32(this.events), uint32(this.steps)]));
        fsyncSync(this.file);
      }
    } finally {
      this.state = 'closed';
      closeSync(this.file);
    }
  }

  private append(kind: number, body: Uint8Array): void {
    const record = join([recordHead(kind, body.byteLength, this.link), body]);
    const link = sha256Bytes([this.link, record], linkBytes);
    this.write(join([record, link]));
    this.link = link;
  }

  private write(bytes: Uint8Array): void {
    try {
      let written = 0;
      while (written < bytes.byteLength) written += writeSync(this.file, bytes, written);
      this.offset += written;
    } catch (error) {
      this.state = 'broken';
      throw error;
    }
  }

  private refuse(problem: string): never {
    throw new GroundtwinError('REPLAY_REFUSED', { env: this.head.env, problem });
  }
}
