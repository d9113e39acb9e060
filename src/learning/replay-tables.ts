import { GroundtwinError } from '../errors.ts';
import type { Rng } from '../math/rng.ts';
import { refuseOption, requireCounts } from './config-checks.ts';

/** Transitions as training reads them, a row each. */
export interface ReplayColumns {
  /** float32 `[rows, observationSize]` */
  readonly observation: Float32Array;
  /** float32 `[rows, actionSize]`, −1 … 1. */
  readonly action: Float32Array;
  /** float32 `[rows]` */
  readonly reward: Float32Array;
  /** float32 `[rows, observationSize]`: what was observed after the step; after an end its last observation, never the next episode's first. */
  readonly next: Float32Array;
  /** float32 `[rows]`: 0 where the step terminated the episode. A truncated one goes on. */
  readonly continues: Float32Array;
}

export interface ReplayShape {
  readonly observationSize: number;
  readonly actionSize: number;
  /** Rows it holds; the oldest make room for new ones. */
  readonly capacity: number;
}

/** A ring is allocated at once; its memory is taken as it fills. */
const maxBytes = 2 ** 32;

/**
 * A ring of transitions in whole rows, so that a training graph can gather them in place (`ReplayBuffer` keeps each observation once, in its own type, and copies batches).
 * Rows 0 to `rows` − 1 are filled; any of them may be drawn.
 */
export class ReplayTables {
  readonly shape: ReplayShape;
  readonly columns: ReplayColumns;
  private written = 0;

  /** @throws OPTION_INVALID, DATA_TOO_LARGE */
  constructor(shape: ReplayShape) {
    const { observationSize, actionSize, capacity } = shape;
    requireCounts('ReplayTables', { capacity });
    const bytes = 4 * capacity * (2 * observationSize + actionSize + 2);
    if (bytes > maxBytes) throw new GroundtwinError('DATA_TOO_LARGE', { what: 'The replay ring', bytes, maxBytes });
    this.shape = shape;
    this.columns = {
      observation: new Float32Array(capacity * observationSize),
      action: new Float32Array(capacity * actionSize),
      reward: new Float32Array(capacity),
      next: new Float32Array(capacity * observationSize),
      continues: new Float32Array(capacity),
    };
  }

  /** Rows that can be drawn. */
  get rows(): number {
    return Math.min(this.written, this.shape.capacity);
  }

  /** Adds a row, copied. */
  add(observation: ArrayLike<number>, action: ArrayLike<number>, reward: number, next: ArrayLike<number>, continues: boolean): void {
    const { columns } = this;
    const { observationSize, actionSize, capacity } = this.shape;
    const row = this.written % capacity;
    columns.observation.set(observation, row * observationSize);
    columns.action.set(action, row * actionSize);
    columns.reward[row] = reward;
    columns.next.set(next, row * observationSize);
    columns.continues[row] = continues ? 1 : 0;
    this.written++;
  }

  /** Forgets all rows. */
  clear(): void {
    this.written = 0;
  }

  /** Row numbers drawn uniformly, with replacement. */
  draw(rng: Rng, count: number): Int32Array {
    const { rows } = this;
    return Int32Array.from({ length: count }, () => rng.integer(rows));
  }

  /** How many rows were ever written, and those still there; views. */
  save(): ReplayState {
    const { written, rows } = this;
    return { written, columns: eachColumn(this.columns, (values) => values.subarray(0, rows * (values.length / this.shape.capacity))) };
  }

  /** Goes on from what another ring of this shape saved; copied. @throws OPTION_INVALID when it does not fit. */
  load({ written, columns }: ReplayState): void {
    if (!(Number.isSafeInteger(written) && written >= 0)) refuseOption('ReplayTables', 'saved.written', written, 'a whole number');
    const rows = Math.min(written, this.shape.capacity);
    eachColumn(this.columns, (own, name) => {
      const size = rows * (own.length / this.shape.capacity);
      if (columns[name]?.length !== size)
        refuseOption('ReplayTables', `saved.${name}`, `${columns[name]?.length} numbers`, `${size}, for ${rows} rows`);
      own.set(columns[name]);
      return own;
    });
    this.written = written;
  }
}

export interface ReplayState {
  readonly written: number;
  readonly columns: ReplayColumns;
}

function eachColumn(columns: ReplayColumns, change: (values: Float32Array, name: keyof ReplayColumns) => Float32Array): ReplayColumns {
  const { observation, action, reward, next, continues } = columns;
  return {
    observation: change(observation, 'observation'),
    action: change(action, 'action'),
    reward: change(reward, 'reward'),
    next: change(next, 'next'),
    continues: change(continues, 'continues'),
  };
}
