import { existsSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { fewestSteps, mostSteps } from '../check/check-env.ts';
import { engineNames } from '../core/scene-spec.ts';
import { GroundtwinError } from '../errors.ts';
import { maxMembers } from '../world-model/contract.ts';

/** Takes a command's exit code. */
export type Finish = (exitCode: number) => void;

/** What every command takes. */
export interface CommonOptions {
  readonly json?: boolean;
}

/** `--json` and, where it makes sense, `--seed`. Flags win over environment variables, those over defaults. */
export function withCommon(command: Command, parts: { readonly seed?: boolean } = {}): Command {
  command.addOption(new Option('--json', 'print the result as one JSON line on stdout').env('GROUNDTWIN_JSON'));
  if (parts.seed)
    command.addOption(new Option('--seed <n>', 'seed of everything random').argParser(seedNumber).default(1).env('GROUNDTWIN_SEED'));
  return command;
}

export function envOption(): Option {
  return new Option('--env <id>', 'environment id, as `groundtwin list` shows it').default('CartPoleSwingUp-v0').env('GROUNDTWIN_ENV');
}

export function engineOption(): Option {
  return new Option('--engine <name>', 'physics engine').choices(engineNames).default('rapier');
}

/** An integer of at least 1. */
export function count(text: string): number {
  return integer(text, 1, 1e9);
}

/** An integer of at least 0, which stands for none. */
export function countOrNone(text: string): number {
  return integer(text, 0, 1e9);
}

/** Plans that one picture can hold apart. */
export function planCount(text: string): number {
  return integer(text, 1, 64);
}

/** Control steps planned at once: memory grows with them. */
export function planSteps(text: string): number {
  return integer(text, 1, 1000);
}

/** Networks of an ensemble: as many as a model may have. */
export function memberCount(text: string): number {
  return integer(text, 1, maxMembers);
}

/** Starts of the main job's check: two episodes hold the moments that the gap suite starts from, one does not. */
export function startCount(text: string): number {
  return integer(text, 2, 1e4);
}

/** Steps of a check's rollouts. */
export function stepCount(text: string): number {
  return integer(text, fewestSteps, mostSteps);
}

/** Part of a whole: neither nothing nor all of it. */
export function share(text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !(value > 0 && value < 1)) throw new InvalidArgumentError('It must be a number above 0 and below 1.');
  return value;
}

export function seedNumber(text: string): number {
  return integer(text, 0, 2 ** 32 - 1);
}

export function portNumber(text: string): number {
  return integer(text, 0, 65535);
}

/** Before any work is done for it. @throws OPTION_INVALID when there is a folder where a file is to be written, or the other way round. */
export function requirePlaceFor(kind: 'file' | 'folder', path: string, option = '--out'): void {
  // A path through a file is neither there nor absent to statSync: it throws.
  for (let above = dirname(path); above !== dirname(above); above = dirname(above))
    if (existsSync(above) && !statSync(above).isDirectory())
      throw new GroundtwinError('OPTION_INVALID', {
        who: 'groundtwin',
        option,
        value: `below a file, ${above}`,
        allowed: 'a path whose folders are folders',
      });
  const found = statSync(path, { throwIfNoEntry: false });
  if (found === undefined || found.isDirectory() === (kind === 'folder')) return;
  const [what, wanted] = kind === 'file' ? ['a folder', 'the name of a file'] : ['a file', 'the name of a folder'];
  throw new GroundtwinError('OPTION_INVALID', { who: 'groundtwin', option, value: `${what}, ${path}`, allowed: wanted });
}

function integer(text: string, low: number, high: number): number {
  const value = Number(text);
  if (text.trim() === '' || !Number.isInteger(value) || value < low || value > high)
    throw new InvalidArgumentError(`It must be an integer from ${low} to ${high}.`);
  return value;
}
