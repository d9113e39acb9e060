import { expect } from 'chai';
import type { GroundtwinError } from '../../src/errors.ts';
import { checkEnvelope, checkReply, checkRequest, OPS, type Op, Tensor } from '../../src/wire/index.ts';

const tensor = new Tensor(new Float32Array(2), [1, 2]);

function problemOf(act: () => unknown): string {
  try {
    act();
  } catch (error) {
    const { code, details } = error as GroundtwinError<'BAD_MESSAGE'>;
    expect(code).to.equal('BAD_MESSAGE');
    return `${details.field}: ${details.expected}`;
  }
  throw new Error('nothing was thrown');
}

describe('messages', () => {
  for (const [op, message, problem] of [
    ['step', { action: tensor }, 'step.env: an integer from 1 to 2147483647'],
    ['step', { env: 1, action: 5 }, 'step.action: an array, or a map of arrays'],
    ['step', { env: 1, action: { arm: [1] } }, 'a part of step.action: an array, or a map of arrays'],
    ['step', { env: 1, action: tensor, extra: 1 }, 'step: a map of env, action only'],
    ['make', { id: 'A-v0', lanes: 0 }, 'make.lanes: an integer from 1 to 1000000'],
    ['make', { id: 'A-v0', lanes: 1.5 }, 'make.lanes: an integer from 1 to 1000000'],
    ['make', { id: 7, lanes: 1 }, 'make.id: a string'],
    ['make', { id: 'A-v0', lanes: 1, autoreset: 'never' }, 'make.autoreset: one of nextStep, sameStep, disabled'],
    ['make', { id: 'A-v0', lanes: 1, options: [] }, 'make.options: a map'],
    ['reset', { env: 1, seed: -1 }, 'reset.seed: an integer from 0 to 4294967295'],
    ['reset', { env: 1, seeds: tensor }, 'reset.seeds: a float64 array'],
    ['reset', { env: 1, mask: tensor }, 'reset.mask: a uint8 array'],
    ['reset', { env: 1, params: { mass: 'heavy' } }, 'reset.params: a map of numbers'],
    ['restore', { env: 1, snapshot: 5 }, 'restore.snapshot: a uint8 array'],
    ['hello', {}, 'hello.protocol: a string'],
    ['hello', { protocol: 'x', maxFrameBytes: 1 }, 'hello.maxFrameBytes: an integer from 65536 to 2147483647'],
  ] as const) {
    it(`${op} says: ${problem}`, () => expect(problemOf(() => checkRequest(op, { op, seq: 1, ...message }))).to.equal(problem));
  }

  it('says which ops there are, and what a seq is', () => {
    expect(problemOf(() => checkEnvelope({ op: 'fly', seq: 1 }))).to.equal(`op: one of ${OPS.join(', ')}`);
    expect(problemOf(() => checkEnvelope({ op: 'toString', seq: 1 }))).to.match(/^op: one of/);
    expect(problemOf(() => checkEnvelope({ op: 'step', seq: 'x' }))).to.match(/^seq: an integer/);
  });

  it('does not take inherited properties for fields', () => {
    expect(problemOf(() => checkRequest('make' as Op, Object.create({ id: 'A-v0', lanes: 1 })))).to.match(/^make/);
  });

  it('reads replies of a newer server, ignoring what it does not know', () => {
    expect(checkReply('ping', { uptime_s: 3 })).to.deep.equal({});
    expect(checkReply('snapshot', { snapshot: new Tensor(Uint8Array.of(1), [1]), age_s: 3 })).to.deep.equal({ snapshot: Uint8Array.of(1) });
  });
});
