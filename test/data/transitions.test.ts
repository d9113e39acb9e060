import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import fc from 'fast-check';
import { randomPolicy } from '../../agents/index.ts';
import { bytesOf, packSections, unpackSections } from '../../src/core/sections.ts';
import { recordEpisode } from '../../src/data/record.ts';
import {
  readTransitions,
  splitEpisodes,
  TransitionRecorder,
  type Transitions,
  transitionsHash,
  writeTransitions,
} from '../../src/data/transitions.ts';
import { isGroundtwinError } from '../../src/errors.ts';
import { registry } from '../../src/index.ts';

const task = registry.task('Pendulum-v0');
const other = registry.task('CartPoleSwingUp-v0');
const parts = ['state', 'action', 'command', 'next', 'episode'] as const;
const plain = (data: Transitions) => ({ count: data.count, ...Object.fromEntries(parts.map((part) => [part, [...data[part]]])) });

/** Rows of a pendulum: float32 actions, as its space has them. */
const rows = fc.array(
  fc.record({
    numbers: fc.array(fc.double({ noNaN: true, noDefaultInfinity: true }), { minLength: 5, maxLength: 5 }),
    action: fc.float({ noNaN: true, noDefaultInfinity: true }),
    ends: fc.boolean(),
  }),
  { minLength: 1, maxLength: 60 },
);
type Rows = Parameters<Parameters<typeof rows.map>[0]>[0];

function fill(recorder: TransitionRecorder, given: Rows): void {
  let episode = 0;
  // One buffer for all rows: the recorder must copy.
  const [state, command, next] = [new Float64Array(2), new Float64Array(1), new Float64Array(2)];
  const action = new Float32Array(1);
  for (const { numbers, action: value, ends } of given) {
    state.set(numbers.slice(0, 2));
    command[0] = numbers[2]!;
    next.set(numbers.slice(3));
    action[0] = value;
    recorder.add(state, action, command, next, episode);
    if (ends) episode++;
  }
}

describe('recorded transitions', () => {
  let folder: string;
  let path: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'groundtwin-data-'));
    path = join(folder, 'data.bin');
  });
  after(() => rmSync(folder, { recursive: true }));

  const refusal = (bytes: Uint8Array | undefined, of = task): string => {
    if (bytes) writeFileSync(path, bytes);
    try {
      readTransitions(bytes ? path : join(folder, 'nothing.bin'), of);
      return 'nothing was thrown';
    } catch (error) {
      if (!isGroundtwinError(error, 'DATA_INVALID')) throw error;
      return error.details.problem;
    }
  };
  const sample = (count = 3): Transitions => {
    const recorder = new TransitionRecorder(task);
    fill(
      recorder,
      Array.from({ length: count }, (_, i) => ({ numbers: [i, i + 0.5, -i, i, 2], action: i, ends: i === 0 })),
    );
    return recorder.transitions();
  };
  const fileOf = (data: Transitions, head: object = {}) =>
    packSections(
      {
        format: 'groundtwin-transitions.v1',
        task: 'Pendulum-v0',
        entries: ['angle_rad[1]', 'velocity_radps[1]'],
        count: data.count,
        ...head,
      },
      parts.map((part) => bytesOf(data[part])),
    );

  it('keep every row in order however often the recorder grows', () =>
    fc.assert(
      fc.property(rows, fc.integer({ min: 1, max: 8 }), (given, capacity) => {
        const recorder = new TransitionRecorder(task, capacity);
        fill(recorder, given);
        const data = recorder.transitions();
        expect(data.count).to.equal(given.length);
        expect([...data.state]).to.deep.equal(given.flatMap(({ numbers }) => numbers.slice(0, 2)));
        expect([...data.action]).to.deep.equal(given.map(({ action }) => action));
        expect([...data.command]).to.deep.equal(given.map(({ numbers }) => numbers[2]));
        expect([...data.next]).to.deep.equal(given.flatMap(({ numbers }) => numbers.slice(3)));
        expect(data.episode.at(-1)).to.equal(given.slice(0, -1).filter(({ ends }) => ends).length);
      }),
    ));

  it('come back from a file as they went, with the same hash', () =>
    fc.assert(
      fc.property(rows, (given) => {
        const recorder = new TransitionRecorder(task);
        fill(recorder, given);
        writeTransitions(path, task, recorder.transitions());
        const back = readTransitions(path, task);
        expect(plain(back)).to.deep.equal(plain(recorder.transitions()));
        expect(transitionsHash(back)).to.equal(transitionsHash(recorder.transitions()));
      }),
      { numRuns: 25 },
    ));

  it('have another hash when one number differs', () => {
    const data = sample();
    for (const part of parts) {
      const changed = { ...data, [part]: data[part].slice() };
      changed[part][1] = changed[part][1]! + 1;
      expect(transitionsHash(changed), part).to.not.equal(transitionsHash(data));
    }
  });

  it('say why they cannot be read', () => {
    expect(refusal(undefined)).to.equal('it cannot be read');
    expect(refusal(new Uint8Array(0))).to.equal('it is damaged');
    expect(refusal(new TextEncoder().encode('state,action\n1,2\n'))).to.equal('it is damaged');
    expect(refusal(packSections({ format: 'other' }, []))).to.include('not of format groundtwin-transitions.v1');
    expect(refusal(packSections(null, []))).to.include('not of format');
    writeTransitions(path, task, sample());
    expect(refusal(undefined, task)).to.equal('it cannot be read');
    expect(refusal(fileOf(sample()), other)).to.match(/^it was recorded on 'Pendulum-v0', not 'CartPoleSwingUp-v0'.*--env/);
    expect(refusal(fileOf(sample(), { entries: ['angle_rad[1]'] }))).to.include('state entries');
    expect(refusal(fileOf(sample(), { count: 4 }))).to.include('do not hold 4 transitions');
    for (const count of ['3', -1, 2.5, null]) expect(refusal(fileOf(sample(), { count })), String(count)).to.include('how many');
    const nan = sample();
    nan.next[2] = Number.NaN;
    expect(refusal(fileOf(nan))).to.include('not finite');
    const shuffled = sample();
    shuffled.episode.set([1, 0, 1]);
    expect(refusal(fileOf(shuffled))).to.include('not in order');
  });

  it('are refused, never misread, when a file is cut or a byte of its frame changes', () => {
    const whole = fileOf(sample(4));
    fc.assert(
      fc.property(fc.nat(whole.length - 1), (length) => {
        expect(refusal(whole.subarray(0, length))).to.equal('it is damaged');
      }),
    );
    const { head } = unpackSections<object>(whole);
    const frame = 4 + JSON.stringify({ head, lengths: [64, 32, 32, 64, 16] }).length;
    fc.assert(
      fc.property(fc.nat(frame - 1), fc.integer({ min: 1, max: 255 }), (at, flip) => {
        const bytes = Uint8Array.from(whole);
        bytes[at]! ^= flip;
        try {
          writeFileSync(path, bytes);
          const read = readTransitions(path, task);
          // Only white space and case within JSON escapes could still mean the same.
          expect(plain(read)).to.deep.equal(plain(sample(4)));
        } catch (error) {
          expect(isGroundtwinError(error, 'DATA_INVALID'), String(error)).to.equal(true);
        }
      }),
    );
  });

  it('are what the episode was: each next state the state that follows, the command what the actuator got', async () => {
    const env = await registry.truth('CartPoleSwingUp-v0', 1);
    const recorder = new TransitionRecorder(other);
    const seen: number[] = [];
    const { steps, episodeReturn } = await recordEpisode(env, randomPolicy(other.actionSpace, 1, 3), recorder, {
      seed: 4,
      maxSteps: 20,
      episode: 7,
      onStep: (step) => seen.push(step),
    });
    const data = recorder.transitions();
    expect([steps, data.count, seen.length]).to.deep.equal([20, 20, 20]);
    expect([...new Set(data.episode)]).to.deep.equal([7]);
    expect([...data.next.subarray(0, 19 * 4)]).to.deep.equal([...data.state.subarray(4)]);
    for (let i = 0; i < 20; i++) expect(data.command[i]).to.equal(10 * data.action[i]!);
    expect(data.action[0]).to.equal(data.action[2]);
    expect(data.action[2]).to.not.equal(data.action[3]);
    expect(Number.isFinite(episodeReturn)).to.equal(true);
    await env.close();
  });

  it('stop where the episode ends', async () => {
    const cartPole = registry.task('CartPole-v0');
    const env = await registry.truth('CartPole-v0', 1);
    const recorder = new TransitionRecorder(cartPole);
    const pushRight = { name: 'right', reset() {}, act: () => Int32Array.of(1) };
    const { steps, episodeReturn } = await recordEpisode(env, pushRight, recorder, { seed: 1, maxSteps: 500, episode: 0 });
    // A pole pushed one way falls within some ten steps; each earns 1.
    expect(steps).to.be.within(5, 15);
    expect(episodeReturn).to.equal(steps);
    expect(recorder.transitions().count).to.equal(steps);
    await env.close();
  });
});

describe('splitting episodes', () => {
  it('keeps every so many-th whole, whatever their numbers, and loses none', () => {
    const episode = Int32Array.of(0, 0, 3, 3, 3, 4, 9, 9);
    const count = episode.length;
    const column = (width: number) => Float64Array.from({ length: count * width }, (_, i) => i);
    const data: Transitions = { count, state: column(2), action: column(1), command: column(1), next: column(2), episode };
    const [others, apart] = splitEpisodes(data, 2);
    expect(plain(others)).to.deep.equal({
      count: 3,
      state: [0, 1, 2, 3, 10, 11],
      action: [0, 1, 5],
      command: [0, 1, 5],
      next: [0, 1, 2, 3, 10, 11],
      episode: [0, 0, 4],
    });
    expect([...apart.action]).to.deep.equal([2, 3, 4, 6, 7]);
    expect([...apart.episode]).to.deep.equal([3, 3, 3, 9, 9]);
    expect(splitEpisodes(data, 5).map((part) => part.count)).to.deep.equal([8, 0]);
  });
});
