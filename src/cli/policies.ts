import { readFileSync, statSync } from 'node:fs';
import { basename, resolve } from 'node:path';
import { InvalidArgumentError, Option } from 'commander';
import { cem, icem, mppi, onnxPolicy, randomPolicy } from '../../agents/index.ts';
import type { Policy } from '../core/policy.ts';
import { GroundtwinError } from '../errors.ts';
import { registry } from '../index.ts';
import { inModel, type PlannerRecipe, planningPolicy } from '../planning/index.ts';
import type { AnyTask } from '../task/task.ts';

/** Planners by their names on a command line. */
const planners = { cem: () => cem(), icem: () => icem(), mppi: () => mppi() } satisfies Record<string, () => PlannerRecipe>;

const names = ['random', ...Object.keys(planners)];

/** A larger file is refused unread. */
const maxPolicyBytes = 2 ** 30;

/** `random`, a planner, or the path of an ONNX policy. */
export type PolicyName = string;

/** A policy that may hold memory of a runtime until closed. */
export type NamedPolicy = Policy & { close?(): Promise<void> };

export function policyOption(fallback: PolicyName): Option {
  return new Option('--policy <name>', `who acts: ${names.join(', ')}, or a policy that was trained, as in policy.onnx`)
    .argParser((text) => {
      if (!names.includes(text) && !isFile(text))
        throw new InvalidArgumentError(`It must be one of ${names.join(', ')}, or end with .onnx.`);
      return text;
    })
    .default(fallback);
}

function isFile(name: PolicyName): boolean {
  return name.endsWith('.onnx');
}

/**
 * The policy named on a command line, for one lane unless said.
 * @throws OPTION_INVALID when a planner lacks its model, or a file is not there; MODEL_REFUSED, MODEL_INVALID for a file that is no policy of the task.
 */
export async function policyOf(
  task: AnyTask,
  options: { readonly policy: PolicyName; readonly model?: string; readonly hold?: number },
  lanes = 1,
): Promise<NamedPolicy> {
  const { policy } = options;
  if (policy === 'random') return randomPolicy(task.actionSpace, lanes, options.hold ?? 1);
  if (isFile(policy)) return policyFrom(policy, task, lanes);
  if (options.model === undefined)
    throw new GroundtwinError('OPTION_INVALID', {
      who: 'groundtwin',
      option: '--model',
      value: 'missing',
      allowed: `the folder of a model for --policy ${policy} to plan in (--policy random needs none)`,
    });
  const recipe = planners[policy as keyof typeof planners]();
  return planningPolicy(inModel(task, await registry.loadModel(task, options.model), lanes), recipe);
}

function policyFrom(file: string, { observationSpace, actionSpace }: AnyTask, lanes: number): Promise<NamedPolicy> {
  const path = resolve(file);
  const found = statSync(path, { throwIfNoEntry: false });
  if (!found?.isFile() || found.size > maxPolicyBytes)
    throw new GroundtwinError('OPTION_INVALID', {
      who: 'groundtwin',
      option: '--policy',
      value: file,
      allowed: `a file that is there, of up to ${maxPolicyBytes} bytes`,
    });
  const runtime = registry.untrustedRuntime({}, lanes);
  return onnxPolicy(runtime, readFileSync(path), { observationSpace, actionSpace, lanes }, basename(file));
}
