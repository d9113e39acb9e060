import type { Rng } from '../math/rng.ts';
import {
  type CompiledTraining,
  compileInference,
  mlp,
  type OnnxRuntime,
  type OnnxSession,
  type OnnxTensor,
  releaseAll,
  type TrainingChunk,
  TrainingProgram,
  type TrainingState,
} from '../onnx/index.ts';
import type { Space } from '../spaces/space.ts';
import { requireBoundedBox, scaledAction } from './action-scale.ts';
import { compilePolicy } from './policy-export.ts';
import type { ReplayColumns } from './replay-tables.ts';
import { checkSacSettings, type SacSettings } from './sac-settings.ts';
import { compileSac, type SacNetworks, type SacShape, sacNetworks } from './soft-actor-critic-losses.ts';
import { squash, squashedMode } from './squashed-gaussian.ts';

/** Means over the updates of one call; null where none was reported: of an actor that was not updated, or where numbers were no longer finite. */
export interface SacFigures {
  /** Half the squared error, summed over critics. */
  readonly criticLoss: number | null;
  /** Of the critics, of the actions that were taken. */
  readonly meanValue: number | null;
  readonly actorLoss: number | null;
  /** Of the policy, of actions in −1 … 1, in nats. */
  readonly entropy: number | null;
  readonly entropyWeight: number | null;
  /** Updates left out since something was not finite. */
  readonly skipped: number;
}

/** A copy of everything to go on from. */
export type SacLearnerState = TrainingState;

const who = 'sac';

/** Soft actor-critic alone, without an env: what it learns from is in tables that the caller fills. Actions are −1 … 1. */
export class SacLearner {
  readonly settings: SacSettings;
  private readonly networks: SacNetworks;
  private readonly program: TrainingProgram;
  /** Means and log deviations, with weights still training. */
  private readonly forward: OnnxSession;
  private readonly actorShapes: CompiledTraining['parameters'];

  private constructor(settings: SacSettings, networks: SacNetworks, { program, forward, actorShapes }: SacParts) {
    this.settings = settings;
    this.networks = networks;
    this.program = program;
    this.forward = forward;
    this.actorShapes = actorShapes;
  }

  /** @param rng - draws the starting weights. @throws OPTION_INVALID for settings that cannot be; RUNTIME_MISSING. */
  static async open(runtime: OnnxRuntime, shape: SacShape, settings: SacSettings, rng: Rng): Promise<SacLearner> {
    checkSacSettings(who, settings);
    const networks = sacNetworks(shape, settings);
    const compiled = compileSac(networks, settings, rng);
    const actorShapes = compiled.parameters.filter(({ name }) => name.startsWith(`${networks.actor.name}.`));
    const forward = compileInference({
      parameters: actorShapes,
      inputs: [{ name: 'observation', dtype: 'float32', shape: ['N', shape.observationSize] }],
      build: (builder, weights, { observation }) => ({ output: mlp(builder, weights, observation!, networks.actor) }),
    });
    return new SacLearner(settings, networks, {
      program: await TrainingProgram.open(runtime, compiled),
      forward: await runtime.load(forward, { name: 'sac actor' }),
      actorShapes,
    });
  }

  /**
   * @param observation - float32 `[rows, observationSize]`, read in place. @param out - float32 `[rows, actionSize]`, gets the actions.
   * @param rng - draws them; null = the mode.
   */
  async act(observation: Float32Array, rows: number, out: Float32Array, rng: Rng | null): Promise<void> {
    const { observationSize, actionSize } = this.networks;
    const feeds: Record<string, OnnxTensor> = {
      observation: { type: 'float32', data: observation.subarray(0, rows * observationSize), dims: [rows, observationSize] },
    };
    const weights = this.program.parameters();
    for (const { name, shape } of this.actorShapes) feeds[`parameter.${name}`] = { type: 'float32', data: weights[name]!, dims: shape };
    const output = (await this.forward.run(feeds)).output!.data as Float32Array;
    squash(output, rng && normals(rng, rows * actionSize), actionSize, out.subarray(0, rows * actionSize));
  }

  /** Tables read in place by every update; set again when they are others, or when rows are added. @throws OPTION_INVALID when one is short. */
  setTables(tables: ReplayColumns, rows: number): void {
    this.program.setTables({ ...tables }, rows);
  }

  /**
   * Learns from batches of rows: the critics from each, the actor from every `policyEvery`-th. One call of the runtime, which holds the thread: ask for as many as fit into 200 ms.
   * Equal, bit for bit, to calls of one update each.
   *
   * @param indices - int32 `[updates, batch]`. @param rng - draws actions, and which critics are targets.
   * @throws OPTION_INVALID for rows outside the tables.
   */
  async update(indices: Int32Array, rng: Rng): Promise<SacFigures> {
    const streams = this.draw(Math.floor(indices.length / this.settings.batch), rng);
    return figuresOf(await this.program.run(indices, this.settings.learningRate, streams));
  }

  /** A copy; between updates. */
  save(): SacLearnerState {
    return this.program.state();
  }

  /** Goes on from what another of the same settings saved, with the same bytes. @throws OPTION_INVALID when it does not fit. */
  load(state: SacLearnerState): void {
    this.program.load(state);
  }

  /** The mode as ONNX, scaled to the action space; see `onnxPolicy`. @throws OPTION_INVALID for actions that are no bounded box. */
  policy(observationSpace: Space, actionSpace: Space): Uint8Array<ArrayBuffer> {
    const box = requireBoundedBox(who, actionSpace);
    const { actor } = this.networks;
    return compilePolicy(observationSpace, {
      parameters: this.actorShapes,
      values: this.program.parameters(),
      action: (builder, weights, observation) =>
        scaledAction(builder, box, squashedMode(builder, mlp(builder, weights, observation, actor))),
    });
  }

  /** Gives the memory of the graphs back. */
  close(): Promise<void> {
    return releaseAll([this.program, this.forward]);
  }

  /** What the updates are fed, drawn update by update. */
  private draw(updates: number, rng: Rng): Record<string, Float32Array | Int32Array> {
    const { batch, critics, targetCritics } = this.settings;
    const size = batch * this.networks.actionSize;
    const [noise, actorNoise] = [new Float32Array(updates * size), new Float32Array(updates * size)];
    const subset = new Int32Array(updates * targetCritics);
    for (let update = 0; update < updates; update++) {
      rng.normals32(noise, update * size, size);
      rng.normals32(actorNoise, update * size, size);
      if (targetCritics < critics) subset.set(drawSubset(rng, targetCritics, critics), update * targetCritics);
    }
    return { noise, actor_noise: actorNoise, subset };
  }
}

interface SacParts {
  readonly program: TrainingProgram;
  readonly forward: OnnxSession;
  readonly actorShapes: CompiledTraining['parameters'];
}

function normals(rng: Rng, count: number): Float32Array {
  const values = new Float32Array(count);
  rng.normals32(values, 0, count);
  return values;
}

/** That many different numbers below `count`, any as likely as any other. */
export function drawSubset(rng: Rng, size: number, count: number): Int32Array {
  const all = Int32Array.from({ length: count }, (_, i) => i);
  rng.shuffle(all);
  return all.subarray(0, size);
}

function figuresOf({ loss, metrics, finite }: TrainingChunk): SacFigures {
  const actor = metrics.follow_up_finite!;
  return {
    criticLoss: meanOf(loss),
    meanValue: meanOf(metrics.value!),
    actorLoss: meanOf(metrics.actor_loss!),
    entropy: meanOf(metrics.entropy!),
    entropyWeight: meanOf(metrics.entropy_weight!),
    skipped: count(finite, 0) + count(actor, 0),
  };
}

/** Of what was reported; null = nothing was. */
function meanOf(values: Float32Array): number | null {
  const reported = values.filter((value) => !Number.isNaN(value));
  return reported.length > 0 ? reported.reduce((sum, value) => sum + value, 0) / reported.length : null;
}

function count(values: ArrayLike<number>, wanted: number): number {
  let found = 0;
  for (let i = 0; i < values.length; i++) if (values[i] === wanted) found++;
  return found;
}
