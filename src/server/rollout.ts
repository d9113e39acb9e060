/** Many steps for one request. */
import type { InfoColumns } from '../core/backend.ts';
import type { VectorStepResult } from '../core/vector-env.ts';
import { GroundtwinError } from '../errors.ts';
import { copyValues, type Values } from '../spaces/space.ts';
import {
  addCost,
  allocateBatch,
  bytesOfBatch,
  fromTensors,
  REPLY_LIMITS,
  type Request,
  stackedLayout,
  stackInfo,
  stepsIn,
  stepsOf,
  Tensor,
  type TensorTree,
  toTensors,
  type WireCost,
} from '../wire/index.ts';
import { type Answer, brokenEnv, type Conditions, type HostedEnv, Turns } from './hosted-env.ts';

/** Of a reply, for everything but its arrays. */
const HEADER_BYTES = 16_384;
/** A margin for the paddings of arrays, the keys and the envelope. */
const SHARE_FOR_INFO = 0.9;

interface Trajectory {
  readonly observation: Values;
  readonly reward: Float64Array;
  readonly terminated: Uint8Array;
  readonly truncated: Uint8Array;
  readonly infos: InfoColumns[];
}

/**
 * Steps an env through a sequence of actions, exactly as that many steps would. Fewer are made where lanes end that are not reset by themselves,
 * where the infos fill the reply, and before a step that is refused, unless it is the first: the reply says how many.
 * @throws ROLLOUT_TOO_LONG before anything is done; ACTION_SHAPE, and whatever the first step throws.
 */
export async function rollout(hosted: HostedEnv, request: Request<'rollout'>, conditions: Conditions): Promise<Answer & { steps: number }> {
  const { env, observations } = hosted;
  const asked = stepsIn(request.actions);
  const actions = actionsOf(hosted, request.actions, asked);
  const perStep = bytesOfBatch(observations) + env.lanes * (env.agents * Float64Array.BYTES_PER_ELEMENT + 2);
  const limit = conditions.maxReplyBytes();
  const room = limit - HEADER_BYTES;
  const fit = Math.floor(room / perStep);
  if (asked > fit) throw new GroundtwinError('ROLLOUT_TOO_LONG', { env: env.id, steps: asked, fit, limit });
  const trajectory: Trajectory = {
    observation: allocateBatch(stackedLayout(observations, asked)),
    reward: new Float64Array(asked * env.lanes * env.agents),
    terminated: new Uint8Array(asked * env.lanes),
    truncated: new Uint8Array(asked * env.lanes),
    infos: [],
  };
  const budget = request.info ? new InfoBudget(room, perStep) : undefined;
  const steps = await play(hosted, actions, asked, trajectory, budget, new Turns(hosted, conditions));
  return { steps, ...answerOf(hosted, trajectory, steps), ...(budget ? { info: stackInfo(trajectory.infos, env.lanes) } : {}) };
}

/** Of several steps. @throws ACTION_SHAPE. */
export function actionsOf({ env, actions }: HostedEnv, given: TensorTree, steps: number): Values {
  return fromTensors(given, stackedLayout(actions, Math.max(1, steps)), (expected, got) => {
    throw new GroundtwinError('ACTION_SHAPE', { env: env.id, expected, got });
  });
}

/** @returns steps made. */
async function play(
  { env, actions: layout, observations }: HostedEnv,
  actions: Values,
  asked: number,
  into: Trajectory,
  budget: InfoBudget | undefined,
  turns: Turns,
): Promise<number> {
  for (let step = 0; step < asked; step++) {
    const pause = turns.next();
    if (pause) await pause;
    const action = stepsOf(actions, layout, step);
    try {
      const pending = env.stepNow ? env.stepNow(action) : env.step(action);
      const result = pending instanceof Promise ? await pending : pending;
      copyValues(result.observation, stepsOf(into.observation, observations, step));
      take(result, env.lanes, step, into);
      if (budget) into.infos.push(result.info);
      const mustStop = env.autoreset === 'disabled' && hasEnd(result);
      if (mustStop || budget?.isFullAfter(result.info)) return step + 1;
    } catch (error) {
      // What was done is told; whoever asks for the rest is told why it cannot be.
      if (step > 0 && error instanceof GroundtwinError) return step;
      throw error;
    }
  }
  return asked;
}

function take({ reward, terminated, truncated }: VectorStepResult, lanes: number, step: number, into: Trajectory): void {
  into.reward.set(reward, step * reward.length);
  into.terminated.set(terminated, step * lanes);
  into.truncated.set(truncated, step * lanes);
}

function hasEnd({ terminated, truncated }: VectorStepResult): boolean {
  return terminated.includes(1) || truncated.includes(1);
}

function answerOf({ env, observations }: HostedEnv, { observation, reward, terminated, truncated }: Trajectory, steps: number): Answer {
  const { lanes, agents } = env;
  return {
    observation: toTensors(stepsOf(observation, observations, 0, steps), stackedLayout(observations, steps), brokenEnv('rollout')),
    reward: new Tensor(reward.subarray(0, steps * lanes * agents), [steps, lanes, agents]),
    terminated: new Tensor(terminated.subarray(0, steps * lanes), [steps, lanes]),
    truncated: new Tensor(truncated.subarray(0, steps * lanes), [steps, lanes]),
  };
}

/** Whether steps with their infos fit a reply, counted before they are put together. Columns that every step has share one array; others take one each time. */
class InfoBudget {
  private readonly room: number;
  private readonly perStep: number;
  private readonly columns = new Map<string, { steps: number; tensors: number; size: number }>();
  private readonly total: WireCost = { bytes: 0, headerBytes: 0, items: 0, tensors: 0 };
  private readonly most: WireCost = { bytes: 0, headerBytes: 0, items: 0, tensors: 0 };
  private steps = 0;

  /** @param perStep - bytes of a step without its infos. */
  constructor(room: number, perStep: number) {
    this.room = room;
    this.perStep = perStep;
  }

  /** Counts one step's infos. @returns whether as much again might not fit. */
  isFullAfter(info: InfoColumns): boolean {
    this.steps += 1;
    const step: WireCost = { bytes: this.perStep, headerBytes: 0, items: 0, tensors: 0 };
    for (const key of Object.keys(info)) {
      const before = step.tensors;
      addCost(info[key], step);
      const column = this.columns.get(key) ?? { steps: 0, tensors: 0, size: 0 };
      const size = step.tensors - before;
      this.columns.set(key, { steps: column.steps + 1, tensors: column.tensors + size, size: Math.max(column.size, size) });
    }
    for (const kind of ['bytes', 'headerBytes', 'items'] as const) {
      this.total[kind] += step[kind];
      this.most[kind] = Math.max(this.most[kind], step[kind]);
    }
    return this.isFull(step.tensors);
  }

  private isFull(tensors: number): boolean {
    const { total, most } = this;
    this.most.tensors = Math.max(most.tensors, tensors);
    let used = 0;
    for (const { steps, tensors: all, size } of this.columns.values()) used += steps === this.steps ? size : all;
    return (
      total.bytes + total.headerBytes + most.bytes + most.headerBytes > this.room * SHARE_FOR_INFO ||
      total.headerBytes + most.headerBytes > REPLY_LIMITS.maxHeaderBytes * SHARE_FOR_INFO ||
      total.items + most.items > REPLY_LIMITS.maxItems * SHARE_FOR_INFO ||
      used + most.tensors > REPLY_LIMITS.maxTensors * SHARE_FOR_INFO
    );
  }
}
