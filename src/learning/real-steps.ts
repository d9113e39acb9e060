import { layOut, type StateSpec, viewsOver } from '../core/state-spec.ts';
import type { LaneStates, VectorEnv } from '../core/vector-env.ts';
import { GroundtwinError } from '../errors.ts';
import { allocate, type Box, describeSpace, flatSizeOf, type TypedArray } from '../spaces/space.ts';
import type { AnyTask } from '../task/task.ts';
import { requireBoundedBox } from './action-scale.ts';
import type { StepRows } from './branched-rollouts.ts';
import { toActions, writeObservations } from './flat-rows.ts';
import { snapshotsOf } from './lane-snapshots.ts';
import { rewardOf } from './lane-steps.ts';

/** One step of all lanes, with the states behind it; reused by the next step. */
export interface RealRows extends StepRows {
  /** float64 `[lanes, stateSize]`. */
  readonly state: Float64Array;
  /** As the env got them: flat, `[lanes, actions]`. */
  readonly taken: TypedArray;
  /** float64 `[lanes, commands]`: what the actuators got. */
  readonly command: Float64Array;
  readonly nextState: Float64Array;
  /** Each weighted term, float64 `[lanes]`, over all agents. */
  readonly terms: Readonly<Record<string, Float64Array>>;
  /** uint8 `[lanes]`: the episode ended with the step, terminated or truncated. */
  readonly ended: Uint8Array;
}

/**
 * Steps a truth, in this process or at the other end of a socket, and tells with each step the states behind the observations, which a world model learns from.
 * Lanes that end are begun anew at once.
 */
export class RealSteps {
  readonly env: VectorEnv;
  readonly task: AnyTask;
  private readonly spec: StateSpec;
  private readonly space: Box;
  private readonly rows: { -readonly [K in keyof RealRows]: RealRows[K] };
  private readonly commandRows: readonly Float64Array[];
  private readonly actionRows: readonly TypedArray[];
  /** For `actuate` to write memory entries to. */
  private readonly scratch: Float64Array;

  /** @throws OPTION_INVALID where the env shows no states, shows or takes something else than the task, or begins episodes within a step. */
  constructor(env: VectorEnv, task: AnyTask) {
    const { lanes } = env;
    refuseOther(env, task);
    this.env = env;
    this.task = task;
    this.spec = layOut(task.state);
    this.space = requireBoundedBox(task.id, task.actionSpace);
    const floats = (width: number) => new Float32Array(lanes * width);
    const doubles = (width: number) => new Float64Array(lanes * width);
    const [observationSize, actionSize] = [flatSizeOf(task.observationSpace), flatSizeOf(task.actionSpace)];
    this.rows = {
      lanes,
      active: new Uint8Array(lanes).fill(1),
      observation: floats(observationSize),
      action: floats(actionSize),
      reward: floats(1),
      next: floats(observationSize),
      continues: floats(1),
      state: doubles(this.spec.size),
      taken: allocate(task.actionSpace, lanes) as TypedArray,
      command: doubles(task.commands.length),
      nextState: doubles(this.spec.size),
      terms: Object.fromEntries(Object.keys(task.reward).map((name) => [name, doubles(1)])),
      ended: new Uint8Array(lanes),
    };
    this.commandRows = rowsOf(this.rows.command, lanes);
    this.actionRows = rowsOf(this.rows.taken, lanes);
    this.scratch = doubles(this.spec.size);
  }

  /** float32 `[lanes, size]`: what each lane shows now. Reused. */
  get observation(): Float32Array {
    return this.rows.observation;
  }

  /** float64 `[lanes, stateSize]`: where each lane is now. Reused. */
  get state(): Float64Array {
    return this.rows.state;
  }

  /** Begins an episode in every lane. @param seed - of the first lane. */
  async begin(seed: number): Promise<void> {
    const { observation } = await this.env.reset({ seed });
    writeObservations(this.env.observationSpace, observation, this.env.lanes, this.rows.observation);
    await this.readStates(this.rows.state);
  }

  /** Goes on from snapshots, one a lane. */
  async restore(snapshots: readonly Uint8Array[]): Promise<void> {
    // A twin is restored only once it has begun.
    await this.env.reset({ seed: 0 });
    const width = this.rows.observation.length / this.env.lanes;
    for (let lane = 0; lane < this.env.lanes; lane++) {
      const row = await this.env.restore(snapshots[lane]!, lane);
      writeObservations(this.env.observationSpace, row, 1, this.rows.observation.subarray(lane * width, (lane + 1) * width));
    }
    await this.readStates(this.rows.state);
  }

  /** One a lane; none where the env has none. */
  snapshots(): Promise<Uint8Array[]> {
    return snapshotsOf(this.env);
  }

  /**
   * @param action - float32 `[lanes, actions]` in −1 … 1; copied.
   * @param take - gets the step before lanes that ended with it are begun anew.
   */
  async step(action: Float32Array, take: (rows: RealRows) => void): Promise<void> {
    const { env, rows, task } = this;
    rows.action.set(action);
    toActions(this.space, rows.action, rows.taken);
    this.scratch.set(rows.state);
    const [now, after] = [viewsOver(task.state, rows.state, env.lanes), viewsOver(task.state, this.scratch, env.lanes)];
    for (let lane = 0; lane < env.lanes; lane++) task.actuate(now[lane]!, this.actionRows[lane]!, after[lane]!, this.commandRows[lane]!);
    const result = await env.step(rows.taken);
    writeObservations(env.observationSpace, result.observation, env.lanes, rows.next);
    const terms = result.info.rewardTerms as Readonly<Record<string, Float64Array>> | undefined;
    for (let lane = 0; lane < env.lanes; lane++) {
      rows.reward[lane] = rewardOf(result.reward, lane, env.agents);
      for (const name in rows.terms) rows.terms[name]![lane] = terms?.[name] ? rewardOf(terms[name], lane, env.agents) : 0;
      rows.continues[lane] = 1 - result.terminated[lane]!;
      rows.ended[lane] = result.terminated[lane]! | result.truncated[lane]!;
    }
    await this.readStates(rows.nextState);
    take(rows);
    [rows.observation, rows.next] = [rows.next, rows.observation];
    [rows.state, rows.nextState] = [rows.nextState, rows.state];
    if (rows.ended.includes(1)) await this.beginEnded();
  }

  private async beginEnded(): Promise<void> {
    const { observation } = await this.env.reset({ mask: this.rows.ended });
    writeObservations(this.env.observationSpace, observation, this.env.lanes, this.rows.observation);
    await this.readStates(this.rows.state);
  }

  private async readStates(into: Float64Array): Promise<void> {
    const { state }: LaneStates = await this.env.state!('truth');
    for (const { name, size, offset } of this.spec.entries)
      for (let lane = 0; lane < this.env.lanes; lane++)
        into.set(state[name]!.subarray(lane * size, (lane + 1) * size), lane * this.spec.size + offset);
  }
}

function refuseOther(env: VectorEnv, task: AnyTask): void {
  const refuse = (option: string, value: string, allowed: string): never => {
    throw new GroundtwinError('OPTION_INVALID', { who: task.id, option, value, allowed });
  };
  if (!env.state) refuse('env', `${env.id} without states`, 'an env that shows its states');
  if (env.kind === 'model') refuse('env', `the model of ${env.id}`, 'truth, to be learned from');
  if (env.autoreset === 'sameStep')
    refuse('autoreset', 'sameStep', "'nextStep' or 'disabled', which show the state that an episode ends in");
  for (const which of ['observationSpace', 'actionSpace'] as const)
    if (describeSpace(env[which]) !== describeSpace(task[which]))
      refuse(which, describeSpace(env[which]), `${describeSpace(task[which])}, as the task has it`);
}

function rowsOf<A extends TypedArray>(values: A, lanes: number): A[] {
  const width = values.length / lanes;
  return Array.from({ length: lanes }, (_, lane) => values.subarray(lane * width, (lane + 1) * width) as A);
}
