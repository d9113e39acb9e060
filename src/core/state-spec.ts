/**
 * The state of a task: named physical quantities with a kind, a unit and a role.
 * Rows are float64 `[size]`; a batch is `[lanes, size]`, row-major, entries in declaration order.
 */
export type Role =
  /** Moved by physics, predicted by the model. */
  | 'dynamic'
  /** Arises within a control step and is accumulated over its substeps (contact wrench, lidar). */
  | 'signal'
  /** Fixed within an episode unless the task's `advance` changes it (goal, physical parameters); conditions the model. */
  | 'context'
  /** Queues and previous actions; kept by task code on every backend. */
  | 'memory';

export type Kind =
  | 'length'
  | 'angle'
  | 'velocity'
  | 'angularVelocity'
  | 'quaternion'
  | 'force'
  | 'wrench'
  | 'range'
  | 'time'
  | 'mass'
  | 'flag'
  | 'scalar';

export interface EntryDeclaration {
  readonly role: Role;
  /** Quaternions are stored x, y, z, w. */
  readonly kind: Kind;
  /** SI, written as in `m`, `rad`, `m/s`, `N`, `1`. */
  readonly unit: string;
  /** Elements; absent means a scalar, read as a number. */
  readonly size?: number;
  /** Hard stops of the mechanism, in the entry's unit, for every element: planners keep off them, plausibility checks hold predictions to them. */
  readonly limits?: readonly [low: number, high: number];
}
export type StateShape = Readonly<Record<string, EntryDeclaration>>;

/** Named read access to one row; scalars are numbers, vectors are float64 views. */
export type StateView<S extends StateShape = StateShape> = {
  readonly [K in keyof S]: S[K] extends { readonly size: number } ? Float64Array : number;
};
/** The same, writable (vectors are written element by element). */
export type MutableStateView<S extends StateShape = StateShape> = {
  -readonly [K in keyof S]: S[K] extends { readonly size: number } ? Float64Array : number;
};

export interface StateEntry extends EntryDeclaration {
  readonly name: string;
  readonly size: number;
  /** First element in the row. */
  readonly offset: number;
}

export interface StateSpec {
  readonly entries: readonly StateEntry[];
  readonly size: number;
}

/** Lays the declared entries out in a row. */
export function layOut(shape: StateShape): StateSpec {
  let offset = 0;
  const entries = Object.entries(shape).map(([name, entry]) => {
    const placed = Object.freeze({ ...entry, name, size: entry.size ?? 1, offset });
    offset += placed.size;
    return placed;
  });
  return Object.freeze({ entries: Object.freeze(entries), size: offset });
}

/** Positions in the row of all elements whose entry has one of these roles, in order. */
export function elementsWithRole(spec: StateSpec, ...roles: readonly Role[]): Int32Array {
  const elements: number[] = [];
  for (const entry of spec.entries) if (roles.includes(entry.role)) for (let i = 0; i < entry.size; i++) elements.push(entry.offset + i);
  return Int32Array.from(elements);
}

/**
 * Makes views over rows of a batch without allocating on access: one class per shape with a getter per entry.
 * @param rows - float64 `[lanes, size]`.
 * @returns one view per lane; they stay valid as long as `rows` does.
 */
export function viewsOver<S extends StateShape>(shape: S, rows: Float64Array, lanes: number): MutableStateView<S>[] {
  const { size, View } = viewedAs(shape);
  return Array.from({ length: lanes }, (_, lane) => new View(rows, lane * size) as unknown as MutableStateView<S>);
}

interface ViewClass {
  readonly size: number;
  readonly View: new (rows: Float64Array, start: number) => Viewed;
}

/** One class a shape, or code that reads states would meet a new one with every env, and V8 give up on it. */
const knownViews = new WeakMap<StateShape, ViewClass>();

function viewedAs(shape: StateShape): ViewClass {
  const known = knownViews.get(shape);
  if (known) return known;
  const made = makeViewClass(shape);
  knownViews.set(shape, made);
  return made;
}

function makeViewClass(shape: StateShape): ViewClass {
  const { entries, size } = layOut(shape);
  const isVector = (name: string) => shape[name]?.size !== undefined;
  class View {
    readonly rows: Float64Array;
    readonly start: number;
    readonly parts: Record<string, Float64Array>;
    constructor(rows: Float64Array, start: number) {
      this.rows = rows;
      this.start = start;
      this.parts = {};
      for (const { name, offset, size: length } of entries)
        if (isVector(name)) this.parts[name] = rows.subarray(start + offset, start + offset + length);
    }
  }
  for (const entry of entries) Object.defineProperty(View.prototype, entry.name, accessorOf(entry, isVector(entry.name)));
  return { size, View };
}

/** Of the rows of all lanes: thousands of arrays of a few numbers each would not stay in the processor's cache. */
interface Viewed {
  readonly rows: Float64Array;
  readonly start: number;
  readonly parts: Record<string, Float64Array>;
}

function accessorOf(entry: StateEntry, isVector: boolean): PropertyDescriptor & ThisType<Viewed> {
  const { name, offset } = entry;
  if (isVector)
    return {
      enumerable: true,
      get() {
        return this.parts[name];
      },
    };
  return {
    enumerable: true,
    get() {
      return this.rows[this.start + offset];
    },
    set(value: number) {
      this.rows[this.start + offset] = value;
    },
  };
}

/**
 * The difference of two values of one entry, element by element, in the entry's unit; angles take the short way round.
 * Quaternions are compared element-wise after taking the nearer sign by the caller.
 */
export function elementDifference(kind: Kind, a: number, b: number): number {
  return kind === 'angle' ? wrapAngle(a - b) : a - b;
}

/** Wraps to (−π, π]; NaN where the angle is not finite. */
export function wrapAngle(angle_rad: number): number {
  if (angle_rad > -Math.PI && angle_rad <= Math.PI) return angle_rad;
  const turns = Math.ceil((angle_rad - Math.PI) / (2 * Math.PI));
  const wrapped_rad = angle_rad - turns * 2 * Math.PI;
  // Next to an odd multiple of π rounding may leave the interval by a bit; both of its ends are the same direction.
  return wrapped_rad <= -Math.PI || wrapped_rad > Math.PI ? Math.PI : wrapped_rad;
}
