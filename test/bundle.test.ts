/** What `npm run bundle` writes runs by itself: here it lies where no package of this checkout can be found from. */
import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { expect } from 'chai';
import { envs } from '../envs/index.ts';
import { connect } from '../src/index.ts';
import { GraphBuilder, guardedRuntime, nodeRuntime } from '../src/onnx/index.ts';
import { mujocoEngine } from '../src/physics/mujoco-engine.ts';
import { rapierEngine } from '../src/physics/rapier-engine.ts';
import { Registry } from '../src/registry/registry.ts';
import { clockFrom } from '../src/server/index.ts';
import { nodeWorkers } from '../src/vector/node-workers.ts';
import { interrupt, type Launched, launch, scratch } from './cli/harness.ts';
import { floats, numbers } from './onnx/run-graph.ts';

const root = fileURLToPath(new URL('..', import.meta.url));

const owned = ['serve', '--json', '--port', '0', '--owned'];

/** The first line of standard output. */
async function greetingOf(server: Launched): Promise<{ url: string; token: string }> {
  const said = await server.says(/"token":"[^"]+"}\n/);
  return JSON.parse(said.split('\n').find((line) => line.includes('"token"'))!);
}

/** How a server with an owner ends: it has closed all, and waits for no compiler. */
const leftAtOnce = { code: -1, signal: 'SIGKILL' };

/** As `groundtwin doctor --json` has them. */
interface Findings {
  readonly findings: readonly { readonly what: string; readonly says: string }[];
  readonly versions: Readonly<Record<string, string>>;
}

describe('the bundle', () => {
  const place = scratch();
  const file = (...path: string[]) => place.in('bundle', ...path);
  let bundle: (folder: string) => Promise<void>;
  const run = (...argv: string[]) => launch(argv, { program: file('groundtwin.js') }).ended;
  const reportOf = async () => JSON.parse((await run('doctor', '--json')).out) as Findings;

  before(async () => {
    ({ bundle } = await import(new URL('../scripts/bundle.mjs', import.meta.url).href));
    await bundle(file());
  });
  after(() => place.remove());

  it('serves from one folder, in the version of this checkout', async () => {
    const server = launch(owned, { program: file('groundtwin.js'), stdin: 'pipe' });
    try {
      const client = await connect(await greetingOf(server));
      const env = await client.make('Hopper-v0', { lanes: 2 });
      const { observation } = await env.reset({ seed: 1 });
      expect([...(observation as Float32Array)].every(Number.isFinite)).to.equal(true);
      await client.close();
    } finally {
      server.child.stdin!.end();
    }
    expect(await server.ended).to.include(leftAtOnce);
    expect((await run('--version')).out.trim()).to.equal(JSON.parse(readFileSync(`${root}package.json`, 'utf8')).version);
  });

  it('runs models in WebAssembly, on the native runtime where one was added, and says which', async () => {
    const alone = await reportOf();
    const saysOf = ({ findings }: Findings, name: string) => findings.find(({ what }) => what === name)?.says;
    expect(saysOf(alone, 'ONNX runtime')).to.match(/^onnxruntime-web .*WebAssembly/);
    expect(alone.versions).to.include.keys('onnxruntime-web').and.not.include.keys('onnxruntime-node');
    expect(saysOf(alone, 'second engine')).to.include('@mujoco/mujoco');
    process.env.GROUNDTWIN_PACKAGES = root;
    try {
      const added = await reportOf();
      expect(saysOf(added, 'ONNX runtime')).to.match(/^onnxruntime-node .*native/);
      expect(saysOf(added, 'second engine')).to.equal('MuJoCo steps');
    } finally {
      delete process.env.GROUNDTWIN_PACKAGES;
    }
  });

  it('has its workers: for learning, for lanes, for models that are not trusted', async () => {
    const env = ['--env', 'Pendulum-v0'];
    expect(await run('record', ...env, '--episodes', '1', '--out', file('data.bin'))).to.include({ code: 0 });
    const train = ['--data', file('data.bin'), '--out', file('model'), '--updates', '3', '--members', '1', '--json'];
    const trained = await run('train-model', ...env, ...train);
    expect(trained, trained.err).to.include({ code: 0 });
    expect(readFileSync(file('model', 'config.json'), 'utf8')).to.include('onnxruntime-web');

    const url = (name: string) => pathToFileURL(file(`${name}.js`));
    const engines = { rapier: rapierEngine, mujoco: mujocoEngine };
    const parts = { tasks: envs, engines, runtime: nodeRuntime(), entropy: () => 1, clock: clockFrom(() => performance.now()) };
    for (const isolation of ['process', 'thread'] as const) {
      const there = await new Registry({ ...parts, workers: nodeWorkers(url('env-worker')) }).makeVector('Pendulum-v0', {
        lanes: 2,
        workers: 1,
        isolation,
      });
      const here = await new Registry(parts).makeVector('Pendulum-v0', { lanes: 2 });
      expect((await there.reset({ seed: 3 })).observation).to.deep.equal((await here.reset({ seed: 3 })).observation);
      await there.close();
      await here.close();
    }

    const builder = new GraphBuilder();
    builder.output('y', builder.mul(builder.input('x', 'float32', ['rows', 2]), 2));
    const isolated = guardedRuntime({ inProcess: nodeRuntime(), worker: url('model-worker') }, { isolation: 'process' });
    const session = await isolated.load(builder.toModel());
    expect(numbers((await session.run({ x: floats([1, 2], [1, 2]) })).y)).to.deep.equal([2, 4]);
    await session.release();
  }).timeout(60_000);

  it('is the same wherever and whenever it is made, and carries the licences of what is inside', async () => {
    await bundle(place.in('again'));
    const names = readdirSync(place.in('again'), { recursive: true, encoding: 'utf8' });
    for (const name of names.filter((one) => /\.(js|json|txt)$/.test(one)))
      expect(readFileSync(place.in('again', name)).equals(readFileSync(file(name))), name).to.equal(true);
    const licences = readFileSync(file('THIRD-PARTY-LICENSES.txt'), 'utf8');
    for (const name of ['@dimforge/rapier3d-compat', 'onnxruntime-web', 'ws', 'msgpackr', 'commander'])
      expect(licences).to.match(new RegExp(`^${name} \\d+\\.\\d+\\.\\d+ \\(`, 'm'));
    for (const name of names.filter((one) => one.endsWith('.js'))) expect(readFileSync(file(name), 'utf8')).to.not.include(root);
    rmSync(place.in('again'), { recursive: true });
  });
});

describe('a server with an owner', () => {
  it('ends well when its standard input closes, and not by the signals that reach a whole group', async () => {
    const server = launch(owned, { stdin: 'pipe' });
    try {
      const greeting = await greetingOf(server);
      for (const signal of ['SIGINT', 'SIGTERM'] as const) interrupt(server, signal);
      await (await connect(greeting)).close();
    } finally {
      server.child.stdin!.end();
    }
    const { code, signal, out } = await server.ended;
    expect({ code, signal }).to.deep.equal(leftAtOnce);
    expect(out, 'the greeting is all of stdout').to.match(/^\{"url":"ws:[^\n]*,"port":\d+,"token":"[^\n]+"\}\n$/);
  });

  it('does not outlive an owner that is gone before it listens', async () => {
    expect(await launch(owned).ended).to.include(leftAtOnce);
  });
});
