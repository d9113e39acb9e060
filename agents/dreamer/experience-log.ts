import type { Experience } from '../../src/data/experience.ts';

/** One lane's experience as it grows; see `Experience` for its columns. */
export class ExperienceLog {
  private readonly widths: { readonly observation: number; readonly action: number };
  private count = 0;
  private columns: Columns;

  constructor(observation: number, action: number) {
    this.widths = { observation, action };
    this.columns = this.allocate(FIRST_ROWS);
  }

  /** An episode begins. */
  begin(observation: ArrayLike<number>): void {
    this.add(observation, new Float32Array(this.widths.action), 0, 1, 1);
  }

  /** What came of an action: reward, whether the task goes on, and what was seen. */
  step(action: ArrayLike<number>, reward: number, continues: boolean, observation: ArrayLike<number>): void {
    this.add(observation, action, reward, continues ? 1 : 0, 0);
  }

  /** Views, as long as nothing is added. */
  rows(): Columns {
    return mapped(this.columns, (values, name) => values.subarray(0, this.count * this.widthOf(name)));
  }

  /** Goes on from what another had; copied. */
  load(columns: Columns): void {
    this.count = columns.reward.length;
    this.columns = this.allocate(Math.max(FIRST_ROWS, this.count));
    mapped(columns, (values, name) => {
      this.columns[name].set(values);
      return values;
    });
  }

  private add(observation: ArrayLike<number>, action: ArrayLike<number>, reward: number, continues: number, first: number): void {
    if (this.count === this.columns.reward.length) {
      const { columns } = this;
      this.columns = this.allocate(2 * this.count);
      mapped(columns, (values, name) => {
        this.columns[name].set(values);
        return values;
      });
    }
    const row = this.count++;
    this.columns.observation.set(observation, row * this.widths.observation);
    this.columns.previousAction.set(action, row * this.widths.action);
    this.columns.reward[row] = reward;
    this.columns.continues[row] = continues;
    this.columns.first[row] = first;
  }

  private allocate(rows: number): Columns {
    const column = (name: ColumnName) => new Float32Array(rows * this.widthOf(name));
    return Object.fromEntries(columnNames.map((name) => [name, column(name)])) as unknown as Columns;
  }

  private widthOf(name: ColumnName): number {
    return name === 'observation' ? this.widths.observation : name === 'previousAction' ? this.widths.action : 1;
  }
}

const FIRST_ROWS = 1024;

export type Columns = Omit<Experience, 'count'>;
type ColumnName = keyof Columns;
export const columnNames: readonly ColumnName[] = ['observation', 'previousAction', 'reward', 'continues', 'first'];

function mapped(columns: Columns, change: (values: Float32Array, name: ColumnName) => Float32Array): Columns {
  return Object.fromEntries(columnNames.map((name) => [name, change(columns[name], name)])) as unknown as Columns;
}

/** Lane after lane, as one table. */
export function joined(logs: readonly ExperienceLog[]): Experience {
  const all = logs.map((log) => log.rows());
  const joinedColumn = (name: ColumnName) => {
    const parts = all.map((columns) => columns[name]);
    const whole = new Float32Array(parts.reduce((sum, { length }) => sum + length, 0));
    let at = 0;
    for (const part of parts) {
      whole.set(part, at);
      at += part.length;
    }
    return whole;
  };
  const columns = Object.fromEntries(columnNames.map((name) => [name, joinedColumn(name)])) as unknown as Columns;
  return { count: columns.reward.length, ...columns };
}
