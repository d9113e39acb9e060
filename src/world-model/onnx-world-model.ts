import { GroundtwinError } from '../errors.ts';
import { sha256Hex } from '../math/hash.ts';
import type { OnnxSession, OnnxTensor } from '../onnx/index.ts';
import { type ModelManifest, widthOf } from './contract.ts';
import type { Prediction, PredictionInput, WorldModel } from './world-model.ts';

/** What is fed to a graph, row by row. */
type Column = Exclude<keyof PredictionInput, 'rows' | 'shares'>;

/** A loaded `predict` graph. */
export class OnnxWorldModel implements WorldModel {
  readonly manifest: ModelManifest;
  readonly fingerprint: string;
  readonly takesShares: boolean;
  private readonly session: OnnxSession;
  private readonly widths: Readonly<Record<Column, number>>;
  /** Width of each output that the graph gives, of those the contract knows. */
  private readonly known: Readonly<Record<string, number>>;
  private readonly every: readonly string[];
  private readonly withoutSpread: readonly string[];

  constructor(manifest: ModelManifest, session: OnnxSession) {
    this.manifest = manifest;
    this.session = session;
    this.takesShares = session.inputNames.includes('shares');
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
    this.known = Object.fromEntries(known.filter(([name, width]) => width > 0 && session.outputNames.includes(name)));
    this.every = Object.keys(this.known);
    this.withoutSpread = this.every.filter((name) => name !== 'mean' && name !== 'scale');
  }

  /** @throws MODEL_REFUSED when the graph returns another number of rows than it was given. */
  async predict(input: PredictionInput, spread = true): Promise<Prediction> {
    const { session } = this;
    const { rows } = input;
    const feeds: Record<string, OnnxTensor> = {};
    for (const name of session.inputNames) {
      const key = name as Column | 'shares';
      feeds[name] = key === 'shares' ? this.shares(input) : { type: 'float32', data: input[key], dims: [rows, this.widths[key]] };
    }
    const results = await session.run(feeds, spread ? this.every : this.withoutSpread);
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

  private shares({ rows, shares }: PredictionInput): OnnxTensor {
    const { members } = this.manifest;
    return { type: 'int64', data: shares ?? new BigInt64Array(members).fill(BigInt(rows / members)), dims: [members] };
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
    return this.session.release();
  }
}
