/** Files from anywhere: whatever is in them, a reader gives episodes or says why not, at once and without much memory. */
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import type { Episode, EpisodeSet } from '../../src/data/episode.ts';
import { specOf } from '../../src/data/episode-transitions.ts';
import { type FormatName, formatNames, formats, type ImportOptions } from '../../src/data/formats/index.ts';
import { mcapBytes } from '../../src/data/formats/mcap-file.ts';
import { parsePythonJson, pythonJson, spaceFromMinari } from '../../src/data/formats/minari-spaces.ts';
import { parquetBytes } from '../../src/data/formats/parquet-file.ts';
import { isGroundtwinError } from '../../src/errors.ts';
import { registry } from '../../src/index.ts';
import { Rng } from '../../src/math/rng.ts';
import { box } from '../../src/spaces/space.ts';

const fixtures = fileURLToPath(new URL('fixtures', import.meta.url));
const expected = specOf(registry.task('Pendulum-v0'));
const options: ImportOptions = { expected, observationTopic: '/robot/state', actionTopic: '/robot/command' };
/** The data file of each fixture, which hostile bytes go into. */
const victims = {
  minari: ['pendulum-random-v0', 'data/main_data.hdf5'],
  lerobot: ['lerobot', 'data/chunk-000/file-000.parquet'],
  mcap: ['log.mcap', ''],
  rosbag: ['rosbag', 'rosbag.mcap'],
} as const;

const one: Episode = {
  steps: 2,
  observation: Float32Array.of(1, 2, 3),
  action: Float32Array.of(4, 5),
  reward: Float64Array.of(6, 7),
  terminated: new Uint8Array(2),
  truncated: Uint8Array.of(0, 1),
};
const line = box({ low: -10, high: 10, shape: [1] });
const small: EpisodeSet = {
  spec: { env: 'Line-v0', observationSpace: line, actionSpace: line, agents: 1, controlDt_s: 0.1 },
  episodes: [one],
};

describe('reading and writing formats refuses', () => {
  let folder: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'groundtwin-refusals-'));
  });
  after(() => rmSync(folder, { recursive: true }));
  const place = (...names: string[]) => join(folder, ...names);

  async function refusal(name: FormatName, path: string, given: ImportOptions = options): Promise<string> {
    const error = await formats[name].read(path, given).then(
      () => new Error('nothing was thrown'),
      (thrown: unknown) => thrown,
    );
    if (!isGroundtwinError(error)) throw error;
    expect(error.code).to.be.oneOf(['DATA_INVALID', 'DATA_TOO_LARGE']);
    return error.message;
  }
  const unwritten = (name: FormatName, set: EpisodeSet, path = place('unwritten-v0')) =>
    formats[name].write(path, set).then(
      () => 'nothing was thrown',
      (error: Error) => error.message,
    );
  function copied(name: keyof typeof victims): { path: string; file: string; bytes: Uint8Array } {
    const [from, inside] = victims[name];
    cpSync(join(fixtures, from), place(name), { recursive: true });
    const file = inside === '' ? place(name) : place(name, inside);
    return { path: place(name), file, bytes: new Uint8Array(readFileSync(file)) };
  }

  for (const name of formatNames) {
    it(`${name}: nothing, an empty file, a folder, text`, async () => {
      expect(await refusal(name, place('nowhere'))).to.match(/nowhere/);
      mkdirSync(place('empty'), { recursive: true });
      expect(await refusal(name, place('empty'))).to.match(/empty/);
      for (const text of ['', 'PAR1', 'hello world, this is text and no data at all', 'PAR1PAR1PAR1PAR1']) {
        writeFileSync(place('text'), text);
        expect(await refusal(name, place('text'))).to.match(/text/);
      }
    });
  }

  for (const name of ['minari', 'lerobot', 'mcap', 'rosbag'] as const)
    it(`${name}: bytes changed or cut off at random are read or refused, never worse`, async () => {
      const { path, file, bytes } = copied(name);
      const rng = new Rng(9);
      for (let run = 0; run < 60; run++) {
        const hostile = bytes.slice(0, run % 6 === 0 ? rng.integer(bytes.length) : bytes.length);
        for (let change = 0; change < 3 && hostile.length > 0; change++)
          hostile[rng.integer(hostile.length)] = rng.integer(2) * 255 || rng.integer(256);
        writeFileSync(file, hostile);
        await formats[name].read(path, options).catch((error: unknown) => {
          if (!isGroundtwinError(error, 'DATA_INVALID') && !isGroundtwinError(error, 'DATA_TOO_LARGE')) throw error;
        });
      }
    });

  it('a Parquet footer that is huge, endless, or says more rows than are read', async () => {
    const footer = (content: Uint8Array, length = content.length) => {
      const tail = new Uint8Array(8);
      new DataView(tail.buffer).setUint32(0, length, true);
      tail.set(new TextEncoder().encode('PAR1'), 4);
      writeFileSync(place('bad.parquet'), Buffer.concat([Buffer.from('PAR1'), content, tail]));
      return refusal('parquet', place('bad.parquet'));
    };
    expect(await footer(new Uint8Array(10), 2 ** 30)).to.match(/footer has 1073741824 bytes/);
    const before_ms = performance.now();
    expect(await footer(new Uint8Array(2 ** 22).fill(0x80))).to.match(/endless number/);
    expect(performance.now() - before_ms).to.be.below(2000);
    expect(await footer(Uint8Array.of(0x19, 0xff, 0xff, 0xff, 0xff, 0x0f))).to.match(/no whole Parquet file/);
  });

  it('Parquet that is not of our layout, lacks a column, or lies about a space', async () => {
    writeFileSync(place('plain.parquet'), await parquetBytes([{ name: 'x', type: 'DOUBLE', data: [1, 2] }]));
    expect(await refusal('parquet', place('plain.parquet'))).to.match(/no groundtwin-episodes.v1/);
    const spec = { env: 'x', agents: 1, observationSpace: { kind: 'discrete', n: 2 }, actionSpace: { kind: 'discrete', n: 2 } };
    const write = async (described: unknown) => {
      const columns = [{ name: 'episode', type: 'INT32', data: [0, 0] } as const, { name: 'step', type: 'INT32', data: [0, 1] } as const];
      writeFileSync(place('own.parquet'), await parquetBytes(columns, { 'groundtwin-episodes.v1': JSON.stringify(described) }));
      return refusal('parquet', place('own.parquet'));
    };
    expect(await write(spec)).to.match(/no column observation.0/);
    expect(await write({ ...spec, agents: 1e9 })).to.match(/agents in its description/);
    const vast = { kind: 'box', dtype: 'float64', shape: [2 ** 25, 2 ** 25], low: 0, high: 1 };
    expect(await write({ ...spec, observationSpace: vast })).to.match(/in its description must be/);
  });

  it('more than the limit of memory', async () => {
    expect(await refusal('minari', join(fixtures, 'pendulum-random-v0'), { maxBytes: 100 })).to.match(/over its limit of 100/);
  });

  it('a MCAP chunk that says it unpacks to a bomb, and one in another compression', async () => {
    const { path, file, bytes } = copied('mcap');
    const view = new DataView(bytes.buffer);
    // The chunk is the first record (0x06) after header, schemas and channels; its uncompressed size stands after two times.
    let at = 8;
    while (bytes[at] !== 6) at += 9 + Number(view.getBigUint64(at + 1, true));
    view.setBigUint64(at + 9 + 16, 2n ** 31n - 1n, true);
    writeFileSync(file, bytes);
    expect(await refusal('mcap', path)).to.match(/unpacks to 2147483647 bytes/);
    bytes.set(new TextEncoder().encode('lz4\0'), at + 9 + 16 + 8 + 4 + 4);
    writeFileSync(file, bytes);
    expect(await refusal('mcap', path)).to.match(/Unsupported compression lz4|compressed with lz4/);
  });

  it('logs without the topics, with messages that are no numbers, or that change their size', async () => {
    expect(await refusal('mcap', join(fixtures, 'log.mcap'), { expected })).to.match(/no messages for \/observation/);
    const schema = { name: 's', encoding: 'jsonschema', data: new Uint8Array() };
    const log = async (...messages: string[]) => {
      const channels = ['/observation', '/action'].map((topic) => ({ topic, encoding: 'json', schema }));
      const timed = messages.map((text, i) => ({ channel: 0, time_ns: BigInt(i), data: new TextEncoder().encode(text) }));
      writeFileSync(place('own.mcap'), await mcapBytes('', channels, timed, new Map()));
      return refusal('mcap', place('own.mcap'), {});
    };
    expect(await log('no json')).to.match(/no JSON/);
    expect(await log('{"a":1}', '{"a":1,"b":2}')).to.match(/has 2 numbers, another 1/);
    expect(await log('{"a":"text"}')).to.match(/has 0 numbers/);
    expect(await log('[[[[[[[[1]]]]]]]]')).to.match(/has 0 numbers/);
    expect(await refusal('mcap', join(fixtures, 'rosbag', 'rosbag.mcap'))).to.match(/import it as rosbag/);
  });

  it('paths that lead out of a data set', async () => {
    mkdirSync(place('linked'), { recursive: true });
    symlinkSync(join(fixtures, 'rosbag', 'rosbag.mcap'), place('linked', 'bag.mcap'));
    expect(await refusal('rosbag', place('linked'))).to.match(/bag.mcap is a link/);
    symlinkSync(join(fixtures, 'pendulum-random-v0', 'data'), place('linked', 'data'));
    expect(await refusal('minari', place('linked'))).to.match(/data is a link/);
    const { path } = copied('lerobot');
    const info = JSON.parse(readFileSync(join(path, 'meta/info.json'), 'utf8'));
    writeFileSync(join(path, 'meta/info.json'), JSON.stringify({ ...info, data_path: '../../../../etc/passwd' }));
    expect((await formats.lerobot.read(path, options)).episodes).to.have.length(2);
  });

  it('descriptions of Minari and LeRobot that are not', async () => {
    const { path } = copied('minari');
    const metadata = join(path, 'data/metadata.json');
    const of = (change: object) => {
      writeFileSync(
        metadata,
        JSON.stringify({
          ...(JSON.parse(readFileSync(join(fixtures, 'pendulum-random-v0/data/metadata.json'), 'utf8')) as object),
          ...change,
        }),
      );
      return refusal('minari', path, {});
    };
    expect(await of({ data_format: 'arrow' })).to.match(/data_format is arrow/);
    expect(await of({ observation_space: '{"type":"Text"}' })).to.match(/space of type Text/);
    expect(await of({ action_space: '{"type":"Discrete","n":3,"start":1}' })).to.match(/does not start at 0/);
    expect(await of({ observation_space: '{"type":"Box","dtype":"float32","shape":[4],"low":[0],"high":[1]}' })).to.match(
      /bounds of another shape/,
    );
    expect(await of({ observation_space: '{"type":"Box","dtype":"uint8","shape":[64,64,3],"low":0,"high":255}' })).to.match(
      /bounds of another shape/,
    );
    expect(await of({ observation_space: undefined })).to.match(/has no observation_space/);
    expect(await of({ total_episodes: 9 })).to.match(/another number/);
    const nested = {
      type: 'Dict',
      subspaces: {
        a: {
          type: 'Dict',
          subspaces: { b: { type: 'Dict', subspaces: { c: { type: 'Dict', subspaces: { d: { type: 'Discrete', n: 2, start: 0 } } } } } },
        },
      },
    };
    expect(() => spaceFromMinari(nested, (problem) => expect.fail(problem))).to.throw(/not readable/);
    const robot = copied('lerobot').path;
    const info = JSON.parse(readFileSync(join(robot, 'meta/info.json'), 'utf8'));
    const says = (change: object) => {
      writeFileSync(join(robot, 'meta/info.json'), JSON.stringify({ ...info, ...change }));
      return refusal('lerobot', robot);
    };
    expect(await says({ codebase_version: 'v9' })).to.match(/version 2 or 3/);
    expect(await says({ fps: 0 })).to.match(/no fps/);
    expect(await says({ features: { action: info.features.action } })).to.match(/images alone are not read/);
    expect(await says({ features: { ...info.features, action: { dtype: 'float32', shape: [5] } } })).to.match(/another length/);
  });

  it('to write what a format has no room for', async () => {
    expect(await unwritten('minari', small, place('nameless'))).to.match(/as in pendulum-random-v0/);
    const { controlDt_s: _, ...timeless } = small.spec;
    for (const name of ['lerobot', 'mcap', 'rosbag'] as const) {
      expect(await unwritten(name, { ...small, spec: timeless })).to.match(/how long a step takes/);
      expect(await unwritten(name, { ...small, spec: { ...small.spec, agents: 2 } })).to.match(/2 agents/);
    }
    const pictures = {
      ...small,
      spec: { ...small.spec, observationSpace: box({ low: 0, high: 255, shape: [80, 80, 3], dtype: 'uint8' }) },
    };
    expect(await unwritten('lerobot', pictures)).to.match(/images/);
    expect(await unwritten('mcap', pictures)).to.match(/more than 4096 numbers/);
    const holed = { ...small, episodes: [{ ...one, reward: Float64Array.of(1, Number.NaN) }] };
    expect(await unwritten('mcap', holed)).to.match(/reward is NaN/);
  });
});

describe('Python’s JSON', () => {
  it('has NaN and Infinity, also beside texts that say so', () => {
    const value = { a: [1, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY], b: 'Infinity, NaN', c: null, d: true };
    expect(pythonJson(value)).to.equal('{"a": [1, Infinity, -Infinity], "b": "Infinity, NaN", "c": null, "d": true}');
    expect(parsePythonJson(pythonJson(value))).to.deep.equal({ ...value, a: [1, 'Infinity', '-Infinity'] });
    expect(parsePythonJson('{"a": nan}')).to.equal(undefined);
  });
});
