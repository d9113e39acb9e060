import { copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { exitCodeOf } from '../../src/cli/exit-codes.ts';
import { connect } from '../../src/client/index.ts';
import { readTransitions } from '../../src/data/transitions.ts';
import { GroundtwinError } from '../../src/errors.ts';
import { conditionOn, registry } from '../../src/index.ts';
import { clockFrom } from '../../src/server/index.ts';
import { groundtwin, interrupt, jsonLines, type Launched, launch, scratch } from './harness.ts';

const clock = clockFrom(() => performance.now());
const env = ['--env', 'Pendulum-v0'];

describe('the command line', () => {
  const place = scratch();
  const data = place.in('run', 'training.bin');
  const model = place.in('run', 'model');
  after(() => place.remove());

  describe('says what there is', () => {
    it('lists the environments, as text and as JSON', async () => {
      const text = await groundtwin(['list']);
      expect(text.code).to.equal(0);
      expect(text.err).to.equal('');
      expect(text.out.split('\n')[0]).to.match(/^id\s+observation\s+action\s+steps\s+task$/);
      for (const id of ['CartPole-v0', 'CartPoleSwingUp-v0', 'Pendulum-v0']) expect(text.out).to.include(id);
      const { code, out } = await groundtwin(['list', '--json']);
      expect(code).to.equal(0);
      expect(JSON.parse(out)).to.deep.include({
        id: 'Pendulum-v0',
        summary: 'Swing a rod up with a torque too weak to lift it directly, and keep it upright.',
        horizon: 200,
        controlDt_s: 0.05,
      });
    });

    it('describes one, with units, rewards and parameters', async () => {
      const text = await groundtwin(['describe', 'Pendulum-v0']);
      expect(text.code).to.equal(0);
      for (const part of [
        'cosAngle',
        'velocity_radps',
        'rad/s',
        '-0.1 × velocity',
        'gravity_mps2',
        '200 steps an episode',
        'never terminates',
      ])
        expect(text.out).to.include(part);
      const facts = JSON.parse((await groundtwin(['describe', 'CartPole-v0', '--json'])).out);
      expect(facts).to.include({ id: 'CartPole-v0', horizon: 500 });
      expect(facts).to.include.all.keys(
        ...['id', 'summary', 'horizon', 'controlDt_s', 'solvedAt', 'observationSpace', 'actionSpace'],
        ...['state', 'commands', 'reward', 'params', 'engines'],
      );
    });

    it('examines the machine', async () => {
      const text = await groundtwin(['doctor']);
      expect(text.code).to.equal(0);
      for (const what of ['Node', 'physics', 'ONNX runtime', 'loopback port', 'writable folder', 'second engine'])
        expect(text.out).to.match(new RegExp(`^ok +${what}`, 'm'));
      const found = JSON.parse((await groundtwin(['doctor', '--json'])).out);
      expect(found.fine).to.equal(true);
      expect(found.versions).to.include({ node: process.versions.node });
    });

    it('shows help without failing, and its version', async () => {
      expect(await groundtwin(['--help'])).to.include({ code: 0, err: '' });
      expect((await groundtwin(['gap', '--help'])).out).to.include('--subject');
      expect((await groundtwin(['--version'])).out).to.match(/^\d+\.\d+\.\d+\n$/);
    });
  });

  describe('refuses what it cannot do, with a way out, on stderr alone', () => {
    const refusals: readonly [argv: string[], code: number, says: RegExp][] = [
      [[], 2, /Usage: groundtwin/],
      [['lits'], 2, /unknown command 'lits'[\s\S]*Did you mean list/],
      [['list', '--jsn'], 2, /unknown option '--jsn'[\s\S]*Did you mean --json/],
      [['describe'], 2, /missing required argument 'id'/],
      [['describe', 'Pendulm-v0'], 2, /ENV_UNKNOWN: .*Did you mean 'Pendulum-v0'\?/],
      [['record', '--env', 'pendulum', '--out', 'x.bin'], 2, /Did you mean 'Pendulum-v0'\?/],
      [['record', ...env], 2, /required option '--out/],
      [['record', ...env, '--out', 'x.bin', '--episodes', '0'], 2, /integer from 1/],
      [['record', ...env, '--out', 'x.bin', '--episodes', '2.5'], 2, /integer from 1/],
      [['record', ...env, '--out', 'x.bin', '--seed', '-1'], 2, /integer from 0 to 4294967295/],
      [['record', ...env, '--out', 'x.bin', '--policy', 'clever'], 2, /It must be one of random, cem, icem, mppi, or end with .onnx/],
      [['record', ...env, '--out', 'x.bin', '--policy', 'cem'], 2, /OPTION_INVALID: .*--model.*--policy random/],
      [['record', ...env, '--out', '.'], 2, /OPTION_INVALID: .*--out is a folder/],
      [['eval', ...env], 2, /OPTION_INVALID: .*--model.*--policy random/],
      [['eval', ...env, '--policy', 'icem'], 2, /OPTION_INVALID: .*--model.*--policy icem.*--policy random/],
      [['eval', ...env, '--policy', 'random', '--in', 'model'], 2, /OPTION_INVALID: .*model is missing/],
      [['eval', ...env, '--policy', 'random', '--in', 'twin', '--url', 'ws://127.0.0.1:1'], 2, /--in is twin.*--url/],
      [['eval', ...env, '--policy', 'random', '--engine', 'mujoco', '--url', 'ws://127.0.0.1:1'], 2, /--engine is mujoco.*--url/],
      [['eval', ...env, '--policy', 'random', '--url', 'nonsense'], 2, /OPTION_INVALID: .*ws:\/\/ or wss:\/\//],
      [['eval', ...env, '--policy', 'random', '--url', 'ws://127.0.0.1:1'], 5, /CONNECTION_REFUSED: .*groundtwin serve/],
      [['eval', ...env, '--model', 'no/such/folder'], 2, /MODEL_MISSING: .*no\/such\/folder.*train-model/],
      [['gap', '--model', 'no/such/folder'], 2, /MODEL_MISSING: .*train-model/],
      [['imagine', ...env, '--model', 'no/such/folder', '--goal', 'angle_rad=0'], 2, /MODEL_MISSING: .*train-model/],
      [['imagine', ...env, '--model', 'x', '--goal', 'height_m=1'], 2, /goal is height_m=1.*angle_rad, velocity_radps/],
      [['imagine', ...env, '--model', 'x', '--goal', 'angle_rad=0', '--plans', '65'], 2, /integer from 1 to 64/],
      [['imagine', ...env, '--model', 'x'], 2, /required option '--goal <entries>'/],
      [['imagine', ...env, '--model', 'x', '--goal', 'angle_rad=0', '--out', 'package.json'], 2, /--out is a file/],
      [['train-model', ...env, '--data', 'none.bin', '--out', 'x', '--members', '65'], 2, /integer from 1 to 64/],
      [['train-model', ...env, '--data', 'none.bin', '--out', 'x'], 1, /DATA_INVALID: .*cannot be read.*groundtwin record/],
      [['serve', '--port', '65536'], 2, /integer from 0 to 65535/],
      [['serve', '--host', '0.0.0.0', '--port', '0'], 1, /SERVE_REFUSED: .*127\.0\.0\.1/],
      [['demo', '--starts', '1'], 2, /integer from 2/],
      [['record', ...env, '--out', 'x.bin', '--condition', 'weight'], 2, /--condition is weight.*mass_kg, length_m/],
      [['record', ...env, '--out', 'package.json/x.bin'], 2, /--out is below a file, .*package\.json/],
      [['record', ...env, '--out', 'x.bin', '--condition', 'gravity_mps2'], 2, /--condition is gravity_mps2.*mass_kg, length_m/],
      [['eval', ...env, '--policy', 'random', '--condition', '--url', 'ws://127.0.0.1:1'], 2, /--condition is mass_kg.*--url/],
    ];
    for (const [argv, code, says] of refusals)
      it(`groundtwin ${argv.join(' ')}`, async () => {
        const outcome = await groundtwin(argv);
        expect(outcome.err).to.match(says);
        expect(outcome.err).to.not.match(/^\s+at /m);
        expect(outcome.out).to.equal('');
        expect(outcome.code).to.equal(code);
      });

    it('as one JSON line with --json or GROUNDTWIN_JSON', async () => {
      for (const { err, out } of [
        await groundtwin(['describe', 'x', '--json']),
        await groundtwin(['describe', 'x'], { GROUNDTWIN_JSON: '1' }),
      ]) {
        expect(out).to.equal('');
        const [line, ...more] = jsonLines(err);
        expect(more).to.deep.equal([]);
        expect(line!.error).to.deep.include({ code: 'ENV_UNKNOWN', retryable: false });
      }
    });

    it('without a stack where the disk is what fails', async () => {
      const { code, err } = await groundtwin(['record', ...env, '--episodes', '1', '--out', place.in('x'.repeat(300))]);
      expect(code).to.equal(1);
      expect(err).to.match(/^ENAMETOOLONG: /m);
      expect(err).to.not.match(/^\s+at /m);
    });
  });

  it('has an exit code for every kind of failure', () => {
    const codes = [
      new Error('x'),
      new GroundtwinError('MODEL_MISSING', { path: '', problem: '' }),
      new GroundtwinError('MODEL_REFUSED', { model: '', problem: '' }),
      new GroundtwinError('RUNTIME_MISSING', { runtime: '', problem: '' }),
      new GroundtwinError('CONNECTION_LOST', { url: '', reason: '' }),
      new GroundtwinError('REQUEST_TIMEOUT', { op: '', timeout_s: 1 }),
    ].map(exitCodeOf);
    expect(codes).to.deep.equal([1, 2, 1, 4, 5, 5]);
  });

  describe('from physics to a verdict', () => {
    before(async function () {
      this.timeout(120_000);
      const recorded = await groundtwin(['record', ...env, '--episodes', '5', '--seed', '3', '--out', data, '--json']);
      expect(recorded.code, recorded.err).to.equal(0);
      expect(JSON.parse(recorded.out)).to.deep.include({ env: 'Pendulum-v0', transitions: 1000, out: data });
      const trained = await groundtwin([
        'train-model',
        ...env,
        '--data',
        data,
        '--out',
        model,
        '--updates',
        '150',
        '--members',
        '2',
        '--json',
      ]);
      expect(trained.code, trained.err).to.equal(0);
      expect(JSON.parse(trained.out)).to.deep.include({ out: model, transitions: 1000, updates: 150, stopped: false });
      expect(jsonLines(trained.err).at(-1), 'progress').to.include({ stage: 'learning the world', done: 150, of: 150 });
    });

    it('leaves a model folder that says how it was made', () => {
      const config = JSON.parse(readFileSync(join(model, 'config.json'), 'utf8'));
      expect(config.command).to.equal(
        `groundtwin train-model --seed 1 --env Pendulum-v0 --updates 150 --patience 2500 --checkpoint-every 500 --data ${data} --out ${model} --members 2`,
      );
      expect(config).to.deep.include({ seeds: [1] });
      expect(config).to.include.all.keys('versions', 'machine', 'date', 'config');
      expect(jsonLines(readFileSync(join(model, 'metrics.jsonl'), 'utf8')).map(({ update }) => update)).to.deep.equal([50, 100, 150]);
      expect(JSON.parse(readFileSync(join(model, 'manifest.json'), 'utf8'))).to.deep.include({ members: 2 });
    });

    it('writes into the manifest how far the model may be trusted, where it has held-out data to measure it on', async () => {
      const heldOut = place.in('held-out-for-trust.bin');
      copyFileSync(data, heldOut);
      const out = place.in('trusted');
      const train = (file: string) =>
        groundtwin([
          'train-model',
          ...env,
          '--data',
          data,
          '--held-out',
          file,
          '--out',
          out,
          '--updates',
          '50',
          '--members',
          '2',
          '--json',
        ]);
      expect(await train(place.in('none.bin'))).to.include({ code: 1 });
      expect(existsSync(out), 'refused before it trains').to.equal(false);
      const { code, out: printed, err } = await train(heldOut);
      expect(code, err).to.equal(0);
      const { trust } = JSON.parse(readFileSync(join(out, 'manifest.json'), 'utf8'));
      expect(trust.horizon.steps).to.be.within(0, 40);
      expect(JSON.parse(printed).trustHorizon_steps).to.equal(trust.horizon.steps);
      expect(trust.familiarity.mean).to.have.length(4);
      expect(trust, '1,000 steps show no threshold').to.not.have.property('drift');
    }).timeout(60_000);
    it('refuses to be accurate about fewer episodes than it has to hold back', async () => {
      const few = await groundtwin(['train-model', ...env, '--data', data, '--out', place.in('accurate'), '--accurate']);
      expect(few.code).to.equal(1);
      expect(few.err).to.match(/DATA_INVALID: .*0 moments are followed by 40 steps.*512 are needed/);
    });

    it('records the same from the same seed; a flag wins over the variable, that over the default', async () => {
      const record = async (name: string, flags: string[], variables = {}) => {
        const path = place.in(`${name}.bin`);
        const { code } = await groundtwin(['record', ...env, '--episodes', '1', '--out', path, ...flags], variables);
        expect(code).to.equal(0);
        return readFileSync(path).toString('base64');
      };
      const [one, seven] = [await record('one', ['--seed', '1']), await record('seven', ['--seed', '7'])];
      expect(one).to.not.equal(seven);
      expect(await record('default', [])).to.equal(one);
      expect(await record('variable', [], { GROUNDTWIN_SEED: '7' })).to.equal(seven);
      expect(await record('both', ['--seed', '1'], { GROUNDTWIN_SEED: '7' })).to.equal(one);
      const bad = await groundtwin(['record', ...env, '--out', place.in('x.bin')], { GROUNDTWIN_SEED: 'seven' });
      expect(bad.code).to.equal(2);
      expect(bad.err).to.include('GROUNDTWIN_SEED');
    });

    it('makes one model for many masses, which is refused where it is not told them', async function () {
      this.timeout(60_000);
      const [bin, told] = [place.in('told', 'training.bin'), place.in('told', 'model')];
      const condition = ['--condition', 'mass_kg', 'length_m'];
      const passes = async (argv: string[]) => {
        const { code, out, err } = await groundtwin([...argv, '--json']);
        expect(code, err).to.equal(0);
        return JSON.parse(out);
      };
      const replay = place.in('told', 'replay');
      await passes(['record', ...env, '--episodes', '3', '--out', bin, '--replay', replay, ...condition]);
      expect(await passes(['replay', 'verify', replay])).to.include({ holds: true });
      const train = ['train-model', ...env, '--data', bin, '--out', told, '--updates', '50', '--members', '2'];
      const { trustHorizon_steps } = await passes([...train, '--held-out', bin, ...condition]);
      expect(trustHorizon_steps).to.be.within(0, 40);
      const checked = JSON.parse((await groundtwin(['check-model', ...env, '--model', told, '--steps', '60', ...condition, '--json'])).out);
      expect(checked.checks[0], 'it loads').to.include({ name: 'loads', holds: true });
      await passes(['export', ...env, '--data', bin, '--format', 'parquet', '--out', place.in('told', 'episodes.parquet'), ...condition]);
      const { context } = JSON.parse(readFileSync(join(told, 'manifest.json'), 'utf8'));
      expect(context.map(({ name, unit }: { name: string; unit: string }) => [name, unit])).to.deep.equal([
        ['mass_kg', 'kg'],
        ['length_m', 'm'],
      ]);
      expect(JSON.parse(readFileSync(join(told, 'config.json'), 'utf8')).command).to.include(condition.join(' '));
      const masses = readTransitions(bin, conditionOn(registry.task('Pendulum-v0'), ['mass_kg', 'length_m'])).state.filter(
        (_, i) => i % 4 === 2,
      );
      expect(new Set(masses), 'one mass an episode').to.have.property('size', 3);
      const dreamt = ['eval', ...env, '--policy', 'random', '--in', 'model', '--model', told, '--episodes', '2'];
      expect((await passes([...dreamt, ...condition])).returns).to.have.length(2);
      for (const [argv, says] of [
        [train, /DATA_INVALID: .*state entries/],
        [dreamt, /MODEL_REFUSED: .*mass_kg/],
        [['gap', '--model', told], /MODEL_REFUSED: .*mass_kg/],
        [['gap', '--model', model, ...condition], /MODEL_REFUSED: .*\(\).*mass_kg/],
      ] as const)
        expect((await groundtwin(argv)).err).to.match(says);
    });

    it('imagines ways to a goal and executes them, as table, data and page', async () => {
      const out = place.in('imagined');
      const argv = [
        'imagine',
        '--model',
        model,
        '--goal',
        'angle_rad=0,velocity_radps=0',
        '--plans',
        '2',
        '--horizon',
        '8',
        '--start',
        '5',
      ];
      const { code, out: printed, err } = await groundtwin([...argv, '--out', out, '--json']);
      expect(code, err).to.equal(0);
      const result = JSON.parse(printed);
      expect(result).to.deep.include({ env: 'Pendulum-v0', planner: 'icem', start: 5, seed: 1, horizon: 8, controlDt_s: 0.05 });
      expect(result.goal.map(({ label, unit }: { label: string; unit: string }) => [label, unit])).to.deep.equal([
        ['angle_rad', 'rad'],
        ['velocity_radps', 'rad/s'],
      ]);
      expect(result.plans).to.have.length(2);
      const [{ actions, imagined, executed, difference }] = result.plans;
      expect(actions).to.have.length(8);
      expect(imagined.path.angle_rad[0]).to.be.closeTo(executed.path.angle_rad[0], 1e-9);
      expect(difference.return).to.equal(imagined.return - executed.return);
      expect(JSON.parse(readFileSync(join(out, 'imagine.json'), 'utf8'))).to.deep.equal(result);
      const page = readFileSync(join(out, 'imagine.html'), 'utf8');
      expect(page.match(/<figure/g)).to.have.length(4);
      expect(page).to.not.match(/NaN|undefined|https?:/);
      const text = await groundtwin([...argv, '--planner', 'mppi']);
      expect(text.out.split('\n')[0]).to.match(/^plan +apart +distance +return +angle_rad \(rad\) +velocity_radps \(rad\/s\)$/);
      for (const side of ['imagined', 'executed', 'difference']) expect(text.out.split(side)).to.have.length(3);
    }).timeout(60_000);

    it('plays in truth, model and twin', async () => {
      const play = async (where: string) => {
        const { code, out, err } = await groundtwin([
          'eval',
          ...env,
          '--policy',
          'random',
          '--in',
          where,
          '--model',
          model,
          '--episodes',
          '3',
          '--first-start',
          '5',
          '--json',
        ]);
        expect(code, err).to.equal(0);
        return JSON.parse(out);
      };
      const truth = await play('truth');
      expect(truth).to.include({ env: 'Pendulum-v0', policy: 'random', in: 'truth', episodes: 3 });
      expect(truth.lengths).to.deep.equal([200, 200, 200]);
      expect(truth.measured).to.be.closeTo(truth.returns.reduce((sum: number, value: number) => sum + value, 0) / 3, 1e-9);
      // A twin that observes truth is truth to the agent; the model alone is another world.
      expect((await play('twin')).returns).to.deep.equal(truth.returns);
      expect((await play('model')).returns).to.not.deep.equal(truth.returns);
    });

    it('plans in the model to act on physics', async () => {
      const { code, out, err } = await groundtwin(['eval', ...env, '--model', model, '--episodes', '1']);
      expect(code, err).to.equal(0);
      expect(out).to.match(/^Pendulum-v0, cem in the model, in truth: mean return -[\d.]+ /);
    }).timeout(60_000);

    it('measures the gap: one JSON document on stdout, the report beside it, the verdict as exit code', async () => {
      const out = place.in('gap');
      const json = await groundtwin(['gap', '--model', model, '--samples', '2', '--axes', 'none', '--out', out, '--json']);
      const report = JSON.parse(json.out);
      expect(json.out.trim().split('\n')).to.have.length(1);
      expect(json.code).to.equal(report.verdict === 'PASS' ? 0 : 3);
      expect(report).to.include({ kind: 'gapReport', samples: 2, starts: 256 });
      expect(report.metadata).to.include({ task: 'Pendulum-v0', trainingSteps: 1000 });
      expect(report.metadata.command).to.equal(`groundtwin gap --seed 1 --samples 2 --model ${model} --axes none`);
      expect(JSON.parse(readFileSync(join(out, 'gap.json'), 'utf8'))).to.deep.equal(report);
      expect(readFileSync(join(out, 'report.html'), 'utf8')).to.match(/^<!doctype html>/i);
      expect(report.metadata.hashes.model).to.match(/^[0-9a-f]{64}$/);
      for (const command of report.worst.starts[0].kept.commands)
        expect(await groundtwin(command.split(' ').slice(1)), command).to.deep.include({
          code: 0,
          out: 'Pendulum-v0: 40 steps, every bit as recorded\n',
        });

      // Blind to actions, from the same held-out data: prose this time, and it must fail.
      const [blindOut, junit] = [place.in('gap-blind'), place.in('rows.xml')];
      const subject = ['--axes', 'none', '--subject', 'broken:action-blind', '--data', data, '--out', blindOut, '--junit', junit];
      const blind = await groundtwin(['gap', '--model', model, '--samples', '2', ...subject]);
      expect(readFileSync(junit, 'utf8')).to.match(/name="C1 Effect of actions[^>]*><failure type="FAIL"/);
      expect(blind.code).to.equal(3);
      expect(blind.out).to.match(/^FAIL +C1 +Effect of actions/m);
      expect(blind.out).to.match(/^H4 at 1 steps, .*: .*19 samples/m);
      expect(blind.out).to.match(/^Verdict: FAIL$/m);

      // Side by side: only of the same starts.
      const whole = place.in('gap-whole');
      await groundtwin(['gap', '--model', model, '--samples', '2', '--axes', 'none', '--data', data, '--out', whole]);
      const page = place.in('compared');
      const compared = await groundtwin(['gap', '--compare', join(blindOut, 'gap.json'), whole, '--out', page]);
      expect(compared.code, compared.err).to.equal(0);
      expect(compared.out).to.match(/^B errs less than A 10 steps ahead on (1\.000|0\.9\d\d) /m);
      expect(readFileSync(join(page, 'comparison.html'), 'utf8')).to.match(/^<!doctype html>/i);
      expect(JSON.parse(readFileSync(join(page, 'comparison.json'), 'utf8')).kind).to.equal('gapComparison');
      const damaged = (part: object) => {
        const path = place.in(`damaged-${Object.keys(part)}.json`);
        writeFileSync(path, JSON.stringify({ ...report, ...part }));
        return path;
      };
      for (const [reports, why] of [
        [[whole], /OPTION_INVALID: .*two or more/],
        [[whole, place.in('nowhere.json')], /DATA_INVALID: .*no such file/],
        [[whole, junit], /DATA_INVALID: .*no JSON/],
        [[whole, join(model, 'manifest.json')], /DATA_INVALID: .*no gap report/],
        [[whole, damaged({ rows: 3 })], /DATA_INVALID: .*measure it again/],
        [[whole, damaged({ perStart: null })], /DATA_INVALID: .*by start/],
        [[whole, damaged({ normalised: {} })], /DATA_INVALID: .*measure it again/],
        [[whole, out], /OPTION_INVALID: .*same --data/],
      ] as const)
        expect((await groundtwin(['gap', '--compare', ...reports])).err).to.match(why);
    }).timeout(90_000);

    it('says how much the model learned from, whatever lies beside it', async () => {
      const moved = place.in('moved', 'model');
      mkdirSync(moved, { recursive: true });
      for (const file of ['manifest.json', 'predict.onnx']) copyFileSync(join(model, file), join(moved, file));
      const { out } = await groundtwin(['gap', '--model', moved, '--samples', '1', '--axes', 'none', '--data', data]);
      expect(out).to.include('from 1,000 real steps');
    }).timeout(60_000);

    it('refuses a damaged, a foreign and an unknown subject', async () => {
      const broken = place.in('broken');
      mkdirSync(broken);
      copyFileSync(join(model, 'manifest.json'), join(broken, 'manifest.json'));
      const bytes = readFileSync(join(model, 'predict.onnx'));
      bytes[bytes.length >> 1]! ^= 1;
      writeFileSync(join(broken, 'predict.onnx'), bytes);
      const flipped = await groundtwin(['eval', ...env, '--model', broken, '--episodes', '1']);
      expect(flipped).to.include({ code: 1, out: '' });
      expect(flipped.err).to.match(/MODEL_REFUSED: .*sha256 differs.*docs\/model-contract\.md/);
      const foreign = await groundtwin(['gap', '--model', model, '--env', 'CartPole-v0']);
      expect(foreign).to.include({ code: 1, out: '' });
      expect(foreign.err).to.match(/MODEL_REFUSED: .*'Pendulum-v0', not 'CartPole-v0'/);
      const unknown = await groundtwin(['gap', '--model', model, '--subject', 'broken:lamp']);
      expect(unknown.code).to.equal(2);
      expect(unknown.err).to.match(/OPTION_INVALID: .*broken:action-blind/);
      const axes = await groundtwin(['gap', '--model', model, '--axes', 'lamp']);
      expect([axes.code, axes.err]).to.satisfy(
        ([code, err]: [number, string]) => code === 2 && /OPTION_INVALID: .*plausibility, causality/.test(err),
      );
    });

    it('refuses damaged and foreign data', async () => {
      const whole = readFileSync(data);
      const train = async (bytes: Uint8Array, id = 'Pendulum-v0') => {
        writeFileSync(place.in('bad.bin'), bytes);
        return groundtwin(['train-model', '--env', id, '--data', place.in('bad.bin'), '--out', place.in('never'), '--updates', '10']);
      };
      const notFinite = Uint8Array.from(whole);
      new DataView(notFinite.buffer).setFloat64(whole.length - 1000 * 4 - 8, Number.NaN, true);
      for (const [outcome, why] of [
        [await train(whole.subarray(0, -1)), /is damaged/],
        [await train(notFinite), /not finite/],
        [await train(whole, 'CartPole-v0'), /recorded on 'Pendulum-v0'/],
      ] as const) {
        expect(outcome).to.include({ code: 1, out: '' });
        expect(outcome.err)
          .to.match(/DATA_INVALID: .*groundtwin record/)
          .and.to.match(why);
      }
      expect(existsSync(place.in('never'))).to.equal(false);
    });

    describe('serving', () => {
      let server: Launched;
      let greeting: { url: string; port: number; token: string };
      before(async () => {
        server = launch(['serve', '--port', '0', '--json', '--models', place.in('run')]);
        await server.says(/"token"/);
        greeting = jsonLines((await server.says(/"token":"[^"]+"}\n/)).split('\n').find((line) => line.includes('"token"'))!)[0] as never;
      });
      after(async () => {
        if (server.child.exitCode === null) interrupt(server, 'SIGKILL');
        await server.ended;
      });

      it('tells its address and token first, and lets the holder in', async () => {
        expect(greeting.url).to.equal(`ws://127.0.0.1:${greeting.port}`);
        expect(greeting.token).to.have.length.above(20);
        const client = await connect({ url: greeting.url, token: greeting.token, clock });
        expect((await client.list()).map(({ id }) => id)).to.include('Pendulum-v0');
        await client.close();
      });

      it('is played by eval as if it were here, and not without its token', async () => {
        const play = ['eval', ...env, '--policy', 'random', '--episodes', '3', '--json'];
        // In a process of its own: it must end, with the socket closed.
        const remote = await launch([...play, '--url', greeting.url, '--token', greeting.token]).ended;
        expect(remote.code, remote.err).to.equal(0);
        expect(JSON.parse(remote.out).returns).to.deep.equal(JSON.parse((await groundtwin(play)).out).returns);
        const fromVariable = await groundtwin([...play, '--url', greeting.url], { GROUNDTWIN_TOKEN: greeting.token });
        expect(fromVariable.code).to.equal(0);
        for (const outcome of [
          await groundtwin([...play, '--url', greeting.url, '--token', 'wrong']),
          await groundtwin([...play, '--url', greeting.url]),
        ]) {
          expect(outcome).to.include({ code: 5, out: '' });
          expect((jsonLines(outcome.err).at(-1)!.error as { code: string }).code).to.equal('CONNECTION_UNAUTHORISED');
        }
      });

      it('ends eval when the server has no room, rather than leaving it hanging', async () => {
        const outcome = await launch([
          'eval',
          ...env,
          '--policy',
          'random',
          '--episodes',
          '100000',
          '--url',
          greeting.url,
          '--token',
          greeting.token,
        ]).ended;
        expect(outcome.err).to.include('CAPACITY');
        expect(outcome.code).to.equal(1);
      }).timeout(15_000);

      it('makes models of its folder by plain name, and nothing outside it', async () => {
        const client = await connect({ url: greeting.url, token: greeting.token, clock });
        const made = await client.make('Pendulum-v0', { backend: 'model', model: 'model' });
        expect((await made.reset({ seed: 1 })).observation).to.have.length(3);
        await made.close();
        for (const name of ['../run/model', '/etc', '..', '.', 'a/b', model, 7, '']) {
          const refused = await client.make('Pendulum-v0', { backend: 'model', model: name }).catch((error: unknown) => error);
          expect(refused, String(name)).to.include({ code: 'OPTION_INVALID' });
        }
        const missing = await client.make('Pendulum-v0', { backend: 'model', model: 'nothing' }).catch((error: unknown) => error);
        expect(missing).to.include({ code: 'MODEL_MISSING' });
        const wrappers = await client.make('Pendulum-v0', { wrappers: [] }).catch((error: unknown) => error);
        expect(wrappers).to.include({ code: 'OPTION_INVALID' });
        await client.close();
      });

      it('stops on Ctrl-C, well, and never wrote the token to its log', async () => {
        interrupt(server);
        const { code, signal, err } = await server.ended;
        expect({ code, signal }).to.deep.equal({ code: 0, signal: null });
        expect(err).to.include('server.listening').and.to.not.include(greeting.token);
        for (const line of jsonLines(err)) expect(line).to.include.all.keys('time', 'level', 'event');
      });
    });

    it('does not serve everyone because the token variable is empty', async () => {
      const server = launch(['serve', '--port', '0', '--json', '--token', '']);
      try {
        expect(await server.says(/"port":\d+[^\n]*\n/)).to.match(/"token":"[^"]{20,}"/);
      } finally {
        interrupt(server);
        await server.ended;
      }
    });

    it('keeps what was learned when training is interrupted', async () => {
      const out = place.in('interrupted');
      const training = launch(['train-model', ...env, '--data', data, '--out', out, '--updates', '1000000', '--members', '2', '--json']);
      await training.says(/"done":50/);
      interrupt(training);
      const { code, signal, out: said } = await training.ended;
      expect({ code, signal }).to.deep.equal({ code: 130, signal: null });
      expect(JSON.parse(said)).to.include({ stopped: true, out });
      const used = await groundtwin(['eval', ...env, '--policy', 'random', '--in', 'model', '--model', out, '--episodes', '1']);
      expect(used.code, used.err).to.equal(0);
    }).timeout(60_000);
  });
});
