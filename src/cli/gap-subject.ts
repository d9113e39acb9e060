/** Who `groundtwin gap` is to measure, as the command line names it. */
import { engineNames } from '../core/scene-spec.ts';
import type { Transitions } from '../data/transitions.ts';
import { GroundtwinError } from '../errors.ts';
import { breakSubject, envSubject, type GapMetadata, modelSubject, type Subject, TruthModel } from '../gap/index.ts';
import { registry } from '../index.ts';
import { rapierEngine } from '../physics/rapier-engine.ts';
import type { AnyTask, Params } from '../task/task.ts';
import type { WorldModel } from '../world-model/world-model.ts';
import { isRemote, remoteSubject } from './remote-subject.ts';

/** Of the help and of errors: subjects of this machine. */
export const localSubjectForms =
  "'model', 'truth', engine:<name>, truth:<parameter>*<factor>, truth:<parameter>=<value>, broken:<control>[@severity]";
export const subjectForms = `${localSubjectForms}, ws://HOST:PORT[/ENV][?model=<name> or ?engine=<name>]`;

/**
 * Breaks the model where there is one, else physics behind the contract of a model.
 * @param folder - of the model. @param asked - one of `subjectForms`; absent = the model. @param logged - episodes of a policy, for controls that pretend to know it.
 * @param token - what a server that serves it asks for.
 * @throws OPTION_INVALID, ENGINE_MISSING, and what loading a model or connecting throws.
 */
export async function openSubject(
  task: AnyTask,
  folder: string | undefined,
  asked = 'model',
  logged?: Transitions,
  token?: string,
): Promise<Subject> {
  if (isRemote(asked)) return remoteSubject(task, asked, token);
  const [kind, rest] = asked.split(/:(.*)/s);
  if (rest === undefined && kind === 'truth') return envSubject('truth', task, (lanes) => registry.truth(task, lanes));
  if (rest !== undefined && kind === 'truth') return changedTruth(task, asked, rest);
  if (rest !== undefined && kind === 'engine') return otherEngine(task, asked, rest);
  if (kind !== 'broken' && asked !== 'model') refuse(asked, subjectForms);
  if (kind !== 'broken' && folder === undefined) refuse(asked, 'used with --model <folder>');
  const engine = await rapierEngine();
  const whole = modelSubject(task, folder === undefined ? new TruthModel(task, engine) : await registry.loadModel(task, folder));
  if (kind !== 'broken') return whole;
  try {
    return breakSubject(asked, whole, { task, engine, ...(logged && { logged }) });
  } catch (error) {
    await whole.close();
    throw error;
  }
}

/** What the model says it learned from, else what is known of it; random episodes recorded for lack of better are not that. */
export function trainingStepsOf(model: WorldModel | undefined, training: Transitions | undefined): { trainingSteps?: number } {
  const stated = model?.manifest.training?.transitions;
  const trainingSteps = typeof stated === 'number' ? stated : training?.count;
  return trainingSteps === undefined ? {} : { trainingSteps };
}

/** What a result must be traced to, beside versions and data. */
export function hashesOf({ hashes }: Pick<GapMetadata, 'hashes'>, model: WorldModel | undefined): Record<string, string> {
  return { ...(model && { model: model.fingerprint }), ...hashes };
}

async function otherEngine(task: AnyTask, asked: string, name: string): Promise<Subject> {
  const engine = engineNames.find((known) => known === name);
  if (!engine || !Object.hasOwn(task.engines, name))
    return refuse(asked, `engine: and one that ${task.id} has settings for: ${Object.keys(task.engines)}`);
  await registry.engine(engine);
  return envSubject(asked, task, (lanes) => registry.truth(task, lanes, engine));
}

/** `mass_kg*1.3,friction=0.4` */
async function changedTruth(task: AnyTask, asked: string, text: string): Promise<Subject> {
  const changes = text.split(',').map((one) => changeOf(task, asked, one));
  const changed = { ...task, params: { ...task.params, ...Object.fromEntries(changes) } };
  return envSubject(asked, task, (lanes) => registry.truth(changed, lanes));
}

function changeOf(task: AnyTask, asked: string, text: string): [string, number] {
  const [, name = '', sign, amount] = /^([A-Za-z]\w*)([*=])(.+)$/.exec(text.trim()) ?? [];
  const free = Object.entries(task.params as Params).filter(([known]) => !task.conditionedOn?.includes(known));
  const [, nominal] = free.find(([known]) => known === name) ?? [];
  if (nominal === undefined)
    return refuse(asked, `truth: and <parameter>*<factor> or <parameter>=<value>, of ${free.map(([known]) => known).join(', ')}`);
  const value = sign === '*' ? nominal * Number(amount) : Number(amount);
  return Number.isFinite(value) ? [name, value] : refuse(asked, 'a number behind * or =');
}

function refuse(value: string, allowed: string): never {
  throw new GroundtwinError('OPTION_INVALID', { who: 'gap', option: 'subject', value: value.slice(0, 100), allowed });
}
