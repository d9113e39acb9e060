/** What clients upload: whole files by the hash of their bytes, in memory, bounded. */
import { createHash, type Hash } from 'node:crypto';
import { GroundtwinError } from '../errors.ts';
import type { ServerLimits } from './limits.ts';

/** A file that is all here. */
interface Blob {
  readonly data: Uint8Array;
  holders: number;
}

/** A file of which parts are still to come; of one session. */
interface Upload {
  readonly data: Uint8Array;
  readonly hash: Hash;
  have: number;
}

/** The whole files of all sessions. What no session holds stays until its room is needed, the longest unused first. */
export class BlobStore {
  private readonly blobs = new Map<string, Blob>();
  private readonly limit: number;
  private used = 0;

  constructor(limit: number) {
    this.limit = limit;
  }

  get usedBytes(): number {
    return this.used;
  }

  /** @throws CAPACITY when everything else is held. */
  reserve(bytes: number): void {
    for (const [sha256, { data, holders }] of this.blobs) {
      if (this.used + bytes <= this.limit) break;
      if (holders > 0) continue;
      this.blobs.delete(sha256);
      this.used -= data.length;
    }
    if (this.used + bytes > this.limit) throw new GroundtwinError('CAPACITY', { what: 'bytes of uploads', limit: this.limit });
    this.used += bytes;
  }

  release(bytes: number): void {
    this.used -= bytes;
  }

  /** A file that is here, held once more. */
  hold(sha256: string): Uint8Array | undefined {
    const blob = this.blobs.get(sha256);
    if (!blob) return undefined;
    blob.holders += 1;
    return blob.data;
  }

  /** Takes a file over whose room is reserved. @returns the one that is kept: another session may have been faster. */
  add(sha256: string, data: Uint8Array): Uint8Array {
    const known = this.hold(sha256);
    if (known) {
      this.release(data.length);
      return known;
    }
    this.blobs.set(sha256, { data, holders: 1 });
    return data;
  }

  drop(sha256: string): void {
    const blob = this.blobs.get(sha256)!;
    blob.holders -= 1;
    // Last used, last to go.
    this.blobs.delete(sha256);
    this.blobs.set(sha256, blob);
  }
}

type Files = Readonly<Record<string, string>>;

/** What one session has uploaded and published. Its own oldest files make room for its new ones. */
export class SessionBlobs {
  private readonly store: BlobStore;
  private readonly limits: ServerLimits;
  private readonly uploads = new Map<string, Upload>();
  private readonly held = new Map<string, Uint8Array>();
  private readonly published = new Map<string, Files>();

  constructor(store: BlobStore, limits: ServerLimits) {
    this.store = store;
    this.limits = limits;
  }

  /**
   * Begins an upload, or goes on with it.
   * @returns how many bytes are here. @throws CAPACITY, UPLOAD_INVALID.
   */
  begin(sha256: string, bytes: number): number {
    const { maxBlobBytes } = this.limits;
    if (bytes > maxBlobBytes) throw new GroundtwinError('CAPACITY', { what: 'bytes of one upload', limit: maxBlobBytes });
    const upload = this.uploads.get(sha256);
    const known = upload?.data ?? this.used(sha256) ?? this.takeKnown(sha256);
    if (known === undefined) {
      this.makeRoom(bytes, 1);
      this.store.reserve(bytes);
      this.uploads.set(sha256, { data: new Uint8Array(bytes), hash: createHash('sha256'), have: 0 });
      return 0;
    }
    if (known.length !== bytes) invalid(`${bytes} bytes are announced for a file of ${known.length}`);
    return upload?.have ?? bytes;
  }

  /** Takes the next part; one that is here already changes nothing. @returns how many bytes are here. @throws BLOB_UNKNOWN, UPLOAD_INVALID. */
  add(sha256: string, offset: number, part: Uint8Array): number {
    const upload = this.uploads.get(sha256);
    if (!upload) {
      const known = this.used(sha256);
      if (known && offset + part.length <= known.length) return known.length;
      throw new GroundtwinError('BLOB_UNKNOWN', { what: `upload ${sha256.slice(0, 12)}… that waits for this part` });
    }
    const { data, have, hash } = upload;
    if (offset + part.length <= have) return have;
    if (offset !== have) invalid(`a part at ${offset} came where one at ${have} was due`);
    if (offset + part.length > data.length) invalid(`it is longer than the ${data.length} bytes announced`);
    data.set(part, offset);
    hash.update(part);
    upload.have += part.length;
    if (upload.have === data.length) this.complete(sha256, upload);
    return upload.have;
  }

  /** @throws BLOB_UNKNOWN. */
  bytesOf(sha256: string): Uint8Array {
    const data = this.used(sha256);
    if (!data) throw new GroundtwinError('BLOB_UNKNOWN', { what: `whole file with sha256 ${sha256.slice(0, 12)}…` });
    return data;
  }

  /** Names files together. @returns an id that follows from kind, names and contents. @throws BLOB_UNKNOWN, CAPACITY. */
  publish(kind: string, files: Files): string {
    const names = Object.keys(files).sort();
    const { maxPublished, maxPublishedFiles } = this.limits;
    if (names.length === 0) invalid('it names no files');
    if (names.length > maxPublishedFiles)
      throw new GroundtwinError('CAPACITY', { what: 'files published together', limit: maxPublishedFiles });
    for (const name of names) this.bytesOf(files[name]!);
    const listing = JSON.stringify([kind, ...names.map((name) => [name, files[name]])]);
    const id = `sha256:${createHash('sha256').update(listing).digest('hex')}`;
    const key = keyOf(kind, id);
    this.published.delete(key);
    this.published.set(key, files);
    for (const oldest of this.published.keys()) {
      if (this.published.size <= maxPublished) break;
      this.published.delete(oldest);
    }
    return id;
  }

  /** The files of what this session published. @throws BLOB_UNKNOWN. */
  filesOf(kind: string, id: string): Readonly<Record<string, Uint8Array>> {
    const files = this.published.get(keyOf(kind, id));
    if (!files) throw new GroundtwinError('BLOB_UNKNOWN', { what: `${kind} ${id.slice(0, 19)}…` });
    return Object.fromEntries(Object.entries(files).map(([name, sha256]) => [name, this.bytesOf(sha256)]));
  }

  close(): void {
    for (const sha256 of this.uploads.keys()) this.abandon(sha256);
    for (const sha256 of this.held.keys()) this.letGo(sha256);
    this.published.clear();
  }

  private complete(sha256: string, { data, hash }: Upload): void {
    this.uploads.delete(sha256);
    if (hash.digest('hex') !== sha256) {
      this.store.release(data.length);
      invalid('its bytes have another sha256 than announced');
    }
    this.held.set(sha256, this.store.add(sha256, data));
  }

  /** One of those held; it is now the last to go. */
  private used(sha256: string): Uint8Array | undefined {
    const data = this.held.get(sha256);
    if (data) {
      this.held.delete(sha256);
      this.held.set(sha256, data);
    }
    return data;
  }

  /** Somebody has uploaded it before: who can name the hash of its bytes may have it. */
  private takeKnown(sha256: string): Uint8Array | undefined {
    const data = this.store.hold(sha256);
    if (!data) return undefined;
    this.held.set(sha256, data);
    this.makeRoom(0, 0, sha256);
    return data;
  }

  private makeRoom(bytes: number, count: number, butNot?: string): void {
    const { maxSessionBlobBytes, maxBlobs } = this.limits;
    const isOver = () => this.sizeOf() + bytes > maxSessionBlobBytes || this.uploads.size + this.held.size + count > maxBlobs;
    for (const sha256 of this.held.keys()) {
      if (!isOver()) return;
      if (sha256 !== butNot) this.letGo(sha256);
    }
    for (const sha256 of this.uploads.keys()) {
      if (!isOver()) return;
      this.abandon(sha256);
    }
    if (isOver()) throw new GroundtwinError('CAPACITY', { what: 'bytes of uploads a session', limit: maxSessionBlobBytes });
  }

  private sizeOf(): number {
    let bytes = 0;
    for (const { data } of this.uploads.values()) bytes += data.length;
    for (const data of this.held.values()) bytes += data.length;
    return bytes;
  }

  private abandon(sha256: string): void {
    this.store.release(this.uploads.get(sha256)!.data.length);
    this.uploads.delete(sha256);
  }

  private letGo(sha256: string): void {
    this.held.delete(sha256);
    this.store.drop(sha256);
  }
}

function keyOf(kind: string, id: string): string {
  return `${kind} ${id}`;
}

function invalid(problem: string): never {
  throw new GroundtwinError('UPLOAD_INVALID', { problem });
}
