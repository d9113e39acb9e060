import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { type ErrorCode, errorTable, GroundtwinError, isGroundtwinError } from '../src/errors.ts';

/** Sections of docs/errors.md: code and the text under it. */
const sections = readFileSync(new URL('../docs/errors.md', import.meta.url), 'utf8')
  .split(/^## /m)
  .slice(1)
  .map((section) => ({ code: section.split('\n')[0]!.trim(), text: section.split('\n').slice(1).join('\n').trim() }));

const codes = Object.keys(errorTable) as ErrorCode[];

/** Stands for any detail a row may use: text, number, list, or a call on one of them. A whole message from elsewhere brings its own way out. */
const anyDetail: unknown = new Proxy(() => anyDetail, {
  get: (_, key) => {
    if (key === Symbol.toPrimitive) return (hint: string) => (hint === 'number' ? 3 : 'sample');
    return key === 'message' ? 'Sample. Try again.' : anyDetail;
  },
});

const messageOf = (code: ErrorCode) => (errorTable[code] as (details: unknown) => string)(anyDetail);

/** A sentence about what went wrong and another, or a clause that says what to do. */
function showsWayOut(message: string): boolean {
  const sentences = message.split(/[.!?](?=\s|$)/).filter((sentence) => sentence.trim() !== '');
  return sentences.length >= 2 || /\b(must|use|make|take|give|pass|send|check|call|set|install|wait|try|choose)\b/i.test(message);
}

describe('the error table', () => {
  it('has exactly one heading a row in docs/errors.md', () => {
    expect(sections.map(({ code }) => code).sort()).to.deep.equal([...codes].sort());
  });

  for (const { code, text } of sections) {
    it(`docs/errors.md explains ${code}`, () => expect(text).to.match(/\w+ .+\./s));
  }

  for (const code of codes) {
    it(`${code} says what is wrong and a way out`, () => {
      const message = messageOf(code);
      expect(message).not.to.match(/undefined|NaN|\[object/);
      expect(message, 'one sentence, and nothing to do about it').to.satisfy(showsWayOut);
    });
  }

  it('takes a message without a way out for what it is', () => {
    expect(showsWayOut('cart: sample.')).to.equal(false);
    expect(showsWayOut('cart: the action must be 3 numbers, got 2.')).to.equal(true);
    expect(showsWayOut('cart is closed. A new one is free.')).to.equal(true);
  });
});

describe('GroundtwinError', () => {
  const error = new GroundtwinError('ENV_CLOSED', { env: 'Cart-v0' });

  it('carries code, details and the message of its row', () => {
    expect(error).to.be.instanceOf(Error);
    expect({ code: error.code, details: error.details, message: error.message }).to.deep.equal({
      code: 'ENV_CLOSED',
      details: { env: 'Cart-v0' },
      message: "Cart-v0 is closed. Make a new one with make('Cart-v0').",
    });
  });

  it('is recognised by class and code', () => {
    expect([
      isGroundtwinError(error),
      isGroundtwinError(error, 'ENV_CLOSED'),
      isGroundtwinError(error, 'ENV_UNKNOWN'),
      isGroundtwinError(new Error('x')),
    ]).to.deep.equal([true, true, false, false]);
  });
});
