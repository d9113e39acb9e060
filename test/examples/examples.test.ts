import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { expect } from 'chai';
import { randomPolicy } from '../../agents/index.ts';
import { recordEpisode } from '../../src/data/record.ts';
import { TransitionRecorder } from '../../src/data/transitions.ts';
import { registry } from '../../src/index.ts';
import { nodeRuntime } from '../../src/onnx/index.ts';
import { ensembleDefaults } from '../../src/world-model/ensemble.ts';
import { fitEnsemble } from '../../src/world-model/fit-ensemble.ts';
import { writeModel } from '../../src/world-model/model-folder.ts';
import { trainEnsemble } from '../../src/world-model/train-ensemble.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const loader = pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href;

/** What a script printed. Fails with both streams when it fails. */
function run(script: string, args: readonly string[], cwd: string): Promise<string> {
  const child = spawn(process.execPath, ['--import', loader, script, ...args], {
    cwd,
    env: { ...process.env, TSX_TSCONFIG_PATH: join(root, 'tsconfig.json') },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (part) => {
      output += part;
    });
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('exit', (code) => (code === 0 ? resolve(output) : reject(new Error(`${script} ended with status ${code}\n${output}`))));
  });
}

/** A model as `npm start` leaves it, trained for a moment only. */
async function writeSmallModel(folder: string): Promise<void> {
  const task = registry.task('CartPoleSwingUp-v0');
  const env = await registry.truth(task.id);
  const recorder = new TransitionRecorder(task);
  await recordEpisode(env, randomPolicy(task.actionSpace, 1, 5), recorder, { seed: 1, maxSteps: 100, episode: 0 });
  await env.close();
  const { manifest, predict } = await trainEnsemble(task, recorder.transitions(), {
    name: 'small',
    updates: 50,
    seed: 1,
    config: { ...ensembleDefaults, members: 2, hidden: [8] },
    fit: (job, hooks) => fitEnsemble(nodeRuntime(), job, hooks),
  });
  writeModel(folder, manifest, predict);
}

describe('the examples', () => {
  let folder: string;
  before('a model for the quickstart', async () => {
    folder = mkdtempSync(join(tmpdir(), 'groundtwin-examples-'));
    await writeSmallModel(join(folder, 'runs', 'demo-seed-1', 'model'));
  });
  after(() => rmSync(folder, { recursive: true }));

  it('README.md shows examples/quickstart.ts, and its block runs', async () => {
    const blocks = [...readFileSync(join(root, 'README.md'), 'utf8').matchAll(/^```ts\n([\s\S]*?)^```/gm)].map(([, block]) => block!);
    expect(blocks).to.deep.equal([readFileSync(join(root, 'examples', 'quickstart.ts'), 'utf8')]);
    const script = join(folder, 'readme.mts');
    writeFileSync(script, blocks[0]!);
    expect(await run(script, [], folder)).to.match(/^\d\S+ \{[\s\S]*stepsSinceResync: 1[\s\S]*\n\[\s+\[ .+ \],\s+\[ .+ \]\s+\]\n$/);
  });

  it('docs/onnx.md trains the network it shows', async () => {
    const [, block = ''] = /^```ts\n([\s\S]*?)^```/m.exec(readFileSync(join(root, 'docs', 'onnx.md'), 'utf8')) ?? [];
    const script = join(folder, 'onnx.mts');
    writeFileSync(script, block);
    const [, before, after] = /fell from (\S+) to (\S+)/.exec(await run(script, [], folder)) ?? [];
    expect(Number(after)).to.be.below(Number(before) / 20);
  });

  it('own-task brings its block to the goal', async () => {
    const [, value] = /return ([\d.]+) of at most 100/.exec(await run(join(root, 'examples', 'own-task.ts'), [], folder)) ?? [];
    expect(Number(value)).to.be.within(50, 100);
  });

  it('serve-and-step steps over a socket, and over the next when that one drops', async () => {
    const output = await run(join(root, 'examples', 'serve-and-step.ts'), [], folder);
    expect(output).to.match(/Pendulum-v0 at ws:\/\/127\.0\.0\.1:\d+: 8 lanes/);
    expect(output).to.match(/returns( -\d+){8}; sessions resumed: 1\n$/);
  });

  it('train-and-gap learns something, measures it and leaves a report', async () => {
    const out = join(folder, 'pendulum');
    const output = await run(join(root, 'examples', 'train-and-gap.ts'), [out], folder);
    expect(output).to.match(/^PASS +C1 /m);
    expect(output).to.match(/The model learned to predict 2 quantities of Pendulum-v0 from 600 real steps/);
    expect(readFileSync(join(out, 'report.html'), 'utf8')).to.match(/^<!doctype html>/);
  });

  it('foreign-model runs what pytorch-model holds', async () => {
    const output = await run(join(root, 'examples', 'foreign-model.ts'), [join(root, 'examples', 'pytorch-model')], folder);
    expect(output)
      .to.match(/^holds {2}loads/m)
      .and.not.to.include('BROKEN');
    const [, dreamt, real, off_rad] = /dream: return (\S+)\n.*physics: return (\S+); .*off by (\S+) rad/.exec(output)!.map(Number);
    expect(Math.abs(dreamt! - real!)).to.be.below(5);
    expect(off_rad).to.be.below(0.1);
    expect(output)
      .to.match(/^PASS +C1 /m)
      .and.to.match(/The model learned to predict 2 quantities of Pendulum-v0/);
  });

  it('each of them is run by one of these tests', () => {
    const tests = readFileSync(fileURLToPath(import.meta.url), 'utf8');
    // Those in Python are held to the same by python/tests/test_examples.py.
    const examples = readdirSync(join(root, 'examples')).filter((name) => name !== 'python');
    expect(examples).to.not.be.empty;
    for (const example of examples) expect(tests).to.include(`'${example}'`);
  });
});
