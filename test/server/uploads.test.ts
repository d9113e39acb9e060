import { createHash } from 'node:crypto';
import { expect } from 'chai';
import fc from 'fast-check';
import { isGroundtwinError } from '../../src/errors.ts';
import { BlobStore, SessionBlobs } from '../../src/server/blob-store.ts';
import { SERVER_LIMITS } from '../../src/server/limits.ts';
import { Tensor } from '../../src/wire/index.ts';
import { openSession, type Raw, start, stopAll } from './harness.ts';

const limits = { ...SERVER_LIMITS, maxBlobBytes: 100, maxSessionBlobBytes: 200, totalBlobBytes: 300, maxBlobs: 5, maxPublished: 3 };
const bytesOf = (length: number, value: number) => new Uint8Array(length).fill(value);
const hashOf = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

function codeOf(act: () => unknown): string {
  try {
    act();
  } catch (error) {
    if (isGroundtwinError(error)) return error.code;
    throw error;
  }
  return 'fine';
}

function put(blobs: SessionBlobs, bytes: Uint8Array): string {
  const sha256 = hashOf(bytes);
  const have = blobs.begin(sha256, bytes.length);
  if (have < bytes.length) blobs.add(sha256, have, bytes.subarray(have));
  return sha256;
}

describe('uploads', () => {
  let store: BlobStore;
  const session = () => new SessionBlobs(store, limits);
  beforeEach(() => {
    store = new BlobStore(limits.totalBlobBytes);
  });

  it('take a file in any parts, and go on where they were', () =>
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 1, maxLength: 100 }),
        fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1 }),
        (bytes, sizes) => {
          const blobs = session();
          const sha256 = hashOf(bytes);
          let have = blobs.begin(sha256, bytes.length);
          for (let i = 0; have < bytes.length; i++) {
            const part = bytes.subarray(have, have + sizes[i % sizes.length]!);
            have = blobs.add(sha256, have, part);
            // Sent again after a dropped socket.
            expect(blobs.add(sha256, have - part.length, part)).to.equal(have);
            expect(blobs.begin(sha256, bytes.length)).to.equal(have);
          }
          expect(Buffer.from(blobs.bytesOf(sha256)).equals(bytes)).to.equal(true);
          blobs.close();
        },
      ),
      { numRuns: 100 },
    ));

  it('refuse other bytes than announced: hash, length, place', () => {
    const blobs = session();
    const sha256 = hashOf(bytesOf(10, 1));
    blobs.begin(sha256, 10);
    expect(codeOf(() => blobs.begin(sha256, 11))).to.equal('UPLOAD_INVALID');
    expect(codeOf(() => blobs.add(sha256, 5, bytesOf(5, 1)))).to.equal('UPLOAD_INVALID');
    expect(codeOf(() => blobs.add(sha256, 0, bytesOf(11, 1)))).to.equal('UPLOAD_INVALID');
    expect(codeOf(() => blobs.add(sha256, 0, bytesOf(10, 2)))).to.equal('UPLOAD_INVALID');
    expect(codeOf(() => blobs.add(sha256, 0, bytesOf(10, 1)))).to.equal('BLOB_UNKNOWN');
    expect(store.usedBytes).to.equal(0);
    put(blobs, bytesOf(10, 1));
    expect(codeOf(() => blobs.begin(sha256, 11))).to.equal('UPLOAD_INVALID');
    expect(codeOf(() => blobs.add(sha256, 5, bytesOf(6, 1)))).to.equal('BLOB_UNKNOWN');
  });

  it('of one session are no other’s until they are whole and named by their hash', () => {
    const [mine, theirs] = [session(), session()];
    const bytes = bytesOf(10, 1);
    const sha256 = hashOf(bytes);
    mine.begin(sha256, 10);
    mine.add(sha256, 0, bytes.subarray(0, 5));
    expect(codeOf(() => theirs.add(sha256, 5, bytesOf(5, 9)))).to.equal('BLOB_UNKNOWN');
    expect(theirs.begin(sha256, 10)).to.equal(0);
    expect(codeOf(() => theirs.add(sha256, 0, bytesOf(10, 9)))).to.equal('UPLOAD_INVALID');
    expect(mine.add(sha256, 5, bytes.subarray(5))).to.equal(10);
    expect(codeOf(() => theirs.bytesOf(sha256))).to.equal('BLOB_UNKNOWN');
    expect(codeOf(() => theirs.publish('model', { 'manifest.json': sha256 }))).to.equal('BLOB_UNKNOWN');
    const id = mine.publish('model', { 'manifest.json': sha256 });
    expect(codeOf(() => theirs.filesOf('model', id))).to.equal('BLOB_UNKNOWN');
    expect(codeOf(() => mine.filesOf('policy', id))).to.equal('BLOB_UNKNOWN');
    expect(theirs.begin(sha256, 10)).to.equal(10);
    expect(theirs.publish('model', { 'manifest.json': sha256 })).to.equal(id);
    expect(theirs.publish('model', { 'other.json': sha256 })).not.to.equal(id);
    expect(store.usedBytes).to.equal(10);
  });

  it('of a session make room for each other, the longest unused first; larger ones are refused', () => {
    const blobs = session();
    const [first, second] = [put(blobs, bytesOf(90, 1)), put(blobs, bytesOf(90, 2))];
    const id = blobs.publish('policy', { 'policy.onnx': second });
    blobs.bytesOf(first);
    put(blobs, bytesOf(90, 3));
    expect(codeOf(() => blobs.bytesOf(first))).to.equal('fine');
    expect(codeOf(() => blobs.filesOf('policy', id))).to.equal('BLOB_UNKNOWN');
    expect(codeOf(() => blobs.begin(hashOf(bytesOf(1, 1)), 101))).to.equal('CAPACITY');
    for (let i = 0; i < 20; i++) put(blobs, bytesOf(1, i));
    for (let i = 0; i < 20; i++) blobs.begin(hashOf(bytesOf(2, i)), 100);
    expect(store.usedBytes).to.be.at.most(limits.totalBlobBytes);
    expect(codeOf(() => blobs.publish('model', {}))).to.equal('UPLOAD_INVALID');
    blobs.close();
  });

  it('of all sessions are bounded; what nobody holds goes first, and not before its room is needed', () => {
    const [one, two, three] = [session(), session(), session()];
    const kept = put(one, bytesOf(100, 1));
    put(one, bytesOf(100, 2));
    one.close();
    expect(store.usedBytes).to.equal(200);
    expect(two.begin(kept, 100)).to.equal(100);
    put(two, bytesOf(100, 3));
    put(three, bytesOf(100, 4));
    expect(store.usedBytes).to.equal(300);
    expect(codeOf(() => three.begin(hashOf(bytesOf(9, 9)), 9))).to.equal('CAPACITY');
    two.close();
    expect(codeOf(() => three.begin(hashOf(bytesOf(9, 9)), 9))).to.equal('fine');
    three.close();
    expect(store.usedBytes).to.be.at.most(300);
  });

  it('keeps a bounded number of names', () => {
    const blobs = session();
    const sha256 = put(blobs, bytesOf(1, 1));
    const ids = [1, 2, 3, 4].map((i) => blobs.publish('model', { [`${i}`]: sha256 }));
    expect(ids.map((id) => codeOf(() => blobs.filesOf('model', id)))).to.deep.equal(['BLOB_UNKNOWN', 'fine', 'fine', 'fine']);
    const many = Object.fromEntries(Array.from({ length: limits.maxPublishedFiles + 1 }, (_, i) => [`${i}`, sha256]));
    expect(codeOf(() => blobs.publish('model', many))).to.equal('CAPACITY');
  });
});

describe('uploads over a socket', () => {
  afterEach(stopAll);

  const bytes = bytesOf(10, 7);
  const sha256 = hashOf(bytes);
  const codesOf = async (raw: Raw, first: number, requests: readonly Record<string, unknown>[]) => {
    const codes: string[] = [];
    for (const [i, request] of requests.entries()) codes.push((await raw.ask({ seq: first + i, ...request })).error?.code ?? 'ok');
    return codes;
  };

  it('end with their session, and refuse what is wrong in them', async () => {
    const server = await start();
    const { raw } = await openSession(server.url);
    const tensor = (part: Uint8Array) => new Tensor(part, [part.length]);
    expect(
      await codesOf(raw, 2, [
        { op: 'upload', sha256, bytes: 10 },
        { op: 'chunk', sha256, offset: 0, data: tensor(bytes) },
        { op: 'upload', sha256: sha256.toUpperCase(), bytes: 10 },
        { op: 'upload', sha256: '../../etc/passwd', bytes: 10 },
        { op: 'upload', sha256, bytes: 0 },
        { op: 'upload', sha256, bytes: 2 ** 40 },
        { op: 'chunk', sha256, offset: -1, data: tensor(bytes) },
        { op: 'chunk', sha256: '0'.repeat(64), offset: 0, data: tensor(bytes) },
        { op: 'publish', kind: 'pickle', files: { a: sha256 } },
        { op: 'publish', kind: 'model', files: { a: 'b' } },
        { op: 'publish', kind: 'model', files: { 'manifest.json': sha256 } },
      ]),
    ).to.deep.equal([
      'ok',
      'ok',
      'BAD_MESSAGE',
      'BAD_MESSAGE',
      'BAD_MESSAGE',
      'BAD_MESSAGE',
      'BAD_MESSAGE',
      'BLOB_UNKNOWN',
      'BAD_MESSAGE',
      'BAD_MESSAGE',
      'ok',
    ]);
    expect(server.stats().blobBytes).to.equal(10);
    const half = '1'.repeat(64);
    await raw.ask({ op: 'upload', seq: 13, sha256: half, bytes: 1000 });
    expect(server.stats().blobBytes).to.equal(1010);
    raw.socket.close(1000);
    await raw.closed;
    await new Promise((resolve) => setTimeout(resolve, 30));
    // The whole file stays for others until its room is needed.
    expect(server.stats().blobBytes).to.equal(10);
  });

  it('announced and never sent take no more than their bound', async () => {
    const server = await start({ limits: { maxBlobBytes: 1_000_000, maxSessionBlobBytes: 4_000_000 } });
    const { raw } = await openSession(server.url);
    const requests = Array.from({ length: 50 }, (_, i) => ({ op: 'upload', sha256: hashOf(bytesOf(1, i)), bytes: 1_000_000 }));
    expect(new Set(await codesOf(raw, 2, requests))).to.deep.equal(new Set(['ok']));
    expect(server.stats().blobBytes).to.equal(4_000_000);
  });

  it('are counted as often as envs are made of them', async () => {
    const server = await start({ limits: { totalBlobBytes: 25 } });
    const { raw } = await openSession(server.url);
    const [manifest, graph] = [bytesOf(2, 1), bytesOf(10, 2)];
    const files = { 'manifest.json': hashOf(manifest), 'predict.onnx': hashOf(graph) };
    let seq = 1;
    const ask = (request: Record<string, unknown>) => raw.ask({ ...request, seq: ++seq });
    for (const data of [manifest, graph]) {
      await ask({ op: 'upload', sha256: hashOf(data), bytes: data.length });
      await ask({ op: 'chunk', sha256: hashOf(data), offset: 0, data: new Tensor(data, [data.length]) });
    }
    const model = (await ask({ op: 'publish', kind: 'model', files })).ok!.id;
    const make = { op: 'make', id: 'Counter-v0', lanes: 1, options: { model } };
    const env = (await ask(make)).ok!.env;
    expect(server.stats().blobBytes).to.equal(22);
    expect((await ask(make)).error?.code).to.equal('CAPACITY');
    await ask({ op: 'close', env });
    expect(server.stats().blobBytes).to.equal(12);
    expect((await ask(make)).error).to.equal(undefined);
  });
});
