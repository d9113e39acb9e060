import type { Dynamics, LaneRows } from '../../src/core/dynamics.ts';
import { packSections, unpackSections } from '../../src/core/sections.ts';
import type { WrapperFactory } from '../../src/core/wrapper.ts';
import { nodeRuntime } from '../../src/onnx/index.ts';
import { mujocoEngine } from '../../src/physics/mujoco-engine.ts';
import { rapierEngine } from '../../src/physics/rapier-engine.ts';
import { Registry, type RegistryParts } from '../../src/registry/registry.ts';
import type { AnyTask } from '../../src/task/task.ts';
import { TaskEnv } from '../../src/task/task-env.ts';
import { SyncVectorEnv, type SyncVectorEnvOptions } from '../../src/vector/sync-vector-env.ts';
import { type ModelManifest, widthOf } from '../../src/world-model/contract.ts';
import { manifestTemplate } from '../../src/world-model/manifest-template.ts';
import type { Prediction, PredictionInput, WorldModel } from '../../src/world-model/world-model.ts';
import { walker } from './stub-tasks.ts';

/** Where the walker's dynamics breaks: NaN beyond it, as an exploding engine would give. */
export const breakAt_m = -2;

/** The walker's truth without an engine: position += gain · push, NaN once past `breakAt_m`; the stage never recovers until started again. */
export class WalkerDynamics implements Dynamics {
  readonly kind = 'truth' as const;
  readonly fingerprint = 'walker dynamics';
  readonly gains: number[] = [];
  closed = 0;

  start(lane: number, _row: Float64Array, _view: unknown, params: Readonly<Record<string, number>>): void {
    this.gains[lane] = params.gain!;
  }

  advance(rows: LaneRows, active: Uint8Array): void {
    for (let lane = 0; lane < rows.lanes; lane++) {
      if (!active[lane]) continue;
      const there_m = rows.state[lane * 3]! + this.gains[lane]! * rows.command[lane]!;
      rows.next[lane * 3] = there_m < breakAt_m ? Number.NaN : there_m;
    }
  }

  save(lane: number): Uint8Array {
    return packSections({ gain: this.gains[lane]! }, []);
  }

  load(lane: number, state: Uint8Array): void {
    this.gains[lane] = unpackSections<{ gain: number }>(state).head.gain;
  }

  close(): void {
    this.closed++;
  }
}

/** Walkers behind the real vector env. */
export function walkers(
  lanes: number,
  options: Partial<SyncVectorEnvOptions> & { readonly wrappers?: readonly WrapperFactory[] } = {},
): SyncVectorEnv {
  return new SyncVectorEnv(new TaskEnv(walker, new WalkerDynamics(), lanes), { entropy: () => 99, ...options });
}

/** A registry of these tasks on the real engines and runtime; with other parts if the first argument names some. */
export function registryOf(...given: readonly (AnyTask | Partial<RegistryParts>)[]): Registry {
  const tasks = given.filter((one): one is AnyTask => 'id' in one);
  const parts = given.find((one) => !('id' in one)) as Partial<RegistryParts> | undefined;
  const engines = { rapier: rapierEngine, mujoco: mujocoEngine };
  return new Registry({ tasks, engines, runtime: nodeRuntime(), entropy: () => 12345, ...parts });
}

/** A manifest that fits a task, for a model that gives samples alone. */
export function manifestFor(task: AnyTask, parts: Partial<ModelManifest> = {}): ModelManifest {
  return {
    ...manifestTemplate(task),
    name: 'stub',
    noise: { distribution: 'none', size: 0 },
    outputs: ['sample'],
    files: { predict: { path: 'predict.onnx', sha256: '0'.repeat(64) } },
    ...parts,
  };
}

/** What a stub model says of one row; `member` is the block the row stands in. */
export type RowModel = (
  row: { state: Float32Array; action: Float32Array; context: Float32Array; noise: Float32Array; memory: Float32Array },
  member: number,
) => {
  sample: readonly number[];
  mean?: readonly number[];
  scale?: readonly number[];
  memory?: readonly number[];
};

/** A world model in JavaScript, and a record of the calls it got. */
export class StubModel implements WorldModel {
  readonly manifest: ModelManifest;
  readonly fingerprint = 'stub model';
  readonly rowsOfCalls: number[] = [];
  closed = 0;
  private readonly answer: RowModel;

  constructor(manifest: ModelManifest, answer: RowModel) {
    this.manifest = manifest;
    this.answer = answer;
  }

  async predict(input: PredictionInput): Promise<Prediction> {
    const { manifest } = this;
    this.rowsOfCalls.push(input.rows);
    const widths = {
      state: widthOf(manifest.state),
      action: manifest.action.length,
      context: widthOf(manifest.context),
      noise: manifest.noise.size,
      memory: manifest.memorySize,
    };
    const part = (key: keyof typeof widths, row: number) => input[key].subarray(row * widths[key], (row + 1) * widths[key]);
    const answers = Array.from({ length: input.rows }, (_, row) =>
      this.answer(
        {
          state: part('state', row),
          action: part('action', row),
          context: part('context', row),
          noise: part('noise', row),
          memory: part('memory', row),
        },
        Math.floor(row / (input.rows / manifest.members)),
      ),
    );
    const joined = (key: 'sample' | 'mean' | 'scale' | 'memory') =>
      Float32Array.from(answers.flatMap((answer) => [...(answer[key] ?? [])]));
    return {
      sample: joined('sample'),
      ...(answers[0]?.mean ? { mean: joined('mean') } : {}),
      ...(answers[0]?.scale ? { scale: joined('scale') } : {}),
      memory: joined('memory'),
    };
  }

  async close(): Promise<void> {
    this.closed++;
  }
}
