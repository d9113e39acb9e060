/** What a recorded training depends on. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { sha256Hex } from '../../src/math/hash.ts';
import { root } from '../machine.ts';
import { codeHash } from '../verify/code-hash.ts';
import { type Run, taskFile } from './run.ts';

/** How our agents are played: every file of ours that they import counts. */
const player = (agent: string) => [`bench/agents/play-${agent}.ts`, 'bench/agents/play-training.ts'];
/** How Stable-Baselines3 is: of our code the physics alone counts. That the wire adds nothing to it is what `python.bits` shows. */
const peer = (agent: string) => [
  `bench/peers/${agent.replace('-', '_')}.py`,
  'bench/peers/sb3_training.py',
  'src/task/physics-dynamics.ts',
];
const peerPackages = ['stable-baselines3', 'torch', 'gymnasium', 'numpy'];

/** Hash over code, robot files and versions of packages. */
export function runHash({ agent, env, engine }: Run): string {
  const task = taskFile(env);
  const isPeer = agent.startsWith('sb3-');
  const entries = [...(isPeer ? peer(agent) : player(agent)), task, `src/physics/${engine}-engine.ts`, ...robotFiles(task)];
  const packages = [...(isPeer ? [] : ['onnxruntime-node']), ...(engine === 'mujoco' ? ['@mujoco/mujoco'] : [])];
  return sha256Hex(JSON.stringify([codeHash(...entries).sha256, versionsInNode(packages), isPeer ? versionsInPython() : []]));
}

/** What a task's file reads from assets/. */
export function robotFiles(task: string): string[] {
  const text = readFileSync(join(root, task), 'utf8');
  return [...text.matchAll(/assetRobot\('([^']+)'\)/g)].map(([, path]) => `assets/${path}`);
}

/** Rapier's is in `codeHash`. */
function versionsInNode(names: readonly string[]): unknown[] {
  const { dependencies, optionalDependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  return names.map((name) => [name, dependencies[name] ?? optionalDependencies[name]]);
}

function versionsInPython(): string[] {
  const lines = readFileSync(join(root, 'bench', 'peers', 'python-requirements.txt'), 'utf8').split('\n');
  return lines.filter((line) => peerPackages.includes(line.split('==')[0]!)).sort();
}
