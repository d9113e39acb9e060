import { GroundtwinError } from '../errors.ts';
import type { Rng } from '../math/rng.ts';
import type { GraphBuilder } from './graph-builder.ts';
import type { TrainingState } from './training-program.ts';
import type { Tensor } from './types.ts';

/**
 * How often each code is used, as a running mean over steps: `u ← u + (1 − decay)·(count − u)`.
 *
 * @param codes - int64 `[…]`, those of this step. @param usage - float32 `[codes]`, carried. @returns the next usage.
 */
export function codeUsage(builder: GraphBuilder, codes: Tensor, usage: Tensor, decay = 0.99): Tensor {
  const counts = builder.scatterAdd(builder.expandAs(builder.constant(0), usage), codes, builder.expandAs(builder.constant(1), codes));
  return builder.add(usage, builder.mul(builder.sub(counts, usage), 1 - decay));
}

export interface RestartSpec {
  /** Parameter `[codes, size]`. */
  readonly table: string;
  /** Carried float32 `[codes]`; see `codeUsage`. */
  readonly usage: string;
  /** Codes used less often in a step than this are dead. */
  readonly threshold: number;
  /** float32 `[n, size]`, such as what the encoder gave in the last batch; n at least 1. */
  readonly vectors: Float32Array;
}

/**
 * Puts every dead code onto a vector drawn at random, with moments of 0 and the usage of the average code (Dhariwal et al. 2020, "random restarts").
 * For a hook of `StagedTraining`; the state given is changed and returned.
 *
 * @returns the state, and the numbers of the codes restarted.
 * @throws OPTION_INVALID when table or usage are not in the state, or the vectors are not of the table's width.
 */
export function restartDeadCodes(state: TrainingState, spec: RestartSpec, rng: Rng): { state: TrainingState; restarted: number[] } {
  const usage = state.carried?.[spec.usage] ?? refuse('usage', `'${spec.usage}'`, 'a carried tensor');
  const table = state.parameters[spec.table] ?? refuse('table', `'${spec.table}'`, 'a parameter');
  const size = table.length / usage.length;
  const count = spec.vectors.length / size;
  if (!Number.isInteger(size) || !Number.isInteger(count) || count < 1)
    refuse('vectors', `${spec.vectors.length} numbers`, `one or more rows as wide as the table's (${size})`);
  const mean = Array.from(usage, Number).reduce((sum, value) => sum + value, 0) / usage.length;
  const restarted: number[] = [];
  usage.forEach((value: number | bigint, code: number) => {
    if (Number(value) >= spec.threshold) return;
    const from = rng.integer(count) * size;
    const vector = spec.vectors.subarray(from, from + size);
    for (const rows of [table, state.averages?.[spec.table]]) rows?.set(vector, code * size);
    for (const moments of [state.first, state.second]) moments[spec.table]?.fill(0, code * size, (code + 1) * size);
    usage[code] = mean;
    restarted.push(code);
  });
  return { state, restarted };
}

function refuse(option: string, value: string, allowed: string): never {
  throw new GroundtwinError('OPTION_INVALID', { who: 'restartDeadCodes', option, value, allowed });
}
