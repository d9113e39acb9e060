/** Whoever a server serves, as who a gap is measured of. */
import { type Client, connect, RemoteTaskEnv, type RemoteVectorEnv } from '../client/index.ts';
import { elementsWithRole, layOut } from '../core/state-spec.ts';
import { GroundtwinError } from '../errors.ts';
import { envSubject, type HeldOut, modelSubject, type Played, type Subject } from '../gap/index.ts';
import { registry } from '../index.ts';
import { clockFrom } from '../server/index.ts';
import { rowOf, type TypedArray, unflattenInto } from '../spaces/space.ts';
import type { AnyTask } from '../task/task.ts';
import { allocateBatch, layoutOf, stackedLayout, stepsOf } from '../wire/index.ts';

/** Copies of an env that are played at once. */
const LANES = 128;
/** Steps of one request: what is sent and what comes back stays far below the limits of frames. */
const NUMBERS_A_REQUEST = 65_536;

export const isRemote = (asked: string) => /^wss?:\/\//.test(asked);

/** What `ws://HOST:PORT[/ENV][?model=NAME or ?engine=NAME]` asks for. */
interface Address {
  readonly url: string;
  readonly env: string;
  readonly options: Readonly<Record<string, unknown>>;
}

/**
 * @param asked - where it is served. @param token - what the server asks for.
 * @throws OPTION_INVALID, CONNECTION_*; CALL_UNSUPPORTED where it cannot be put into a state; MODEL_REFUSED or OPTION_INVALID where it is of another task.
 */
export async function remoteSubject(task: AnyTask, asked: string, token?: string): Promise<Subject> {
  const address = addressOf(task, asked);
  const client = await connect({ url: address.url, clock: clockFrom(() => performance.now()), ...(token === undefined ? {} : { token }) });
  try {
    return await subjectAt(client, task, asked, address);
  } catch (error) {
    // An open socket would keep the process alive.
    await client.close();
    throw error;
  }
}

async function subjectAt(client: Client, task: AnyTask, asked: string, address: Address): Promise<Subject> {
  const can = (capability: string) => client.info.capabilities.includes(capability);
  if (!can('play'))
    throw new GroundtwinError('CALL_UNSUPPORTED', {
      env: address.env,
      call: 'gap',
      why: `the server at ${address.url} cannot put envs into states`,
    });
  await requireSameTask(client, task, asked, address);
  const make = (lanes: number) => client.make(address.env, { lanes, autoreset: 'disabled', ...address.options });
  if (address.options.backend === 'model' && can('predict')) {
    const model = await (await make(1)).model(task);
    const subject = modelSubject(task, model);
    return { ...subject, name: asked, close: () => client.close() };
  }
  const player = new Player(task, make);
  const subject = envSubject(asked, task, async (lanes) => new RemoteTaskEnv(task, await make(lanes)));
  return { ...subject, play: (plan, copies, seed) => player.play(plan, copies, seed), close: () => client.close() };
}

function addressOf(task: AnyTask, asked: string): Address {
  const allowed = 'ws://HOST:PORT[/ENV], with ?model=<name> or ?engine=<name> behind it';
  if (!URL.canParse(asked)) return refuse(asked, allowed);
  const { protocol, host, pathname, searchParams, username, hash } = new URL(asked);
  const [name, ...others] = [...searchParams.keys()];
  if (username !== '' || hash !== '' || others.length > 0 || (name !== undefined && name !== 'model' && name !== 'engine'))
    return refuse(asked, allowed);
  const options = name === undefined ? {} : { [name]: searchParams.get(name), ...(name === 'model' ? { backend: 'model' } : {}) };
  const condition = task.conditionedOn ? { condition: [...task.conditionedOn] } : {};
  return { url: `${protocol}//${host}`, env: decodeURIComponent(pathname.slice(1)) || task.id, options: { ...options, ...condition } };
}

/** Another state under the same name would be measured as if it were this one. */
async function requireSameTask(client: Client, { id }: AnyTask, asked: string, { env }: Address): Promise<void> {
  const own = registry.task(id);
  const there = await client.describe(env);
  const entries = layOut(own.state).entries.map(({ name, role, kind, unit, size }) => ({ name, role, kind, unit, size }));
  const same = (left: unknown, right: unknown) => JSON.stringify(left) === JSON.stringify(right);
  const names = (commands: readonly unknown[]) => commands.map((command) => (command as { name?: unknown } | null)?.name);
  const fields = (list: readonly unknown[]) =>
    list.map((entry) => {
      const { name, role, kind, unit, size } = (entry ?? {}) as Readonly<Record<string, unknown>>;
      return { name, role, kind, unit, size };
    });
  if (same(fields(there.state), entries) && same(names(there.commands), names(own.commands)) && there.controlDt_s === own.controlDt_s)
    return;
  refuse(asked, `of an env with the state, commands and control step of ${id}; ${env} over there has others`);
}

/** Plays plans known whole, many lanes and steps a request. */
class Player {
  private readonly task: AnyTask;
  private readonly make: (lanes: number) => Promise<RemoteVectorEnv>;
  private env: Promise<RemoteVectorEnv> | undefined;

  constructor(task: AnyTask, make: (lanes: number) => Promise<RemoteVectorEnv>) {
    this.task = task;
    this.make = make;
  }

  /** As `play` of the gap suite does it with an env of this process. */
  async play(plan: HeldOut, copies: number, seed: number): Promise<Played> {
    this.env ??= this.make(LANES);
    const env = await this.env;
    const total = plan.starts * copies;
    const width = elementsWithRole(layOut(this.task.state), 'dynamic', 'signal').length;
    const played: Played = { rows: new Float64Array(total * (plan.horizon + 1) * width), returns: new Float64Array(total) };
    for (let first = 0; first < total; first += env.lanes)
      await this.playChunk(env, plan, { copies, seed, first, count: Math.min(env.lanes, total - first) }, played);
    return played;
  }

  private async playChunk(env: RemoteVectorEnv, plan: HeldOut, chunk: Chunk, played: Played): Promise<void> {
    const { first, count, copies, seed } = chunk;
    const { size } = layOut(this.task.state);
    const starts = Array.from({ length: count }, (_, lane) => Math.floor((first + lane) / copies));
    const state = new Float64Array(count * size);
    starts.forEach((start, lane) => void state.set(plan.state.subarray(start * size, (start + 1) * size), lane * size));
    const { placed } = await env.play({ state, seeds: Float64Array.from(starts, (_, lane) => seed + ((first + lane) % copies)) });
    const writer = new Writer(this.task, env, plan.horizon, chunk, played);
    writer.states(placed, 0);
    const active = Uint8Array.from({ length: env.lanes }, (_, lane) => Number(lane < count));
    const most = Math.max(1, Math.floor(NUMBERS_A_REQUEST / (env.lanes * size)));
    for (let step = 0; step < plan.horizon; step += most) {
      const steps = Math.min(most, plan.horizon - step);
      const answer = await env.play({ actions: actionsOf(env, plan, starts, step, steps), active });
      writer.requireWhole(answer.state, steps);
      for (let i = 0; i < steps; i++) writer.step(answer, i, step + i + 1);
    }
  }
}

interface Chunk {
  readonly copies: number;
  readonly seed: number;
  /** Its first rollout, of all; and how many. */
  readonly first: number;
  readonly count: number;
}

/** Packs what comes back. */
class Writer {
  private readonly env: RemoteVectorEnv;
  private readonly horizon: number;
  private readonly chunk: Chunk;
  private readonly played: Played;
  private readonly size: number;
  private readonly predicted: Int32Array;

  constructor(task: AnyTask, env: RemoteVectorEnv, horizon: number, chunk: Chunk, played: Played) {
    const spec = layOut(task.state);
    this.env = env;
    this.horizon = horizon;
    this.chunk = chunk;
    this.played = played;
    this.size = spec.size;
    this.predicted = elementsWithRole(spec, 'dynamic', 'signal');
  }

  requireWhole(state: Float64Array, steps: number): void {
    if (state.length !== steps * this.env.lanes * this.size)
      throw new GroundtwinError('BAD_MESSAGE', {
        field: 'play reply.state',
        expected: `float64 [${steps}, ${this.env.lanes}, ${this.size}]`,
      });
  }

  /** @param rows - of each lane at `step`. @param problem - lanes that broke down: what they predict is not a number. */
  states(rows: Float64Array, step: number, problem?: Uint8Array): void {
    const { chunk, predicted, size } = this;
    for (let lane = 0; lane < chunk.count; lane++) {
      const at = ((chunk.first + lane) * (this.horizon + 1) + step) * predicted.length;
      for (let i = 0; i < predicted.length; i++)
        this.played.rows[at + i] = problem?.[lane] ? Number.NaN : rows[lane * size + predicted[i]!]!;
    }
  }

  step({ state, reward, problem }: Awaited<ReturnType<RemoteVectorEnv['play']>>, index: number, step: number): void {
    const { lanes, agents } = this.env;
    const of = <T extends Float64Array | Uint8Array>(all: T, width: number) =>
      all.subarray(index * lanes * width, (index + 1) * lanes * width) as T;
    this.states(of(state, this.size), step, of(problem, 1));
    const rewards = of(reward, agents);
    const { first, count } = this.chunk;
    for (let lane = 0; lane < count; lane++)
      for (let agent = 0; agent < agents; agent++) this.played.returns[first + lane]! += rewards[lane * agents + agent]!;
  }
}

/** `[steps, lanes, …]` in the action space. */
function actionsOf(env: RemoteVectorEnv, plan: HeldOut, starts: readonly number[], from: number, steps: number) {
  const width = plan.action.length / plan.starts / plan.horizon;
  const layout = layoutOf(env.actionSpace, env.lanes);
  const all = allocateBatch(stackedLayout(layout, steps));
  for (let step = 0; step < steps; step++) {
    const rows = stepsOf(all, layout, step);
    starts.forEach((start, lane) => {
      unflattenInto(plan.action, rowOf(env.actionSpace, rows, lane) as TypedArray, (start * plan.horizon + from + step) * width);
    });
  }
  return all;
}

function refuse(value: string, allowed: string): never {
  throw new GroundtwinError('OPTION_INVALID', { who: 'gap', option: 'subject', value: value.slice(0, 100), allowed });
}
