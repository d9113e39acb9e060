import { GroundtwinError } from '../errors.ts';
import { sha256Hex } from '../math/hash.ts';
import type { OnnxSession, OnnxTensor } from '../onnx/index.ts';
import { type ModelManifest, widthOf } from './contract.ts';
import type { Prediction, PredictionInput, WorldModel } from './world-model.ts';

/** A loaded `predict` graph. */
export class OnnxWorldModel implements WorldModel {
  readonly manifest: ModelManifest;
  readonly fingerprint: string;
  private readonly session: OnnxSession;
  private readonly widths: Readonly<Record<keyof PredictionInput & string, number>>;
  /** Width of each output that the graph gives, of those the contract knows. */
  private readonly known: Readonly<Record<string, number>>;
  private readonly every: readonly string[];
  private readonly withoutSpread: readonly string[];

  constructor(manifest: ModelManifest, session: OnnxSession) {
    this.manifest = manifest;
    this.session = session;
    this.fingerprint = sha256Hex(JSON.stringify([manifest.files.predict.sha256, manifest.members, manifest.task.hash, manifest.noise]));
    this.widths = {
      rows: 0,
      state: widthOf(manifest.state),
      action: manifest.action.length,
      context: widthOf(manifest.context),
      noise: manifest.noise.size,
      memory: manifest.memorySize,
    };
    const { state, memory } = this.widths;
    const known = Object.entries({ sample: state, mean: state, scale: state, nextMemory: memory });
    this.known = Object.fromEntries(known.filter(([name, width]) => width > 0 && session.outputNames.includes(name)));
    this.every = Object.keys(this.known);
    this.withoutSpread = this.every.filter((name) => name !== 'mean' && name !== 'scale');
  }

  /** @throws MODEL_REFUSED when the graph returns another number of rows than it was given. */
  async predict(input: PredictionInput, spread = true): Promise<Prediction> {
    const feeds: Record<string, OnnxTensor> = {};
    for (const name of this.session.inputNames) {
      const key = name as Exclude<keyof PredictionInput, 'rows'>;
      feeds[name] = { type: 'float32', data: input[key], dims: [input.rows, this.widths[key]] };
    }
    const results = await this.session.run(feeds, spread ? this.every : this.withoutSpread);
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
    await this.session.release();
  }
}
