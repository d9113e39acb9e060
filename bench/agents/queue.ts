/** Makes the recorded trainings that are missing or stale, each in a process of its own; one that is finished is kept at once. */
import { join } from 'node:path';
import { root } from '../machine.ts';
import { Peer, sb3Peer } from '../peers/python-peer.ts';
import { hashes, keep, resultsFolder, staleness } from './results.ts';
import { FIRST_START, nameOf, type Played, type Run } from './run.ts';

/** No training of ours takes longer, on the slowest machine. */
const RUN_LIMIT_s = 6 * 3600;

export interface QueueOptions {
  /** Trainings at once; each keeps one core busy. */
  readonly jobs: number;
  readonly log: (line: string) => void;
  /** All of them, fresh or not. */
  readonly rerun?: boolean;
  readonly folder?: string;
  readonly play?: (run: Run, log: (line: string) => void) => Promise<Played>;
}

/** @returns names of those that failed. */
export async function makeRuns(runs: readonly Run[], options: QueueOptions): Promise<string[]> {
  const { jobs, log, rerun = false, folder = resultsFolder, play = playAlone } = options;
  const codes = hashes(runs);
  const waiting = runs.map((run, i) => ({ run, code: codes[i]! })).filter(({ run, code }) => rerun || staleness(run, code, folder));
  log(`${waiting.length} of ${runs.length} trainings to make`);
  const failed: string[] = [];
  const queue = waiting.entries();
  const worker = async () => {
    for (const [i, { run, code }] of queue) {
      const label = `${i + 1}/${waiting.length} ${nameOf(run)}`;
      try {
        const played = await play(run, log);
        keep(run, played, code, folder);
        log(`${label}: return ${played.curve.at(-1)!.return.toFixed(1)}, ${played.stepsPerSecond} steps/s, ${played.wall_s.toFixed(0)} s`);
      } catch (error) {
        failed.push(nameOf(run));
        log(`${label} failed: ${(error as Error).message}`);
      }
    }
  };
  await Promise.all(Array.from({ length: jobs }, worker));
  return failed;
}

/** In a new process, on one thread. @throws Absent where there is no Python for an agent of Stable-Baselines3. */
async function playAlone(run: Run, log: (line: string) => void): Promise<Played> {
  const isPeer = run.agent.startsWith('sb3-');
  const peer = isPeer ? sb3Peer(log) : new Peer(process.execPath, ['--import', 'tsx', join(root, 'bench', 'agents', 'play.ts')]);
  try {
    return await peer.ask<Played>(
      isPeer ? { op: 'train', ...run, firstStart: FIRST_START, firstEpisode: firstEpisode(run.seed) } : run,
      RUN_LIMIT_s,
    );
  } finally {
    peer.close();
  }
}

/** Seeds of trainings begin at 2³¹, each far from the next. */
function firstEpisode(seed: number): number {
  return 2 ** 31 + seed * 2 ** 20;
}
