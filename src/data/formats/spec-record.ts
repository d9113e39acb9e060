import { isGroundtwinError } from '../../errors.ts';
import { fields, integer, list, number, optional, text } from '../../wire/checks.ts';
import { spaceFromJson, spaceToJson } from '../../wire/space-json.ts';
import type { EpisodeSpec } from '../episode.ts';
import { maxHeadBytes, type Refuse } from './untrusted-file.ts';

const texts = (value: unknown, field: string) => list(value, field).map((item) => text(item, field));
const specCheck = fields(
  {
    env: text,
    agents: integer(1, 1024),
    controlDt_s: optional(number),
    stateEntries: optional(texts),
    commands: optional(texts),
    observationSpace: (value, field) => spaceFromJson(value, field),
    actionSpace: (value, field) => spaceFromJson(value, field),
  },
  'lenient',
);

/** JSON of what the columns mean, for formats that keep a text of ours beside the data. */
export function specRecord({ observationSpace, actionSpace, ...facts }: EpisodeSpec): string {
  return JSON.stringify({ ...facts, observationSpace: spaceToJson(observationSpace), actionSpace: spaceToJson(actionSpace) });
}

/** @returns undefined where there is none. @throws DATA_INVALID for one that is not readable. */
export function specFromRecord(json: string | undefined, refuse: Refuse): EpisodeSpec | undefined {
  if (json === undefined) return undefined;
  if (json.length > maxHeadBytes) refuse('its description has too many characters');
  try {
    return specCheck(JSON.parse(json), 'spec');
  } catch (error) {
    if (isGroundtwinError(error, 'BAD_MESSAGE'))
      return refuse(`${error.details.field} in its description must be ${error.details.expected}`);
    return refuse('its description is not readable');
  }
}
