/**
 * The trade from which each robot's Rapier settings are chosen: what a control step costs, how closely the motion follows MuJoCo
 * from the same state under the same actions, and how true the engine is at those settings against closed forms.
 *
 * `node --import tsx bench/physics/trade.ts [--json] [--env ID]…`
 */
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import type { PhysicsEngine } from '../../src/core/physics-world.ts';
import type { MujocoSettings, RapierSettings } from '../../src/core/scene-spec.ts';
import { elementDifference, type StateEntry } from '../../src/core/state-spec.ts';
import { median } from '../../src/gap/index.ts';
import { registry } from '../../src/index.ts';
import { Rng } from '../../src/math/rng.ts';
import { allocate, sampleInto, type TypedArray } from '../../src/spaces/space.ts';
import { PhysicsDynamics } from '../../src/task/physics-dynamics.ts';
import type { AnyTask } from '../../src/task/task.ts';
import { TaskEnv } from '../../src/task/task-env.ts';
import { machine } from '../machine.ts';
import { type Fidelity, fidelityOf } from './fidelity.ts';

export const tradedEnvs = ['Ant-v0', 'HalfCheetah-v0', 'Hopper-v0', 'Walker2d-v0'] as const;

/** A substep may not be longer: above it pendulums lose more than 2 % of their energy in 10 s. */
export const LONGEST_SUBSTEP_s = 0.0025;
/** How far from each start the two engines are followed, control steps. */
const FOLLOWED_STEPS = 20;
/** Control steps after which a start may be taken from an episode of random actions. */
const LATEST_START = 40;

export interface TradeSize {
  /** States from which the motions are compared. */
  readonly starts: number;
  readonly warmUp_s: number;
  /** Timed blocks of each setting; all settings take turns. */
  readonly blocks: number;
  /** Control steps of a block. */
  readonly blockSteps: number;
}

export const fullTrade: TradeSize = Object.freeze({ starts: 100, warmUp_s: 5, blocks: 15, blockSteps: 200 });

/** How far a motion is from MuJoCo's: root mean square over starts, steps and elements. */
export interface Deviation {
  /** Pitch of planar robots and all joints. */
  readonly angles_rad: number;
  readonly rates_radps: number;
  /** Of the torso. */
  readonly height_m: number;
  /** What of the random motion's own spread the angles and the rates are off; 1 = no better than any other moment of such a motion. */
  readonly relativeAngles: number;
  readonly relativeRates: number;
  /** Starts from which it diverged; they count for nothing else. */
  readonly diverged: number;
}

export interface TradeRow {
  readonly env: string;
  readonly engine: 'rapier' | 'mujoco';
  readonly settings: RapierSettings | MujocoSettings;
  /** Whether the env is registered with these settings. */
  readonly isChosen: boolean;
  /** CPU time of a control step and its share of resets, µs, median over blocks. */
  readonly cost_us: number;
  /** Over all steps that are followed. */
  readonly deviation: Deviation;
  /** Over the first quarter of them: less of it is chaos. */
  readonly early: Deviation;
  /** Null for MuJoCo. */
  readonly fidelity: Fidelity | null;
}

/** Settings of Rapier worth a look at for a control step: whole numbers of steps in it, of substeps no longer than allowed. */
export function candidates(controlDt_s: number): RapierSettings[] {
  const settings: RapierSettings[] = [];
  for (const steps of [5, 4, 2, 1]) {
    const step_s = Number((controlDt_s / steps).toPrecision(12));
    const fewest = Math.ceil(step_s / LONGEST_SUBSTEP_s - 1e-9);
    if (steps > 1 && step_s < LONGEST_SUBSTEP_s * 0.75) continue;
    for (const pgsIterations of [1, 2, 3, 4]) settings.push({ step_s, solverIterations: fewest, pgsIterations });
    settings.push({ step_s, solverIterations: 2 * fewest, pgsIterations: 1 });
    if (steps > 2) continue;
    for (const predictionDistance_m of [0.1, 0.2])
      for (const pgsIterations of [1, 2, 3]) settings.push({ step_s, solverIterations: fewest, pgsIterations, predictionDistance_m });
  }
  return settings;
}

/** The candidates, and what the env is registered with if it is none of them. */
function withOwn(own: RapierSettings, others: RapierSettings[]): RapierSettings[] {
  return others.some((one) => sameSettings('rapier', one, own)) ? others : [own, ...others];
}

interface Start {
  readonly row: Float64Array;
  /** `[steps]`, each `[actionSize]`. */
  readonly actions: readonly TypedArray[];
  /** MuJoCo's states after each action. */
  readonly states: readonly Float64Array[];
}

/** The whole trade of one env: MuJoCo as registered and with half its step (what is left of it in two accounts of the same physics), then Rapier's settings. */
export async function tradeOf(id: string, size: TradeSize = fullTrade, settings?: readonly RapierSettings[]): Promise<TradeRow[]> {
  const task = registry.task(id);
  const [rapier, mujoco] = [await registry.engine('rapier'), await registry.engine('mujoco')];
  const own = task.engines.mujoco!;
  const starts = startsOf(new Contender(task, mujoco, own), size.starts);
  const contenders = [
    new Contender(task, mujoco, own),
    new Contender(task, mujoco, { ...own, step_s: own.step_s / 2 }),
    ...(settings ?? withOwn(task.engines.rapier!, candidates(task.controlDt_s))).map((one) => new Contender(task, rapier, one)),
  ];
  const costs_us = costsOf(contenders, size);
  return contenders.map((contender, i) => {
    const row = rowOf(contender, costs_us[i]!, starts);
    contender.close();
    return row;
  });
}

/** One env on one engine with settings that need not be those it is registered with. */
class Contender {
  readonly id: string;
  readonly env: TaskEnv;
  readonly engine: PhysicsEngine;
  readonly settings: RapierSettings | MujocoSettings;
  readonly isChosen: boolean;
  private readonly action: TypedArray;
  private readonly rng = new Rng(1);
  private episode = 0;
  private age = Number.POSITIVE_INFINITY;
  private readonly horizon: number;

  constructor(task: AnyTask, engine: PhysicsEngine, settings: RapierSettings | MujocoSettings) {
    const name = engine.name as 'rapier' | 'mujoco';
    this.id = task.id;
    this.engine = engine;
    this.settings = settings;
    this.isChosen = sameSettings(name, settings, task.engines[name]!);
    const other = { ...task, engines: { ...task.engines, [name]: settings } } as AnyTask;
    this.env = new TaskEnv(other, new PhysicsDynamics(other, engine), 1);
    this.action = allocate(task.actionSpace, 1) as TypedArray;
    this.horizon = task.horizon ?? Number.POSITIVE_INFINITY;
  }

  /** One control step with a random action, after a reset where the episode is over. */
  play(): void {
    if (this.age >= this.horizon) this.begin();
    sampleInto(this.env.actionSpace, this.rng, this.action);
    this.step(this.action);
    this.age++;
    const { terminated, problems } = this.env.batch;
    if (terminated[0] || problems[0]) this.age = Number.POSITIVE_INFINITY;
  }

  begin(seed = this.episode++): void {
    this.env.reset({ mask: one, seeds: Float64Array.of(seed) });
    this.age = 0;
  }

  step(action: TypedArray): void {
    this.env.step(action, one);
  }

  close(): void {
    this.env.close();
  }
}

const one = new Uint8Array([1]);

function sameSettings(engine: 'rapier' | 'mujoco', a: object, b: object): boolean {
  const full = (settings: object) => ({ ...(engine === 'rapier' ? { solverIterations: 4, pgsIterations: 1 } : {}), ...settings });
  const text = (settings: object) => JSON.stringify(Object.entries(full(settings)).sort());
  return text(a) === text(b);
}

/** Moments of random motion on MuJoCo, in the air and on the ground, and what follows each. */
function startsOf(reference: Contender, count: number): Start[] {
  const rng = new Rng(2);
  const { env } = reference;
  const draw = () => {
    const action = allocate(env.actionSpace, 1) as TypedArray;
    sampleInto(env.actionSpace, rng, action);
    return action;
  };
  const follow = (action: TypedArray) => {
    reference.step(action);
    return env.state.slice();
  };
  const starts = Array.from({ length: count }, (_, seed) => {
    reference.begin(seed);
    for (let age = rng.integer(LATEST_START); age > 0; age--) reference.step(draw());
    const row = env.state.slice();
    const actions = Array.from({ length: FOLLOWED_STEPS }, draw);
    env.setState(0, row, seed);
    return { row, actions, states: actions.map(follow) };
  });
  reference.close();
  return starts;
}

/** CPU time of a control step of each, µs; they take turns. */
function costsOf(contenders: readonly Contender[], { warmUp_s, blocks, blockSteps }: TradeSize): number[] {
  const block_us = (contender: Contender): number => {
    const before = process.cpuUsage();
    for (let step = 0; step < blockSteps; step++) contender.play();
    const { user, system } = process.cpuUsage(before);
    return (user + system) / blockSteps;
  };
  const warm_ms = performance.now() + warmUp_s * 1000;
  do for (const contender of contenders) block_us(contender);
  while (performance.now() < warm_ms);
  const times = contenders.map(() => new Float64Array(blocks));
  for (let block = 0; block < blocks; block++) for (const [i, contender] of contenders.entries()) times[i]![block] = block_us(contender);
  return times.map((block) => median(block));
}

function rowOf(contender: Contender, cost_us: number, starts: readonly Start[]): TradeRow {
  const { id: env, engine, settings, isChosen } = contender;
  const motions = starts.map((start) => motionFrom(contender, start));
  return {
    env,
    engine: engine.name as 'rapier' | 'mujoco',
    settings,
    isChosen,
    cost_us,
    deviation: deviationOf(contender.env, starts, motions, FOLLOWED_STEPS),
    early: deviationOf(contender.env, starts, motions, FOLLOWED_STEPS / 4),
    fidelity: engine.name === 'rapier' ? fidelity(engine, settings) : null,
  };
}

const known = new Map<string, Fidelity>();

/** Envs share settings; each is graded once. */
function fidelity(engine: PhysicsEngine, settings: RapierSettings | MujocoSettings): Fidelity {
  const key = JSON.stringify(settings);
  const figures = known.get(key) ?? fidelityOf(engine, settings);
  known.set(key, figures);
  return figures;
}

/** @returns the states after each action, or null where it diverged. */
function motionFrom({ env }: Contender, { row, actions }: Start): Float64Array[] | null {
  env.setState(0, row, 0);
  const states: Float64Array[] = [];
  for (const action of actions) {
    env.step(action, one);
    if (env.batch.problems[0]) return null;
    states.push(env.state.slice());
  }
  return states;
}

function deviationOf({ spec }: TaskEnv, starts: readonly Start[], motions: readonly (Float64Array[] | null)[], steps: number): Deviation {
  const angles = elementsOf(spec.entries, ({ kind }) => kind === 'angle');
  const rates = elementsOf(spec.entries, ({ kind, name }) => kind === 'angularVelocity' && name !== 'turning_radps');
  const height = elementsOf(spec.entries, ({ name }) => name === 'height_m' || name === 'position_m').slice(-1);
  const rms = (elements: readonly Element[]) => rmsOf(elements, starts, motions, steps);
  const relative = (elements: readonly Element[]) =>
    Math.sqrt(mean(elements.map((element) => (rms([element]) / spreadOf(element, starts)) ** 2)));
  return {
    angles_rad: rms(angles),
    rates_radps: rms(rates),
    height_m: rms(height),
    relativeAngles: relative(angles),
    relativeRates: relative(rates),
    diverged: motions.filter((motion) => motion === null).length,
  };
}

interface Element {
  readonly kind: StateEntry['kind'];
  readonly at: number;
}

function elementsOf(entries: readonly StateEntry[], wanted: (entry: StateEntry) => boolean): Element[] {
  return entries.filter(wanted).flatMap(({ kind, offset, size }) => Array.from({ length: size }, (_, i) => ({ kind, at: offset + i })));
}

function rmsOf(elements: readonly Element[], starts: readonly Start[], motions: readonly (Float64Array[] | null)[], steps: number): number {
  let [sum, count] = [0, 0];
  starts.forEach(({ states }, start) => {
    for (let step = 0; motions[start] && step < steps; step++)
      for (const { kind, at } of elements) {
        sum += elementDifference(kind, motions[start]![step]![at]!, states[step]![at]!) ** 2;
        count++;
      }
  });
  return Math.sqrt(sum / count);
}

/** Standard deviation of an element over all states of the reference. */
function spreadOf({ at }: Element, starts: readonly Start[]): number {
  const values = starts.flatMap(({ states }) => states.map((state) => state[at]!));
  const middle = mean(values);
  return Math.sqrt(mean(values.map((value) => (value - middle) ** 2)));
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** The rows as a table for a terminal; µs, 10⁻³ rad, 10⁻³ rad/s, mm. */
export function tradeTable(rows: readonly TradeRow[]): string {
  const head = [
    'env',
    'engine',
    'step',
    'iter',
    'pgs',
    'pred',
    'µs',
    '| angle',
    'rate',
    'height',
    'relA',
    'relR',
    '| angle5',
    'rate5',
    'height5',
  ];
  const grades = ['| period%', 'energy%', 'frict°', 'bounce%', 'moment%', 'sink_mm', 'motor%', 'chosen'];
  const lines = [[...head, 'div', ...grades], ...rows.map(cellsOf)];
  const widths = lines[0]!.map((_, column) => Math.max(...lines.map((line) => line[column]!.length)));
  return lines.map((line) => line.map((cell, i) => (i < 2 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!))).join('  ')).join('\n');
}

function cellsOf({ env, engine, settings, cost_us, deviation, early, fidelity: grades, isChosen }: TradeRow): string[] {
  const { solverIterations = '', pgsIterations = '', predictionDistance_m = '' } = settings as RapierSettings;
  const milli = (value: number) => (1000 * value).toFixed(1);
  return [
    env,
    engine,
    String(settings.step_s),
    String(solverIterations),
    String(pgsIterations),
    String(predictionDistance_m),
    cost_us.toFixed(1),
    milli(deviation.angles_rad),
    milli(deviation.rates_radps),
    milli(deviation.height_m),
    deviation.relativeAngles.toFixed(3),
    deviation.relativeRates.toFixed(3),
    milli(early.angles_rad),
    milli(early.rates_radps),
    milli(early.height_m),
    String(deviation.diverged),
    ...gradesOf(grades),
    isChosen ? '*' : '',
  ];
}

function gradesOf(grades: Fidelity | null): string[] {
  if (!grades) return Array<string>(7).fill('');
  return Object.values(grades).map((grade: number | null) => (grade === null ? '-' : grade.toFixed(2)));
}

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { json: { type: 'boolean', default: false }, env: { type: 'string', multiple: true } } });
  const rows: TradeRow[] = [];
  for (const id of values.env ?? tradedEnvs) {
    rows.push(...(await tradeOf(id)));
    process.stderr.write(`${id} done\n`);
  }
  process.stdout.write(`${values.json ? JSON.stringify({ bench: 'trade', machine: machine(), rows }, null, 1) : tradeTable(rows)}\n`);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main();
