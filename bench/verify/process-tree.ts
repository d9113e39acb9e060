import { readdirSync, readFileSync } from 'node:fs';
import { Absent } from './row.ts';

/** Sum of the resident memory of a process and all its descendants now, bytes; pages they share count in each. @throws Absent without /proc. */
export function residentBytesOfTree(rootId: number): number {
  return treeOf(rootId).reduce((sum, { resident }) => sum + resident, 0);
}

/** The most that a process and its descendants held at once, sampled until `stop`. */
export interface PeakWatch {
  peak_MB: number;
  samples: number;
  stop(): void;
}

const SAMPLE_ms = 200;

/** @param counts - whether a moment counts. @throws Absent without /proc. */
export function watchPeak(rootId: number, counts = () => true): PeakWatch {
  // Asked before anything runs, so that a machine without /proc is known at once.
  residentBytesOfTree(rootId);
  const timer = setInterval(() => {
    if (!counts()) return;
    watch.peak_MB = Math.max(watch.peak_MB, residentBytesOfTree(rootId) / 2 ** 20);
    watch.samples++;
  }, SAMPLE_ms);
  const watch: PeakWatch = { peak_MB: 0, samples: 0, stop: () => clearInterval(timer) };
  return watch;
}

/** Ids of a process and all its descendants now. @throws Absent without /proc. */
export function idsOfTree(rootId: number): number[] {
  return treeOf(rootId).map(({ id }) => id);
}

/** Those of `ids` that still hold memory: not ended, not waiting to be buried. @throws Absent without /proc. */
export function aliveAmong(ids: ReadonlySet<number>): number[] {
  return listProcesses().flatMap(({ id, resident }) => (ids.has(id) && resident > 0 ? [id] : []));
}

function treeOf(rootId: number): ProcessFigures[] {
  const processes = listProcesses();
  const inTree = new Set([rootId]);
  // Children may stand before their parents: go round until nothing is added.
  for (let before = 0; before !== inTree.size; ) {
    before = inTree.size;
    for (const { id, parent } of processes) if (inTree.has(parent)) inTree.add(id);
  }
  return processes.filter(({ id }) => inTree.has(id));
}

interface ProcessFigures {
  readonly id: number;
  readonly parent: number;
  readonly resident: number;
}

function listProcesses(): ProcessFigures[] {
  let names: string[];
  try {
    names = readdirSync('/proc');
  } catch {
    throw new Absent('/proc, from which resident memory is read');
  }
  return names.filter((name) => /^\d+$/.test(name)).flatMap((name) => figuresOf(Number(name)));
}

/** Nothing for a process that ended meanwhile. */
function figuresOf(id: number): ProcessFigures[] {
  try {
    const status = readFileSync(`/proc/${id}/status`, 'utf8');
    const field = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(status)?.[1] ?? 0);
    return [{ id, parent: field('PPid'), resident: field('VmRSS') * 1024 }];
  } catch {
    return [];
  }
}
