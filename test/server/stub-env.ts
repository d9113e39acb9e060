import type { BackendKind } from '../../src/core/backend.ts';
import type { AutoresetMode, ResetOptions, VectorEnv, VectorResetResult, VectorStepResult } from '../../src/core/vector-env.ts';
import { GroundtwinError } from '../../src/errors.ts';
import type { RemoteMakeOptions } from '../../src/server/index.ts';
import { box, dict, discrete, type Space, type TypedArray, type Values } from '../../src/spaces/space.ts';

const CONTROL_DT_S = 0.02;

/** Counts: an observation is the lane's count of steps since its seed, an action is added to a sum. Enough to see a step done twice, lost or swapped. */
export class StubEnv implements VectorEnv {
  readonly id: string;
  readonly kind: BackendKind = 'truth';
  readonly lanes: number;
  readonly agents = 2;
  readonly observationSpace: Space;
  readonly actionSpace: Space;
  readonly controlDt_s = CONTROL_DT_S;
  readonly autoreset: AutoresetMode;
  readonly counts: Float64Array;
  readonly sums: Float64Array;
  readonly options: RemoteMakeOptions;
  resets: ResetOptions[] = [];
  steps = 0;
  closes = 0;

  constructor(id: string, options: RemoteMakeOptions) {
    this.id = id;
    this.options = options;
    this.lanes = options.lanes;
    this.autoreset = options.autoreset ?? 'nextStep';
    this.counts = new Float64Array(options.lanes);
    this.sums = new Float64Array(options.lanes);
    const size = typeof options.size === 'number' ? options.size : 3;
    const flat = box({ low: Number.NEGATIVE_INFINITY, high: Number.POSITIVE_INFINITY, shape: [size], dtype: 'float64' });
    this.observationSpace = id === 'Dict-v0' ? dictSpace() : flat;
    this.actionSpace =
      id === 'Dict-v0' ? dict({ arm: box({ low: [-1, -1], high: [1, 1] }), mode: discrete(4) }) : box({ low: [-9, -9], high: [9, 9] });
  }

  async reset(options: ResetOptions = {}): Promise<VectorResetResult> {
    this.resets.push(options);
    for (let lane = 0; lane < this.lanes; lane++) {
      if (options.mask && options.mask[lane] === 0) continue;
      this.counts[lane] = seedOf(options, lane) ?? this.counts[lane]!;
      this.sums[lane] = 0;
    }
    return { observation: this.observe(), info: {} };
  }

  async step(actions: Values): Promise<VectorStepResult> {
    const parts = ArrayBuffer.isView(actions) ? (actions as Float32Array) : ((actions as Record<string, Values>).arm as Float32Array);
    parts.forEach((value, index) => {
      if (!Number.isFinite(value)) throw new GroundtwinError('ACTION_NOT_FINITE', { env: this.id, index, value });
    });
    if (this.options.fault === 'throw') throw new Error('secret payload 12345');
    if (this.options.fault === 'hang') await new Promise(() => {});
    if (this.options.fault === 'date') return { ...this.result(), info: { when: new Date(0) } as never };
    if (typeof this.options.delay_ms === 'number') await new Promise((resolve) => setTimeout(resolve, this.options.delay_ms as number));
    this.steps += 1;
    for (let lane = 0; lane < this.lanes; lane++) {
      this.counts[lane]! += 1;
      this.sums[lane]! += parts[2 * lane]!;
    }
    return this.result();
  }

  async snapshot(lane = 0): Promise<Uint8Array> {
    return new Uint8Array(Float64Array.of(this.counts[lane]!, this.sums[lane]!).buffer);
  }

  async restore(snapshot: Uint8Array, lane = 0): Promise<Values> {
    if (snapshot.length !== 16) throw new GroundtwinError('SNAPSHOT_INVALID', { problem: 'it is not 16 bytes long' });
    const [count, sum] = new Float64Array(snapshot.slice().buffer);
    this.counts[lane] = count!;
    this.sums[lane] = sum!;
    return this.observe(lane, 1);
  }

  async render(): Promise<never> {
    throw new GroundtwinError('RENDER_UNAVAILABLE', { env: this.id, why: 'it is a stub' });
  }

  async close(): Promise<void> {
    this.closes += 1;
  }

  private result(): VectorStepResult {
    const reward = new Float64Array(this.lanes * this.agents).map((_, i) => i + 0.5);
    const terminated = Uint8Array.from(this.counts, (count) => (count % 5 === 0 && !this.options.endless ? 1 : 0));
    const info = {
      terms: { effort: Float32Array.from(this.sums) },
      names: Array.from(this.counts, (count) => `count ${count}`),
      problems: Array.from(this.counts, (count) => (count === 7 ? new GroundtwinError('ENV_NOT_RESET', { env: this.id, lane: 0 }) : null)),
    };
    return { observation: this.observe(), reward, terminated, truncated: new Uint8Array(this.lanes), info };
  }

  private observe(first = 0, lanes = this.lanes): Values {
    if (this.id === 'Dict-v0') {
      const image = new Uint8Array(lanes * 12).map((_, i) => (i + this.counts[first]!) % 256);
      return { pose: { joint: Float32Array.from({ length: lanes * 2 }, () => 300.5) }, camera: image, mode: new Int32Array(lanes).fill(3) };
    }
    const size = (this.observationSpace as { shape: readonly number[] }).shape[0]!;
    const observation = new Float64Array(lanes * size);
    for (let lane = 0; lane < lanes; lane++) {
      observation[lane * size] = this.counts[first + lane]!;
      if (size > 1) observation[lane * size + 1] = this.sums[first + lane]!;
      if (size > 2) observation[lane * size + 2] = 300.5;
    }
    return observation;
  }
}

function dictSpace(): Space {
  return dict({
    pose: dict({ joint: box({ low: [-500, -400], high: [500, 400], names: ['shoulder', 'elbow'] }) }),
    camera: box({ low: 0, high: 255, shape: [2, 2, 3], dtype: 'uint8' }),
    mode: discrete(4),
  });
}

function seedOf(options: ResetOptions, lane: number): number | undefined {
  if (typeof options.seed === 'number') return options.seed + lane;
  return options.seed?.[lane] ?? undefined;
}

/** A registry of stubs that remembers what it made. */
export function stubRegistry(): {
  made: StubEnv[];
  make: (id: string, options: RemoteMakeOptions) => Promise<VectorEnv>;
  list: () => { id: string }[];
} {
  const made: StubEnv[] = [];
  const known = ['Counter-v0', 'Dict-v0'];
  return {
    made,
    list: () => known.map((id) => ({ id })),
    make: async (id, options) => {
      if (!known.includes(id)) throw new GroundtwinError('ENV_UNKNOWN', { id, suggestion: 'Counter-v0', known });
      if (options.fault === 'slowMake') await new Promise((resolve) => setTimeout(resolve, 300));
      const env = new StubEnv(id, options);
      made.push(env);
      return env;
    },
  };
}

/** The numbers of a flat observation. */
export function numbersOf(values: Values): number[] {
  return Array.from(values as TypedArray);
}
