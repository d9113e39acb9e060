/** Snapshots taken while shapes touch, brought back in three places: does the future stay the same, bit for bit? */
import { jointLayout } from '../../src/core/joints.ts';
import type { PhysicsWorld } from '../../src/core/physics-world.ts';
import { type EngineName, type EngineSettings, engineNames, type SceneSpec } from '../../src/core/scene-spec.ts';
import type { VectorEnv } from '../../src/core/vector-env.ts';
import { registry } from '../../src/index.ts';
import { Rng } from '../../src/math/rng.ts';
import { nodeRuntime } from '../../src/onnx/index.ts';
import { mujocoEngine } from '../../src/physics/mujoco-engine.ts';
import { rapierEngine } from '../../src/physics/rapier-engine.ts';
import { Registry } from '../../src/registry/registry.ts';
import { allocate, rowOf, sampleInto, type TypedArray } from '../../src/spaces/space.ts';
import type { PhysicsDynamics } from '../../src/task/physics-dynamics.ts';
import type { AnyTask } from '../../src/task/task.ts';
import type { TaskEnv } from '../../src/task/task-env.ts';
import type { SyncVectorEnv } from '../../src/vector/sync-vector-env.ts';
import { contactsOf } from './storm-probe.ts';
import { pileScene } from './storm-scenes.ts';

export interface RestoreOptions {
  /** Restores in all. */
  readonly restores?: number;
  readonly ids?: readonly string[];
  readonly seed?: number;
  /** Steps compared after each. */
  readonly steps?: number;
  readonly log?: (line: string) => void;
}

export interface RestoreFigures {
  readonly what: string;
  readonly moments: number;
  /** Three a moment: in place, into another that has lived otherwise, into a fresh one. */
  readonly restores: number;
  readonly diverged: number;
  /** Of those, where they were restored to. */
  readonly divergedIn: Readonly<Record<Place, number>>;
  /** Touching points at the moments, on average. */
  readonly contacts: number;
  /** Of the futures that were compared, how many held the begin of another episode. */
  readonly acrossEpisodes: number;
}

type Place = 'inPlace' | 'elsewhere' | 'fresh';
const places: readonly Place[] = ['inPlace', 'elsewhere', 'fresh'];

/** Robots on the ground. */
const contactRobots = [
  'Ant-v0',
  'Hopper-v0',
  'Walker2d-v0',
  'HalfCheetah-v0',
  'DmHopperHop-v0',
  'DmWalkerRun-v0',
  'DmCheetahRun-v0',
] as const;

/** The same robots, but an episode goes on when they have fallen: then more of them touches the ground. */
const fallen = contactRobots
  .map((id) => registry.task(id))
  .filter(({ terminated }) => terminated)
  .map(({ terminated: _, ...task }): AnyTask => ({ ...task, id: fallenId(task.id) }));
const robots = new Registry({
  tasks: [...contactRobots.map((id) => registry.task(id)), ...fallen],
  engines: { rapier: rapierEngine, mujoco: mujocoEngine },
  runtime: nodeRuntime(),
  entropy: () => 0,
});

function fallenId(id: string): string {
  return id.replace('-', 'Fallen-');
}

/** Of steps without a moment, then the robot does not touch anything. */
const LONGEST_WAIT_steps = 400;

class Tally {
  moments = 0;
  contacts = 0;
  acrossEpisodes = 0;
  readonly divergedIn: Record<Place, number> = { inPlace: 0, elsewhere: 0, fresh: 0 };

  compare(place: Place, expected: Buffer, got: Buffer): void {
    if (!expected.equals(got)) this.divergedIn[place]++;
  }

  figures(what: string): RestoreFigures {
    const { moments, contacts, acrossEpisodes, divergedIn } = this;
    const diverged = places.reduce((sum, place) => sum + divergedIn[place], 0);
    return { what, moments, restores: moments * places.length, diverged, divergedIn, contacts: contacts / moments, acrossEpisodes };
  }
}

/** Every robot and a pile of boxes, on both engines, in equal shares. */
export async function restoreStorm(options: RestoreOptions = {}): Promise<RestoreFigures[]> {
  const { restores = 10_000, ids = robots.ids(), seed = 40, steps = 25, log = () => {} } = options;
  const scenes = engineNames.flatMap((engine) => [...ids, null].map((id) => ({ id, engine })));
  const moments = Math.ceil(restores / places.length / scenes.length);
  const all: RestoreFigures[] = [];
  for (const [i, { id, engine }] of scenes.entries()) {
    const figures = await (id === null ? pileRestores(engine, moments, steps, seed) : robotRestores(id, engine, moments, steps, seed + i));
    log(JSON.stringify(figures));
    all.push(figures);
  }
  return all;
}

async function robotRestores(id: string, engine: EngineName, moments: number, steps: number, seed: number): Promise<RestoreFigures> {
  const rng = new Rng(seed);
  const tally = new Tally();
  const main = await robots.makeVector(id, { engine });
  const driver = new Driver(main, rng);
  const other = await robots.makeVector(id, { engine, lanes: 2 });
  try {
    await main.reset({ seed });
    await other.reset({ seed: seed + 1000 });
    for (let moment = 0; moment < moments; moment++) {
      tally.contacts += await playToContact(main, driver, rng);
      tally.moments++;
      const snapshot = await main.snapshot();
      const actions = Array.from({ length: steps }, () => driver.next());
      const expected = await futureOf(main, 0, actions);
      if (expected.ended) tally.acrossEpisodes++;
      await main.restore(snapshot);
      tally.compare('inPlace', expected.bytes, (await futureOf(main, 0, actions)).bytes);
      await other.restore(snapshot, 1);
      tally.compare('elsewhere', expected.bytes, (await futureOf(other, 1, actions)).bytes);
      const fresh = await robots.makeVector(id, { engine });
      await fresh.restore(snapshot);
      tally.compare('fresh', expected.bytes, (await futureOf(fresh, 0, actions)).bytes);
      await fresh.close();
    }
  } finally {
    await main.close();
    await other.close();
  }
  return tally.figures(`${id} on ${engine}`);
}

/** Random actions for a random time, then until something touches. @returns touching points. */
async function playToContact(env: SyncVectorEnv, driver: Driver, rng: Rng): Promise<number> {
  const world = ((env.backend as TaskEnv).dynamics as PhysicsDynamics).world(0)!;
  const earliest = rng.integer(40);
  for (let step = 0; step < LONGEST_WAIT_steps; step++) {
    if (step >= earliest && contactsOf(world) > 0) return contactsOf(world);
    await env.step(driver.next());
  }
  throw new Error(`${env.id} touches nothing in ${LONGEST_WAIT_steps} steps`);
}

/** Random, but half of the elements stay as they were: what an engine was told last must come back too. */
class Driver {
  private readonly env: VectorEnv;
  private readonly rng: Rng;
  private readonly drawn: TypedArray;
  private action: TypedArray;

  constructor(env: VectorEnv, rng: Rng) {
    this.env = env;
    this.rng = rng;
    this.drawn = allocate(env.actionSpace, 1) as TypedArray;
    this.action = this.drawn.slice();
  }

  next(): TypedArray {
    const { env, rng, drawn } = this;
    sampleInto(env.actionSpace, rng, drawn);
    this.action = this.action.map((held, i) => (rng.uniform() < 0.5 ? held : rng.uniform() < 0.5 ? 0 : drawn[i]!));
    return this.action;
  }
}

/** Observation, reward, ends and state of a lane after each action; other lanes get random ones. */
async function futureOf(env: SyncVectorEnv, lane: number, actions: readonly TypedArray[]): Promise<{ bytes: Buffer; ended: boolean }> {
  const batch = allocate(env.actionSpace, env.lanes) as TypedArray;
  const parts: Buffer[] = [];
  const rng = new Rng(lane);
  let ended = false;
  for (const action of actions) {
    for (let i = 0; i < env.lanes; i++) sampleInto(env.actionSpace, rng, rowOf(env.actionSpace, batch, i));
    batch.set(action, lane * action.length);
    const { observation, reward, terminated, truncated } = await env.step(batch);
    ended ||= terminated[lane] === 1 || truncated[lane] === 1;
    parts.push(
      bytesOf(rowOf(env.observationSpace, observation, lane) as TypedArray),
      bytesOf(reward.subarray(lane, lane + 1)),
      Buffer.of(terminated[lane]!, truncated[lane]!),
      bytesOf((env.backend as TaskEnv).stateOf(lane).row),
    );
  }
  return { bytes: Buffer.concat(parts), ended };
}

/** A copy. */
function bytesOf({ buffer, byteOffset, byteLength }: TypedArray): Buffer {
  return Buffer.from(Buffer.from(buffer as ArrayBuffer, byteOffset, byteLength));
}

/** Boxes that fall on each other; a world that lived otherwise, and a new one, take over. */
async function pileRestores(engineName: EngineName, moments: number, steps: number, seed: number): Promise<RestoreFigures> {
  const engine = await registry.engine(engineName);
  const [scene, settings]: [SceneSpec, EngineSettings] = [pileScene(engineName === 'rapier' ? 40 : 12), { step_s: 1 / 240 }];
  const rng = new Rng(seed);
  const tally = new Tally();
  const [main, other] = [engine.createWorld(scene, settings), engine.createWorld(scene, settings)];
  throwBoxes(main, rng);
  throwBoxes(other, rng);
  for (let moment = 0; moment < moments; moment++) {
    if (moment % 20 === 19) throwBoxes(main, rng);
    for (let step = 20 + rng.integer(40); step > 0; step--) main.step();
    tally.contacts += contactsOf(main);
    tally.moments++;
    const snapshot = main.save();
    const expected = fallOf(main, steps);
    main.load(snapshot);
    tally.compare('inPlace', expected, fallOf(main, steps));
    other.load(snapshot);
    tally.compare('elsewhere', expected, fallOf(other, steps));
    throwBoxes(other, rng);
    for (let step = 0; step < 5; step++) other.step();
    const fresh = engine.createWorld(scene, settings);
    fresh.load(snapshot);
    tally.compare('fresh', expected, fallOf(fresh, steps));
    fresh.free();
    await new Promise((resolve) => setImmediate(resolve));
  }
  main.free();
  other.free();
  return tally.figures(`pile on ${engineName}`);
}

/** Above each other, somewhat out of line, each with a push of its own. */
export function throwBoxes(world: PhysicsWorld, rng: Rng): void {
  const { bodies, joints } = world.scene;
  const { positions, velocities } = jointLayout(joints);
  world.setJoints(new Float64Array(positions), new Float64Array(velocities));
  bodies.forEach(({ kind, name }, body) => {
    if (kind === 'fixed' || joints.some(({ child }) => child === name)) return;
    const near = () => rng.uniform(-0.15, 0.15);
    world.setBody(body, [near(), near(), 0.1 + 0.12 * body, 0, 0, 0, 1], [near(), near(), -1, 10 * near(), 10 * near(), 10 * near()]);
  });
}

/** Pose and velocity of every body after each step. */
export function fallOf(world: PhysicsWorld, steps: number): Buffer {
  const row = new Float64Array(13);
  const parts: Buffer[] = [];
  for (let step = 0; step < steps; step++) {
    world.step();
    for (let body = 0; body < world.scene.bodies.length; body++) {
      world.bodyPose(body, row);
      world.bodyVelocity(body, row, 7);
      parts.push(bytesOf(row));
    }
  }
  return Buffer.concat(parts);
}
