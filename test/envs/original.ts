/** What Gymnasium and dm_control themselves say of given states (scripts/goldens/tasks.py), against what our tasks say. */
import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import type { StateShape } from '../../src/core/state-spec.ts';
import { allocate, type Box, type TypedArray } from '../../src/spaces/space.ts';
import type { PlanarShape } from '../../src/task/planar-robot.ts';
import type { Task } from '../../src/task/task.ts';
import { type Entries, rewardOf, stateOf, termsOf } from './harness.ts';

/** MuJoCo's coordinates, and what else an observation needs. */
export interface OriginalState {
  readonly qpos: readonly number[];
  readonly qvel: readonly number[];
  readonly target?: readonly number[];
  readonly touch?: readonly number[];
  readonly contacts?: readonly number[];
  readonly stopForce?: number;
}

interface Row {
  readonly before: OriginalState;
  readonly action: readonly number[];
  readonly motors: readonly number[];
  readonly after: OriginalState;
  readonly observation: readonly number[];
  readonly reward: number;
  /** Weighted; none where the original has but the sum. */
  readonly terms: Readonly<Record<string, number>>;
  readonly terminated: boolean;
}

interface Goldens {
  readonly tasks: Readonly<Record<string, { readonly original: string; readonly rows: readonly Row[] }>>;
}

const goldens = JSON.parse(readFileSync(new URL('../goldens/tasks.golden.json', import.meta.url), 'utf8')) as Goldens;

/** Of float64 formulas over the same numbers. */
const ROUNDING = 1e-8;
/** Of float32 observations, relative above 1. */
const FLOAT32 = 1e-6;

/** @param entries - our state that the original's is. */
export function keepsToOriginal<S extends StateShape>(task: Task<S>, entries: (state: OriginalState) => Entries<S>): void {
  const { original, rows } = goldens.tasks[task.id]!;
  const rowsAsStates = rows.map((row) => ({ row, before: stateOf(task, entries(row.before)), after: stateOf(task, entries(row.after)) }));

  describe(`${task.id} beside ${original}`, () => {
    it('observes what it observes', () => {
      const { names } = task.observationSpace as Box;
      const observation = allocate(task.observationSpace, 1) as TypedArray;
      for (const { row, after } of rowsAsStates) {
        task.observe(after, observation);
        expect(observation.length).to.equal(row.observation.length);
        row.observation.forEach((value, i) => {
          expect(observation[i], names![i]).to.be.closeTo(value, FLOAT32 * Math.max(1, Math.abs(value)));
        });
      }
    });

    it('pays what it pays, term by term', () => {
      for (const { row, before, after } of rowsAsStates) {
        expect(rewardOf(task, before, row.action, after)).to.be.closeTo(row.reward, ROUNDING * Math.max(1, Math.abs(row.reward)));
        const paid = termsOf(task, before, row.action, after);
        for (const [name, value] of Object.entries(row.terms))
          expect(paid[name], name).to.be.closeTo(value, ROUNDING * Math.max(1, Math.abs(value)));
        if (Object.keys(row.terms).length > 0) expect(Object.keys(paid)).to.have.members(Object.keys(row.terms));
      }
    });

    it('ends where it ends', () => {
      for (const { row, after } of rowsAsStates) expect(task.terminated?.(after) ?? false).to.equal(row.terminated);
    });

    it('drives the motors as it does', () => {
      for (const { row, before, after } of rowsAsStates) {
        const command = new Float64Array(task.commands.length);
        task.actuate(before, row.action, after, command);
        expect([...command].map((value) => value.toPrecision(9))).to.deep.equal(row.motors.map((value) => value.toPrecision(9)));
      }
    });
  });
}

/** Of robots whose root slides along x and z and pitches. */
export function planarEntries({ qpos, qvel }: OriginalState): Entries<PlanarShape> {
  return {
    x_m: qpos[0]!,
    height_m: qpos[1]!,
    pitch_rad: qpos[2]!,
    angles_rad: qpos.slice(3),
    vx_mps: qvel[0]!,
    vz_mps: qvel[1]!,
    pitchRate_radps: qvel[2]!,
    angleRates_radps: qvel.slice(3),
  };
}
