/**
 * Recorded transitions of one task: what was, what the actuators got, what came next. Rows are whole states, so any subset of entries can be learned from them.
 */
import { readFileSync } from 'node:fs';
import { bytesOf, packSections, unpackSections } from '../core/sections.ts';
import { layOut } from '../core/state-spec.ts';
import { GroundtwinError, isGroundtwinError } from '../errors.ts';
import { sha256Hex } from '../math/hash.ts';
import { flatSizeOf, flattenInto, type Values } from '../spaces/space.ts';
import type { AnyTask } from '../task/task.ts';
import { writeFileAtomically } from './atomic-file.ts';

export const transitionsFormat = 'groundtwin-transitions.v1';
/** 10 million transitions of 100 numbers are 16 GB; one file holds at most this many bytes. */
const maxFileBytes = 2 ** 31 - 1;

/** float64, row-major, `count` rows. */
export interface Transitions {
  readonly count: number;
  /** `[count, stateSize]` */
  readonly state: Float64Array;
  /** `[count, actionSize]`: what the agent chose, flat. */
  readonly action: Float64Array;
  /** `[count, commands]`: what the actuators got. */
  readonly command: Float64Array;
  /** `[count, stateSize]` */
  readonly next: Float64Array;
  /** int32 `[count]`: number of the episode, non-decreasing. */
  readonly episode: Int32Array;
}

/** Collects transitions, growing as needed. */
export class TransitionRecorder {
  private readonly stateSize: number;
  private readonly actionSize: number;
  private readonly commandSize: number;
  private count = 0;
  private state: Float64Array;
  private action: Float64Array;
  private command: Float64Array;
  private next: Float64Array;
  private episode: Int32Array;

  constructor(task: AnyTask, capacity = 1024) {
    this.stateSize = layOut(task.state).size;
    this.actionSize = flatSizeOf(task.actionSpace);
    this.commandSize = task.commands.length;
    this.state = new Float64Array(capacity * this.stateSize);
    this.action = new Float64Array(capacity * this.actionSize);
    this.command = new Float64Array(capacity * this.commandSize);
    this.next = new Float64Array(capacity * this.stateSize);
    this.episode = new Int32Array(capacity);
  }

  /** Copies one transition. */
  add(state: Float64Array, action: Values, command: Float64Array, next: Float64Array, episode: number): void {
    if (this.count === this.episode.length) this.grow();
    this.state.set(state, this.count * this.stateSize);
    flattenInto(action, this.action, this.count * this.actionSize);
    this.command.set(command, this.count * this.commandSize);
    this.next.set(next, this.count * this.stateSize);
    this.episode[this.count++] = episode;
  }

  /** What was recorded so far, as views valid until the next `add`. */
  transitions(): Transitions {
    const { count } = this;
    return {
      count,
      state: this.state.subarray(0, count * this.stateSize),
      action: this.action.subarray(0, count * this.actionSize),
      command: this.command.subarray(0, count * this.commandSize),
      next: this.next.subarray(0, count * this.stateSize),
      episode: this.episode.subarray(0, count),
    };
  }

  private grow(): void {
    const doubled = <A extends Float64Array | Int32Array>(array: A): A => {
      const larger = new (array.constructor as new (length: number) => A)(array.length * 2);
      larger.set(array);
      return larger;
    };
    this.state = doubled(this.state);
    this.action = doubled(this.action);
    this.command = doubled(this.command);
    this.next = doubled(this.next);
    this.episode = doubled(this.episode);
  }
}

/** Rows of each episode: from the first to before `end`. */
export function episodeSpans({ count, episode }: Transitions): { readonly from: number; readonly end: number }[] {
  const found: { from: number; end: number }[] = [];
  for (let row = 0; row < count; row++) {
    if (row === 0 || episode[row] !== episode[row - 1]) found.push({ from: row, end: row });
    found.at(-1)!.end = row + 1;
  }
  return found;
}

/** Keeps every so many-th episode apart. @returns the others, and those; copies. */
export function splitEpisodes(data: Transitions, oneIn: number): [others: Transitions, apart: Transitions] {
  const rows: [number[], number[]] = [[], []];
  episodeSpans(data).forEach(({ from, end }, ordinal) => {
    for (let row = from; row < end; row++) rows[ordinal % oneIn === oneIn - 1 ? 1 : 0].push(row);
  });
  return [pickRows(data, rows[0]), pickRows(data, rows[1])];
}

function pickRows(data: Transitions, rows: readonly number[]): Transitions {
  const pick = (values: Float64Array) => {
    const width = values.length / Math.max(1, data.count);
    const picked = new Float64Array(rows.length * width);
    rows.forEach((row, i) => void picked.set(values.subarray(row * width, (row + 1) * width), i * width));
    return picked;
  };
  return {
    count: rows.length,
    state: pick(data.state),
    action: pick(data.action),
    command: pick(data.command),
    next: pick(data.next),
    episode: Int32Array.from(rows, (row) => data.episode[row]!),
  };
}

/** sha256 over everything that training sees. */
export function transitionsHash(data: Transitions): string {
  return sha256Hex(packSections({ count: data.count }, partsOf(data)));
}

function partsOf(data: Transitions): Uint8Array[] {
  return [data.state, data.action, data.command, data.next, data.episode].map(bytesOf);
}

interface FileHead {
  readonly format: string;
  readonly task: string;
  readonly entries: readonly string[];
  readonly commands: readonly string[];
  readonly count: number;
}

/** Writes one file; readable again on any little-endian machine. */
export function writeTransitions(path: string, task: AnyTask, data: Transitions): void {
  const head: FileHead = {
    format: transitionsFormat,
    task: task.id,
    entries: entryNames(task),
    commands: task.commands.map((command) => command.name),
    count: data.count,
  };
  writeFileAtomically(path, packSections(head, partsOf(data)));
}

/** @throws DATA_INVALID when the file is missing, damaged or of another task. */
export function readTransitions(path: string, task: AnyTask): Transitions {
  const { head, parts } = readSections(path);
  const refuse = (problem: string): never => {
    throw new GroundtwinError('DATA_INVALID', { path, problem });
  };
  if (head?.format !== transitionsFormat) refuse(`it is not of format ${transitionsFormat}`);
  if (head.task !== task.id)
    refuse(`it was recorded on '${String(head.task).slice(0, 80)}', not '${task.id}': name its environment (--env)`);
  if (String(head.entries) !== String(entryNames(task)))
    refuse(
      `its state entries are ${String(head.entries).slice(0, 300)}, those of ${task.id} ${String(entryNames(task))}: was it recorded with another --condition?`,
    );
  if (!Number.isInteger(head.count) || head.count < 0) refuse('it does not say how many transitions it holds');
  const size = layOut(task.state).size;
  const widths = [size, flatSizeOf(task.actionSpace), task.commands.length, size];
  const lengths = [...widths.map((width) => head.count * width * 8), head.count * 4];
  if (parts.length !== lengths.length || parts.some((part, i) => part.byteLength !== lengths[i]))
    refuse(`its parts do not hold ${head.count} transitions`);
  const [state, action, command, next] = parts.slice(0, 4).map((part) => new Float64Array(part.buffer, 0, part.byteLength / 8));
  for (const values of [state!, action!, command!, next!])
    if (!values.every(Number.isFinite)) refuse('it holds numbers that are not finite');
  const episode = new Int32Array(parts[4]!.buffer, 0, head.count);
  if (episode.some((number, row) => row > 0 && number < episode[row - 1]!)) refuse('its episodes are not in order');
  return {
    count: head.count,
    state: state!,
    action: action!,
    command: command!,
    next: next!,
    episode,
  };
}

function readSections(path: string) {
  try {
    const bytes = readFileSync(path);
    if (bytes.byteLength > maxFileBytes)
      throw new GroundtwinError('DATA_INVALID', { path, problem: `${bytes.byteLength} bytes, over the limit of ${maxFileBytes}` });
    return unpackSections<FileHead>(bytes);
  } catch (error) {
    if (isGroundtwinError(error, 'DATA_INVALID')) throw error;
    throw new GroundtwinError('DATA_INVALID', { path, problem: isGroundtwinError(error) ? 'it is damaged' : 'it cannot be read' });
  }
}

/** Entries of a state row, as `name[size]`. */
export function entryNames(task: AnyTask): string[] {
  return layOut(task.state).entries.map((entry) => `${entry.name}[${entry.size}]`);
}
