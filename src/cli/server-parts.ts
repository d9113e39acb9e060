/** What a server offers: envs of a registry, with only those options a stranger may choose. */
import { join } from 'node:path';
import { onnxPolicy } from '../../agents/index.ts';
import { layOut } from '../core/state-spec.ts';
import type { AutoresetMode } from '../core/vector-env.ts';
import { GroundtwinError } from '../errors.ts';
import type { MakeVectorOptions, Registry } from '../registry/registry.ts';
import type { RemoteMakeOptions, ServeOptions } from '../server/index.ts';
import type { AnyTask } from '../task/task.ts';
import { spaceToJson } from '../wire/index.ts';
import { measureInProcess } from './gap-process.ts';
import { modelNamed, withoutPath } from './model-names.ts';

const remoteOptions = [
  'lanes',
  'autoreset',
  'backend',
  'model',
  'observe',
  'resync',
  'maxEpisodeSteps',
  'engine',
  'randomize',
  'condition',
  'observeCondition',
  'trust',
  'drift',
  'workers',
] as const;

/** Steps that a twin of a stranger remembers: of all its lanes, and of one. */
const REMEMBERED = 65_536;
const REMEMBERED_A_LANE = 1000;

/** Actions of a stranger that may be under way, over all lanes. */
const LATE_ACTIONS = 65_536;

type ServerParts = Required<Pick<ServeOptions, 'make' | 'list' | 'describe' | 'loadPolicy' | 'measureGap'>>;

/** @param modelsFolder - where models named by clients are looked for; without it none can be named, only uploaded. */
export function serverParts(registry: Registry, modelsFolder?: string): ServerParts {
  return {
    make: async (id, options, uploaded) => {
      const unknown = Object.keys(options).find((option) => !(remoteOptions as readonly string[]).includes(option));
      if (unknown) refuse(id, unknown.slice(0, 40), 'given', `one of ${remoteOptions.join(', ')}`);
      refuseOddKeys(id, options);
      const { model, ...rest } = options;
      // A stranger's own settings of a watch could ask for any amount of memory.
      if (rest.drift !== undefined && typeof rest.drift !== 'boolean') refuse(id, 'drift', 'given', 'true or false');
      refuseLongLatency(id, options);
      try {
        return await registry.makeVector(id, {
          ...(rest as MakeVectorOptions & { autoreset?: AutoresetMode }),
          ...(rest.drift === true
            ? { drift: { remember: Math.max(1, Math.min(REMEMBERED_A_LANE, Math.floor(REMEMBERED / rest.lanes))) } }
            : {}),
          ...(model === undefined ? {} : { model: uploaded ?? join(modelsFolder ?? '', modelNamed(id, model, modelsFolder)) }),
        });
      } catch (error) {
        throw withoutPath(error, String(model));
      }
    },
    list: () => registry.ids().map((id) => entryOf(registry.task(id))),
    describe: (id) => describeTask(registry.task(id)),
    loadPolicy: (bytes, env, name) => onnxPolicy(registry.untrustedRuntime({}, env.lanes), bytes, env, name),
    measureGap: measureInProcess(registry, modelsFolder),
  };
}

function entryOf(task: AnyTask) {
  return {
    id: task.id,
    summary: task.summary,
    observationSpace: spaceToJson(task.observationSpace),
    actionSpace: spaceToJson(task.actionSpace),
    horizon: task.horizon,
    controlDt_s: task.controlDt_s,
  };
}

function describeTask(task: AnyTask) {
  return {
    ...entryOf(task),
    params: task.params,
    state: layOut(task.state).entries.map(({ name, role, kind, unit, size }) => ({ name, role, kind, unit, size })),
    reward: Object.fromEntries(Object.entries(task.reward).map(([name, { weight }]) => [name, weight])),
    commands: task.commands,
    ...(task.solvedAt === undefined ? {} : { solvedAt: task.solvedAt }),
  };
}

/** A map whose `toString` is a number could not even be named in an error. */
function refuseOddKeys(id: string, value: unknown): void {
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) return;
  for (const [key, part] of Object.entries(value)) {
    if (key in Object.prototype) refuse(id, key, 'given', 'absent: no option has a part of this name');
    refuseOddKeys(id, part);
  }
}

/** Every late action of every lane is kept. Whether it is a range at all is the registry's business. */
function refuseLongLatency(id: string, { lanes, randomize }: RemoteMakeOptions): void {
  const high = Number((randomize as { latency_steps?: { high?: unknown } } | undefined | null)?.latency_steps?.high);
  if (high * lanes > LATE_ACTIONS)
    refuse(id, 'randomize.latency_steps', `up to ${high} in ${lanes} lanes`, `at most ${LATE_ACTIONS} steps in all lanes together`);
}

function refuse(who: string, option: string, value: string, allowed: string): never {
  throw new GroundtwinError('OPTION_INVALID', { who, option, value, allowed });
}
