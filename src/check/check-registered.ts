import type { AutoresetMode, VectorEnv } from '../core/vector-env.ts';
import { GroundtwinError } from '../errors.ts';
import { type CheckOptions, checkEnv, type EnvReport, type MakeEnv } from './check-env.ts';

/** What of a task the checks need. */
interface CheckedTask {
  readonly id: string;
  readonly horizon: number;
  readonly params: Readonly<Record<string, number>>;
  readonly engines: object;
  readonly quiet?: readonly string[];
}

interface RegisteredMakeOptions {
  readonly lanes?: number;
  readonly autoreset?: AutoresetMode;
  readonly maxEpisodeSteps?: number | null;
  readonly engine?: string;
}

/** A registry, as far as the checks ask it. */
export interface CheckedRegistry {
  ids(): string[];
  task(id: string): CheckedTask;
  makeVector(id: string, options?: RegisteredMakeOptions): Promise<VectorEnv>;
}

export interface RegisteredCheckOptions extends Pick<CheckOptions, 'steps' | 'seed' | 'constant' | 'inert' | 'only' | 'clock_s'> {
  /** One of those that the task has settings for; default the registry's own choice. */
  readonly engine?: string;
}

export interface RegisteredReport extends EnvReport {
  readonly engine: string;
}

/** Engines that a task of this registry has settings for. @throws ENV_UNKNOWN */
export function enginesOf(registry: CheckedRegistry, id: string): string[] {
  return Object.keys(registry.task(id).engines);
}

/**
 * Holds a registered env to the contract, parameters, time limit, autoreset modes and refusal of foreign snapshots included.
 * @throws ENV_UNKNOWN, OPTION_INVALID for an engine that the task has no settings for.
 */
export async function checkRegistered(
  registry: CheckedRegistry,
  id: string,
  options: RegisteredCheckOptions = {},
): Promise<RegisteredReport> {
  const { make, checks } = registeredChecks(registry, id, options);
  const engine = options.engine ?? enginesOf(registry, id)[0] ?? 'none';
  return { engine, ...(await checkEnv(make, checks)) };
}

/** What `checkRegistered` hands to `checkEnv`. */
export function registeredChecks(
  registry: CheckedRegistry,
  id: string,
  options: RegisteredCheckOptions = {},
): { readonly make: MakeEnv; readonly checks: CheckOptions } {
  const task = registry.task(id);
  const { engine, ...rest } = options;
  const engines = enginesOf(registry, id);
  if (engine !== undefined && !engines.includes(engine))
    throw new GroundtwinError('OPTION_INVALID', { who: id, option: 'engine', value: engine, allowed: `one of ${engines.join(', ')}` });
  const chosen = engine === undefined ? {} : { engine };
  const make: MakeEnv = (lanes, made) => registry.makeVector(id, { lanes, ...made, ...chosen });
  const checks: CheckOptions = {
    ...rest,
    constant: [...(task.quiet ?? []), ...(rest.constant ?? [])],
    horizon: task.horizon,
    takes: ['autoreset', 'maxEpisodeSteps'],
    params: task.params,
    strangers: strangersOf(registry, id, engine),
  };
  return { make, checks };
}

/** The same env with another stack of wrappers, on each other engine, and another env. */
function strangersOf(registry: CheckedRegistry, id: string, engine: string | undefined): (() => Promise<VectorEnv>)[] {
  const engines = enginesOf(registry, id);
  const own = engine ?? engines[0];
  const chosen = engine === undefined ? {} : { engine };
  const other = registry.ids().find((each) => each !== id);
  return [
    () => registry.makeVector(id, { maxEpisodeSteps: null, ...chosen }),
    ...engines.filter((each) => each !== own).map((each) => () => registry.makeVector(id, { engine: each })),
    ...(other === undefined ? [] : [() => registry.makeVector(other, {})]),
  ];
}
