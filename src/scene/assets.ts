import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { filesIn, type RobotFiles } from './files.ts';
import { parseMjcf, type RobotFile } from './mjcf.ts';

/** The package's assets as seen from the bundle, from src/scene, and from dist/src/scene. */
const candidates = ['./assets/', '../../assets/', '../../../assets/'].map((path) => fileURLToPath(new URL(path, import.meta.url)));
const texts = new Map<string, string>();
const robots = new Map<string, RobotFile>();
let files: RobotFiles | undefined;

/** The package's `assets/` folder, from a checkout as well as from the published package. */
function assetFiles(): RobotFiles {
  files ??= filesIn(candidates.find((folder) => existsSync(`${folder}manifest.json`)) ?? candidates[0]!);
  return files;
}

/**
 * A file of the package's `assets/` folder, read once.
 * @param path - from that folder, for example 'robots/hopper.xml'.
 * @throws ROBOT_FILE_INVALID when there is no such file.
 */
export function assetText(path: string): string {
  const text = texts.get(path) ?? new TextDecoder().decode(assetFiles().read(path, { file: path, line: 1 }));
  texts.set(path, text);
  return text;
}

/** A robot of the package's `assets/` folder, parsed once. @throws ROBOT_FILE_INVALID when there is no such file. */
export function assetRobot(path: string): RobotFile {
  const robot = robots.get(path) ?? parseMjcf(assetText(path), { file: path, files: assetFiles() });
  robots.set(path, robot);
  return robot;
}
