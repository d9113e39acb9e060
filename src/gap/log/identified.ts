/** What `groundtwin identify` wrote, read back. */
import { readFileSync, statSync } from 'node:fs';
import { layOut } from '../../core/state-spec.ts';
import { type Transitions, transitionsHash } from '../../data/transitions.ts';
import { GroundtwinError, isGroundtwinError } from '../../errors.ts';
import { Rng } from '../../math/rng.ts';
import type { AnyTask, Params } from '../../task/task.ts';
import { fields, integer, list, number, text } from '../../wire/checks.ts';
import { heldOutSpans } from '../identify/segments.ts';

export interface Identified {
  readonly task: string;
  /** What was found, in the units of the parameters. */
  readonly params: Params;
  readonly delay_steps: number;
  /** Of the transitions that it was fitted on, and how they were split. */
  readonly fittedOn: {
    readonly hash: string;
    readonly seed: number;
    readonly segment_steps: number;
    readonly maxDelay_steps: number;
    readonly heldOut: number;
  };
}

const maxBytes = 2 ** 22;
const maxDelay_steps = 1000;

const check = fields(
  {
    format: text,
    task: text,
    dataHash: text,
    seed: integer(0, 2 ** 32 - 1),
    settings: fields({ segment_steps: integer(1, 2 ** 30), maxDelay_steps: integer(0, maxDelay_steps), heldOut: number }, 'lenient'),
    parameters: (value: unknown, field: string) =>
      list(value, field).map((one, i) => fields({ name: text, estimate: number }, 'lenient')(one, `${field}[${i}]`)),
    delay: fields({ steps: integer(0, maxDelay_steps) }, 'lenient'),
  },
  'lenient',
);

/** @param path - of `identify.json`. @throws DATA_INVALID when it is something else, of another task, or names parameters that the task has not. */
export function readIdentified(path: string, task: AnyTask): Identified {
  const refuse = (problem: string): never => {
    throw new GroundtwinError('DATA_INVALID', { path, problem });
  };
  const found = parsed(path, refuse);
  if (found.format !== 'groundtwin-identify.v1') refuse('it is not what groundtwin identify writes');
  if (found.task !== task.id) refuse(`it was identified for '${found.task.slice(0, 80)}', not '${task.id}'`);
  if (found.parameters.length === 0) refuse('it names no parameter');
  for (const { name, estimate } of found.parameters) {
    if (!Object.hasOwn(task.params, name))
      refuse(`'${name.slice(0, 80)}' is no parameter of ${task.id}: ${Object.keys(task.params).join(', ')}`);
    if (task.conditionedOn?.includes(name)) refuse(`${name} stands in the states themselves here: leave it out of --condition`);
    if (!Number.isFinite(estimate)) refuse(`its ${name} is not finite`);
  }
  const { segment_steps, maxDelay_steps: longest, heldOut } = found.settings;
  if (!(heldOut > 0 && heldOut < 1)) refuse('it does not say which share of the episodes it kept apart');
  return {
    task: found.task,
    params: Object.fromEntries(found.parameters.map(({ name, estimate }) => [name, estimate])),
    delay_steps: found.delay.steps,
    fittedOn: { hash: found.dataHash, seed: found.seed, segment_steps, maxDelay_steps: longest, heldOut },
  };
}

function parsed(path: string, refuse: (problem: string) => never): ReturnType<typeof check> {
  try {
    const { size } = statSync(path);
    if (size > maxBytes) return refuse(`it has ${size} bytes, over the limit of ${maxBytes}`);
    return check(JSON.parse(readFileSync(path, 'utf8')), 'identify.json');
  } catch (error) {
    if (isGroundtwinError(error, 'BAD_MESSAGE'))
      return refuse(`${error.details.field} must be ${error.details.expected}: is it what groundtwin identify writes now? Identify anew`);
    if (isGroundtwinError(error)) throw error;
    return refuse('it is no JSON that can be read');
  }
}

/** Draws how recordings are split for an identification; the same for the same seed. */
export function identificationRng(seed: number): Rng {
  return new Rng(seed, 1);
}

/** Of the very data that it was fitted on, what was kept apart; other data whole. */
export function unseenPart(task: AnyTask, data: Transitions, { fittedOn }: Identified): { data: Transitions; isSame: boolean } {
  const { hash, seed, segment_steps, maxDelay_steps: lead, heldOut } = fittedOn;
  if (transitionsHash(data) !== hash) return { data, isSame: false };
  const spans = heldOutSpans(data, { steps: segment_steps, lead, heldOut, rng: identificationRng(seed) });
  return { data: partOf(task, data, spans), isSame: true };
}

function partOf(task: AnyTask, data: Transitions, spans: readonly { readonly from: number; readonly end: number }[]): Transitions {
  const size = layOut(task.state).size;
  const count = spans.reduce((sum, { from, end }) => sum + end - from, 0);
  const pick = (values: Float64Array, width: number) => {
    const out = new Float64Array(count * width);
    let at = 0;
    for (const { from, end } of spans) {
      out.set(values.subarray(from * width, end * width), at);
      at += (end - from) * width;
    }
    return out;
  };
  return {
    count,
    state: pick(data.state, size),
    action: pick(data.action, data.action.length / data.count),
    command: pick(data.command, task.commands.length),
    next: pick(data.next, size),
    episode: Int32Array.from(spans.flatMap(({ from, end }) => Array.from(data.episode.subarray(from, end)))),
  };
}
