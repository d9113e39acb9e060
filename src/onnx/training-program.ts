import { GroundtwinError } from '../errors.ts';
import type { CompiledTraining, FedSpec } from './compile-training.ts';
import type { OnnxRuntime, OnnxSession, OnnxTensor } from './runtime.ts';
import { elementCount } from './shapes.ts';
import { flat, stateLayout, trainingNames } from './training-layout.ts';
import { holds, type TensorData } from './types.ts';

/** Steps of one `run`; a run holds the thread, so ask for as many as fit into 200 ms. */
export const MAXIMUM_STEPS_PER_RUN = 100_000;

/** Everything a checkpoint of the optimizer needs, by parameter name. Moments are stored divided by `1 − beta`; see adam-w.ts. */
export interface TrainingState {
  /** Finite updates made. */
  readonly step: number;
  /** Those of a second loss; absent where there is none. */
  readonly followUpStep?: number;
  /** Frozen ones too. */
  readonly parameters: Readonly<Record<string, Float32Array>>;
  /** Of trained parameters. */
  readonly first: Readonly<Record<string, Float32Array>>;
  readonly second: Readonly<Record<string, Float32Array>>;
  /** Averages of parameters that the (first) loss trains; absent where none are kept. */
  readonly averages?: Readonly<Record<string, Float32Array>>;
  /** Tensors carried that are no parameters; absent where there are none. */
  readonly carried?: Readonly<Record<string, TensorData>>;
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
    this.start({});
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
    if (!(Number.isSafeInteger(rows) && rows >= 0)) this.#refuse('rows', `${rows}`, 'a whole number of at least 0');
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
   * @param indices - int32 `[K, ...batch]`: rows of the tables. Without tables only its length counts.
   * @param learningRate - one for all steps, or float32 `[K]`.
   * @param streams - by name, `[K, ...shape]`.
   * @throws OPTION_INVALID on indices out of range or data that do not fit, RUNTIME_FAILED
   */
  async run(
    indices: Int32Array,
    learningRate: number | Float32Array,
    streams: Readonly<Record<string, TensorData>> = {},
  ): Promise<TrainingChunk> {
    const steps = this.#checkIndices(indices);
    const rates = typeof learningRate === 'number' ? new Float32Array(steps).fill(learningRate) : learningRate;
    if (rates.length !== steps || !rates.every((rate) => rate >= 0 && Number.isFinite(rate)))
      this.#refuse(
        'learningRate',
        typeof learningRate === 'number' ? `${learningRate}` : `[${rates}]`,
        `finite and at least 0, one or ${steps}`,
      );
    if (this.#running) this.#refuse('run', 'called again before the last run was done', 'awaited');
    this.#running = true;
    try {
      const results = await this.#session.run(this.#feeds(steps, indices, rates, streams));
      for (const { name } of flat(stateLayout(this.#compiled))) this.#state.set(name, results[trainingNames.next(name)]!);
      return this.#chunk(results);
    } finally {
      this.#running = false;
    }
  }

  /** The weights now, by name. Views: valid until the next run or load; copy what you keep. */
  parameters(): Record<string, Float32Array> {
    return this.#group(this.#compiled.parameters, trainingNames.parameter);
  }

  /** A copy of all that training goes on from. */
  state(): TrainingState {
    const { parameters, averaged, followers, carried } = this.#compiled;
    const trained = parameters.filter(({ frozen }) => !frozen);
    const copied = (specs: readonly { readonly name: string }[], rename: (name: string) => string) =>
      Object.fromEntries(Object.entries(this.#group(specs, rename)).map(([name, data]) => [name, data.slice()]));
    return {
      step: this.#step('step'),
      ...(followers ? { followUpStep: this.#step('follow_up_step') } : {}),
      parameters: copied(parameters, trainingNames.parameter),
      first: copied(trained, trainingNames.first),
      second: copied(trained, trainingNames.second),
      ...(averaged ? { averages: copied(trained.filter(this.#isAveraged), trainingNames.average) } : {}),
      ...(carried.length > 0 ? { carried: copied(carried, trainingNames.carried) } : {}),
    };
  }

  /** Goes on from a saved state; the state is copied. @throws OPTION_INVALID when a part is missing or of another size or element type. */
  load(state: TrainingState): void {
    const tensors: [string, OnnxTensor][] = [];
    const read = (group: keyof TrainingState, rename: (name: string) => string, { name, dtype, shape }: FedSpec) => {
      const data = (state[group] as Readonly<Record<string, TensorData>> | undefined)?.[name];
      const tensor = this.#fed(`state.${group}`, { name, dtype, shape }, shape, data);
      tensors.push([rename(name), { ...tensor, data: tensor.data.slice() }]);
    };
    const { parameters, carried, followers } = this.#compiled;
    for (const parameter of parameters) {
      const { name, shape, frozen } = parameter;
      const spec = { name, dtype: 'float32', shape } as const;
      read('parameters', trainingNames.parameter, spec);
      if (frozen) continue;
      read('first', trainingNames.first, spec);
      read('second', trainingNames.second, spec);
      if (this.#isAveraged(parameter)) read('averages', trainingNames.average, spec);
    }
    for (const spec of carried) read('carried', trainingNames.carried, spec);
    const steps = [['step', 'step'] as const, ...(followers ? [['followUpStep', 'follow_up_step'] as const] : [])];
    for (const [key, name] of steps) {
      const step = state[key] ?? Number.NaN;
      if (!(step >= 0 && Number.isFinite(step))) this.#refuse(`state.${key}`, `${step}`, 'a finite number of at least 0');
      tensors.push([name, { type: 'float64', data: Float64Array.of(step), dims: [] }]);
    }
    for (const [name, tensor] of tensors) this.#state.set(name, tensor);
  }

  /**
   * Starts anew, as when it was opened, but from these weights: moments 0, averages equal to the weights, carried tensors as at first.
   *
   * @param weights - by name, copied; those not given start from their initial values, and names that this program lacks are left alone.
   * @throws OPTION_INVALID on a wrong size.
   */
  start(weights: Readonly<Record<string, Float32Array>>): void {
    const { parameters, averaged, carried } = this.#compiled;
    const first = Object.fromEntries(parameters.map(({ name, initial }) => [name, new Float32Array(initial.length)]));
    const values = Object.fromEntries(parameters.map(({ name, initial }) => [name, weights[name] ?? initial]));
    this.load({
      step: 0,
      followUpStep: 0,
      parameters: values,
      first,
      second: first,
      ...(averaged ? { averages: values } : {}),
      carried: Object.fromEntries(carried.map(({ name, initial }) => [name, initial])),
    });
  }

  /** Gives the session's memory back; the program cannot run after it. */
  release(): Promise<void> {
    return this.#session.release();
  }

  #feeds(
    steps: number,
    indices: Int32Array,
    rates: Float32Array,
    streams: Readonly<Record<string, TensorData>>,
  ): Record<string, OnnxTensor> {
    const feeds: Record<string, OnnxTensor> = Object.fromEntries(this.#state);
    feeds.steps = { type: 'int64', data: BigInt64Array.of(BigInt(steps)), dims: [] };
    feeds.learning_rate = { type: 'float32', data: rates, dims: [steps] };
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

  #group(specs: readonly { readonly name: string }[], rename: (name: string) => string): Record<string, Float32Array> {
    return Object.fromEntries(specs.map(({ name }) => [name, this.#state.get(rename(name))!.data as Float32Array]));
  }

  #step(name: 'step' | 'follow_up_step'): number {
    return (this.#state.get(name)!.data as Float64Array)[0]!;
  }

  readonly #isAveraged = ({ name }: { readonly name: string }): boolean =>
    this.#compiled.averaged && this.#compiled.followers?.includes(name) !== true;

  #refuse(option: string, value: string, allowed: string): never {
    throw new GroundtwinError('OPTION_INVALID', { who: this.#compiled.name, option, value, allowed });
  }
}
