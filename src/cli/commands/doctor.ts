import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Command } from 'commander';
import { make } from '../../index.ts';
import { compileInference, nodeRuntime, runtimeInUse } from '../../onnx/index.ts';
import { exitCodes } from '../exit-codes.ts';
import { type Finish, withCommon } from '../options.ts';
import { describeMachine, versions } from '../run-description.ts';
import { table, terminal } from '../terminal.ts';

interface Finding {
  readonly what: string;
  /** Whether everything that needs it works; what is optional may be absent all the same. */
  readonly fine: boolean;
  readonly says: string;
}

export function addDoctor(program: Command, finish: Finish): void {
  withCommon(program.command('doctor'))
    .description('check what this machine has: Node, physics, the ONNX runtime, loopback, a writable folder, the second engine')
    .action(async (options: { json?: boolean }) => {
      const findings = [
        node(),
        await check('physics', physics),
        await check('ONNX runtime', runtime),
        await check('loopback port', loopback),
        await check('writable folder', writable),
        await secondEngine(),
      ];
      const fine = findings.every((finding) => finding.fine);
      const rows = findings.map(({ what, fine: ok, says }) => [ok ? 'ok' : 'MISSING', what, says]);
      terminal(options.json ?? false).result(
        { fine, findings, versions: await versions(), machine: describeMachine() },
        `${table(rows)}\n${describeMachine()}`,
      );
      finish(fine ? exitCodes.ok : exitCodes.missing);
    });
}

function node(): Finding {
  const [major, minor] = process.versions.node.split('.').map(Number) as [number, number];
  const fine = major > 20 || (major === 20 && minor >= 11);
  return { what: 'Node', fine, says: `${process.versions.node}${fine ? '' : '; 20.11 or newer is needed'}` };
}

async function check(what: string, probe: () => Promise<string>): Promise<Finding> {
  try {
    return { what, fine: true, says: await probe() };
  } catch (error) {
    return { what, fine: false, says: error instanceof Error ? error.message : String(error) };
  }
}

async function physics(): Promise<string> {
  const env = await make('CartPole-v0');
  await env.reset({ seed: 1 });
  await env.step(1);
  await env.close();
  return `Rapier ${(await versions())['@dimforge/rapier3d']} steps`;
}

/** Optional: only `engine: 'mujoco'` needs it. */
async function secondEngine(): Promise<Finding> {
  const { fine, says } = await check('', async () => {
    const env = await make('CartPole-v0', { engine: 'mujoco' });
    await env.reset({ seed: 1 });
    await env.close();
    return 'MuJoCo steps';
  });
  return { what: 'second engine', fine: true, says: fine ? says : `${says} (optional)` };
}

async function runtime(): Promise<string> {
  const model = compileInference({
    parameters: [],
    inputs: [{ name: 'x', dtype: 'float32', shape: ['rows', 1] }],
    build: (builder, _, { x }) => ({ y: builder.add(x!, 1) }),
  });
  const session = await nodeRuntime().load(model);
  const { y } = await session.run({ x: { type: 'float32', data: Float32Array.of(1), dims: [1, 1] } });
  await session.release();
  if ((y!.data as Float32Array)[0] !== 2) throw new Error('the ONNX runtime computes 1 + 1 wrongly');
  const { name, version } = await runtimeInUse();
  const kind = name === 'onnxruntime-node' ? 'native' : 'WebAssembly, several times slower than onnxruntime-node, which is not installed';
  return `${name} ${version}, CPU, ${kind}`;
}

function loopback(): Promise<string> {
  return new Promise((resolve, reject) => {
    const server = createServer().once('error', reject);
    server.listen(0, '127.0.0.1', () => server.close(() => resolve('127.0.0.1 can be served')));
  });
}

async function writable(): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'groundtwin-'));
  writeFileSync(join(folder, 'probe'), 'x');
  rmSync(folder, { recursive: true });
  return 'temporary files can be written';
}
