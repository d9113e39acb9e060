import { GroundtwinError } from '../errors.ts';
import { type CompiledTraining, type FedSpec, stateNames, trainingNames } from './compile-training.ts';
import type { OnnxRuntime, OnnxSession, OnnxTensor } from './runtime.ts';
import { elementCount } from './shapes.ts';
import { holds, type TensorData } from './types.ts';

/** Steps of one `run`; a run holds the thread, so ask for as many as fit into 200 ms. */
export const MAXIMUM_STEPS_PER_RUN = 100_000;

/** Everything a checkpoint of the optimizer needs, by parameter name. Moments are stored divided by `1 − beta`; see adam-w.ts. */
export interface TrainingState {
  /** Finite updates made. */
  readonly step: number;
  readonly parameters: Readonly<Record<string, Float32Array>>;
  readonly first: Readonly<Record<string, Float32Array>>;
  readonly second: Readonly<Record<string, Float32Array>>;
}

/** What one run of K steps reports, one entry a step. */
export interface TrainingChunk {
  readonly loss: Float32Array;
  /** Before clipping. */
  readonly gradientNorm: Float32Array;
  /** 1 where the update was made, 0 where it was skipped because loss or gradient were not finite. */
  readonly finite: Uint8Array;
  readonly metrics: Readonly<Record<string, Float32Array>>;
}

/** Trains a compiled model in chunks of steps; holds weights, moments and step between them. Calls must not overlap. */
export class TrainingProgram {
  readonly #compiled: CompiledTraining;
  readonly #session: OnnxSession;
  readonly #state = new Map<string, OnnxTensor>();
  readonly #tables = new Map<string, OnnxTensor>();
  readonly #fixed = new Map<string, OnnxTensor>();
  #rows = 0;
  #running = false;

  private constructor(compiled: CompiledTraining, session: OnnxSession) {
    this.#compiled = compiled;
    this.#session = session;
    for (const { name, shape, initial } of compiled.parameters)
      this.#setWeights(name, shape, initial.slice(), new Float32Array(initial.length), new Float32Array(initial.length));
    this.#setStep(0);
  }

  /** Loads the model and starts from the initial weights. @throws MODEL_INVALID, RUNTIME_MISSING */
  static async open(runtime: OnnxRuntime, compiled: CompiledTraining): Promise<TrainingProgram> {
    return new TrainingProgram(compiled, await runtime.load(compiled.bytes, { name: compiled.name }));
  }

  /**
   * The data set, read in place at every run: do not change it while one is under way.
   *
   * @param tables - by name, `[rows, ...columns]` row-major; all with the same number of rows. A longer array than `rows` needs is a buffer not yet full.
   * @throws OPTION_INVALID when a table is missing, short or of another element type.
   */
  setTables(tables: Readonly<Record<string, TensorData>>, rows: number): void {
    for (const { name, dtype, columns } of this.#compiled.tables) {
      const data = tables[name];
      const size = rows * (elementCount(columns) ?? 0);
      if (!data || data.length < size || !holds(dtype, data))
        this.#refuse(`tables.${name}`, data ? `${data.constructor.name}(${data.length})` : 'missing', `${dtype} [${rows}, ${columns}]`);
      this.#tables.set(name, { type: dtype, data: data.length === size ? data : data.subarray(0, size), dims: [rows, ...columns] });
    }
    this.#rows = rows;
  }

  /** Tensors fed once a run, by name. @throws OPTION_INVALID */
  setFixed(fixed: Readonly<Record<string, TensorData>>): void {
    for (const spec of this.#compiled.fixed) this.#fixed.set(spec.name, this.#fed('fixed', spec, spec.shape, fixed[spec.name]));
  }

  /**
   * Runs K steps, K being how many batches `indices` holds. Equal, bit for bit, to K runs of one step.
   *
   * @param indices - int32 `[K, ...batch]`: rows of the tables. Without tables, pass `steps` instead.
   * @param streams - by name, `[K, ...shape]`.
   * @throws OPTION_INVALID on indices out of range or data that do not fit, RUNTIME_FAILED
   */
  async run(indices: Int32Array, learningRate: number, streams: Readonly<Record<string, TensorData>> = {}): Promise<TrainingChunk> {
    const steps = this.#checkIndices(indices);
    if (!(learningRate >= 0 && Number.isFinite(learningRate)))
      this.#refuse('learningRate', `${learningRate}`, 'a finite number of at least 0');
    if (this.#running) this.#refuse('run', 'called again before the last run was done', 'awaited');
    this.#running = true;
    try {
      const results = await this.#session.run(this.#feeds(steps, indices, learningRate, streams));
      for (const name of stateNames(this.#compiled)) this.#state.set(name, results[trainingNames.next(name)]!);
      return this.#chunk(results);
    } finally {
      this.#running = false;
    }
  }

  /** The weights now, by name. Views: valid until the next run or load; copy what you keep. */
  parameters(): Record<string, Float32Array> {
    return this.#group(trainingNames.parameter);
  }

  /** A copy of weights, moments and step. */
  state(): TrainingState {
    const copied = (rename: (name: string) => string) =>
      Object.fromEntries(Object.entries(this.#group(rename)).map(([name, data]) => [name, data.slice()]));
    const step = (this.#state.get('step')!.data as Float64Array)[0]!;
    return { step, parameters: copied(trainingNames.parameter), first: copied(trainingNames.first), second: copied(trainingNames.second) };
  }

  /** Goes on from a saved state; the state is copied. @throws OPTION_INVALID when a parameter is missing or of another size. */
  load(state: TrainingState): void {
    const read = (group: 'parameters' | 'first' | 'second', name: string, size: number) => {
      const data = state[group][name];
      if (data?.length !== size) this.#refuse(`state.${group}.${name}`, data ? `${data.length} values` : 'missing', `${size} values`);
      return data.slice();
    };
    const groups = this.#compiled.parameters.map(
      ({ name, initial: { length } }) =>
        [read('parameters', name, length), read('first', name, length), read('second', name, length)] as const,
    );
    this.#compiled.parameters.forEach(({ name, shape }, index) => {
      this.#setWeights(name, shape, ...groups[index]!);
    });
    this.#setStep(state.step);
  }

  /** Gives the session's memory back; the program cannot run after it. */
  release(): Promise<void> {
    return this.#session.release();
  }

  #feeds(
    steps: number,
    indices: Int32Array,
    learningRate: number,
    streams: Readonly<Record<string, TensorData>>,
  ): Record<string, OnnxTensor> {
    const feeds: Record<string, OnnxTensor> = Object.fromEntries(this.#state);
    feeds.steps = { type: 'int64', data: BigInt64Array.of(BigInt(steps)), dims: [] };
    feeds.learning_rate = { type: 'float32', data: Float32Array.of(learningRate), dims: [] };
    feeds.indices = { type: 'int32', data: indices, dims: [steps, ...this.#compiled.batch] };
    for (const [name, table] of this.#tables) feeds[trainingNames.table(name)] = table;
    for (const { name } of this.#compiled.fixed) {
      feeds[trainingNames.fixed(name)] = this.#fixed.get(name) ?? this.#refuse(`fixed.${name}`, 'missing', 'set with setFixed()');
    }
    for (const spec of this.#compiled.streams) {
      feeds[trainingNames.stream(spec.name)] = this.#fed('streams', spec, [steps, ...spec.shape], streams[spec.name]);
    }
    return feeds;
  }

  #chunk(results: Readonly<Record<string, OnnxTensor>>): TrainingChunk {
    const metrics = this.#compiled.metrics.map((name) => [name, results[trainingNames.metric(name)]!.data as Float32Array]);
    const floats = (name: string) => results[name]!.data as Float32Array;
    return {
      loss: floats('loss'),
      gradientNorm: floats('gradient_norm'),
      finite: results.finite!.data as Uint8Array,
      metrics: Object.fromEntries(metrics),
    };
  }

  #checkIndices(indices: Int32Array): number {
    const size = elementCount(this.#compiled.batch) ?? 0;
    const steps = indices.length / size;
    if (!Number.isInteger(steps) || steps < 1 || steps > MAXIMUM_STEPS_PER_RUN)
      this.#refuse('indices', `${indices.length} long`, `1 to ${MAXIMUM_STEPS_PER_RUN} batches of ${size}`);
    if (this.#compiled.tables.length > 0 && this.#rows === 0)
      this.#refuse('tables', 'missing', 'set with setTables(), with at least one row');
    for (let at = 0; at < indices.length && this.#rows > 0; at++) {
      const row = indices[at]!;
      if (row < 0 || row >= this.#rows) this.#refuse(`indices[${at}]`, `${row}`, `0 to ${this.#rows - 1}`);
    }
    return steps;
  }

  #fed(group: string, { name, dtype }: FedSpec, dims: readonly number[], data: TensorData | undefined): OnnxTensor {
    if (!data || data.length !== elementCount(dims) || !holds(dtype, data))
      this.#refuse(`${group}.${name}`, data ? `${data.constructor.name}(${data.length})` : 'missing', `${dtype} [${dims}]`);
    return { type: dtype, data, dims };
  }

  #group(rename: (name: string) => string): Record<string, Float32Array> {
    return Object.fromEntries(this.#compiled.parameters.map(({ name }) => [name, this.#state.get(rename(name))!.data as Float32Array]));
  }

  #setWeights(name: string, dims: readonly number[], parameter: Float32Array, first: Float32Array, second: Float32Array): void {
    this.#state.set(trainingNames.parameter(name), { type: 'float32', data: parameter, dims });
    this.#state.set(trainingNames.first(name), { type: 'float32', data: first, dims });
    this.#state.set(trainingNames.second(name), { type: 'float32', data: second, dims });
  }

  #setStep(step: number): void {
    this.#state.set('step', { type: 'float64', data: Float64Array.of(step), dims: [] });
  }

  #refuse(option: string, value: string, allowed: string): never {
    throw new GroundtwinError('OPTION_INVALID', { who: this.#compiled.name, option, value, allowed });
  }
}
