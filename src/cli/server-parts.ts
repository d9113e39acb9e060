/** What a server offers: envs of a registry, with only those options a stranger may choose. */
import { join } from 'node:path';
import type { AutoresetMode } from '../core/vector-env.ts';
import { GroundtwinError, isGroundtwinError } from '../errors.ts';
import type { MakeVectorOptions, Registry } from '../registry/registry.ts';
import type { ListEnvs, MakeEnv } from '../server/index.ts';
import { spaceToJson } from '../wire/index.ts';

const remoteOptions = ['lanes', 'autoreset', 'backend', 'model', 'observe', 'resync', 'maxEpisodeSteps'] as const;

/** @param modelsFolder - where models named by clients are looked for; without it none can be named. */
export function serverParts(registry: Registry, modelsFolder?: string): { readonly make: MakeEnv; readonly list: ListEnvs } {
  return {
    make: async (id, options) => {
      const unknown = Object.keys(options).find((option) => !(remoteOptions as readonly string[]).includes(option));
      if (unknown) refuse(id, unknown.slice(0, 40), 'given', `one of ${remoteOptions.join(', ')}`);
      const { model, ...rest } = options;
      try {
        return await registry.makeVector(id, {
          ...(rest as MakeVectorOptions & { autoreset?: AutoresetMode }),
          ...(model === undefined ? {} : { model: modelFolder(id, model, modelsFolder) }),
        });
      } catch (error) {
        throw withoutPath(error, String(model));
      }
    },
    list: () =>
      registry.ids().map((id) => {
        const task = registry.task(id);
        return {
          id,
          summary: task.summary,
          observationSpace: spaceToJson(task.observationSpace),
          actionSpace: spaceToJson(task.actionSpace),
          horizon: task.horizon,
          controlDt_s: task.controlDt_s,
        };
      }),
  };
}

/** Clients are told the name they gave, never where the server keeps it. */
function withoutPath(error: unknown, name: string): unknown {
  if (isGroundtwinError(error, 'MODEL_MISSING')) return new GroundtwinError('MODEL_MISSING', { ...error.details, path: name });
  if (isGroundtwinError(error, 'MODEL_REFUSED')) return new GroundtwinError('MODEL_REFUSED', { ...error.details, model: name });
  if (isGroundtwinError(error, 'MODEL_INVALID')) return new GroundtwinError('MODEL_INVALID', { ...error.details, model: name });
  return error;
}

/** A plain name under the models folder: no way out of it. */
function modelFolder(id: string, model: unknown, root: string | undefined): string {
  if (root === undefined) refuse(id, 'model', 'given', 'left out: this server was started without --models');
  if (typeof model !== 'string' || !/^[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}$/.test(model))
    refuse(id, 'model', String(model).slice(0, 40), "the plain name of a folder in the server's --models folder");
  return join(root, model);
}

function refuse(who: string, option: string, value: string, allowed: string): never {
  throw new GroundtwinError('OPTION_INVALID', { who, option, value, allowed });
}
