/** What a negative control is: a subject broken on purpose. */
import type { PhysicsEngine } from '../../core/physics-world.ts';
import type { Transitions } from '../../data/transitions.ts';
import { concatenated } from '../../math/concatenate.ts';
import { sha256Hex } from '../../math/hash.ts';
import type { AnyTask } from '../../task/task.ts';
import type { Prediction, PredictionInput, WorldModel } from '../../world-model/world-model.ts';
import type { Subject } from '../subject.ts';

export interface ControlParts {
  readonly task: AnyTask;
  readonly engine: PhysicsEngine;
  /** Recorded episodes of a policy, for what pretends to know it. */
  readonly logged?: Transitions;
}

/** Each has a severity from 0 (untouched) to 1. A control breaks the model alone, or the whole subject. */
export interface Control {
  readonly summary: string;
  /** Where none is asked for. */
  readonly severity: number;
  /** The row that must fail. */
  readonly killedBy: string;
  /** The row that must fail where a task lacks what that one needs. */
  readonly elsewhere?: string;
  readonly wrap?: (model: WorldModel, severity: number, parts: ControlParts) => WorldModel;
  readonly alter?: (subject: Subject, severity: number, parts: ControlParts) => Subject;
}

/** It takes no shares: that all blocks are of one length makes it simple to break. @param close - what the control itself holds. */
export function wrapped(
  model: WorldModel,
  name: string,
  severity: number,
  predict: (input: PredictionInput) => Promise<Prediction>,
  close?: () => void,
): WorldModel {
  return {
    manifest: { ...model.manifest, name: `${model.manifest.name}, broken:${name}@${severity}` },
    fingerprint: sha256Hex(`${model.fingerprint} ${name} ${severity}`),
    predict,
    async close() {
      close?.();
      await model.close();
    },
  };
}

/** One row of an input or a prediction, a view. */
export function rowOf(values: Float32Array, row: number, rows: number): Float32Array {
  const width = values.length / rows;
  return values.subarray(row * width, (row + 1) * width);
}

/** Answers to blocks of rows as one; all have the parts that the first has. */
export function joinedPredictions(blocks: readonly Prediction[]): Prediction {
  const joined = (part: keyof Prediction) =>
    concatenated(
      Float32Array,
      blocks.map((block) => block[part]!),
    );
  const { mean, scale, memory } = blocks[0]!;
  return {
    sample: joined('sample'),
    ...(mean && { mean: joined('mean') }),
    ...(scale && { scale: joined('scale') }),
    ...(memory && { memory: joined('memory') }),
  };
}
