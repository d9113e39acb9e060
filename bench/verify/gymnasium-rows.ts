/** Figures against Gymnasium's own MuJoCo envs and native MuJoCo: same motion on the same engine, and speed on one core. */
import type { PhysicsWorld } from '../../src/core/physics-world.ts';
import { elementDifference } from '../../src/core/state-spec.ts';
import { median } from '../../src/gap/index.ts';
import { registry } from '../../src/index.ts';
import { Rng } from '../../src/math/rng.ts';
import { allocate, rowOf, type Space, sample, type TypedArray } from '../../src/spaces/space.ts';
import type { TaskEnv } from '../../src/task/task-env.ts';
import { PILE_STEP_s, pileMjcf, pileScene } from '../peers/pile.ts';
import { gymnasiumPeer, type Peer } from '../peers/python-peer.ts';
import { cpuTime_s, fullTiming, speedOf, type TimedSide, type TimingSize, type Timings, timeInTurns } from '../speed/turns.ts';
import type { Context, Measured, Row } from './row.ts';

/** Our ways to step an env, and Gymnasium's. */
const ourSides = ['rapier', 'rapierVector', 'mujoco', 'mujocoVector'] as const;
const theirSides = ['gymnasium', 'gymnasiumUnwrapped'] as const;
type SideName = (typeof ourSides)[number] | (typeof theirSides)[number];
/** Random actions drawn beforehand, on both sides: drawing them is not what is timed. */
const DRAWN_ACTIONS = 1024;

interface Stepped {
  reset(): Promise<unknown>;
  /** @returns whether the episode is over. */
  step(action: TypedArray): Promise<boolean>;
  close(): Promise<void>;
}

type EnvSide = TimedSide & Pick<Stepped, 'close'>;

/** `Env.step`: what users call. */
async function envSide(id: string, engine: 'rapier' | 'mujoco'): Promise<EnvSide> {
  const env = await registry.make(id, { engine });
  const step = async (action: TypedArray) => {
    const { terminated, truncated } = await env.step(action);
    return terminated || truncated;
  };
  return playing(env.actionSpace, { step, reset: () => env.reset(), close: () => env.close() });
}

/** `VectorEnv.step` of one lane, without copies. */
async function vectorSide(id: string, engine: 'rapier' | 'mujoco'): Promise<EnvSide> {
  const env = await registry.makeVector(id, { engine, copy: false, autoreset: 'disabled' });
  const step = async (action: TypedArray) => {
    const { terminated, truncated } = await env.step(action);
    return terminated[0] === 1 || truncated[0] === 1;
  };
  return playing(env.actionSpace, { step, reset: () => env.reset(), close: () => env.close() });
}

/** Random actions; where an episode ends another begins. */
function playing(actionSpace: Space, env: Stepped): EnvSide {
  const table = sample(actionSpace, new Rng(0), DRAWN_ACTIONS);
  const actions = Array.from({ length: DRAWN_ACTIONS }, (_, i) => rowOf(actionSpace, table, i) as TypedArray);
  let [drawn, isOver] = [0, true];
  const play = async (steps: number) => {
    for (let i = 0; i < steps; i++) {
      if (isOver) await env.reset();
      isOver = await env.step(actions[drawn++ % DRAWN_ACTIONS]!);
    }
  };
  return Object.assign((steps: number) => cpuTime_s(() => play(steps)), { close: () => env.close() });
}

/** Steps a second of an env on both our engines and of Gymnasium's own, all in turns. */
export async function envTimings(id: string, peer: Peer, size: TimingSize = fullTiming): Promise<Timings<SideName>> {
  const theirs = (wrapped: boolean) => async (steps: number) =>
    (await peer.ask<{ cpu_s: number }>({ op: 'speed', env: id, wrapped, steps })).cpu_s;
  const ours = {
    rapier: await envSide(id, 'rapier'),
    rapierVector: await vectorSide(id, 'rapier'),
    mujoco: await envSide(id, 'mujoco'),
    mujocoVector: await vectorSide(id, 'mujoco'),
  };
  try {
    return await timeInTurns({ ...ours, gymnasium: theirs(true), gymnasiumUnwrapped: theirs(false) }, size);
  } finally {
    for (const side of Object.values(ours)) await side.close();
  }
}

/** `Env.step`, which is what users call, against whichever of Gymnasium's ways is faster. */
async function envSpeed(id: string, engine: 'rapier' | 'mujoco', context: Context): Promise<Measured> {
  const { timings, versions } = await context.once(`gymnasium-speed ${id}`, () =>
    withPeer(context, async (peer) => ({ timings: await envTimings(id, peer), versions: await peer.ask({ op: 'about' }) })),
  );
  const { sides, blocks_us } = timings;
  const fastest = sides.gymnasium.step_us < sides.gymnasiumUnwrapped.step_us ? 'gymnasium' : 'gymnasiumUnwrapped';
  const against = (ours: SideName, peer: SideName) => speedOf(blocks_us[ours], blocks_us[peer]);
  const claimed = against(engine, fastest);
  const vector = `${engine}Vector` as const;
  const raw = {
    ...claimed,
    claimed: `${engine} over ${fastest}`,
    others: { stepOverMade: against(engine, 'gymnasium'), vectorOverUnwrapped: against(vector, 'gymnasiumUnwrapped') },
    settings: registry.task(id).engines[engine],
    sides,
    versions,
  };
  return { measured: claimed.ratio, raw };
}

async function withPeer<T>({ log }: Context, work: (peer: Peer) => Promise<T>): Promise<T> {
  const peer = gymnasiumPeer(log);
  try {
    return await work(peer);
  } finally {
    peer.close();
  }
}

/** So many steps until the boxes have met; then blocks of so many are timed while they settle, in several piles. */
const pile = { boxes: 200, before: 60, steps: 30, blocks: 4, piles: 4 } as const;
export type PileSize = Readonly<Record<keyof typeof pile, number>> & { readonly warmUp_s: number };

interface PileState {
  readonly meanHeight_m: number;
  readonly highest_m: number;
  readonly meanSpeed_mps: number;
}

export interface PileTimings {
  /** CPU time of a step in each block, µs: the same steps of the same scene. */
  readonly rapier_us: Float64Array;
  readonly mujoco_us: Float64Array;
  /** How each pile stands in the end. */
  readonly states: readonly { readonly rapier: PileState; readonly mujoco: PileState }[];
}

/** Rapier's time for piles of boxes and native MuJoCo's, in turns. */
export async function pileTimings(peer: Peer, size: PileSize = { ...pile, warmUp_s: 5 }): Promise<PileTimings> {
  const blocks: { ours_us: number; theirs_us: number }[] = [];
  const states: { rapier: PileState; mujoco: PileState }[] = [];
  await warmUpOnPile(size);
  for (let seed = 0; seed < size.piles; seed++) {
    const world = await pileWorld(size.boxes, seed);
    const xml = pileMjcf(size.boxes, seed);
    const theirs = (steps: number) => peer.ask<PileState & { cpu_s: number }>({ op: 'pile', xml, steps });
    try {
      run(world, size.before);
      await theirs(size.before);
      let state: PileState | undefined;
      for (let block = 0; block < size.blocks; block++) {
        const ours_s = await cpuTime_s(() => run(world, size.steps));
        const { cpu_s, ...reached } = await theirs(size.steps);
        state = reached;
        blocks.push({ ours_us: (1e6 * ours_s) / size.steps, theirs_us: (1e6 * cpu_s) / size.steps });
      }
      states.push({ rapier: pileState(world, size.boxes), mujoco: state! });
    } finally {
      world.free();
    }
  }
  return {
    rapier_us: Float64Array.from(blocks, ({ ours_us }) => ours_us),
    mujoco_us: Float64Array.from(blocks, ({ theirs_us }) => theirs_us),
    states,
  };
}

async function pileWorld(boxes: number, seed: number): Promise<PhysicsWorld> {
  return (await registry.engine('rapier')).createWorld(pileScene(boxes, seed), { step_s: PILE_STEP_s });
}

function run(world: PhysicsWorld, steps: number): void {
  for (let i = 0; i < steps; i++) world.step();
}

/** Rapier is WebAssembly, compiled in tiers; native MuJoCo is warm from the steps it takes before it is timed. */
async function warmUpOnPile({ boxes, steps, warmUp_s }: PileSize): Promise<void> {
  const world = await pileWorld(boxes, 0);
  const until_ms = performance.now() + 1000 * warmUp_s;
  while (performance.now() < until_ms) run(world, steps);
  world.free();
}

function pileState(world: PhysicsWorld, boxes: number): PileState {
  const [pose, velocity] = [new Float64Array(7), new Float64Array(6)];
  let [meanHeight_m, highest_m, meanSpeed_mps] = [0, 0, 0];
  for (let box = 1; box <= boxes; box++) {
    world.bodyPose(box, pose);
    world.bodyVelocity(box, velocity);
    meanHeight_m += pose[2]! / boxes;
    highest_m = Math.max(highest_m, pose[2]!);
    meanSpeed_mps += Math.hypot(velocity[0]!, velocity[1]!, velocity[2]!) / boxes;
  }
  return { meanHeight_m, highest_m, meanSpeed_mps };
}

async function pileSpeed(context: Context): Promise<Measured> {
  const { rapier_us, mujoco_us, states } = await withPeer(context, (peer) => pileTimings(peer));
  const speed = speedOf(rapier_us, mujoco_us);
  const raw = {
    ...speed,
    ...pile,
    median_us: { rapier: median(rapier_us), mujoco: median(mujoco_us) },
    rapier_us: [...rapier_us],
    mujoco_us: [...mujoco_us],
    states,
  };
  return { measured: speed.ratio, raw };
}

const trackedEnvs = ['Hopper-v0', 'HalfCheetah-v0', 'Walker2d-v0', 'Ant-v0'] as const;
/** Gymnasium's own start; the same, lifted so high that it falls all the time; a moment of random motion on the ground. */
const trackStarts = ['reset', 'air', 'late'] as const;
const track = { steps: 20, seeds: 5 } as const;

/** What the peer did: qpos and qvel before the first step and after each. */
export interface Track {
  readonly states: readonly (readonly number[])[];
  readonly actions: readonly (readonly number[])[];
  readonly observations: readonly (readonly number[])[];
  readonly rewards: readonly number[];
  readonly stepsInContact: number;
}

/** The largest differences; angles count modulo a full turn. */
export interface TrackError {
  readonly qpos: number;
  readonly qvel: number;
  readonly observation: number;
  readonly reward: number;
}

/** Plays what the peer did on our MuJoCo engine, from the same state with the same actions. */
export async function trackError(id: string, { states, actions, observations, rewards }: Track): Promise<TrackError> {
  const truth = await registry.truth(id, 1, 'mujoco');
  const toState = id === 'Ant-v0' ? fromFreeRoot : (row: readonly number[]) => row;
  const toPeer = id === 'Ant-v0' ? toFreeRoot : (row: ArrayLike<number>) => Array.from(row);
  const velocityAt = states[0]!.length - (id === 'Ant-v0' ? 14 : states[0]!.length / 2);
  const angles = anglesOf(id, velocityAt);
  const worst = { qpos: 0, qvel: 0, observation: 0, reward: 0 };
  const note = (what: keyof TrackError, ours: number, theirs: number, isAngle = false) => {
    const difference = Math.abs(elementDifference(isAngle ? 'angle' : 'scalar', ours, theirs));
    if (!(difference <= worst[what])) worst[what] = difference;
  };
  try {
    await truth.setState(0, Float64Array.from(padded(toState(states[0]!), truth.spec.size)), 0);
    const action = allocate(truth.actionSpace, 1) as TypedArray;
    for (let step = 0; step < actions.length; step++) {
      action.set(actions[step]!);
      await truth.step(action, oneLane);
      const [ours, theirs] = [toPeer(truth.state), states[step + 1]!];
      theirs.forEach((value, i) => void note(i < velocityAt ? 'qpos' : 'qvel', ours[i]!, value, angles.inState(i)));
      observations[step]!.forEach((value, i) => void note('observation', seen(truth, i), value, angles.inObservation(i)));
      note('reward', truth.batch.reward[0]!, rewards[step]!);
    }
  } finally {
    await truth.close();
  }
  return worst;
}

const oneLane = new Uint8Array([1]);

function seen(truth: TaskEnv, i: number): number {
  return (truth.batch.observation as TypedArray)[i]!;
}

/** Signals, which a start has none of, are 0. */
function padded(row: readonly number[], size: number): number[] {
  return [...row, ...Array<number>(size - row.length).fill(0)];
}

/** Which numbers are angles: of planar robots all positions but x and z; of the ant its joints. Observations leave out x, of the ant x and y. */
function anglesOf(id: string, positions: number) {
  const [first, hidden] = id === 'Ant-v0' ? [7, 2] : [2, 1];
  const inState = (i: number) => i >= first && i < positions;
  return { inState, inObservation: (i: number) => inState(i + hidden) };
}

/** MuJoCo writes quaternions w first. */
function fromFreeRoot(row: readonly number[]): number[] {
  const [x, y, z, qw, qx, qy, qz, ...rest] = row as [number, number, number, number, number, number, number, ...number[]];
  const length = Math.hypot(qw, qx, qy, qz);
  return [x, y, z, qx / length, qy / length, qz / length, qw / length, ...rest];
}

function toFreeRoot(row: ArrayLike<number>): number[] {
  const [x, y, z, qx, qy, qz, qw, ...rest] = Array.from(row) as [number, number, number, number, number, number, number, ...number[]];
  return [x, y, z, qw, qx, qy, qz, ...rest];
}

async function worstTrack(context: Context): Promise<Measured> {
  const runs = await withPeer(context, allTracks);
  const worst = Math.max(...runs.flatMap(({ qpos, qvel }) => [qpos, qvel]));
  const ofOne = (env: string, start: string) => {
    const own = runs.filter((run) => run.env === env && run.start === start);
    const largest = (what: keyof TrackError | 'stepsInContact') => Math.max(...own.map((run) => run[what]));
    const [qpos, qvel, observation, reward] = (['qpos', 'qvel', 'observation', 'reward'] as const).map(largest);
    return { env, start, qpos, qvel, observation, reward, stepsInContact: largest('stepsInContact') };
  };
  return { measured: worst, raw: { ...track, worst: trackedEnvs.flatMap((env) => trackStarts.map((start) => ofOne(env, start))) } };
}

async function allTracks(peer: Peer) {
  const runs: (TrackError & { env: string; start: string; seed: number; stepsInContact: number })[] = [];
  for (const env of trackedEnvs)
    for (const start of trackStarts)
      for (let seed = 0; seed < track.seeds; seed++) {
        const theirs = await peer.ask<Track>({ op: 'track', env, seed, steps: track.steps, start });
        runs.push({ env, start, seed, stepsInContact: theirs.stepsInContact, ...(await trackError(env, theirs)) });
      }
  return runs;
}

function speedRow(name: string, id: string, engine: 'rapier' | 'mujoco', goal: number): Row {
  const whose = engine === 'rapier' ? 'its chosen setting' : 'the configuration of truth.track_err';
  return {
    id: `truth.${name}_${engine}`,
    what: `steps/s of ${id} on ${engine === 'rapier' ? 'Rapier' : 'MuJoCo'} (${whose}) over Gymnasium's: random actions, contacts on, CPU time, in turns`,
    operator: '>=',
    goal,
    unit: '×',
    budget_s: 180,
    measure: (context) => envSpeed(id, engine, context),
  };
}

export const gymnasiumRows: readonly Row[] = [
  {
    id: 'truth.track_err',
    what: "Hopper, HalfCheetah, Walker2d and Ant on MuJoCo against Gymnasium's own: largest difference of a coordinate or its rate in 20 steps",
    operator: '<=',
    goal: 1e-3,
    unit: 'm, rad, m/s, rad/s',
    budget_s: 120,
    measure: worstTrack,
  },
  speedRow('ant', 'Ant-v0', 'rapier', 1),
  speedRow('ant', 'Ant-v0', 'mujoco', 0.7),
  speedRow('cheetah', 'HalfCheetah-v0', 'rapier', 0.2),
  speedRow('cheetah', 'HalfCheetah-v0', 'mujoco', 0.5),
  {
    id: 'truth.pile_rapier',
    what: `steps/s of Rapier over native MuJoCo's from Python: ${pile.boxes} boxes that have fallen onto each other, 1/60 s steps, CPU time, in turns`,
    operator: '>=',
    goal: 4,
    unit: '×',
    budget_s: 240,
    measure: pileSpeed,
  },
];
