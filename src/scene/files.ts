import { closeSync, fstatSync, openSync, readSync, realpathSync } from 'node:fs';
import { extname, join, posix, sep } from 'node:path';
import { type FilePlace, refuse } from './xml.ts';

/** Where a robot file's includes and meshes come from. Paths are relative, with forward slashes. */
export interface RobotFiles {
  /** @param place - who asks, for messages. @throws ROBOT_FILE_INVALID when there is no such file, or it may not be read. */
  read(path: string, place: FilePlace): Uint8Array;
}

export const fileLimits = {
  /** Of one included or mesh file. */
  bytes: 16 * 1024 * 1024,
  /** What may be opened at all. */
  extensions: ['.xml', '.mjcf', '.stl'] as readonly string[],
} as const;

/**
 * The files of one folder and what is below it. A path that leaves the folder is refused, also by way of a link.
 * @param root - an existing folder.
 */
export function filesIn(root: string): RobotFiles {
  const top = realpathSync(root);
  return {
    read(path, place) {
      checkPath(path, place);
      if (!fileLimits.extensions.includes(extname(path).toLowerCase()))
        refuse(place, `'${shortened(path)}' is none of ${fileLimits.extensions.join(', ')}`);
      let real: string;
      try {
        real = realpathSync(join(top, path));
      } catch {
        return refuse(place, `'${shortened(path)}' does not exist`);
      }
      if (!real.startsWith(top + sep)) refuse(place, `'${shortened(path)}' leads out of the robot's folder`);
      return readWhole(real, path, place);
    },
  };
}

/** Relative, and never above where it starts. */
function checkPath(path: string, place: FilePlace): void {
  const isPlain = path !== '' && !/[\0\\:]/.test(path) && !posix.isAbsolute(path);
  if (!isPlain || posix.normalize(path).split('/')[0] === '..') refuse(place, `'${shortened(path)}' is no path within the robot's folder`);
}

/** Checks size and kind on the opened file, so that nothing can be exchanged in between. */
function readWhole(real: string, path: string, place: FilePlace): Uint8Array {
  const file = openSync(real, 'r');
  try {
    const { size } = fstatSync(file);
    if (!fstatSync(file).isFile()) refuse(place, `'${shortened(path)}' is no file`);
    if (size > fileLimits.bytes) refuse(place, `'${shortened(path)}' has ${size} bytes; the limit is ${fileLimits.bytes}`);
    const bytes = new Uint8Array(size);
    const got = readSync(file, bytes, 0, size, 0);
    return bytes.subarray(0, got);
  } finally {
    closeSync(file);
  }
}

/** Where a path written in a file leads, seen from the folder the reader starts in. */
export function pathBeside(file: string, path: string): string {
  return posix.isAbsolute(path) ? path : posix.join(posix.dirname(file), path);
}

function shortened(path: string): string {
  return path.length > 80 ? `${path.slice(0, 80)}…` : path.replaceAll('\0', '␀');
}
