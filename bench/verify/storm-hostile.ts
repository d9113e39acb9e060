/** Episodes that mean harm to one lane: does the very step notice whose state is no longer finite, and does nobody else feel it? */
import { enginesOf } from '../../src/check/check-registered.ts';
import { jointLayout } from '../../src/core/joints.ts';
import type { EngineName } from '../../src/core/scene-spec.ts';
import { isGroundtwinError } from '../../src/errors.ts';
import { registry } from '../../src/index.ts';
import { Rng } from '../../src/math/rng.ts';
import { allocate, rowOf, sampleInto, type TypedArray } from '../../src/spaces/space.ts';
import type { PhysicsDynamics } from '../../src/task/physics-dynamics.ts';
import type { TaskEnv } from '../../src/task/task-env.ts';
import { engineTrouble } from './storm-probe.ts';

export interface HostileOptions {
  readonly episodes?: number;
  /** Default every registered env. */
  readonly ids?: readonly string[];
  readonly seed?: number;
  readonly log?: (line: string) => void;
}

/** Counts of one campaign; from `late` on everything should be 0. */
export interface HostileFigures {
  episodes: number;
  /** Turned away with a typed error before anything moved. */
  refused: number;
  /** Cut off with PHYSICS_DIVERGED by the step that went wrong, or before the engine's own numbers did. */
  noticed: number;
  /** Of those, with the engine's numbers still finite: a control that is none, an acceleration beyond all bounds. */
  early: number;
  /** Came through the harm with finite numbers. */
  calm: number;
  /** Went on as if nothing had happened. */
  late: number;
  /** Ended with an error of no known code. */
  untyped: number;
  /** Steps after which a neighbour's bytes were not those of the run without harm. */
  neighbours: number;
  /** Resets after which the lane was not, byte for byte, what a fresh env is. */
  notRecovered: number;
  /** Cut off, but with another state or observation than the last good one. */
  shown: number;
  /** The first of each kind of fault, in words. */
  readonly faults: Record<string, string>;
}

export function noFigures(): HostileFigures {
  return {
    episodes: 0,
    refused: 0,
    noticed: 0,
    early: 0,
    calm: 0,
    late: 0,
    untyped: 0,
    neighbours: 0,
    notRecovered: 0,
    shown: 0,
    faults: {},
  };
}

/** What counts against the goal. */
export function faultsIn({ late, untyped, neighbours, notRecovered, shown }: HostileFigures): number {
  return late + untyped + neighbours + notRecovered + shown;
}

export function addFigures(into: HostileFigures, more: HostileFigures): void {
  const sums = into as unknown as Record<string, number>;
  for (const [name, value] of Object.entries(more)) if (typeof value === 'number') sums[name] = sums[name]! + value;
  for (const [kind, words] of Object.entries(more.faults)) into.faults[kind] ??= words;
}

/** Not a number, no number, numbers too large for float32, for a square, for sense, and too small to hold. */
export const harms = [
  Number.NaN,
  Number.POSITIVE_INFINITY,
  Number.NEGATIVE_INFINITY,
  1e300,
  -1e300,
  1e39,
  3e38,
  -1e30,
  1e19,
  1e10,
  -9.9e9,
  1e6,
  -1e4,
  5e-324,
] as const;

/** The lane that is harmed, and the one beside it. */
const [HARMED, BESIDE] = [0, 1];
/** Steps of a hostile episode at most, and of the check that the lane has recovered. */
const [HOSTILE_STEPS, RECOVERY_STEPS] = [4, 2];
/** Episodes whose course on a fresh env is known. */
const KNOWN_SEEDS = 4;
/** Steps after which the neighbour begins anew, whatever it does. */
const NEIGHBOUR_STEPS = 100;

type Harm = 'action' | 'state' | 'buried' | 'params' | 'body' | 'joints';
const kinds: readonly Harm[] = ['action', 'state', 'state', 'buried', 'buried', 'params', 'body', 'joints'];

/** One env on one engine, harmed again and again. */
export class HostileLane {
  readonly figures = noFigures();
  private readonly id: string;
  private readonly rng: Rng;
  /** Lanes: the one that is harmed, then its neighbour. */
  private readonly env: TaskEnv;
  /** One lane, which does what the neighbour does. */
  private readonly quiet: TaskEnv;
  private readonly actions: TypedArray;
  private readonly quietActions: TypedArray;
  /** `[KNOWN_SEEDS]`: what a fresh env shows, as bytes. */
  private readonly known: Buffer[] = [];
  private neighbourSteps = NEIGHBOUR_STEPS;
  private neighbourSeed = 0;

  private constructor(id: string, env: TaskEnv, quiet: TaskEnv, seed: number) {
    this.id = id;
    this.env = env;
    this.quiet = quiet;
    this.rng = new Rng(seed);
    this.actions = allocate(env.actionSpace, 2) as TypedArray;
    this.quietActions = allocate(env.actionSpace, 1) as TypedArray;
  }

  static async make(id: string, engine: EngineName, seed: number): Promise<HostileLane> {
    const lane = new HostileLane(`${id} on ${engine}`, await registry.truth(id, 2, engine), await registry.truth(id, 1, engine), seed);
    for (let episode = 0; episode < KNOWN_SEEDS; episode++) {
      const fresh = await registry.truth(id, 1, engine);
      lane.known.push(lane.traceOf(fresh, episode, allocate(fresh.actionSpace, 1) as TypedArray, Uint8Array.of(1)));
      await fresh.close();
    }
    return lane;
  }

  play(episodes: number): void {
    for (let episode = 0; episode < episodes; episode++) this.episode(kinds[this.rng.integer(kinds.length)]!);
  }

  close(): void {
    void this.env.close();
    void this.quiet.close();
  }

  private episode(kind: Harm): void {
    const { figures } = this;
    figures.episodes++;
    this.keepNeighbourGoing();
    let harm: string = kind;
    try {
      this.reset(this.rng.integer(2 ** 31), kind === 'params' ? this.hostileParams() : undefined);
      if (this.follow(harm, this.rng.integer(3), false)) {
        harm = this.inflict(kind);
        if (this.follow(harm, HOSTILE_STEPS, kind === 'action')) figures.calm++;
      }
    } catch (error) {
      if (isGroundtwinError(error)) figures.refused++;
      else this.fault('untyped', harm, error);
    }
    this.recover(harm);
  }

  /** Steps on until the harm is noticed or the episode is over. @returns whether the lane can be stepped on. */
  private follow(harm: string, steps: number, isHostile: boolean): boolean {
    const { batch } = this.env;
    for (let step = 0; step < steps; step++) {
      const before = this.shownBytes();
      this.stepBoth(isHostile);
      const trouble = this.trouble();
      const problem = batch.problems[HARMED];
      if (!problem && trouble === null && !batch.terminated[HARMED]) continue;
      if (!problem && trouble === null) this.figures.calm++;
      else if (!problem) this.fault('late', harm, trouble);
      else this.judge(harm, problem.code, trouble, before);
      return false;
    }
    return true;
  }

  private judge(harm: string, code: string, trouble: string | null, before: Buffer): void {
    const { figures, env } = this;
    figures.noticed++;
    if (trouble === null) figures.early++;
    if (code !== 'PHYSICS_DIVERGED' || env.batch.truncated[HARMED] !== 1) this.fault('late', harm, `it says ${code} and does not cut off`);
    if (!this.shownBytes().equals(before)) this.fault('shown', harm, 'not what was shown before the step');
  }

  /** State and observation. */
  private shownBytes(): Buffer {
    const { env } = this;
    const observation = rowOf(env.observationSpace, env.batch.observation, HARMED) as TypedArray;
    return bytesOf([observation, env.stateOf(HARMED).row]);
  }

  /** What the engine, the state, or what the agent is shown, has that is not finite. */
  private trouble(): string | null {
    const { env } = this;
    const inside = engineTrouble((env.dynamics as PhysicsDynamics).world(HARMED)!);
    if (inside !== null) return inside;
    if (!allFinite(env.stateOf(HARMED).row)) return 'the state is not finite';
    if (!allFinite(rowOf(env.observationSpace, env.batch.observation, HARMED) as TypedArray)) return 'the observation is not finite';
    return allFinite(env.batch.reward.subarray(0, env.agents)) ? null : 'the reward is not finite';
  }

  /** @returns what was done, in words. */
  private inflict(kind: Harm): string {
    switch (kind) {
      case 'action':
      case 'params':
        return kind;
      case 'state':
        return this.inflictState(1 + this.rng.integer(3), () => this.harm());
      case 'buried':
        return this.inflictState(this.env.spec.size, (value) => value + this.rng.normal() * 10 ** (this.rng.integer(7) - 2));
      case 'body':
        return this.inflictBody();
      case 'joints':
        return this.inflictJoints();
    }
  }

  private inflictState(elements: number, change: (value: number) => number): string {
    const row = this.env.stateOf(HARMED).row.slice();
    const whole = elements === row.length;
    for (let i = 0; i < elements; i++) {
      const at = whole ? i : this.rng.integer(row.length);
      row[at] = change(row[at]!);
    }
    void this.env.setState(HARMED, row, 1);
    return `state ${[...row]}`;
  }

  /** Behind the env's back: in the world itself. */
  private inflictBody(): string {
    const world = (this.env.dynamics as PhysicsDynamics).world(HARMED)!;
    const held = new Set(world.scene.joints.map(({ child }) => child));
    const free = world.scene.bodies.flatMap(({ kind, name }, i) => (kind === 'dynamic' && !held.has(name) ? [i] : []));
    if (free.length === 0) return this.inflictJoints();
    const row = new Float64Array(13);
    world.bodyPose(free[0]!, row);
    world.bodyVelocity(free[0]!, row, 7);
    row[this.rng.integer(13)] = this.harm();
    world.setBody(free[0]!, row.subarray(0, 7), row.subarray(7));
    return `body ${[...row]}`;
  }

  private inflictJoints(): string {
    const world = (this.env.dynamics as PhysicsDynamics).world(HARMED)!;
    const layout = jointLayout(world.scene.joints);
    const [positions, velocities] = [new Float64Array(layout.positions), new Float64Array(layout.velocities)];
    for (let i = 0; i < positions.length; i++) positions[i] = this.rng.normal();
    const row = this.rng.uniform() < 0.5 ? positions : velocities;
    row[this.rng.integer(row.length)] = this.harm();
    world.setJoints(positions, velocities);
    return `joints ${[...row]}`;
  }

  private hostileParams(): Record<string, number> {
    const names = Object.keys(this.env.task.params);
    const params: Record<string, number> = {};
    for (let i = 1 + this.rng.integer(2); i > 0; i--) {
      const name = names[this.rng.integer(names.length)]!;
      params[name] = this.rng.uniform() < 0.2 ? this.harm() : this.env.task.params[name]! * 10 ** (this.rng.integer(25) - 12);
    }
    return params;
  }

  private harm(): number {
    return harms[this.rng.integer(harms.length)]!;
  }

  private reset(seed: number, params?: Record<string, number>): void {
    void this.env.reset({ mask: Uint8Array.of(1, 0), seeds: Float64Array.of(seed, 0), ...(params && { params }) });
  }

  private keepNeighbourGoing(): void {
    if (this.neighbourSteps++ < NEIGHBOUR_STEPS) return;
    this.neighbourSteps = 0;
    this.neighbourSeed++;
    void this.env.reset({ mask: Uint8Array.of(0, 1), seeds: Float64Array.of(0, this.neighbourSeed) });
    void this.quiet.reset({ mask: Uint8Array.of(1), seeds: Float64Array.of(this.neighbourSeed) });
  }

  /** Both lanes, and the neighbour's double. */
  private stepBoth(isHostile: boolean): void {
    const { actions, quietActions, env, rng } = this;
    for (const lane of [HARMED, BESIDE]) sampleInto(env.actionSpace, rng, rowOf(env.actionSpace, actions, lane));
    quietActions.set(rowOf(env.actionSpace, actions, BESIDE) as TypedArray);
    if (isHostile) for (let i = rng.integer(2); i < quietActions.length; i += 1 + rng.integer(3)) actions[i] = this.harm();
    this.neighbourSteps++;
    void env.step(actions, Uint8Array.of(1, 1));
    void this.quiet.step(quietActions, Uint8Array.of(1));
    if (!laneBytes(env, BESIDE).equals(laneBytes(this.quiet, 0))) {
      this.fault('neighbours', 'step', 'its bytes differ');
      this.neighbourSteps = NEIGHBOUR_STEPS;
    }
    if (env.batch.truncated[BESIDE] || env.batch.terminated[BESIDE]) this.neighbourSteps = NEIGHBOUR_STEPS;
    if (this.neighbourSteps >= NEIGHBOUR_STEPS) this.keepNeighbourGoing();
  }

  /** Whether the lane plays a known episode as a fresh env does. */
  private recover(harm: string): void {
    const seed = this.rng.integer(KNOWN_SEEDS);
    try {
      const traced = this.traceOf(this.env, seed, this.actions, Uint8Array.of(1, 0));
      if (!traced.equals(this.known[seed]!)) this.fault('notRecovered', harm, 'its bytes differ');
    } catch (error) {
      this.fault('notRecovered', harm, error);
    }
  }

  /** Plays the beginning of a known episode in lane 0. */
  private traceOf(env: TaskEnv, seed: number, actions: TypedArray, active: Uint8Array): Buffer {
    const rng = new Rng(seed, 9);
    void env.reset({ mask: active, seeds: new Float64Array(active.length).fill(seed) });
    const parts = [laneBytes(env, 0)];
    for (let step = 0; step < RECOVERY_STEPS; step++) {
      sampleInto(env.actionSpace, rng, rowOf(env.actionSpace, actions, 0));
      // At first what motors hold after a reset: an engine that remembers otherwise goes another way.
      if (step === 0) actions.fill(0, 0, actions.length / active.length);
      void env.step(actions, active);
      parts.push(laneBytes(env, 0));
    }
    return Buffer.concat(parts);
  }

  private fault(kind: 'late' | 'untyped' | 'neighbours' | 'notRecovered' | 'shown', harm: string, what: unknown): void {
    this.figures[kind]++;
    const words = what instanceof Error ? `${what.name}: ${what.message}` : String(what);
    this.figures.faults[`${kind}, ${this.id}, ${harm.split(' ')[0]}: ${words.slice(0, 80)}`] ??= harm.slice(0, 300);
  }
}

/** Observation, reward, ends and state of a lane. */
function laneBytes(env: TaskEnv, lane: number): Buffer {
  const { observation, reward, terminated, truncated } = env.batch;
  return bytesOf([
    rowOf(env.observationSpace, observation, lane) as TypedArray,
    reward.subarray(lane * env.agents, (lane + 1) * env.agents),
    Uint8Array.of(terminated[lane]!, truncated[lane]!),
    env.stateOf(lane).row,
  ]);
}

/** A copy. */
function bytesOf(parts: readonly TypedArray[]): Buffer {
  return Buffer.concat(parts.map(({ buffer, byteOffset, byteLength }) => Buffer.from(buffer as ArrayBuffer, byteOffset, byteLength)));
}

function allFinite(values: ArrayLike<number>): boolean {
  for (let i = 0; i < values.length; i++) if (!Number.isFinite(values[i])) return false;
  return true;
}

/** Every env on each of its engines, in turns of equal size. */
export async function harmEnvs(options: HostileOptions = {}): Promise<HostileFigures> {
  const { episodes = 70_000, ids = registry.ids(), seed = 20, log = () => {} } = options;
  const pairs = ids.flatMap((id) => enginesOf(registry, id).map((engine) => ({ id, engine: engine as EngineName })));
  const total = noFigures();
  for (const [i, { id, engine }] of pairs.entries()) {
    const lane = await HostileLane.make(id, engine, seed + i);
    try {
      for (let left = Math.ceil(episodes / pairs.length); left > 0; left -= 100) {
        lane.play(Math.min(100, left));
        // Memory of worlds that were replaced is given back by the event loop.
        await new Promise((resolve) => setImmediate(resolve));
      }
    } finally {
      lane.close();
    }
    addFigures(total, lane.figures);
    log(`${id} on ${engine}: ${JSON.stringify({ ...lane.figures, faults: Object.keys(lane.figures.faults).length })}`);
  }
  return total;
}
