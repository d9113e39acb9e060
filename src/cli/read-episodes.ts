import { closeSync, openSync, readSync } from 'node:fs';
import { resolve } from 'node:path';
import type { EpisodeSet } from '../data/episode.ts';
import { episodesOf } from '../data/episode-transitions.ts';
import { formats } from '../data/formats/index.ts';
import { readTransitions } from '../data/transitions.ts';
import type { AnyTask } from '../task/task.ts';

/** Episodes of a file, in Parquet or as the transitions of a task. @param taskOf - asked for only where a file does not say all itself. */
export async function readEpisodes(file: string, taskOf: () => AnyTask): Promise<EpisodeSet> {
  const path = resolve(file);
  if (isParquet(path)) return formats.parquet.read(path);
  const task = taskOf();
  return episodesOf(task, readTransitions(path, task));
}

function isParquet(path: string): boolean {
  const start = new Uint8Array(4);
  try {
    const file = openSync(path, 'r');
    readSync(file, start);
    closeSync(file);
  } catch {
    // Whoever reads it next says what is wrong.
  }
  return String.fromCharCode(...start) === 'PAR1';
}
