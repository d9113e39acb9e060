/** A model that a server runs, asked call by call. */
import { GroundtwinError } from '../errors.ts';
import type { AnyTask } from '../task/task.ts';
import { type Reply, Tensor } from '../wire/index.ts';
import { type ModelManifest, parseManifest, tileRows, widthOf } from '../world-model/contract.ts';
import type { Prediction, PredictionInput, WorldModel } from '../world-model/world-model.ts';
import type { Channel } from './channel.ts';
import { partBytes } from './upload.ts';

type Column = 'state' | 'action' | 'context' | 'noise' | 'memory';
const COLUMNS: readonly Column[] = ['state', 'action', 'context', 'noise', 'memory'];

/** The rows of some calls that make one: of each block the same part. */
interface Part {
  readonly rows: number;
  readonly shares: readonly number[];
  /** First row of each block's share. */
  readonly firsts: readonly number[];
}

/** The same numbers to the bit as the model gives where it lies: what does not fit one request is asked in parts of whole tiles, of which no row depends on another. */
export class RemoteModel implements WorldModel {
  readonly manifest: ModelManifest;
  readonly fingerprint: string;
  readonly takesShares: boolean;
  private readonly channel: Channel;
  private readonly handle: number;
  private readonly widths: Readonly<Record<Column, number>>;
  private readonly release: () => Promise<void>;

  /** @param handle - of the env that it stands behind. @param release - called once it is closed. @throws MODEL_REFUSED for a manifest that does not fit the task. */
  constructor(channel: Channel, handle: number, task: AnyTask, said: Reply<'model'>, release: () => Promise<void>) {
    this.channel = channel;
    this.handle = handle;
    this.release = release;
    this.manifest = parseManifest(`the model at ${channel.url}`, new TextDecoder().decode(said.manifest), task);
    this.fingerprint = said.fingerprint;
    this.takesShares = said.takesShares;
    const { state, action, context, noise, memorySize } = this.manifest;
    this.widths = { state: widthOf(state), action: action.length, context: widthOf(context), noise: noise.size, memory: memorySize };
  }

  /** @throws OPTION_INVALID for columns of other lengths, and whatever the server and its model throw. */
  async predict(input: PredictionInput, spread = true): Promise<Prediction> {
    for (const name of COLUMNS) this.requireRows(input, name);
    const parts = this.partsOf(input);
    const [only] = parts;
    if (parts.length === 1) return this.ask(input, only!, spread);
    const { state, memory } = this.widths;
    const whole: { -readonly [K in keyof Prediction]: Prediction[K] } = { sample: new Float32Array(input.rows * state) };
    for (const part of parts) {
      const answer = await this.ask(cut(input, part, this.widths), part, spread);
      for (const [name, width] of [
        ['sample', state],
        ['mean', state],
        ['scale', state],
        ['memory', memory],
      ] as const) {
        if (!answer[name]) continue;
        whole[name] ??= new Float32Array(input.rows * width);
        paste(answer[name], whole[name], part, width);
      }
    }
    return whole;
  }

  close(): Promise<void> {
    return this.release();
  }

  private async ask(input: PredictionInput, { rows, shares }: Part, spread: boolean): Promise<Prediction> {
    const columns = COLUMNS.flatMap((name) =>
      this.widths[name] === 0 ? [] : [[name, new Tensor(input[name], [rows, this.widths[name]])]],
    );
    const request = {
      env: this.handle,
      rows,
      ...(input.shares ? { shares: new Tensor(Int32Array.from(shares), [shares.length]) } : {}),
      ...(Object.fromEntries(columns) as Readonly<Record<'state' | 'action', Tensor>>),
      spread,
    };
    const answer = await this.channel.request('predict', request);
    const { state, memory } = this.widths;
    for (const [name, width] of [
      ['sample', state],
      ['mean', state],
      ['scale', state],
      ['memory', memory],
    ] as const)
      if (answer[name] && answer[name].length !== rows * width)
        throw new GroundtwinError('BAD_MESSAGE', { field: `predict reply.${name}`, expected: `float32 [${rows}, ${width}]` });
    return answer;
  }

  private requireRows(input: PredictionInput, name: Column): void {
    const expected = input.rows * this.widths[name];
    if (input[name].length === expected) return;
    throw new GroundtwinError('OPTION_INVALID', {
      who: this.manifest.name,
      option: name,
      value: `${input[name].length} numbers`,
      allowed: `${expected} numbers, ${input.rows} rows of ${this.widths[name]}`,
    });
  }

  private partsOf({ rows, shares }: PredictionInput): Part[] {
    const { members } = this.manifest;
    const lengths = shares ? Array.from(shares, Number) : new Array<number>(members).fill(rows / members);
    const firsts = lengths.map((_, block) => lengths.slice(0, block).reduce((sum, length) => sum + length, 0));
    const rowBytes = Float32Array.BYTES_PER_ELEMENT * COLUMNS.reduce((sum, name) => sum + this.widths[name], 0);
    const fit = Math.max(tileRows, Math.floor(partBytes(this.channel) / (rowBytes * members) / tileRows) * tileRows);
    const parts: Part[] = [];
    for (let from = 0; from < Math.max(...lengths); from += fit) {
      const own = lengths.map((length) => Math.max(0, Math.min(fit, length - from)));
      parts.push({ rows: own.reduce((sum, share) => sum + share, 0), shares: own, firsts: firsts.map((first) => first + from) });
    }
    return parts;
  }
}

function cut(input: PredictionInput, part: Part, widths: Readonly<Record<Column, number>>): PredictionInput {
  const columns = COLUMNS.map((name) => {
    const width = widths[name];
    const own = new Float32Array(part.rows * width);
    let at = 0;
    part.shares.forEach((share, block) => {
      const first = part.firsts[block]! * width;
      own.set(input[name].subarray(first, first + share * width), at);
      at += share * width;
    });
    return [name, own];
  });
  return { ...input, rows: part.rows, ...(Object.fromEntries(columns) as Record<Column, Float32Array>) };
}

/** The way back. */
function paste(from: Float32Array, into: Float32Array, { shares, firsts }: Part, width: number): void {
  let at = 0;
  shares.forEach((share, block) => {
    into.set(from.subarray(at, at + share * width), firsts[block]! * width);
    at += share * width;
  });
}
