/** The same harm as to envs, straight to worlds: bodies in each other, motors told nonsense, masses and gains out of all proportion. */

import type { PhysicsEngine, PhysicsWorld } from '../../src/core/physics-world.ts';
import { engineNames } from '../../src/core/scene-spec.ts';
import { isGroundtwinError } from '../../src/errors.ts';
import { registry } from '../../src/index.ts';
import { Rng } from '../../src/math/rng.ts';
import { addFigures, type HostileFigures, type HostileOptions, harms, noFigures } from './storm-hostile.ts';
import { engineTrouble } from './storm-probe.ts';
import { fallOf, throwBoxes } from './storm-restore.ts';
import { type Extremes, machineScene } from './storm-scenes.ts';

const settings = { step_s: 1 / 120 };
/** Episodes of a world before another is built. */
const EPISODES = 100;
const [HOSTILE_STEPS, RECOVERY_STEPS] = [4, 2];

type Harm = 'body' | 'overlap' | 'fast' | 'control' | 'none';
const kinds: readonly Harm[] = ['body', 'overlap', 'overlap', 'fast', 'control', 'none'];

class HostileWorld {
  readonly figures = noFigures();
  private readonly extremes: Extremes;
  private readonly rng: Rng;
  private readonly world: PhysicsWorld;
  private readonly pristine: Uint8Array;
  /** What the world does with the boxes thrown with seed 0, before any harm. */
  private readonly known: Buffer;
  /** Never harmed, both doing the same; only one of them while the other is being harmed. */
  private readonly beside: PhysicsWorld;
  private readonly quiet: Buffer;

  /** @throws SCENE_INVALID when the engine refuses the extremes. */
  constructor(engine: PhysicsEngine, extremes: Extremes, seed: number) {
    this.extremes = extremes;
    this.rng = new Rng(seed);
    const scene = machineScene(extremes);
    this.world = engine.createWorld(scene, settings);
    this.pristine = this.world.save();
    this.beside = engine.createWorld(machineScene({ mass: 1, gain: 1, gravity: 1 }), settings);
    const fresh = engine.createWorld(scene, settings);
    this.known = this.throwAndFall(fresh);
    fresh.free();
    this.quiet = this.throwAndFall(this.beside);
  }

  play(episodes: number): HostileFigures {
    for (let episode = 0; episode < episodes; episode++) this.episode(kinds[this.rng.integer(kinds.length)]!);
    return this.figures;
  }

  free(): void {
    this.world.free();
    this.beside.free();
  }

  private episode(kind: Harm): void {
    const { figures } = this;
    figures.episodes++;
    try {
      this.world.load(this.pristine);
      throwBoxes(this.world, this.rng);
      if (this.follow(kind, 1)) {
        this.inflict(kind);
        if (this.follow(kind, HOSTILE_STEPS)) figures.calm++;
      }
    } catch (error) {
      if (isGroundtwinError(error)) figures.refused++;
      else this.fault('untyped', kind, error);
    }
    if (this.rng.uniform() < 0.1 && !this.throwAndFall(this.beside).equals(this.quiet)) this.fault('neighbours', kind, 'its bytes differ');
    this.recover(kind);
  }

  /** @returns whether nothing has gone wrong. */
  private follow(kind: Harm, steps: number): boolean {
    for (let step = 0; step < steps; step++) {
      this.world.step();
      const trouble = engineTrouble(this.world);
      const problem = this.world.problem();
      if (problem !== null) {
        this.figures.noticed++;
        if (trouble === null) this.figures.early++;
        return false;
      }
      if (trouble === null) continue;
      this.fault('late', kind, trouble);
      return false;
    }
    return true;
  }

  private inflict(kind: Harm): void {
    const { world, rng } = this;
    if (kind === 'control') world.setControl(rng.integer(world.scene.actuators.length), this.harm());
    if (kind === 'body') {
      const row = Float64Array.of(0, 0, 0.5, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0);
      row[rng.integer(row.length)] = this.harm();
      world.setBody(1 + rng.integer(5), row.subarray(0, 7), row.subarray(7));
    }
    // As deep in each other as can be, or as fast as a number allows.
    const apart_m = kind === 'overlap' ? 10 ** -(1 + rng.integer(12)) : 0.3;
    const speed = kind === 'fast' ? 10 ** rng.integer(31) : 1;
    if (kind === 'overlap' || kind === 'fast')
      for (let body = 1; body <= 5; body++)
        world.setBody(
          body,
          [0, body * apart_m, 0.5, 0, 0, 0, 1],
          Array.from({ length: 6 }, () => speed * rng.normal()),
        );
  }

  private recover(kind: Harm): void {
    try {
      this.world.load(this.pristine);
      if (!this.throwAndFall(this.world).equals(this.known)) this.fault('notRecovered', kind, 'its bytes differ');
    } catch (error) {
      this.fault('notRecovered', kind, error);
    }
  }

  private throwAndFall(world: PhysicsWorld): Buffer {
    throwBoxes(world, new Rng(0));
    return fallOf(world, RECOVERY_STEPS);
  }

  private harm(): number {
    return harms[this.rng.integer(harms.length)]!;
  }

  private fault(kind: 'late' | 'untyped' | 'neighbours' | 'notRecovered', harm: Harm, what: unknown): void {
    this.figures[kind]++;
    const words = what instanceof Error ? `${what.name}: ${what.message}` : String(what);
    this.figures.faults[`${kind}, world on ${this.world.engine.name}, ${harm}: ${words.slice(0, 80)}`] ??= JSON.stringify(this.extremes);
  }
}

/** Worlds of other and other extremes, on both engines. */
export async function harmWorlds({ episodes = 15_000, seed = 60, log = () => {} }: HostileOptions = {}): Promise<HostileFigures> {
  const rng = new Rng(seed);
  const total = noFigures();
  for (const name of engineNames) {
    const engine = await registry.engine(name);
    const figures = noFigures();
    while (figures.episodes < episodes / 2) {
      addFigures(figures, harmOne(engine, rng, Math.min(EPISODES, Math.ceil(episodes / 2) - figures.episodes)));
      await new Promise((resolve) => setImmediate(resolve));
    }
    addFigures(total, figures);
    log(`worlds on ${name}: ${JSON.stringify({ ...figures, faults: Object.keys(figures.faults).length })}`);
  }
  return total;
}

function harmOne(engine: PhysicsEngine, rng: Rng, episodes: number): HostileFigures {
  const extreme = () => (rng.uniform() < 0.5 ? 1 : 10 ** (rng.integer(31) - 15));
  const [extremes, seed] = [{ mass: extreme(), gain: extreme(), gravity: extreme() }, rng.integer(2 ** 31)];
  let world: HostileWorld;
  try {
    world = new HostileWorld(engine, extremes, seed);
  } catch (error) {
    if (!isGroundtwinError(error)) throw error;
    return { ...noFigures(), episodes: 1, refused: 1 };
  }
  try {
    return world.play(episodes);
  } finally {
    world.free();
  }
}
