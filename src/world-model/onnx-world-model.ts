import { GroundtwinError } from '../errors.ts';
import { sha256Hex } from '../math/hash.ts';
import type { OnnxSession, OnnxTensor } from '../onnx/index.ts';
import { type ModelManifest, widthOf } from './contract.ts';
import { tiled } from './lane-rows.ts';
import type { Prediction, PredictionInput, WorldModel } from './world-model.ts';

/** A loaded `predict` graph, or one of each member, which are then asked in its stead: each for the rows it has. */
export class OnnxWorldModel implements WorldModel {
  readonly manifest: ModelManifest;
  readonly fingerprint: string;
  /** One for all members, or one a member. */
  private readonly sessions: readonly OnnxSession[];
  private readonly widths: Readonly<Record<Exclude<keyof PredictionInput, 'rows' | 'filled'>, number>>;
  /** Width of each output that the graph gives, of those the contract knows. */
  private readonly known: Readonly<Record<string, number>>;
  private readonly every: readonly string[];
  private readonly withoutSpread: readonly string[];

  constructor(manifest: ModelManifest, sessions: readonly OnnxSession[]) {
    this.manifest = manifest;
    this.sessions = sessions;
    this.fingerprint = sha256Hex(JSON.stringify([manifest.files, manifest.members, manifest.task.hash, manifest.noise]));
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
    const { rows, filled, ...columns } = input;
    const tile = rows / members;
    const joined: { -readonly [K in keyof Prediction]: Prediction[K] } = { sample: new Float32Array(rows * this.widths.state) };
    for (const [member, session] of this.sessions.entries()) {
      const own = tiled(filled?.[member] ?? tile);
      if (own === 0) continue;
      const share = (values: Float32Array) =>
        values.subarray((values.length / rows) * member * tile, (values.length / rows) * (member * tile + own));
      const { state, action, context, noise, memory } = columns;
      const asked = {
        rows: own,
        state: share(state),
        action: share(action),
        context: share(context),
        noise: share(noise),
        memory: share(memory),
      };
      const answer = await this.ask(session, asked, spread);
      for (const [key, values] of Object.entries(answer) as [keyof Prediction, Float32Array][]) {
        const width = values.length / own;
        joined[key] ??= new Float32Array(rows * width);
        joined[key].set(values, member * tile * width);
      }
    }
    return joined;
  }

  private async ask(session: OnnxSession, input: PredictionInput, spread: boolean): Promise<Prediction> {
    const feeds: Record<string, OnnxTensor> = {};
    for (const name of session.inputNames) {
      const key = name as Exclude<keyof PredictionInput, 'rows' | 'filled'>;
      feeds[name] = { type: 'float32', data: input[key], dims: [input.rows, this.widths[key]] };
    }
    const results = await session.run(feeds, spread ? this.every : this.withoutSpread);
    const given = (name: string) => this.checked(name, results[name]?.data as Float32Array | undefined, input.rows);
    const prediction: { -readonly [K in keyof Prediction]: Prediction[K] } = { sample: given('sample')! };
    const [mean, scale, memory] = [given('mean'), given('scale'), given('nextMemory')];
    if (mean) prediction.mean = mean;
    if (scale) prediction.scale = scale;
    if (memory) prediction.memory = memory;
    return prediction;
  }

  /** Axes without a fixed size are only known once the graph ran. */
  private checked(name: string, data: Float32Array | undefined, rows: number): Float32Array | undefined {
    const width = this.known[name];
    if (data && data.length !== rows * width!)
      throw new GroundtwinError('MODEL_REFUSED', {
        model: this.manifest.name,
        problem: `it returned ${data.length} numbers as ${name} for ${rows} rows of ${width}`,
      });
    return data;
  }

  async close(): Promise<void> {
    for (const session of this.sessions) await session.release();
  }
}
