import { readdirSync, readFileSync } from 'node:fs';
import { expect } from 'chai';
import { protocolPage, withProtocol } from '../../scripts/protocol-docs.ts';
import { type Vector, vectorFiles, vectorText } from '../../scripts/protocol-vectors.ts';
import { fromJson, toJson } from '../../scripts/vector-json.ts';
import type { GroundtwinError } from '../../src/errors.ts';
import {
  checkEnvelope,
  checkReply,
  checkReplyEnvelope,
  checkRequest,
  decodeFrame,
  encodeFrame,
  OPS,
  type Op,
  REPLY_LIMITS,
  REQUEST_LIMITS,
} from '../../src/wire/index.ts';

type Message = Record<string, unknown>;

const folder = new URL('../vectors/groundtwin-v1/', import.meta.url);
const read = (file: string) => JSON.parse(readFileSync(new URL(file, folder), 'utf8')) as Vector[];
const limitsOf = ({ direction }: Vector) => (direction === 'request' ? REQUEST_LIMITS : REPLY_LIMITS);

function refusal(act: () => unknown): { code: string; field: string } {
  try {
    act();
  } catch (error) {
    const { code, details } = error as GroundtwinError<'BAD_MESSAGE'>;
    return { code, field: details.field };
  }
  throw new Error('it was accepted');
}

/** What a peer does with a message that it has decoded. */
function check({ direction, op }: Vector, message: Message): void {
  if (direction === 'request') checkRequest(checkEnvelope(message).op, message);
  else {
    const { ok } = checkReplyEnvelope(message);
    if (op !== null) checkReply(op as Op, ok);
  }
}

describe('docs/protocol.md', () => {
  it('is as npm run docs:protocol writes it', () => {
    const page = readFileSync(protocolPage, 'utf8');
    expect(withProtocol(page)).to.equal(page);
  });
});

describe('conformance vectors', () => {
  it('are those that npm run docs:protocol writes', () => {
    const expected = [...vectorFiles()].map(([name, vectors]) => [name, vectorText(vectors)]);
    const found = readdirSync(folder).map((name) => [name, readFileSync(new URL(name, folder), 'utf8')]);
    expect(Object.fromEntries(found)).to.deep.equal(Object.fromEntries(expected));
  });

  it('hold a request and a reply of every op', () => {
    for (const op of OPS) expect(read(`${op}.json`).map(({ direction }) => direction)).to.include.members(['request', 'reply']);
  });

  for (const file of readdirSync(folder)) {
    it(`${file}: bytes decode to what is written beside them, which encodes to the bytes`, () => {
      for (const vector of read(file)) {
        const frame = Buffer.from(vector.hex, 'hex');
        if (vector.json === undefined) {
          expect(
            refusal(() => decodeFrame(frame, limitsOf(vector), true)),
            vector.name,
          ).to.deep.equal(vector.error);
          continue;
        }
        const message = decodeFrame(frame, limitsOf(vector), true);
        expect(toJson(message), vector.name).to.deep.equal(vector.json);
        expect(Buffer.from(encodeFrame(fromJson(vector.json) as Message, limitsOf(vector))).toString('hex'), vector.name).to.equal(
          vector.hex,
        );
        if (vector.error)
          expect(
            refusal(() => check(vector, message)),
            vector.name,
          ).to.deep.equal(vector.error);
        else check(vector, message);
      }
    });
  }
});
