import { readFileSync, writeFileSync } from 'node:fs';
import { expect } from 'chai';
import { recordReplay, registry } from '../../src/index.ts';
import { groundtwin, scratch } from './harness.ts';

const env = ['--env', 'Pendulum-v0'];

describe('groundtwin record --replay, replay and check-env', () => {
  const place = scratch();
  const data = place.in('data.bin');
  const replay = place.in('run.replay');
  after(() => place.remove());

  before(async () => {
    const { code, out, err } = await groundtwin(['record', ...env, '--episodes', '2', '--out', data, '--replay', replay, '--json']);
    expect(code, err).to.equal(0);
    expect(JSON.parse(out)).to.include({ transitions: 400, out: data, replay });
  });

  it('records the same transitions with a replay as without', async () => {
    const plain = place.in('plain.bin');
    await groundtwin(['record', ...env, '--episodes', '2', '--out', plain]);
    expect(readFileSync(plain).equals(readFileSync(data))).to.equal(true);
  });

  it('verifies it', async () => {
    expect(await groundtwin(['replay', 'verify', replay])).to.deep.equal({
      code: 0,
      out: 'Pendulum-v0: 400 steps, every bit as recorded\n',
      err: '',
    });
    const { code, out } = await groundtwin(['replay', 'verify', replay, '--json']);
    expect(code).to.equal(0);
    expect(JSON.parse(out)).to.deep.equal({
      env: 'Pendulum-v0',
      holds: true,
      complete: true,
      events: 402,
      steps: 400,
      fingerprint: 'same',
    });
  });

  it('shows what it holds', async () => {
    const text = await groundtwin(['replay', 'show', replay]);
    expect(text.code, text.err).to.equal(0);
    expect(text.out).to.match(/^events +2 resets, 400 steps, 0 restores; 0 terminated, 2 truncated$/m);
    const facts = JSON.parse((await groundtwin(['replay', 'show', replay, '--json'])).out);
    expect(facts).to.include({ env: 'Pendulum-v0', kind: 'truth', lanes: 1, autoreset: 'disabled', resets: 2, steps: 400, complete: true });
    expect(facts.seeds).to.have.length(1);
    expect(facts.bytes).to.equal(readFileSync(replay).byteLength);
  });

  it('plays what was cut short as far as it goes', async () => {
    const cut = place.in('cut.replay');
    writeFileSync(cut, readFileSync(replay).subarray(0, 6000));
    const { code, out } = await groundtwin(['replay', 'verify', cut]);
    expect(code).to.equal(0);
    expect(out).to.match(/^Pendulum-v0: \d+ steps, every bit as recorded; the file was cut short there\n$/);
  });

  it('ends with 3 at a divergence and names it', async () => {
    // Its head names another time limit than it was recorded with.
    const path = place.in('other.replay');
    const recording = recordReplay(await registry.makeVector('Pendulum-v0', { maxEpisodeSteps: 3 }), path, { maxEpisodeSteps: 200 });
    await recording.reset({ seed: 1 });
    for (let step = 0; step < 5; step++) await recording.step(Float32Array.of(1));
    await recording.close();
    const text = await groundtwin(['replay', 'verify', path]);
    expect(text.code).to.equal(3);
    expect(text.out).to.equal('Pendulum-v0: diverges at step 3, lane 0: truncated is 0, recorded was 1\n');
    const json = await groundtwin(['replay', 'verify', path, '--json']);
    expect(json.code).to.equal(3);
    expect(JSON.parse(json.out).firstDivergence).to.deep.include({ event: 3, step: 3, lane: 0, what: 'truncated', expected: 1, got: 0 });
  });

  it('holds an environment to the contract', async () => {
    const text = await groundtwin(['check-env', 'Pendulum-v0', '--steps', '20']);
    expect(text.code, text.err).to.equal(0);
    expect(text.out).to.match(/^env +engine +holds +check +detail\nPendulum-v0 +rapier +yes +21 checks +[\d.]+ s\n/);
    const json = await groundtwin(['check-env', 'Pendulum-v0', '--engine', 'rapier', '--steps', '20', '--json']);
    const { holds, reports } = JSON.parse(json.out);
    expect(holds).to.equal(true);
    expect(reports[0]).to.include({ env: 'Pendulum-v0', engine: 'rapier', holds: true });
  });

  it('ends with 3 when a check fails, and says which', async () => {
    const { task } = registry;
    // A parameter that moves nothing.
    registry.task = (id) => ({ ...task.call(registry, id), params: { ...task.call(registry, id).params, colour: 1 } });
    const { code, out } = await groundtwin(['check-env', 'Pendulum-v0', '--steps', '20']).finally(() => {
      registry.task = task;
    });
    expect(code).to.equal(3);
    expect(out.trim().split('\n')).to.have.length(3);
    expect(out).to.match(/^Pendulum-v0 +rapier +NO +params-matter +colour: 1 and 1\.25 move alike$/m);
  });

  const refusals: readonly [argv: string[], code: number, says: RegExp][] = [
    [['check-env'], 2, /OPTION_INVALID: .*--all/],
    [['check-env', 'Pendulm-v0'], 2, /ENV_UNKNOWN: .*Did you mean 'Pendulum-v0'/],
    [['check-env', 'Pendulum-v0', '--engine', 'abacus'], 2, /OPTION_INVALID: .*engine is abacus; it must be one of rapier/],
    [['check-env', '--all', '--steps', '9'], 2, /integer from 10/],
    [['replay', 'play', 'x'], 2, /Allowed choices are verify, show/],
    [['replay', 'verify', 'no-such.replay'], 1, /REPLAY_INVALID: .*no-such\.replay.*cannot be read/],
    [['record', ...env, '--out', 'x.bin', '--replay', '.'], 2, /OPTION_INVALID: .*--replay is a folder/],
  ];
  for (const [argv, code, says] of refusals)
    it(`refuses groundtwin ${argv.join(' ')}`, async () => {
      const outcome = await groundtwin(argv);
      expect(outcome.err).to.match(says);
      expect(outcome.err).to.not.match(/^\s+at /m);
      expect(outcome.code).to.equal(code);
    });
});
