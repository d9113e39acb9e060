import { readdirSync, readFileSync } from 'node:fs';
import { Absent } from './row.ts';

/** Sum of the resident memory of a process and all its descendants now, bytes; pages they share count in each. @throws Absent without /proc. */
export function residentBytesOfTree(rootId: number): number {
  return treeOf(rootId).reduce((sum, { resident }) => sum + resident, 0);
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
