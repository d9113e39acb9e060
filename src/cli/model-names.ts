/** Models of a server, as its clients name them. */
import { GroundtwinError, isGroundtwinError } from '../errors.ts';

/**
 * A plain name under the models folder: no way out of it.
 * @throws OPTION_INVALID, also where the server has no such folder.
 */
export function modelNamed(id: string, model: unknown, root: string | undefined): string {
  if (root === undefined) refuse(id, 'given', 'left out: this server was started without --models');
  if (typeof model !== 'string' || !/^[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}$/.test(model))
    refuse(id, String(model).slice(0, 40), "the plain name of a folder in the server's --models folder");
  return model;
}

/** Clients are told the name they gave, never where the server keeps it. */
export function withoutPath(error: unknown, name: string): unknown {
  if (isGroundtwinError(error, 'MODEL_MISSING')) return new GroundtwinError('MODEL_MISSING', { ...error.details, path: name });
  if (isGroundtwinError(error, 'MODEL_REFUSED')) return new GroundtwinError('MODEL_REFUSED', { ...error.details, model: name });
  if (isGroundtwinError(error, 'MODEL_INVALID')) return new GroundtwinError('MODEL_INVALID', { ...error.details, model: name });
  return error;
}

function refuse(who: string, value: string, allowed: string): never {
  throw new GroundtwinError('OPTION_INVALID', { who, option: 'model', value, allowed });
}
