import type { PhysicsEngine } from '../core/physics-world.ts';
import { sha256Hex } from '../math/hash.ts';
import type { AnyTask, Params } from '../task/task.ts';
import type { ModelManifest } from '../world-model/contract.ts';
import { manifestTemplate } from '../world-model/manifest-template.ts';
import type { Prediction, PredictionInput, WorldModel } from '../world-model/world-model.ts';
import { CommandedPhysics } from './commanded-physics.ts';
import { rowOf } from './controls/control.ts';

export interface TruthModelOptions {
  /** The parameters it goes by, of those that a state has: a model that is off by so much. */
  readonly changed?: (params: Params) => Params;
  /** float64 `[P]`: standard deviation of what it adds to each predicted element in a step, and owns up to. Default none. */
  readonly noise?: Float64Array;
}

/** Physics behind the contract of a learned model: what the suite must not fail, and what negative controls break. Stepwise: contacts begin anew in every control step. */
export class TruthModel implements WorldModel {
  readonly manifest: ModelManifest;
  readonly fingerprint: string;
  private readonly physics: CommandedPhysics;
  private readonly noise: Float64Array | undefined;

  constructor(task: AnyTask, engine: PhysicsEngine, { changed, noise }: TruthModelOptions = {}) {
    const { noise: stated, ...template } = manifestTemplate(task);
    const manifest = { ...template, name: `truth of ${task.id}`, noise: { ...stated, size: noise ? stated.size : 0 } };
    this.manifest = noise ? manifest : { ...manifest, outputs: ['sample', 'mean'] };
    this.fingerprint = sha256Hex(JSON.stringify([this.manifest, noise && [...noise], changed?.(task.params) ?? null]));
    this.physics = new CommandedPhysics(task, engine, changed);
    this.noise = noise;
  }

  async predict({ rows, state, context, action, noise: drawn }: PredictionInput): Promise<Prediction> {
    const size = state.length / rows;
    const mean = new Float32Array(state.length);
    for (let row = 0; row < rows; row++) {
      const [own, about, command] = [state, context, action].map((values) => rowOf(values, row, rows));
      mean.set(this.physics.next(own!, about!, command!), row * size);
    }
    const { noise } = this;
    if (!noise) return { sample: mean, mean: mean.slice() };
    const scale = Float32Array.from(mean, (_, i) => noise[i % size]!);
    return { sample: mean.map((value, i) => value + scale[i]! * drawn[i]!), mean, scale };
  }

  async close(): Promise<void> {
    this.physics.close();
  }
}
