/** Tables as text or as other people's Parquet: what is in them is found by name or as told, or refused with what is missing. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import fc from 'fast-check';
import { randomPolicy } from '../../agents/index.ts';
import type { EpisodeSet } from '../../src/data/episode.ts';
import { specOf, transitionsOfEpisodes } from '../../src/data/episode-transitions.ts';
import { formats, type ImportOptions } from '../../src/data/formats/index.ts';
import { parquetBytes } from '../../src/data/formats/parquet-file.ts';
import { recordEpisodes } from '../../src/data/record-episodes.ts';
import { isGroundtwinError } from '../../src/errors.ts';
import { makeVector, registry } from '../../src/index.ts';

const pendulum = registry.task('Pendulum-v0');
const options: ImportOptions = { expected: specOf(pendulum) };

describe('CSV', () => {
  let folder: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'groundtwin-csv-'));
  });
  after(() => rmSync(folder, { recursive: true }));
  const place = (name: string) => join(folder, name);
  const read = (text: string, given: ImportOptions = options) => {
    writeFileSync(place('log.csv'), text);
    return formats.csv.read(place('log.csv'), given);
  };
  const refusal = async (text: string, given: ImportOptions = options) => {
    const thrown: unknown = await read(text, given).then(
      () => expect.fail('nothing was thrown'),
      (error: unknown) => error,
    );
    if (!isGroundtwinError(thrown, 'DATA_INVALID')) throw thrown;
    return thrown.message;
  };

  it('gives back every bit of what we wrote, but for seeds and the name of the env', async () => {
    const env = await makeVector('Hopper-v0', { lanes: 2, autoreset: 'disabled' });
    const hopper = await recordEpisodes(env, randomPolicy(env.actionSpace, 2), { episodes: 3, seed: 1, maxSteps: 12 });
    await env.close();
    await formats.csv.write(place('hopper.csv'), hopper);
    const back = await formats.csv.read(place('hopper.csv'), { expected: hopper.spec });
    expect(back.episodes).to.deep.equal(hopper.episodes.map(({ seed: _, ...kept }) => kept));
    expect(back.spec).to.deep.equal({ ...hopper.spec, env: '' });
    const [head] = readFileSync(place('hopper.csv'), 'utf8').split('\n');
    expect(head).to.match(/^episode,step,time_s,observation\./);
  });

  it('reads states and actions by their bare names, and works out the commands', async () => {
    const set = await read('angle_rad,velocity_radps,torque_Nm\n1,2,0.5\n1.1,2.5,-1\n1.2,3,\n');
    expect(set.spec).to.not.have.property('commands');
    const data = transitionsOfEpisodes(pendulum, set, 'log');
    expect([...data.state]).to.deep.equal([1, 2, 1.1, 2.5]);
    expect([...data.next]).to.deep.equal([1.1, 2.5, 1.2, 3]);
    expect([...data.action]).to.deep.equal([0.5, -1]);
    expect([...data.command]).to.deep.equal([0.5, -1]);
  });

  it('tells states from observations where a log has those alone', async () => {
    const data = transitionsOfEpisodes(pendulum, await read('cosAngle,sinAngle,velocity_radps,torque_Nm\n0,1,2,0.5\n0,1,3,1\n'), 'log');
    expect(data.state[0]).to.be.closeTo(Math.PI / 2, 1e-12);
    expect(data.next[1]).to.equal(3);
  });

  it('takes columns by other names and in other units, whatever separates them', async () => {
    const columns = new Map([
      ['state.angle_rad', { column: 'theta, deg', factor: Math.PI / 180 }],
      ['state.velocity_radps', { column: 'rate', factor: 1 }],
      ['action.torque_Nm', { column: 'u', factor: 0.001 }],
      ['time_s', { column: 'stamp_ms', factor: 0.001 }],
    ]);
    for (const separator of [';', '\t', ',']) {
      const line = (...cells: (string | number)[]) => cells.join(separator);
      const text = [
        '\uFEFF# a remark',
        line('stamp_ms', '"theta, deg"', 'rate', 'u', 'mode'),
        line(0, 180, 1, 500, 'run'),
        '',
        line(50, '90', 2, 0, '"a ""word"""'),
      ];
      const set = await read(text.join('\r\n'), { ...options, columns });
      expect(set.spec.controlDt_s).to.equal(0.05);
      expect([...set.episodes[0]!.state!]).to.deep.equal([Math.PI, 1, Math.PI / 2, 2]);
      expect([...(set.episodes[0]!.action as Float32Array)]).to.deep.equal([0.5]);
    }
  });

  it('begins another episode where its number changes, and where time jumps or goes back', async () => {
    const lengths = ({ episodes }: EpisodeSet) => episodes.map(({ steps }) => steps);
    const rows = (times: readonly number[], numbers?: readonly number[]) =>
      [
        `time_s,angle_rad,velocity_radps,torque_Nm${numbers ? ',episode' : ''}`,
        ...times.map((time, i) => `${time},0,0,0${numbers ? `,${numbers[i]}` : ''}`),
      ].join('\n');
    expect(lengths(await read(rows([0, 0.05, 0.1, 0.15])))).to.deep.equal([3]);
    expect(lengths(await read(rows([0, 0.051, 0.099, 0.3, 0.35, 0.1, 0.15, 0.2])))).to.deep.equal([2, 1, 2]);
    expect(lengths(await read(rows([0, 0.05, 0.1, 0.15], [4, 4, 5, 5])))).to.deep.equal([1, 1]);
    expect(await refusal(rows([0, 0.05, 0.1], [1, 2, 3]))).to.match(/no two of its rows follow each other/);
  });

  it('says what is missing, where, and what it has', async () => {
    expect(await refusal('time_s,theta\n0,1\n')).to.match(
      /lacks columns of Pendulum-v0: action\.torque_Nm, and state\.angle_rad.*It has time_s, theta/,
    );
    expect(await refusal('angle_rad,velocity_radps,torque_Nm\n0,1,0\n0,n/a,0\n')).to.match(/row 2 has no number in column velocity_radps/);
    expect(await refusal('angle_rad,velocity_radps,torque_Nm\n0,1,\n0,1,0\n')).to.match(/row 1 has no number in column torque_Nm/);
    expect(await refusal('angle_rad,velocity_radps,torque_Nm\n0,1\n')).to.match(/line 2 has 2 cells where the line of names has 3/);
    expect(await refusal('angle_rad,angle_rad\n0,1\n')).to.match(/two of its columns are named 'angle_rad'/);
    expect(await refusal('angle_rad,"velocity\n0,1\n')).to.match(/line 1 has a quotation mark/);
    expect(await refusal('\n\n')).to.match(/no line with the names/);
    expect(await refusal('angle_rad,velocity_radps,torque_Nm\n0,1,0\n0,1,0\n', {})).to.match(/say which env/);
    const mapped = (ours: string, column: string) => ({ ...options, columns: new Map([[ours, { column, factor: 1 }]]) });
    const whole = 'angle_rad,velocity_radps,torque_Nm\n0,1,0\n0,1,0\n';
    expect(await refusal(whole, mapped('state.angle_rad', 'phi'))).to.match(/no column 'phi'; it has angle_rad/);
    expect(await refusal(whole, mapped('state.angel', 'angle_rad'))).to.match(/'state.angel' is no name/);
    const dt = await read('time_s,angle_rad,velocity_radps,torque_Nm\n0,0,1,0\n0.2,0,1,0\n');
    expect(() => transitionsOfEpisodes(pendulum, dt, 'log')).to.throw(/steps take 0.2 s, those of Pendulum-v0 0.05 s/);
    expect(() => transitionsOfEpisodes(pendulum, { ...dt, spec: { ...dt.spec, controlDt_s: Number.NaN } }, 'log')).to.throw(/NaN s/);
  });

  it('reads or refuses any text, never worse', () =>
    fc.assert(
      fc.asyncProperty(
        fc.array(
          fc.constantFrom(...'angle_rad velocity_radps torque_Nm time_s episode , , , ; \n \n " 1 2 -3e5 NaN \t # =\u0000'.split(' '), ','),
          { maxLength: 60 },
        ),
        async (parts) => {
          await read(`angle_rad,velocity_radps,torque_Nm\n${parts.join('')}`).catch((error: unknown) => {
            if (!isGroundtwinError(error, 'DATA_INVALID')) throw error;
          });
        },
      ),
      { numRuns: 200 },
    ));

  it('is not for pictures', async () => {
    const seen = { kind: 'box', dtype: 'uint8', shape: [40, 40], low: new Array(1600).fill(0), high: new Array(1600).fill(255) } as const;
    const spec = { env: 'x', observationSpace: seen, actionSpace: pendulum.actionSpace, agents: 1 };
    const episode = {
      steps: 1,
      observation: new Uint8Array(3200),
      action: Float32Array.of(0),
      reward: new Float64Array(1),
      terminated: new Uint8Array(1),
      truncated: Uint8Array.of(1),
    };
    const thrown = await formats.csv.write(place('x.csv'), { spec, episodes: [episode] }).catch((error: Error) => error.message);
    expect(thrown).to.match(/too large for columns/);
  });
});

describe('Parquet of other writers', () => {
  it('is read as a table, by the same names', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'groundtwin-parquet-'));
    const path = join(folder, 'log.parquet');
    const column = (name: string, data: readonly (number | null)[]) => ({ name, type: 'DOUBLE', data, isNullable: true }) as const;
    writeFileSync(
      path,
      await parquetBytes([column('angle_rad', [1, 2, 3]), column('velocity_radps', [4, 5, 6]), column('u', [0.5, 1, null])]),
    );
    const columns = new Map([['action.torque_Nm', { column: 'u', factor: 2 }]]);
    const set = await formats.parquet.read(path, { ...options, columns });
    rmSync(folder, { recursive: true });
    expect([...set.episodes[0]!.state!]).to.deep.equal([1, 4, 2, 5, 3, 6]);
    expect([...(set.episodes[0]!.action as Float32Array)]).to.deep.equal([1, 2]);
  });
});
