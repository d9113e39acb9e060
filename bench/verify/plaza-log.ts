/**
 * A robot mower on two lawns: odometry and GPS truth, out of the PyPI wheel of GTSAM.
 * Recorded at Carnegie Mellon: Djugash, Hamner & Roth 2009, "Navigating with Ranging Radios: Five Data Sets with Ground Truth", Journal of Field Robotics 26(9).
 * The wheel says "Simplified BSD license" and names none for the data; so they are read where the package is installed, and never kept here.
 */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { pythonWith } from '../peers/python-peer.ts';
import { type MatArray, readMatFile } from './mat-file.ts';
import { Absent } from './row.ts';

/** One moment a row, about 5 (Plaza1) or 10 (Plaza2) a second; all float64 `[count]`. */
export interface MowerLog {
  readonly name: string;
  readonly count: number;
  readonly time_s: Float64Array;
  /** GPS, east and north. */
  readonly x_m: Float64Array;
  readonly y_m: Float64Array;
  /** Odometry from the row before to this one; 0 in the first. */
  readonly forward_m: Float64Array;
  readonly turned_rad: Float64Array;
}

/** @throws Absent without Python or a way to the package. */
export function mowerLogs(log: (line: string) => void): { plaza1: MowerLog; plaza2: MowerLog } {
  const python = pythonWith('gtsam', 'gtsam-requirements.txt', log);
  const asks = 'import importlib.util; print(importlib.util.find_spec("gtsam").submodule_search_locations[0])';
  const folder = join(spawnSync(python, ['-c', asks], { encoding: 'utf8' }).stdout.trim(), 'Data');
  const read = (name: string) => {
    const path = join(folder, `${name}_.mat`);
    if (!existsSync(path)) throw new Absent(`${path}, which gtsam 4.3 holds`);
    return mowerLogOf(name, readMatFile(path));
  };
  return { plaza1: read('Plaza1'), plaza2: read('Plaza2') };
}

/** @param arrays - `GT` `[count, 4]` (time, x, y, heading) and `DR` `[count − 1, 3]` (time, forward, turned). */
export function mowerLogOf(name: string, { GT: truth, DR: odometry }: Record<string, MatArray>): MowerLog {
  if (truth?.columns !== 4 || odometry?.columns !== 3 || odometry.rows !== truth.rows - 1)
    throw new Error(`${name}: GPS and odometry are not as expected`);
  const column = ({ rows, values }: MatArray, i: number) => values.slice(i * rows, (i + 1) * rows);
  const after = (i: number) => Float64Array.of(0, ...column(odometry, i));
  const log = {
    name,
    count: truth.rows,
    time_s: column(truth, 0),
    x_m: column(truth, 1),
    y_m: column(truth, 2),
    forward_m: after(1),
    turned_rad: after(2),
  };
  const odometryTime_s = after(0);
  if (log.time_s.some((time, row) => row > 0 && (Math.abs(time - odometryTime_s[row]!) > 1e-6 || time <= log.time_s[row - 1]!)))
    throw new Error(`${name}: GPS and odometry are not of the same moments`);
  return log;
}
