/** A figure we claim, and the command that measures it. */
export interface Row {
  /** `topic.name`. */
  readonly id: string;
  /** What is measured, in words. */
  readonly what: string;
  readonly operator: Operator;
  readonly goal: number;
  readonly unit: string;
  /** What it may take on a machine with two slow cores; printed when it starts. */
  readonly budget_s: number;
  /** @throws Absent when this machine lacks something; any error makes the row not hold. */
  measure(context: Context): Promise<Measured>;
}

export type Operator = '<=' | '>=' | '=';

export interface Measured {
  readonly measured: number;
  /** Whatever the number was worked out from; plain data. */
  readonly raw: unknown;
}

export interface RowResult extends Pick<Row, 'id' | 'what' | 'operator' | 'goal' | 'unit'> {
  /** Null when nothing could be measured; `raw` then says why. */
  readonly measured: number | null;
  readonly holds: boolean;
  readonly seconds: number;
  readonly raw: unknown;
}

/** What rows share while they run. */
export interface Context {
  /** Empty at the start, removed at the end. */
  readonly folder: string;
  /** Whether kept results are made anew. */
  readonly rerun: boolean;
  readonly log: (line: string) => void;
  /** Runs the making of `key` at most once, whoever asks first; a failure is shared too. */
  once<T>(key: string, make: () => Promise<T>): Promise<T>;
}

/** Something that a row needs is not on this machine. */
export class Absent extends Error {
  constructor(what: string) {
    super(`absent on this machine: ${what}`);
    this.name = 'Absent';
  }
}

export function holds(operator: Operator, measured: number, goal: number): boolean {
  switch (operator) {
    case '<=':
      return measured <= goal;
    case '>=':
      return measured >= goal;
    case '=':
      return measured === goal;
  }
}
