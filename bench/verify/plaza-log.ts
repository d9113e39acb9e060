/**
 * A robot mower on two lawns: odometry and GPS truth, out of the PyPI wheel of GTSAM.
 * Recorded at Carnegie Mellon: Djugash, Hamner & Roth 2009, "Navigating with Ranging Radios: Five Data Sets with Ground Truth", Journal of Field Robotics 26(9).
 * The wheel says "Simplified BSD license" and names none for the data; so they are read where the package is installed, and never kept here.
 */
import { plazaPeer } from '../peers/python-peer.ts';

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

/** By column. */
interface PlazaArrays {
  /** Time, x, y, heading. */
  readonly GT: readonly (readonly number[])[];
  /** Time, forward, turned; one row less. */
  readonly DR: readonly (readonly number[])[];
}

/** @throws Absent without Python or a way to the package. */
export async function mowerLogs(log: (line: string) => void): Promise<{ plaza1: MowerLog; plaza2: MowerLog }> {
  const peer = plazaPeer(log);
  const read = async (name: string) => mowerLogOf(name, await peer.ask<PlazaArrays>({ name }));
  try {
    return { plaza1: await read('Plaza1'), plaza2: await read('Plaza2') };
  } finally {
    peer.close();
  }
}

/** @throws Error where GPS and odometry do not fit. */
export function mowerLogOf(name: string, { GT: truth, DR: odometry }: PlazaArrays): MowerLog {
  const count = truth[0]?.length ?? 0;
  if (truth.length !== 4 || odometry.length !== 3 || odometry[0]!.length !== count - 1)
    throw new Error(`${name}: GPS and odometry are not as expected`);
  const after = (i: number) => Float64Array.of(0, ...odometry[i]!);
  const [time_s, x_m, y_m] = truth.map((column) => Float64Array.from(column)) as [Float64Array, Float64Array, Float64Array];
  const odometryTime_s = after(0);
  if (time_s.some((time, row) => row > 0 && (Math.abs(time - odometryTime_s[row]!) > 1e-6 || time <= time_s[row - 1]!)))
    throw new Error(`${name}: GPS and odometry are not of the same moments`);
  return { name, count, time_s, x_m, y_m, forward_m: after(1), turned_rad: after(2) };
}
