import type { Backend } from '../core/backend.ts';
import type { PhysicsEngine } from '../core/physics-world.ts';
import type { EngineName } from '../core/scene-spec.ts';
import type { AutoresetMode } from '../core/vector-env.ts';
import type { WrapperFactory } from '../core/wrapper.ts';
import { GroundtwinError } from '../errors.ts';
import type { OnnxRuntime } from '../onnx/index.ts';
import { PhysicsDynamics } from '../task/physics-dynamics.ts';
import type { Ranges } from '../task/randomize.ts';
import type { AnyTask } from '../task/task.ts';
import { TaskEnv } from '../task/task-env.ts';
import { TaskPainter } from '../task/task-painter.ts';
import { TwinEnv, type TwinOptions } from '../twin/twin-env.ts';
import { Env } from '../vector/env.ts';
import { LocalVectorEnv } from '../vector/local-vector-env.ts';
import { ModelDynamics } from '../world-model/model-dynamics.ts';
import { loadModel } from '../world-model/model-folder.ts';
import type { WorldModel } from '../world-model/world-model.ts';
import { timeLimit } from '../wrappers/time-limit.ts';
import { suggest } from './suggest.ts';

export interface MakeOptions extends TwinOptions {
  /** What stands behind the env. Default 'truth'. */
  readonly backend?: 'truth' | 'model' | 'twin';
  /** What moves truth. Default 'rapier'; a task names the engines it has settings for. */
  readonly engine?: EngineName;
  /** Physical parameters drawn anew for each episode, from its seed: the task's own ranges (true) or these. Not for a twin's model. */
  readonly randomize?: boolean | Ranges;
  /** Folder of a model, or one already loaded; required unless the backend is truth. */
  readonly model?: string | WorldModel;
  /** Applied outside the time limit, innermost first. */
  readonly wrappers?: readonly WrapperFactory[];
  /** Steps until truncation; default the task's horizon, null = none. */
  readonly maxEpisodeSteps?: number | null;
}

export interface MakeVectorOptions extends MakeOptions {
  /** Copies stepped together. Default 1. */
  readonly lanes?: number;
  readonly autoreset?: AutoresetMode;
  /** False: results are reused buffers. Default true. */
  readonly copy?: boolean;
}

/** What a registry needs from the outside. */
export interface RegistryParts {
  readonly tasks: readonly AnyTask[];
  readonly engines: Readonly<Record<EngineName, () => Promise<PhysicsEngine>>>;
  readonly runtime: OnnxRuntime;
  /** Seeds for lanes that were given none: integers in [0, 2^32). */
  readonly entropy: () => number;
}

const idForm = /^[A-Z][A-Za-z0-9]*-v[0-9]+$/;
/** Enough for any sweep on one machine; a world takes some 100 kB. */
export const maxLanes = 65536;

/** Tasks by id, and how to make environments of them. */
export class Registry {
  private readonly parts: RegistryParts;
  private readonly tasks = new Map<string, AnyTask>();

  constructor(parts: RegistryParts) {
    this.parts = parts;
    for (const task of parts.tasks) this.register(task);
  }

  /** Adds a task of your own. @throws OPTION_INVALID for a malformed or taken id. */
  register(task: AnyTask): void {
    if (!idForm.test(task.id))
      throw new GroundtwinError('OPTION_INVALID', { who: 'register', option: 'id', value: task.id, allowed: 'Name-vN, as in CartPole-v0' });
    if (this.tasks.has(task.id))
      throw new GroundtwinError('OPTION_INVALID', {
        who: 'register',
        option: 'id',
        value: task.id,
        allowed: 'an id not yet taken; raise its version',
      });
    this.tasks.set(task.id, task);
  }

  ids(): string[] {
    return [...this.tasks.keys()].sort();
  }

  /** @throws ENV_UNKNOWN with the nearest known id. */
  task(id: string): AnyTask {
    const task = this.tasks.get(id);
    if (task) return task;
    const known = this.ids();
    throw new GroundtwinError('ENV_UNKNOWN', { id: String(id).slice(0, 100), suggestion: suggest(String(id), known), known });
  }

  /** One environment. @throws ENV_UNKNOWN, OPTION_INVALID, MODEL_MISSING, MODEL_REFUSED, MODEL_INVALID. */
  async make(id: string, options: MakeOptions = {}): Promise<Env> {
    return new Env(await this.makeVector(id, { ...options, lanes: 1, autoreset: 'disabled' }));
  }

  /** Several lanes stepped together. @throws as `make`. */
  async makeVector(id: string, options: MakeVectorOptions = {}): Promise<LocalVectorEnv> {
    const task = this.task(id);
    const steps = options.maxEpisodeSteps === undefined ? task.horizon : options.maxEpisodeSteps;
    const wrappers = [...(steps === null ? [] : [timeLimit(steps)]), ...(options.wrappers ?? [])];
    const backend = await this.backend(task, options);
    try {
      return new LocalVectorEnv(backend, {
        wrappers,
        autoreset: options.autoreset ?? 'nextStep',
        copy: options.copy ?? true,
        entropy: this.parts.entropy,
        painter: new TaskPainter(task, () => this.engine(options.engine ?? 'rapier')),
      });
    } catch (error) {
      await backend.close();
      throw error;
    }
  }

  /** Truth without wrappers: for recorders and planners that need the state itself. */
  async truth(id: string, lanes = 1, engine: EngineName = 'rapier', randomize?: Ranges): Promise<TaskEnv> {
    const task = this.task(id);
    return new TaskEnv(task, new PhysicsDynamics(task, await this.engine(engine)), lanes, randomize ? { randomize } : {});
  }

  /** @throws OPTION_INVALID for an engine there is none of, ENGINE_MISSING where it is not installed. */
  engine(name: EngineName): Promise<PhysicsEngine> {
    const { engines } = this.parts;
    if (!Object.hasOwn(engines, name))
      throw new GroundtwinError('OPTION_INVALID', {
        who: 'engine',
        option: 'engine',
        value: String(name).slice(0, 40),
        allowed: `one of ${Object.keys(engines).join(', ')}`,
      });
    return engines[name]();
  }

  /** A model as an env without wrappers. One loaded from a folder is closed with it. */
  async imagined(id: string, model: string | WorldModel, lanes = 1): Promise<TaskEnv> {
    const task = this.task(id);
    return new TaskEnv(
      task,
      new ModelDynamics(task, await this.model(task, model), lanes, { ownsModel: typeof model === 'string' }),
      lanes,
    );
  }

  /** Loads a model folder for a task. @throws MODEL_MISSING, MODEL_REFUSED, MODEL_INVALID. */
  async loadModel(id: string, folder: string): Promise<WorldModel> {
    return loadModel(this.parts.runtime, folder, this.task(id));
  }

  private async backend(task: AnyTask, options: MakeVectorOptions): Promise<Backend> {
    const lanes = options.lanes ?? 1;
    if (!Number.isInteger(lanes) || lanes < 1 || lanes > maxLanes)
      throw new GroundtwinError('OPTION_INVALID', {
        who: task.id,
        option: 'lanes',
        value: String(lanes),
        allowed: `an integer from 1 to ${maxLanes}`,
      });
    const kind = options.backend ?? 'truth';
    switch (kind) {
      case 'truth':
        return this.truth(task.id, lanes, options.engine, rangesOf(task, options.randomize));
      case 'model':
        return this.imagined(task.id, requireModel(task, options), lanes);
      case 'twin': {
        const given = requireModel(task, options);
        const dynamics = new ModelDynamics(task, await this.model(task, given), lanes, {
          disagreement: true,
          ownsModel: typeof given === 'string',
        });
        return new TwinEnv(
          await this.truth(task.id, lanes, options.engine, rangesOf(task, options.randomize)),
          new TaskEnv(task, dynamics, lanes),
          dynamics,
          options,
        );
      }
      default:
        throw new GroundtwinError('OPTION_INVALID', {
          who: task.id,
          option: 'backend',
          value: String(kind),
          allowed: "'truth', 'model' or 'twin'",
        });
    }
  }

  private model(task: AnyTask, model: string | WorldModel): Promise<WorldModel> {
    return typeof model === 'string' ? this.loadModel(task.id, model) : Promise.resolve(model);
  }
}

function rangesOf(task: AnyTask, randomize: MakeOptions['randomize']): Ranges | undefined {
  if (randomize === undefined || randomize === false) return undefined;
  if (randomize !== true) return randomize;
  if (task.randomize) return task.randomize;
  throw new GroundtwinError('OPTION_INVALID', {
    who: task.id,
    option: 'randomize',
    value: 'true',
    allowed: `ranges of its parameters (${Object.keys(task.params).join(', ')}): the task declares none`,
  });
}

function requireModel(task: AnyTask, options: MakeOptions): string | WorldModel {
  if (options.model === undefined)
    throw new GroundtwinError('OPTION_INVALID', {
      who: task.id,
      option: 'model',
      value: 'missing',
      allowed: `the folder of a model, for backend '${options.backend}'`,
    });
  return options.model;
}
