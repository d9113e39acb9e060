import type { Backend } from '../core/backend.ts';
import { requireKnown } from '../core/options.ts';
import type { PhysicsEngine } from '../core/physics-world.ts';
import type { Ranges } from '../core/range.ts';
import type { EngineName } from '../core/scene-spec.ts';
import { layOut } from '../core/state-spec.ts';
import { suggest } from '../core/suggest.ts';
import type { AutoresetMode, MadeWith } from '../core/vector-env.ts';
import type { WrapperFactory } from '../core/wrapper.ts';
import { GroundtwinError } from '../errors.ts';
import {
  type GuardOptions,
  guardedRuntime,
  type ModelIsolation,
  type ModelLimits,
  modelIsolations,
  type OnnxRuntime,
} from '../onnx/index.ts';
import { conditionOn } from '../task/condition.ts';
import { isTask } from '../task/is-task.ts';
import { PhysicsDynamics } from '../task/physics-dynamics.ts';
import type { AnyTask } from '../task/task.ts';
import { TaskEnv } from '../task/task-env.ts';
import { TaskPainter } from '../task/task-painter.ts';
import { TwinEnv, type TwinOptions } from '../twin/twin-env.ts';
import { Env } from '../vector/env.ts';
import { Pacer } from '../vector/pacer.ts';
import { SyncVectorEnv, type SyncVectorEnvOptions } from '../vector/sync-vector-env.ts';
import { WorkerBackend } from '../vector/worker-backend.ts';
import type { Isolation, WorkerStarters } from '../vector/worker-protocol.ts';
import { WorkerVectorEnv } from '../vector/worker-vector-env.ts';
import type { Clock } from '../wire/clock.ts';
import { refuserOf, requireTask } from '../world-model/contract.ts';
import { ModelDynamics, type ModelDynamicsOptions } from '../world-model/model-dynamics.ts';
import { loadModel, type ModelSource } from '../world-model/model-folder.ts';
import { requireSeenTask } from '../world-model/observation-contract.ts';
import { ObservationEnv } from '../world-model/observation-env.ts';
import { loadObservationModel, predictsObservations } from '../world-model/observation-folder.ts';
import type { ObservationModel } from '../world-model/observation-model.ts';
import type { WorldModel } from '../world-model/world-model.ts';
import { delayAction } from '../wrappers/delay-action.ts';
import { noisyObservation } from '../wrappers/noisy-observation.ts';
import { timeLimit } from '../wrappers/time-limit.ts';

export interface MakeOptions extends TwinOptions {
  /** What stands behind the env. Default 'truth'. */
  readonly backend?: 'truth' | 'model' | 'twin';
  /** What moves truth. Default 'rapier'; a task names the engines it has settings for. */
  readonly engine?: EngineName;
  /**
   * Drawn anew for each episode, from its seed: the task's own ranges (true) or these, of its physical parameters, of `latency_steps` (whole control
   * steps that actions come late) and of `sensorNoise` (deviation added to every observation element, in its unit). A model keeps its own physics
   * but for the parameters that it is told, see `condition`.
   */
  readonly randomize?: boolean | Ranges;
  /**
   * Physical parameters that the state carries, as `conditionOn` has it, so that one model serves them all: these, or those that `randomize` draws (true).
   * A model must have been trained with them. Default none.
   */
  readonly condition?: boolean | readonly string[];
  /** Shows the agent these parameters, as the last elements of its observation. Default false. */
  readonly observeCondition?: boolean;
  /** Folder of a model, its bytes, or one already loaded; required unless the backend is truth. */
  readonly model?: AnyModel;
  /** Where a model that is loaded here runs: see `ModelIsolation`. Default 'auto'. */
  readonly modelIsolation?: ModelIsolation;
  /** What it may take in a process of its own; an env whose model is stopped rejects its steps with MODEL_STOPPED. */
  readonly modelLimits?: ModelLimits;
  /** For backend 'model': tell in `info.model` how far each dream may still be trusted, see `TrustColumns`. It asks every member, so steps cost more. Default false. */
  readonly trust?: boolean;
  /** Applied outside the time limit, innermost first. */
  readonly wrappers?: readonly WrapperFactory[];
  /** Steps until truncation; default the task's horizon, null = none. */
  readonly maxEpisodeSteps?: number | null;
  /**
   * Simulated seconds per second of the clock: 1 = real time, 2 = twice as fast; absent = as fast as it can.
   * A step resolves no earlier than it is due, one control step after the one before was due. After falling behind by more than one control step it does not catch up: the rhythm begins anew from there.
   */
  readonly pace?: number;
}

export interface MakeVectorOptions extends MakeOptions {
  /** Copies stepped together. Default 1. */
  readonly lanes?: number;
  readonly autoreset?: AutoresetMode;
  /** False: results are reused buffers. Default true. */
  readonly copy?: boolean;
  /** Steps the lanes in this many workers, each with a physics module of its own; absent = in this process. For truth only. */
  readonly workers?: number;
  /** What a worker is. Default 'process': it survives what a thread does not (kill -9, native crashes, memory running out), and answers sooner. */
  readonly isolation?: Isolation;
  /** How long a worker may take over one step (or reset, snapshot, restore) before it is killed and its lanes are cut off, ms; absent = as long as it likes. */
  readonly stepDeadline_ms?: number;
  /** File URLs of modules with tasks of your own, for workers to import: every exported task is registered there. */
  readonly taskModules?: readonly string[];
}

/** Of a model as an env without wrappers. */
export interface ImaginedOptions extends GuardOptions {
  /** Drawn anew for each episode: of what the model is told. */
  readonly randomize?: Ranges;
  /** Tell how far each dream may still be trusted. Default false. */
  readonly trust?: boolean;
}

const makeOptions = {
  backend: true,
  engine: true,
  randomize: true,
  condition: true,
  observeCondition: true,
  model: true,
  modelIsolation: true,
  modelLimits: true,
  observe: true,
  resync: true,
  drift: true,
  trust: true,
  wrappers: true,
  maxEpisodeSteps: true,
  pace: true,
} satisfies Record<keyof MakeOptions, true>;
const makeVectorOptions = {
  ...makeOptions,
  lanes: true,
  autoreset: true,
  copy: true,
  workers: true,
  isolation: true,
  stepDeadline_ms: true,
  taskModules: true,
} satisfies Record<keyof MakeVectorOptions, true>;

/** What a registry needs from the outside. */
export interface RegistryParts {
  readonly tasks: readonly AnyTask[];
  readonly engines: Readonly<Record<EngineName, () => Promise<PhysicsEngine>>>;
  readonly runtime: OnnxRuntime;
  /** Seeds for lanes that were given none: integers in [0, 2^32). */
  readonly entropy: () => number;
  /** For `pace` and for workers. */
  readonly clock?: Clock;
  /** How workers are started. */
  readonly workers?: WorkerStarters;
  /** The root that serves models in a process of their own; absent: models that need one are refused. */
  readonly modelWorker?: URL;
}

const idForm = /^[A-Z][A-Za-z0-9]*-v[0-9]+$/;
/** Enough for any sweep on one machine; a world takes some 100 kB. */
export const maxLanes = 65536;
/** More than cores only wait for each other. */
export const maxWorkers = 256;

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

  /** @param id - or a task itself, such as one made by `conditionOn`, which stands for itself. @throws ENV_UNKNOWN with the nearest known id. */
  task(id: string | AnyTask): AnyTask {
    if (isTask(id)) return id;
    const task = this.tasks.get(id);
    if (task) return task;
    const known = this.ids();
    throw new GroundtwinError('ENV_UNKNOWN', { id: String(id).slice(0, 100), suggestion: suggest(String(id), known), known });
  }

  /** One environment. @throws ENV_UNKNOWN, OPTION_INVALID, MODEL_MISSING, MODEL_REFUSED, MODEL_INVALID. */
  async make(id: string, options: MakeOptions = {}): Promise<Env> {
    requireKnown(this.task(id).id, 'make', options, makeOptions);
    return new Env(await this.makeVector(id, { ...options, lanes: 1, autoreset: 'disabled', copy: false }), true);
  }

  /** Several lanes stepped together. @throws as `make`; with workers also WORKER_FAILED. */
  async makeVector<O extends MakeVectorOptions>(
    id: string,
    options: O = {} as O,
  ): Promise<O extends { readonly workers: number } ? WorkerVectorEnv : SyncVectorEnv> {
    requireKnown(this.task(id).id, 'makeVector', options, makeVectorOptions);
    const env = options.workers === undefined ? this.inProcess(id, options) : this.inWorkers(id, options, options.workers);
    return (await env) as O extends { readonly workers: number } ? WorkerVectorEnv : SyncVectorEnv;
  }

  /** Truth without wrappers: for recorders and planners that need the state itself. */
  async truth(id: string | AnyTask, lanes = 1, engine: EngineName = 'rapier', randomize?: Ranges): Promise<TaskEnv> {
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

  /** A model as an env without wrappers. One loaded here is closed with it. */
  async imagined(id: string | AnyTask, model: ModelSource | WorldModel, lanes = 1, options: ImaginedOptions = {}): Promise<TaskEnv> {
    const task = this.task(id);
    const { randomize, trust = false, ...guard } = options;
    const dynamics = await this.modelDynamics(task, { model, ...guard }, lanes, { trust });
    return orClosed(dynamics, () => new TaskEnv(task, dynamics, lanes, randomize ? { randomize } : {}));
  }

  /**
   * Loads an untrusted model for a task, from its folder or from bytes; the caller closes it.
   * @throws MODEL_MISSING, MODEL_REFUSED, MODEL_INVALID, MODEL_STOPPED, OPTION_INVALID.
   */
  async loadModel(id: string | AnyTask, source: ModelSource, guard: GuardOptions = {}): Promise<WorldModel> {
    const task = this.task(id);
    return loadModel(this.guardedRuntime(task, guard), source, task);
  }

  /** The same of a model of observations, to plan in. */
  async loadObservationModel(id: string | AnyTask, source: ModelSource, guard: GuardOptions = {}): Promise<ObservationModel> {
    const task = this.task(id);
    return loadObservationModel(this.guardedRuntime(task, guard), source, task);
  }

  private async inProcess(id: string, options: MakeVectorOptions): Promise<SyncVectorEnv> {
    const task = conditioned(this.task(id), options);
    for (const option of ['isolation', 'stepDeadline_ms', 'taskModules'] as const)
      if (options[option] !== undefined) refuse(task, option, String(options[option]), 'absent unless workers are asked for');
    const outer = this.outerOptions(task, options);
    const backend = await this.backend(task, options);
    return orClosed(backend, () => new SyncVectorEnv(backend, outer));
  }

  private async inWorkers(id: string, options: MakeVectorOptions, workers: number): Promise<WorkerVectorEnv> {
    const task = conditioned(this.task(id), options);
    const lanes = checkedLanes(task, options);
    const { isolation = 'process', stepDeadline_ms, taskModules, engine = 'rapier' } = options;
    const randomize = physicalRanges(task, options.randomize);
    if ((options.backend ?? 'truth') !== 'truth')
      refuse(
        task,
        'backend',
        String(options.backend),
        "'truth' where workers are asked for: a model steps all lanes in one batch, which workers would only split",
      );
    requireUsed(task, 'truth', options);
    const most = Math.min(lanes, maxWorkers);
    if (!Number.isInteger(workers) || workers < 1 || workers > most)
      refuse(task, 'workers', String(workers), `an integer from 1 to ${most}, one lane each at least`);
    if (isolation !== 'process' && isolation !== 'thread') refuse(task, 'isolation', String(isolation), "'process' or 'thread'");
    if (stepDeadline_ms !== undefined && !(stepDeadline_ms > 0 && Number.isFinite(stepDeadline_ms)))
      refuse(task, 'stepDeadline_ms', String(stepDeadline_ms), 'a number of milliseconds above 0');
    const { clock, workers: starters } = this.parts;
    if (!clock || !starters)
      refuse(task, 'workers', String(workers), 'absent: this registry was made without a clock and a way to start workers');
    const outer = this.outerOptions(task, options);
    const backend = await WorkerBackend.start({
      id,
      lanes,
      workers,
      isolation,
      start: starters[isolation],
      clock,
      ...(stepDeadline_ms === undefined ? {} : { stepDeadline_ms }),
      ...(taskModules ? { taskModules } : {}),
      options: { engine, ...(randomize && { randomize }), ...conditionOf(task, options) },
    });
    return orClosed(backend, () => new WorkerVectorEnv(backend, outer));
  }

  /** What goes round a backend, whichever it is. */
  private outerOptions(task: AnyTask, options: MakeVectorOptions): SyncVectorEnvOptions {
    const steps = options.maxEpisodeSteps === undefined ? task.horizon : options.maxEpisodeSteps;
    const ranges = allRangesOf(task, options.randomize);
    const { latency_steps, sensorNoise } = ranges ?? {};
    const { wrappers = [], engine = 'rapier', maxEpisodeSteps } = options;
    if (!Array.isArray(wrappers)) refuse(task, 'wrappers', String(wrappers), 'a list, as in [clipAction()]');
    return {
      inner: [
        ...(steps === null ? [] : [timeLimit(steps)]),
        ...(latency_steps ? [delayAction(latency_steps)] : []),
        ...(sensorNoise ? [noisyObservation(sensorNoise)] : []),
      ],
      wrappers,
      madeWith: {
        engine,
        ...(maxEpisodeSteps === undefined ? {} : { maxEpisodeSteps }),
        ...(ranges ? { randomize: ranges } : {}),
        ...conditionOf(task, options),
      },
      autoreset: options.autoreset ?? 'nextStep',
      copy: options.copy ?? true,
      entropy: this.parts.entropy,
      painter: new TaskPainter(task, () => this.engine(engine)),
      stateSpec: layOut(task.state),
      ...(options.pace === undefined ? {} : { pacer: this.pacer(task, options.pace) }),
    };
  }

  private pacer(task: AnyTask, pace: number): Pacer {
    if (!(pace > 0 && Number.isFinite(pace))) refuse(task, 'pace', String(pace), 'a finite number above 0');
    if (!this.parts.clock) refuse(task, 'pace', String(pace), 'absent: this registry was made without a clock');
    return new Pacer(this.parts.clock, (1000 * task.controlDt_s) / pace);
  }

  private async backend(task: AnyTask, options: MakeVectorOptions): Promise<Backend> {
    const lanes = checkedLanes(task, options);
    const kind = options.backend ?? 'truth';
    requireUsed(task, kind, options);
    const ranges = physicalRanges(task, options.randomize);
    switch (kind) {
      case 'truth':
        return this.truth(task, lanes, options.engine, ranges);
      case 'model': {
        const { trust } = options;
        return this.dreamed(task, guarded(task, options), lanes, {
          ...(ranges && { randomize: ranges }),
          ...(trust !== undefined && { trust }),
        });
      }
      case 'twin': {
        const { model, ...guard } = guarded(task, options);
        if (isOfObservations(model)) refuse(task, 'model', 'one of observations', "one that predicts 'state': a twin compares states");
        const dynamics = await this.modelDynamics(task, { model, ...guard }, lanes, { disagreement: true });
        return orClosed(dynamics, async () => {
          const truth = await this.truth(task, lanes, options.engine, ranges);
          return orClosed(truth, () => new TwinEnv(truth, new TaskEnv(task, dynamics, lanes), dynamics, options));
        });
      }
      default:
        return refuse(task, 'backend', String(kind), "'truth', 'model' or 'twin'");
    }
  }

  /** Either kind of model; its manifest says of which it is. */
  private async dreamed(
    task: AnyTask,
    { model, ...guard }: GuardedModel,
    lanes: number,
    options: Omit<ImaginedOptions, keyof GuardOptions>,
  ): Promise<Backend> {
    if (!isOfObservations(model)) return this.imagined(task, model, lanes, { ...guard, ...options });
    for (const option of Object.keys(options))
      refuse(task, option, 'given', 'absent for a model of observations: it knows no parameters and no state');
    if (isLoaded(model)) {
      requireSeenTask(model.manifest, task, refuserOf(model.manifest.name));
      requireUnguarded(task, guard);
      return new ObservationEnv(task, model, lanes);
    }
    const loaded = await loadObservationModel(this.guardedRuntime(task, guard, lanes), model, task);
    return orClosed(loaded, () => new ObservationEnv(task, loaded, lanes, { ownsModel: true }));
  }

  /** Runs untrusted graphs as models are run. @param rows - of each call, as far as is known. */
  untrustedRuntime(guard: GuardOptions = {}, rows?: number): OnnxRuntime {
    const { runtime, modelWorker } = this.parts;
    return guardedRuntime({ inProcess: runtime, worker: modelWorker }, guard, rows);
  }

  private guardedRuntime(task: AnyTask, guard: GuardOptions, rows?: number): OnnxRuntime {
    return this.untrustedRuntime(checkedGuard(task, guard), rows);
  }

  private async modelDynamics(
    task: AnyTask,
    { model, ...guard }: GuardOptions & { readonly model: ModelSource | WorldModel },
    lanes: number,
    options: Omit<ModelDynamicsOptions, 'ownsModel'>,
  ): Promise<ModelDynamics> {
    if (isLoaded(model)) {
      requireTask(model.manifest.name, model.manifest, task);
      requireUnguarded(task, guard);
      return new ModelDynamics(task, model, lanes, options);
    }
    const loaded = await loadModel(this.guardedRuntime(task, guard, lanes), model, task);
    return orClosed(loaded, () => new ModelDynamics(task, loaded, lanes, { ...options, ownsModel: true }));
  }
}

/** A model and where it is to run. */
interface GuardedModel extends GuardOptions {
  readonly model: AnyModel;
}

/** The task with the parameters in its state that are asked for. */
function conditioned(task: AnyTask, { condition = false, observeCondition = false, randomize }: MakeOptions): AnyTask {
  if (typeof condition !== 'boolean' && !Array.isArray(condition))
    refuse(task, 'condition', String(condition), "true, or a list of parameters, as in ['mass_kg']");
  const names = condition === true ? Object.keys(physicalRanges(task, randomize) ?? {}) : condition || [];
  if (condition === true && names.length === 0)
    refuse(task, 'condition', 'true', 'a list of parameters, where randomize draws none of them');
  if (observeCondition && names.length === 0) refuse(task, 'observeCondition', 'true', 'given together with condition');
  return conditionOn(task, names, { observe: observeCondition });
}

/** Enough to make the same task again. */
function conditionOf({ conditionedOn }: AnyTask, { observeCondition }: MakeOptions): Pick<MadeWith, 'condition' | 'observeCondition'> {
  if (!conditionedOn) return {};
  return { condition: conditionedOn, ...(observeCondition ? { observeCondition } : {}) };
}

/** Ranges of physical parameters that an option stands for; latency and sensor noise are wrappers. @throws OPTION_INVALID for true where the task declares none. */
export function physicalRanges(task: AnyTask, randomize: MakeOptions['randomize']): Ranges | undefined {
  const all = allRangesOf(task, randomize);
  if (!all) return undefined;
  const { latency_steps: _, sensorNoise: __, ...physical } = all;
  return physical;
}

function allRangesOf(task: AnyTask, randomize: MakeOptions['randomize']): Ranges | undefined {
  if (randomize === undefined || randomize === false) return undefined;
  if (randomize !== true) return checkedForm(task, randomize);
  const names = Object.keys(task.params).join(', ');
  return task.randomize ?? refuse(task, 'randomize', 'true', `ranges of its parameters (${names}): the task declares none`);
}

/** Whose ends are right is for those to say who draw from them. */
function checkedForm(task: AnyTask, ranges: Ranges): Ranges {
  if (!isMap(ranges)) refuse(task, 'randomize', String(ranges), 'true, or a range { low, high } for each parameter');
  for (const [name, range] of Object.entries(ranges))
    if (!isMap(range)) refuse(task, `randomize.${name}`.slice(0, 100), String(range), 'a range { low, high }');
  return ranges;
}

function isMap(value: unknown): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !ArrayBuffer.isView(value);
}

function refuse(task: AnyTask, option: string, value: string, allowed: string): never {
  throw new GroundtwinError('OPTION_INVALID', { who: task.id, option, value: value.slice(0, 100), allowed });
}

function checkedLanes(task: AnyTask, { lanes = 1 }: MakeVectorOptions): number {
  if (!Number.isInteger(lanes) || lanes < 1 || lanes > maxLanes) refuse(task, 'lanes', String(lanes), `an integer from 1 to ${maxLanes}`);
  return lanes;
}

/** Options that only some backends have a use for: taken in silence, they would seem to be at work. */
const backendsOf = { trust: ['model'], drift: ['twin'], observe: ['twin'], resync: ['twin'] } as const;

function requireUsed(task: AnyTask, kind: string, options: MakeOptions): void {
  for (const [option, backends] of Object.entries(backendsOf) as [keyof typeof backendsOf, readonly string[]][]) {
    const value = options[option];
    if (value !== undefined && value !== false && !backends.includes(kind))
      refuse(task, option, JSON.stringify(value), `absent for backend '${kind}': it is for backend '${backends.join("', '")}'`);
  }
}

function requireUnguarded(task: AnyTask, guard: GuardOptions): void {
  for (const [option, value] of Object.entries(guard)) refuse(task, option, String(value), 'absent for a model that is loaded');
}

/** Leaves nothing open behind when what goes round it does not fit. */
async function orClosed<E>(opened: { close(): void | Promise<void> }, make: () => E | Promise<E>): Promise<E> {
  try {
    return await make();
  } catch (error) {
    await opened.close();
    throw error;
  }
}

type AnyModel = ModelSource | WorldModel | ObservationModel;

function isLoaded<M extends WorldModel | ObservationModel>(model: ModelSource | M): model is M {
  return typeof model !== 'string' && 'predict' in model;
}

function isOfObservations(model: AnyModel): model is ModelSource | ObservationModel {
  return isLoaded<WorldModel | ObservationModel>(model) ? model.manifest.predicts === 'observation' : predictsObservations(model);
}

function guarded(task: AnyTask, { backend, model, modelIsolation, modelLimits }: MakeOptions): GuardedModel {
  return {
    model: model ?? refuse(task, 'model', 'missing', `the folder of a model, for backend '${backend}'`),
    ...(modelIsolation === undefined ? {} : { isolation: modelIsolation }),
    ...(modelLimits === undefined ? {} : { limits: modelLimits }),
  };
}

const limitNames = { call_ms: true, load_ms: true, memory_MB: true } satisfies Record<keyof ModelLimits, true>;

function checkedGuard(task: AnyTask, guard: GuardOptions): GuardOptions {
  requireKnown(task.id, 'loadModel', guard, { isolation: true, limits: true });
  const { isolation, limits = {} } = guard;
  if (isolation !== undefined && !modelIsolations.includes(isolation))
    refuse(task, 'isolation', String(isolation), `one of ${modelIsolations.join(', ')}`);
  requireKnown(task.id, 'modelLimits', limits, limitNames);
  for (const [name, value] of Object.entries(limits))
    if (!(typeof value === 'number' && value > 0 && value <= 1e9))
      refuse(task, `modelLimits.${name}`, String(value), 'a number above 0, at most 1e9');
  return guard;
}
