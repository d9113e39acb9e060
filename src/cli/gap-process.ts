/** Gaps that clients of a server ask for: `groundtwin gap` in a process of its own, with only those options a stranger may choose. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { memorySignal } from '../core/process-guard.ts';
import { sourceLoader } from '../core/source-loader.ts';
import { GroundtwinError } from '../errors.ts';
import { axisNames } from '../gap/index.ts';
import type { Registry } from '../registry/registry.ts';
import { rootBeside } from '../roots.ts';
import type { GapRequest, MeasureGap } from '../server/index.ts';
import { errorFromWire, isWireError, MEBIBYTE } from '../wire/index.ts';
import type { ModelBytes } from '../world-model/model-folder.ts';
import { exitCodes } from './exit-codes.ts';
import { modelNamed, withoutPath } from './model-names.ts';

/** The everyday suite takes less than 1000 MB. */
const MEMORY_MB = 4096;
/** Of a report, which is some 100 kB. */
const MAX_REPORT_BYTES = 64 * MEBIBYTE;
/** Of a line of progress; longer ones are none. */
const MAX_LINE_CHARACTERS = 65_536;
const MAX_CONDITIONS = 64;
const UPLOADED = 'uploaded';
/** Those that name no file and no other server: what a stranger asks for is measured with what the server has. */
const SUBJECT = /^(model|truth|(truth|engine|broken):[^\s/\\]{1,200})$/;

/** @param modelsFolder - where models named by clients are looked for. */
export function measureInProcess(registry: Registry, modelsFolder?: string): MeasureGap {
  return (request, uploaded, onProgress) => {
    const options = optionsOf(registry, request);
    const place = placeOf(request, uploaded, modelsFolder);
    try {
      const child = start([...place.options, ...options], place.folder);
      const report = outcomeOf(child, onProgress)
        .catch((error: unknown) => {
          throw withoutPath(error, request.model ?? 'model');
        })
        .finally(place.remove);
      return { report, cancel: () => void child.kill('SIGKILL') };
    } catch (error) {
      place.remove();
      throw error;
    }
  };
}

/** What is not seen from here is refused by the command itself. @throws ENV_UNKNOWN, OPTION_INVALID. */
function optionsOf(registry: Registry, request: GapRequest): string[] {
  const { id, model, subject, axes, condition, seed, samples, size, deep } = request;
  const task = registry.task(id);
  if (subject !== undefined && !SUBJECT.test(subject))
    refuse('subject', subject, "'model', 'truth', engine:<name>, truth:<parameter>*<factor>, broken:<control>@<severity>");
  if (model === undefined && (subject ?? 'model') === 'model') refuse('model', 'missing', 'given where no other subject is named');
  const oddAxis = axes?.find((name) => name !== 'none' && !(axisNames as readonly string[]).includes(name));
  if (oddAxis !== undefined || axes?.length === 0 || (axes?.length ?? 0) > axisNames.length)
    refuse('axes', oddAxis ?? `${axes!.length} of them`, `of ${axisNames.join(', ')}, or none`);
  const isName = (name: string) => Object.hasOwn(task.params as object, name);
  if (condition && (condition.length > MAX_CONDITIONS || !condition.every(isName)))
    refuse('condition', condition.join(' '), `of its parameters: ${Object.keys(task.params as object).join(', ')}`);
  return [
    `--env=${task.id}`,
    `--seed=${seed ?? 1}`,
    ...(subject === undefined ? [] : [`--subject=${subject}`]),
    ...(samples === undefined ? [] : [`--samples=${samples}`]),
    ...(size === 'small' ? ['--small'] : []),
    ...(deep ? ['--deep'] : []),
    ...(axes ? ['--axes', ...axes] : []),
    ...(condition?.length ? ['--condition', ...condition] : []),
    '--json',
  ];
}

interface Place {
  /** Where the process works: a report names what lies there without telling where it is. */
  readonly folder: string;
  readonly options: readonly string[];
  remove(): void;
}

/** @throws OPTION_INVALID, MODEL_REFUSED. */
function placeOf({ id, model }: GapRequest, uploaded: ModelBytes | undefined, modelsFolder: string | undefined): Place {
  if (model === undefined) return { folder: tmpdir(), options: [], remove: () => {} };
  if (!uploaded) {
    const name = modelNamed(id, model, modelsFolder);
    return { folder: modelsFolder!, options: [`--model=${name}`], remove: () => {} };
  }
  const folder = mkdtempSync(join(tmpdir(), 'groundtwin-gap-'));
  const remove = () => rmSync(folder, { recursive: true, force: true });
  try {
    writeUploaded(join(folder, UPLOADED), uploaded);
  } catch (error) {
    remove();
    throw error;
  }
  return { folder, options: [`--model=${UPLOADED}`], remove };
}

/** Names are a stranger's: none leads out of the folder. */
function writeUploaded(folder: string, { manifest, files }: ModelBytes): void {
  mkdirSync(folder);
  writeFileSync(join(folder, 'manifest.json'), manifest);
  for (const [name, bytes] of Object.entries(files)) {
    if (!/^[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}$/.test(name))
      throw new GroundtwinError('MODEL_REFUSED', { model: 'an upload', problem: 'a file of it has no plain name' });
    writeFileSync(join(folder, name), bytes);
  }
}

function start(options: readonly string[], cwd: string): ChildProcess {
  const url = rootBeside('gap-worker');
  const { GROUNDTWIN_TOKEN: _, ...env } = process.env;
  const flags = [...sourceLoader(url), fileURLToPath(url), String(MEMORY_MB * MEBIBYTE), 'gap', ...options];
  return spawn(process.execPath, flags, { cwd, env, stdio: ['pipe', 'pipe', 'pipe'] });
}

/** @throws what the command said, typed; CAPACITY where it ran out of memory. */
function outcomeOf(child: ChildProcess, onProgress: Parameters<MeasureGap>[2]): Promise<Uint8Array> {
  const out: Buffer[] = [];
  let bytes = 0;
  let refusal: GroundtwinError | undefined;
  child.stdout!.on('data', (piece: Buffer) => {
    bytes += piece.length;
    if (bytes > MAX_REPORT_BYTES) child.kill('SIGKILL');
    else out.push(piece);
  });
  onLines(child, (line) => {
    const said = parsed(line);
    if (isProgress(said)) onProgress(said.stage, said.done, said.of);
    else if (isWireError(said?.error)) refusal = errorFromWire(said.error);
  });
  child.stdin!.on('error', () => {});
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => {
      if (code === exitCodes.ok || code === exitCodes.threshold) resolve(Buffer.concat(out));
      else if (refusal) reject(refusal);
      else if (signal === memorySignal) reject(new GroundtwinError('CAPACITY', { what: 'MB of memory for a gap', limit: MEMORY_MB }));
      else reject(new Error(`the process that measured a gap ended with ${signal ?? code}`));
    });
  });
}

function onLines(child: ChildProcess, take: (line: string) => void): void {
  let rest = '';
  child.stderr!.setEncoding('utf8').on('data', (piece: string) => {
    const lines = (rest + piece).split('\n');
    rest = lines.pop()!.slice(-MAX_LINE_CHARACTERS);
    lines.forEach(take);
  });
}

function parsed(line: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>) : undefined;
  } catch {
    return undefined;
  }
}

function isProgress(said: unknown): said is { stage: string; done: number; of: number } {
  const { stage, done, of } = (said ?? {}) as Readonly<Record<string, unknown>>;
  return typeof stage === 'string' && typeof done === 'number' && typeof of === 'number';
}

function refuse(option: string, value: string, allowed: string): never {
  throw new GroundtwinError('OPTION_INVALID', { who: 'gap', option, value: value.slice(0, 100), allowed });
}
