/** Fixtures were written by Minari, pyarrow, mcap and rosbags (scripts/goldens/episodes.py); `npm run verify -- model --only model.formats` has them read ours. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { randomPolicy } from '../../agents/index.ts';
import type { Episode, EpisodeSet } from '../../src/data/episode.ts';
import { episodesOf, specOf, transitionsOfEpisodes } from '../../src/data/episode-transitions.ts';
import { formatNames, formats } from '../../src/data/formats/index.ts';
import { columnStatistics } from '../../src/data/formats/lerobot-statistics.ts';
import { openParquet } from '../../src/data/formats/parquet-file.ts';
import { jointStateMessage, rosNumbers } from '../../src/data/formats/ros-messages.ts';
import { recordEpisodes } from '../../src/data/record-episodes.ts';
import { makeVector, registry } from '../../src/index.ts';
import { Rng } from '../../src/math/rng.ts';
import { box, type Dict, dict, discrete, multiDiscrete, sample, type TypedArray, type Values } from '../../src/spaces/space.ts';

const fixtures = fileURLToPath(new URL('fixtures', import.meta.url));
const pendulum = registry.task('Pendulum-v0');
const expected = specOf(pendulum);
const topics = { observationTopic: '/robot/state', actionTopic: '/robot/command' };

interface Given {
  readonly observation: number[][];
  readonly action: number[][];
  readonly reward: number[];
  readonly truncated: boolean[];
}
const given = JSON.parse(readFileSync(join(fixtures, 'episodes.json'), 'utf8')) as Given[];

const numbersOf = ({ steps, observation, action, truncated }: Episode) => ({
  steps,
  observation: [...(observation as TypedArray)],
  action: [...(action as TypedArray)],
  truncated: [...truncated],
});
const asGiven = ({ observation, action }: Given, steps: number) => ({
  steps,
  observation: observation.slice(0, steps + 1).flat(),
  action: action.slice(0, steps).flat(),
  truncated: Array.from({ length: steps }, (_, i) => Number(i === steps - 1)),
});

/** Named parts nested twice, an image, all kinds of leaves; numbers that are hard to write as text. */
function varied(): EpisodeSet {
  const rng = new Rng(5);
  const inner = dict({ joints: box({ low: -1, high: 1, shape: [3], dtype: 'float64', names: ['a', 'b', 'c'] }), mode: discrete(3) });
  const spec = {
    env: 'Varied-v0',
    observationSpace: dict({ camera: box({ low: 0, high: 255, shape: [20, 20, 3], dtype: 'uint8' }), body: inner }),
    actionSpace: multiDiscrete([2, 5]),
    agents: 1,
    controlDt_s: 0.03,
  };
  const episodes = [3, 1].map(
    (steps): Episode => ({
      steps,
      observation: sample(spec.observationSpace, rng, steps + 1),
      action: sample(spec.actionSpace, rng, steps),
      reward: Float64Array.from({ length: steps }, (_, i) => [-0, Number.MIN_VALUE, 0.1][i]!),
      terminated: Uint8Array.from({ length: steps }, (_, i) => Number(i === steps - 1)),
      truncated: new Uint8Array(steps),
      seed: steps,
    }),
  );
  return { spec, episodes };
}

/** Without the image. */
function flat({ spec, episodes }: EpisodeSet): EpisodeSet {
  const body = dict({ body: (spec.observationSpace as Dict).spaces.body! });
  return {
    spec: { ...spec, observationSpace: body },
    episodes: episodes.map((episode) => ({ ...episode, observation: { body: (episode.observation as Record<string, Values>).body! } })),
  };
}

describe('formats of episodes', () => {
  let folder: string;
  let hopper: EpisodeSet;
  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'groundtwin-formats-'));
    const env = await makeVector('Hopper-v0', { lanes: 2, autoreset: 'disabled' });
    hopper = await recordEpisodes(env, randomPolicy(env.actionSpace, 2), { episodes: 4, seed: 1, maxSteps: 12 });
    await env.close();
  });
  after(() => rmSync(folder, { recursive: true }));
  const place = (name: string) => join(folder, `${name}-v0`);

  for (const name of ['parquet', 'minari', 'mcap', 'rosbag'] as const)
    it(`${name} gives back every bit, states, commands and seeds included`, async () => {
      const progress: number[] = [];
      await formats[name].write(place(name), hopper, { onProgress: (done, of) => void progress.push(done / of) });
      const back = await formats[name].read(place(name));
      expect(back.spec).to.deep.equal(hopper.spec);
      expect(back.episodes).to.deep.equal(hopper.episodes);
      if (name !== 'parquet') expect(progress).to.deep.equal([0.25, 0.5, 0.75, 1]);
    });

  it('parquet and minari keep images and nested parts, the logs nested parts', async () => {
    const set = varied();
    for (const name of formatNames) {
      if (name === 'lerobot' || name === 'csv') continue;
      const kept = name === 'mcap' || name === 'rosbag' ? flat(set) : set;
      await formats[name].write(place(`varied-${name}`), kept);
      const back = await formats[name].read(place(`varied-${name}`));
      expect(back.episodes, name).to.deep.equal(kept.episodes);
      expect(Object.is(back.episodes[0]!.reward[0], -0), name).to.equal(true);
    }
  });

  it('lerobot gives back what it has columns for', async () => {
    await formats.lerobot.write(place('lerobot'), hopper);
    const back = await formats.lerobot.read(place('lerobot'), { expected: hopper.spec });
    const kept = ({ steps, observation, action, reward, terminated, truncated }: Episode) => {
      return { steps, observation, action, reward: Float64Array.from(reward, Math.fround), terminated, truncated };
    };
    expect(back.episodes).to.deep.equal(hopper.episodes.map(kept));
    expect(back.spec.controlDt_s).to.be.closeTo(0.008, 1e-9);
  });

  it('lerobot has the files, features and columns of version 3', async () => {
    const json = (name: string) => JSON.parse(readFileSync(join(place('lerobot'), name), 'utf8'));
    const rows = hopper.episodes.reduce((sum, { steps }) => sum + steps, 0);
    const { features, ...info } = json('meta/info.json');
    expect(info).to.deep.include({ codebase_version: 'v3.0', total_episodes: 4, total_frames: rows, fps: 125, splits: { train: '0:4' } });
    expect(features['observation.state'].shape).to.deep.equal([11]);
    expect(features.action).to.deep.equal({ dtype: 'float32', shape: [3], names: ['hip', 'knee', 'ankle'] });
    expect(Object.keys(json('meta/stats.json'))).to.deep.equal(Object.keys(features));
    const refuse = (problem: string) => expect.fail(problem);
    const file = (name: string) => openParquet(new Uint8Array(readFileSync(join(place('lerobot'), name))), refuse);
    const data = await file('data/chunk-000/file-000.parquet');
    expect(data.names).to.deep.equal(Object.keys(features));
    const columns = await data.read(['frame_index', 'index', 'next.done']);
    expect(Array.from(columns.get('index')!, Number)).to.deep.equal([...Array(rows).keys()]);
    expect(Array.from(columns.get('next.done')!).filter(Boolean)).to.have.length(4);
    const episodes = await file('meta/episodes/chunk-000/file-000.parquet');
    const ends = Array.from((await episodes.read(['dataset_to_index'])).get('dataset_to_index')!, Number);
    expect(ends.at(-1)).to.equal(rows);
  });

  it('reads what Minari wrote, and makes transitions of it', async () => {
    const set = await formats.minari.read(join(fixtures, 'pendulum-random-v0'));
    expect(set.episodes.map(numbersOf)).to.deep.equal(given.map((one) => asGiven(one, 5)));
    expect(set.episodes.map(({ reward, seed }) => [[...reward], seed])).to.deep.equal(given.map(({ reward }, seed) => [reward, seed]));
    const data = transitionsOfEpisodes(pendulum, set, 'fixture');
    expect([data.count, ...data.episode]).to.deep.equal([10, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1]);
    expect([...data.command]).to.deep.equal(given.flatMap(({ action }) => action.flat()));
    // Our task pays for those states what Gymnasium paid: units and conventions are the same.
    const paid = episodesOf(pendulum, data).episodes.flatMap(({ reward }) => [...reward]);
    given
      .flatMap(({ reward }) => reward)
      .forEach((reward, i) => {
        expect(paid[i]).to.be.closeTo(reward, 1e-5);
      });
  });

  it('reads LeRobot’s rows; the last of an episode does not say what came after it', async () => {
    const set = await formats.lerobot.read(join(fixtures, 'lerobot'), { expected });
    expect(set.episodes.map(numbersOf)).to.deep.equal(given.map((one) => asGiven(one, 4)));
    expect(transitionsOfEpisodes(pendulum, set, 'fixture').count).to.equal(8);
  });

  for (const name of ['mcap', 'rosbag'] as const)
    it(`reads a ${name} of another recorder: topics by name, joints in any order, actions as they answer`, async () => {
      const path = join(fixtures, name === 'mcap' ? 'log.mcap' : 'rosbag');
      const set = await formats[name].read(path, { expected, ...topics });
      expect(set.episodes.map(numbersOf)).to.deep.equal([asGiven(given[0]!, 5)]);
      expect(set.spec).to.deep.include({ env: '', controlDt_s: 0.05 });
      expect(transitionsOfEpisodes(pendulum, set, 'fixture').count).to.equal(5);
    });
});

describe('messages of ROS 2', () => {
  it('are those of the CDR of a joint state, byte for byte', () => {
    const bytes = jointStateMessage({ names: ['hip', 'knee'], values: [1.5, -2] }, 3_000_000_007n);
    const hex = Buffer.from(bytes).toString('hex');
    expect(hex).to.equal(
      // header: little-endian; stamp 3 s, 7 ns; frame ''; two names; two positions at a multiple of 8; no velocity, no effort
      '00010000' +
        '03000000' +
        '07000000' +
        '0100000000000000' +
        '02000000' +
        '0400000068697000' +
        '050000006b6e656500000000' +
        '02000000' +
        '00000000' +
        '000000000000f83f' +
        '00000000000000c0' +
        '00000000' +
        '00000000',
    );
    expect(rosNumbers('sensor_msgs/msg/JointState', bytes)).to.deep.equal({ names: ['hip', 'knee'], values: [1.5, -2] });
  });

  it('are read in both byte orders, and refused when cut short', () => {
    const twist = new DataView(new ArrayBuffer(52));
    for (let i = 0; i < 6; i++) twist.setFloat64(4 + i * 8, i);
    expect(rosNumbers('geometry_msgs/msg/Twist', new Uint8Array(twist.buffer)).values).to.deep.equal([0, 1, 2, 3, 4, 5]);
    expect(() => rosNumbers('geometry_msgs/msg/Twist', new Uint8Array(twist.buffer, 0, 40))).to.throw(RangeError);
  });
});

describe('statistics of LeRobot', () => {
  it('by hand', () => {
    const { min, max, mean, std, count, q50, q10 } = columnStatistics(Float64Array.of(1, 10, 2, 20, 6, 60), 2);
    expect({ min, max, mean, count, q50 }).to.deep.equal({ min: [1, 10], max: [6, 60], mean: [3, 30], count: [3], q50: [2, 20] });
    expect(std[0]).to.be.closeTo(Math.sqrt(14 / 3), 1e-12);
    expect(q10[0]).to.be.closeTo(1.2, 1e-12);
  });
});
