/** A task of this process whose states come from a server: what a gap is measured of, where the other world runs elsewhere. */
import type { Dynamics, LaneRows } from '../core/dynamics.ts';
import { elementsWithRole, layOut, type StateView } from '../core/state-spec.ts';
import { GroundtwinError } from '../errors.ts';
import type { Values } from '../spaces/space.ts';
import { paramsOfState } from '../task/condition.ts';
import { sameParams } from '../task/physics-dynamics.ts';
import type { AnyTask, Params } from '../task/task.ts';
import { TaskEnv } from '../task/task-env.ts';
import type { RemoteVectorEnv } from './remote-vector-env.ts';

/** Only what is predicted is taken from there; observation, reward, end and whatever is not physics are worked out here, as for any subject. */
class RemoteDynamics implements Dynamics {
  readonly kind: 'truth' | 'model';
  readonly fingerprint: string;
  /** Of the step to come; what the actuators make of it is worked out over there once more. */
  actions: Values | undefined;
  private readonly task: AnyTask;
  private readonly remote: RemoteVectorEnv;
  private readonly size: number;
  private readonly predicted: Int32Array;

  constructor(task: AnyTask, remote: RemoteVectorEnv) {
    const spec = layOut(task.state);
    this.task = task;
    this.remote = remote;
    this.kind = remote.remoteKind === 'truth' ? 'truth' : 'model';
    this.fingerprint = `remote ${remote.id}`;
    this.size = spec.size;
    this.predicted = elementsWithRole(spec, 'dynamic', 'signal');
  }

  async start(lane: number, row: Float64Array, view: StateView, params: Params, seed: number): Promise<void> {
    if (!sameParams(params, paramsOfState(this.task, view, this.task.params)))
      throw this.unsupported('params', 'a server plays its own parameters');
    const { placed } = await this.remote.play({ lanes: Int32Array.of(lane), state: row.slice(), seeds: Float64Array.of(seed) });
    this.requireLength('placed', placed, this.size);
    row.set(placed);
  }

  async advance({ lanes, next, problems }: LaneRows, active: Uint8Array): Promise<void> {
    const { state, problem } = await this.remote.play({ actions: this.actions!, active });
    this.requireLength('state', state, lanes * this.size);
    for (let lane = 0; lane < lanes; lane++) {
      if (!active[lane]) continue;
      for (const element of this.predicted) next[lane * this.size + element] = state[lane * this.size + element]!;
      if (problem[lane]) problems[lane] = 'the server cut the lane off';
    }
  }

  save(): never {
    throw this.unsupported('snapshot', 'the lane is on a server');
  }

  load(): never {
    throw this.unsupported('restore', 'the lane is on a server');
  }

  close(): Promise<void> {
    return this.remote.close();
  }

  private requireLength(field: string, { length }: Float64Array, expected: number): void {
    if (length !== expected) throw new GroundtwinError('BAD_MESSAGE', { field: `play reply.${field}`, expected: `${expected} numbers` });
  }

  private unsupported(call: string, why: string): GroundtwinError {
    return new GroundtwinError('CALL_UNSUPPORTED', { env: this.task.id, call, why });
  }
}

export class RemoteTaskEnv extends TaskEnv {
  private readonly own: RemoteDynamics;

  /** @param task - the one that `remote` plays. @param remote - of a server that can `play`; closed with it. */
  constructor(task: AnyTask, remote: RemoteVectorEnv) {
    const dynamics = new RemoteDynamics(task, remote);
    super(task, dynamics, remote.lanes);
    this.own = dynamics;
  }

  override step(actions: Values, active: Uint8Array): void | Promise<void> {
    this.own.actions = actions;
    return super.step(actions, active);
  }
}
