/** A task beneath its env: lanes put into given states and stepped on, without time limits, ends, resets or wrappers. What measures a gap asks for this. */
import type { BackendKind } from '../core/backend.ts';
import { GroundtwinError } from '../errors.ts';
import { allocate, type Values } from '../spaces/space.ts';
import { TaskEnv } from '../task/task-env.ts';
import { type ActionTaker, actionTaker } from '../vector/actions.ts';
import { SyncVectorEnv } from '../vector/sync-vector-env.ts';
import { type Request, stepsIn, stepsOf, Tensor } from '../wire/index.ts';
import { type Answer, type Conditions, type HostedEnv, refuseOption, Turns } from './hosted-env.ts';
import { actionsOf } from './rollout.ts';

/** Of a reply, for everything but its arrays. */
const HEADER_BYTES = 16_384;

/** The task that an env steps, where it stands in this process. @throws CALL_UNSUPPORTED. */
export function bareTask({ env }: HostedEnv, call: string): TaskEnv {
  const backend = env instanceof SyncVectorEnv ? env.backend : undefined;
  if (backend instanceof TaskEnv) return backend;
  throw new GroundtwinError('CALL_UNSUPPORTED', { env: env.id, call, why: whyNot(env.kind) });
}

function whyNot(kind: BackendKind): string {
  return kind === 'twin'
    ? 'a twin is two worlds, and cannot be put into one state'
    : 'what it stands on cannot be put into a state (workers, and models of observations)';
}

/**
 * Puts lanes into states, then steps those that are active through the actions. A lane goes on where the last `play` left it.
 * @throws CALL_UNSUPPORTED, OPTION_INVALID, ENV_NOT_RESET for an active lane that was never placed, ROLLOUT_TOO_LONG before anything is done, and what refuses an action.
 */
export async function play(hosted: HostedEnv, request: Request<'play'>, conditions: Conditions): Promise<Answer & { steps: number }> {
  const task = bareTask(hosted, 'play');
  const steps = request.actions === undefined ? 0 : stepsIn(request.actions);
  const kept = new Kept(task, steps, conditions.maxReplyBytes());
  const actions = request.actions === undefined ? undefined : actionsOf(hosted, request.actions, steps);
  const turns = new Turns(hosted, conditions);
  const placed = await place(task, hosted, request, turns);
  const active = activeLanes(hosted, request.active);
  if (actions) await step(hosted, task, actions, { active, steps, kept, turns });
  return { steps, placed: new Tensor(placed, [placed.length / task.spec.size, task.spec.size]), ...kept.answer() };
}

async function place(task: TaskEnv, { env, placed }: HostedEnv, request: Request<'play'>, turns: Turns): Promise<Float64Array> {
  const { size } = task.spec;
  const { state = new Float64Array(0) } = request;
  const count = state.length / size;
  const lanes = request.lanes ?? Int32Array.from({ length: count }, (_, i) => i);
  const seeds = request.seeds ?? new Float64Array(lanes.length);
  if (lanes.length !== count || lanes.length > env.lanes || lanes.some((lane) => lane < 0 || lane >= env.lanes))
    refuseOption(
      env,
      'lanes',
      `${lanes.length} lanes and ${count} states`,
      `as many states, each of ${size} numbers, as lanes of 0 to ${env.lanes - 1}`,
    );
  if (seeds.length !== lanes.length || !seeds.every(isSeed))
    refuseOption(env, 'seeds', `${seeds.length} seeds`, 'an integer from 0 to 2^53 − 1 for each lane that is placed');
  if (!state.every(Number.isFinite)) refuseOption(env, 'state', 'not finite', 'finite numbers');
  const held = new Float64Array(state.length);
  for (const [i, lane] of lanes.entries()) {
    await turns.next();
    placed[lane] = 0;
    await task.setState(lane, state.subarray(i * size, (i + 1) * size), seeds[i]!);
    placed[lane] = 1;
    held.set(task.state.subarray(lane * size, (lane + 1) * size), i * size);
  }
  return held;
}

const isSeed = (value: number) => Number.isSafeInteger(value) && value >= 0;

/** Default: those that were ever placed. */
function activeLanes({ env, placed }: HostedEnv, asked: Uint8Array | undefined): Uint8Array {
  if (!asked) return placed.slice();
  if (asked.length !== env.lanes) refuseOption(env, 'active', `${asked.length} lanes`, `0 or 1 for each of ${env.lanes} lanes`);
  for (const [lane, isActive] of asked.entries())
    if (isActive && !placed[lane]) throw new GroundtwinError('ENV_NOT_RESET', { env: env.id, lane });
  return asked.slice();
}

interface Going {
  readonly active: Uint8Array;
  readonly steps: number;
  readonly kept: Kept;
  readonly turns: Turns;
}

async function step(
  { env, actions: layout }: HostedEnv,
  task: TaskEnv,
  actions: Values,
  { active, steps, kept, turns }: Going,
): Promise<void> {
  const into = allocate(env.actionSpace, env.lanes);
  const take: ActionTaker = actionTaker(env.id, env.actionSpace, env.lanes);
  for (let i = 0; i < steps; i++) {
    const pause = turns.next();
    if (pause) await pause;
    take(stepsOf(actions, layout, i), active, into);
    const pending = task.step(into, active);
    if (pending) await pending;
    kept.take(i);
  }
}

/** What is told of each step. */
class Kept {
  private readonly task: TaskEnv;
  private readonly steps: number;
  private readonly state: Float64Array;
  private readonly reward: Float64Array;
  private readonly terminated: Uint8Array;
  private readonly problem: Uint8Array;

  /** @throws ROLLOUT_TOO_LONG. */
  constructor(task: TaskEnv, steps: number, limit: number) {
    const { lanes, agents, spec } = task;
    const perStep = lanes * ((spec.size + agents) * Float64Array.BYTES_PER_ELEMENT + 2);
    const fit = Math.floor((limit - HEADER_BYTES) / perStep);
    if (steps > fit) throw new GroundtwinError('ROLLOUT_TOO_LONG', { env: task.id, steps, fit, limit });
    this.task = task;
    this.steps = steps;
    this.state = new Float64Array(steps * lanes * spec.size);
    this.reward = new Float64Array(steps * lanes * agents);
    this.terminated = new Uint8Array(steps * lanes);
    this.problem = new Uint8Array(steps * lanes);
  }

  take(step: number): void {
    const { lanes, batch, state } = this.task;
    this.state.set(state, step * state.length);
    this.reward.set(batch.reward, step * batch.reward.length);
    this.terminated.set(batch.terminated, step * lanes);
    for (let lane = 0; lane < lanes; lane++) this.problem[step * lanes + lane] = Number(batch.problems[lane] != null);
  }

  answer(): Answer {
    const { lanes, agents, spec } = this.task;
    return {
      state: new Tensor(this.state, [this.steps, lanes, spec.size]),
      reward: new Tensor(this.reward, [this.steps, lanes, agents]),
      terminated: new Tensor(this.terminated, [this.steps, lanes]),
      problem: new Tensor(this.problem, [this.steps, lanes]),
    };
  }
}
