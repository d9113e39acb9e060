/** Models of what is seen, which know no state: shown the log up to a start, then dreaming on under its actions. */
import type { AnyTask } from '../../task/task.ts';
import { MemoryLanes } from '../../world-model/memory-lanes.ts';
import { flatBounds } from '../../world-model/observation-contract.ts';
import type { ObservationModel } from '../../world-model/observation-model.ts';
import { STARTS_TOGETHER } from '../prediction/play-apart.ts';
import type { LogPlayer } from './log-player.ts';
import { type Recorded, rowsFrom } from './recorded.ts';

/** Steps of the episode before a start, as far as there are any, that a model is shown to make its memory of. */
export const SHOWN_STEPS = 32;

/** @param recorded - what was seen, with the flat actions as its input. */
export function observationPlayer(task: AnyTask, model: ObservationModel, recorded: Recorded): LogPlayer {
  return {
    lead: 0,
    async play(starts, steps, copies, seed) {
      const initial = await model.initial();
      const size = recorded.now.length / recorded.count;
      const width = copies * (steps + 1) * size;
      const out = new Float64Array(starts.length * width);
      for (let first = 0; first < starts.length; first += STARTS_TOGETHER) {
        const few = starts.slice(first, first + STARTS_TOGETHER);
        const dreams = new Dreams(task, model, recorded, few, copies);
        dreams.begin(initial, seed + (first / STARTS_TOGETHER) * copies);
        await dreams.show();
        out.set(await dreams.goOn(steps), first * width);
      }
      return out;
    },
  };
}

/** A lane a start and copy. */
class Dreams {
  private readonly lanes: MemoryLanes;
  private readonly recorded: Recorded;
  private readonly starts: readonly number[];
  private readonly copies: number;
  private readonly bounds: ReturnType<typeof flatBounds>;
  private readonly size: number;
  private readonly inputs: number;

  constructor(task: AnyTask, model: ObservationModel, recorded: Recorded, starts: readonly number[], copies: number) {
    this.lanes = new MemoryLanes(model, starts.length * copies);
    this.recorded = recorded;
    this.starts = starts;
    this.copies = copies;
    this.bounds = flatBounds(task.observationSpace);
    this.size = recorded.now.length / recorded.count;
    this.inputs = recorded.input.length / recorded.count;
  }

  /** Copy c of every start with seed + c. */
  begin(initial: Float32Array, seed: number): void {
    for (let lane = 0; lane < this.lanes.lanes; lane++) this.lanes.start(lane, seed + (lane % this.copies), initial);
  }

  /** Every observation from where the showing begins up to the start, each with the action before it; zeros before the first. */
  async show(): Promise<void> {
    const firsts = this.starts.map((row) =>
      Math.max(this.recorded.spans.find(({ from, end }) => row >= from && row < end)!.from, row - SHOWN_STEPS),
    );
    const longest = Math.max(...this.starts.map((row, i) => row - firsts[i]!));
    for (let back = longest; back >= 0; back--) {
      const rows = this.starts.map((row) => row - back);
      const active = this.perLane(1, (start) => [rows[start]! >= firsts[start]! ? 1 : 0]);
      const before = this.perLane(this.inputs, (start) =>
        rows[start]! > firsts[start]! ? this.row(this.recorded.input, this.inputs, rows[start]! - 1) : [],
      );
      const seen = this.perLane(this.size, (start) =>
        rows[start]! >= firsts[start]! ? this.row(this.recorded.now, this.size, rows[start]!) : [],
      );
      await this.lanes.observe(before, seen, Uint8Array.from(active));
    }
  }

  /** @returns float64 `[starts, copies, steps + 1, size]`; not a number from where a dream is none. */
  async goOn(steps: number): Promise<Float64Array> {
    const { size } = this;
    const lanes = this.lanes.lanes;
    const rows = new Float64Array(lanes * (steps + 1) * size);
    const now = this.perLane(size, (start) => this.row(this.recorded.now, size, this.starts[start]!));
    const action = rowsFrom(this.recorded.input, this.inputs, this.starts, steps);
    const active = new Uint8Array(lanes).fill(1);
    for (let lane = 0; lane < lanes; lane++) rows.set(now.subarray(lane * size, (lane + 1) * size), lane * (steps + 1) * size);
    for (let step = 0; step < steps; step++) {
      await this.lanes.predict(
        this.perLane(this.inputs, (start) => this.row(action, this.inputs, start * steps + step)),
        active,
      );
      for (let lane = 0; lane < lanes; lane++) this.keep(lane, rows, (lane * (steps + 1) + step + 1) * size);
    }
    return rows;
  }

  /** Held inside the space, as the model's env shows it. */
  private keep(lane: number, into: Float64Array, at: number): void {
    for (let i = 0; i < this.size; i++) {
      const value = this.lanes.sample[lane * this.size + i]!;
      into[at + i] = Number.isNaN(value) ? value : Math.min(Math.max(value, this.bounds.low[i]!), this.bounds.high[i]!);
    }
  }

  private row(values: Float64Array, width: number, row: number): Float64Array {
    return values.subarray(row * width, (row + 1) * width);
  }

  /** `[lanes, width]`, the same for all copies of a start; 0 where nothing is given. */
  private perLane(width: number, of: (start: number) => ArrayLike<number>): Float64Array {
    const values = new Float64Array(this.lanes.lanes * width);
    for (let start = 0; start < this.starts.length; start++) {
      const row = of(start);
      for (let copy = 0; copy < this.copies; copy++) values.set(row, (start * this.copies + copy) * width);
    }
    return values;
  }
}
