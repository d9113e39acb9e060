import { GroundtwinError } from '../errors.ts';
import { sha256Hex } from '../math/hash.ts';
import { type OnnxSession, type OnnxTensor, releaseAll } from '../onnx/index.ts';
import { type ModelManifest, widthOf } from './contract.ts';
import { tiled } from './lane-rows.ts';
import type { Prediction, PredictionInput, WorldModel } from './world-model.ts';

/** What is fed to a graph. */
type Column = Exclude<keyof PredictionInput, 'rows' | 'filled' | 'into'>;

/** A loaded `predict` graph, or one of each member, which are then asked in its stead: each for the rows it has. */
export class OnnxWorldModel implements WorldModel {
  readonly manifest: ModelManifest;
  readonly fingerprint: string;
  /** One for all members, or one a member. */
  private readonly sessions: readonly OnnxSession[];
  private readonly widths: Readonly<Record<Column, number>>;
  /** Width of each output that the graph gives, of those the contract knows. */
  private readonly known: Readonly<Record<string, number>>;
  private readonly every: readonly string[];
  private readonly withoutSpread: readonly string[];

  constructor(manifest: ModelManifest, sessions: readonly OnnxSession[]) {
    this.manifest = manifest;
    this.sessions = sessions;
    // Of the graphs that are asked: one of all members rounds otherwise than one of each.
    const asked = sessions.length > 1 ? manifest.files : { predict: manifest.files.predict };
    this.fingerprint = sha256Hex(JSON.stringify([asked, manifest.members, manifest.task.hash, manifest.noise]));
    this.widths = {
      state: widthOf(manifest.state),
      action: manifest.action.length,
      context: widthOf(manifest.context),
      noise: manifest.noise.size,
      memory: manifest.memorySize,
    };
    const { state, memory } = this.widths;
    const known = Object.entries({ sample: state, mean: state, scale: state, nextMemory: memory });
    this.known = Object.fromEntries(
      known.filter(([name, width]) => width > 0 && sessions.every((session) => session.outputNames.includes(name))),
    );
    this.every = Object.keys(this.known);
    this.withoutSpread = this.every.filter((name) => name !== 'mean' && name !== 'scale');
  }

  /** @throws MODEL_REFUSED when the graph returns another number of rows than it was given. */
  async predict(input: PredictionInput, spread = true): Promise<Prediction> {
    const { members } = this.manifest;
    if (this.sessions.length < members || members === 1) return this.ask(this.sessions[0]!, input, spread);
    const { rows, filled, into } = input;
    const tile = rows / members;
    const joined: { -readonly [K in keyof Prediction]: Prediction[K] } = { sample: into ?? new Float32Array(rows * this.widths.state) };
    for (const [member, session] of this.sessions.entries()) {
      const own = tiled(filled?.[member] ?? tile);
      if (own === 0) continue;
      const answer = await this.ask(session, shareOf(input, member * tile, own), spread);
      for (const key in answer) {
        const values = answer[key as keyof Prediction]!;
        const width = values.length / own;
        joined[key as keyof Prediction] ??= new Float32Array(rows * width);
        joined[key as keyof Prediction]!.set(values, member * tile * width);
      }
    }
    return joined;
  }

  private async ask(session: OnnxSession, input: PredictionInput, spread: boolean): Promise<Prediction> {
    const feeds: Record<string, OnnxTensor> = {};
    for (const name of session.inputNames) {
      const key = name as Column;
      feeds[name] = { type: 'float32', data: input[key], dims: [input.rows, this.widths[key]] };
    }
    const results = await session.run(feeds, spread ? this.every : this.withoutSpread);
    const { rows } = input;
    const prediction: { -readonly [K in keyof Prediction]: Prediction[K] } = { sample: this.checked('sample', results, rows)! };
    const [mean, scale, memory] = [
      this.checked('mean', results, rows),
      this.checked('scale', results, rows),
      this.checked('nextMemory', results, rows),
    ];
    if (mean) prediction.mean = mean;
    if (scale) prediction.scale = scale;
    if (memory) prediction.memory = memory;
    return prediction;
  }

  /** Axes without a fixed size are only known once the graph ran. */
  private checked(name: string, results: Readonly<Record<string, OnnxTensor>>, rows: number): Float32Array | undefined {
    const data = results[name]?.data as Float32Array | undefined;
    const width = this.known[name];
    if (data && data.length !== rows * width!)
      throw new GroundtwinError('MODEL_REFUSED', {
        model: this.manifest.name,
        problem: `it returned ${data.length} numbers as ${name} for ${rows} rows of ${width}`,
      });
    return data;
  }

  close(): Promise<void> {
    return releaseAll(this.sessions);
  }
}

/** Consecutive rows of a call; views. */
function shareOf({ rows: all, state, action, context, noise, memory }: PredictionInput, first: number, rows: number): PredictionInput {
  return {
    rows,
    state: rowsOf(state, all, first, rows),
    action: rowsOf(action, all, first, rows),
    context: rowsOf(context, all, first, rows),
    noise: rowsOf(noise, all, first, rows),
    memory: rowsOf(memory, all, first, rows),
  };
}

function rowsOf(values: Float32Array, all: number, first: number, rows: number): Float32Array {
  const width = values.length / all;
  return values.subarray(first * width, (first + rows) * width);
}
