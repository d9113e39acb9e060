/** Dreams held-out actions and asks, at every dreamed step, how far the members disagree and how far they are off. */
import type { PhysicsEngine } from '../../core/physics-world.ts';
import { elementsWithRole } from '../../core/state-spec.ts';
import { allocate, rowOf, type TypedArray, unflattenInto } from '../../spaces/space.ts';
import type { AnyTask } from '../../task/task.ts';
import { TaskEnv } from '../../task/task-env.ts';
import { predictedEntries } from '../../world-model/contract.ts';
import { ModelDynamics } from '../../world-model/model-dynamics.ts';
import type { WorldModel } from '../../world-model/world-model.ts';
import { CommandedPhysics } from '../commanded-physics.ts';
import type { HeldOut } from '../held-out.ts';
import { boundedGap, type Element, elementGap, elementsOf } from '../paired-rollouts.ts';
import type { DreamedSteps } from './self-knowledge.ts';

export interface DoubtOptions {
  readonly task: AnyTask;
  readonly model: WorldModel;
  /** Of truth. */
  readonly engine: PhysicsEngine;
  readonly heldOut: HeldOut;
  /** float64 `[P]`: what disagreement and error are measured in. */
  readonly scale: Float64Array;
  readonly seed: number;
}

interface Steps extends DreamedSteps {
  readonly disagreement: number[];
  readonly error: number[];
}

/**
 * The error is that of one step: physics is put where the dream is and takes the same command, so that what a dream has drifted before does not count again.
 * It is what disagreement stands for where it is used as a penalty (Yu et al. 2020, MOPO: u(s, a) bounds the error at s, a). A dream that breaks down ends there.
 * @returns one entry a start.
 */
export async function playDoubts(options: DoubtOptions): Promise<DreamedSteps[]> {
  const { task, model, engine, heldOut, seed } = options;
  const dynamics = new ModelDynamics(task, model, heldOut.starts, { disagreement: true });
  const dream = new TaskEnv(task, dynamics, heldOut.starts);
  const physics = new CommandedPhysics(task, engine);
  const watch = new Watch(options, dream, dynamics, physics);
  const actions = allocate(task.actionSpace, dream.lanes);
  const rows = Array.from({ length: dream.lanes }, (_, lane) => rowOf(task.actionSpace, actions, lane));
  const actionSize = heldOut.action.length / heldOut.starts / heldOut.horizon;
  const size = dream.spec.size;
  try {
    for (let lane = 0; lane < dream.lanes; lane++)
      await dream.setState(lane, heldOut.state.subarray(lane * size, (lane + 1) * size), seed + lane);
    for (let step = 0; step < heldOut.horizon; step++) {
      for (let lane = 0; lane < dream.lanes; lane++)
        unflattenInto(heldOut.action, rows[lane] as TypedArray, (lane * heldOut.horizon + step) * actionSize);
      const before = dream.state.slice();
      await dream.step(actions, watch.active);
      watch.take(before);
    }
    return watch.steps;
  } finally {
    physics.close();
    await dream.close();
  }
}

/** Keeps what each step of each dream was like. */
class Watch {
  readonly steps: Steps[];
  readonly active: Uint8Array;
  private readonly dream: TaskEnv;
  private readonly dynamics: ModelDynamics;
  private readonly physics: CommandedPhysics;
  private readonly scale: Float64Array;
  private readonly elements: readonly Element[];
  private readonly predicted: Int32Array;
  private readonly context: Int32Array;

  constructor({ task, scale }: DoubtOptions, dream: TaskEnv, dynamics: ModelDynamics, physics: CommandedPhysics) {
    this.dream = dream;
    this.dynamics = dynamics;
    this.physics = physics;
    this.scale = scale;
    this.steps = Array.from({ length: dream.lanes }, () => ({ disagreement: [], error: [] }));
    this.active = new Uint8Array(dream.lanes).fill(1);
    this.elements = elementsOf(predictedEntries(task));
    this.predicted = elementsWithRole(dream.spec, 'dynamic', 'signal');
    this.context = elementsWithRole(dream.spec, 'context');
  }

  /** @param before - float64 `[lanes, stateSize]`: where the dreams stood. */
  take(before: Float64Array): void {
    for (let lane = 0; lane < this.dream.lanes; lane++) {
      if (!this.active[lane]) continue;
      if (this.dream.batch.problems[lane]) this.active[lane] = 0;
      else this.takeLane(lane, before);
    }
  }

  private takeLane(lane: number, before: Float64Array): void {
    const { spec, task, commands } = this.dream;
    const row = before.subarray(lane * spec.size, (lane + 1) * spec.size);
    const pick = (elements: Int32Array) => Float32Array.from(elements, (element) => row[element]!);
    const command = Float32Array.from(commands.subarray(lane * task.commands.length, (lane + 1) * task.commands.length));
    const truth = this.physics.next(pick(this.predicted), pick(this.context), command);
    const width = this.elements.length;
    const { mean, disagreement } = this.dynamics.uncertainty;
    const steps = this.steps[lane]!;
    steps.error.push(this.inScales((element) => elementGap(element, mean, lane * width, truth, 0)));
    steps.disagreement.push(this.inScales((element) => disagreement[lane * width + element.index]!));
  }

  /** Root mean square over elements. */
  private inScales(gapOf: (element: Element) => number): number {
    const squares = this.elements.map((element) => {
      const scale = this.scale[element.index]!;
      return (boundedGap(gapOf(element), scale) / scale) ** 2;
    });
    return Math.sqrt(squares.reduce((sum, square) => sum + square, 0) / squares.length);
  }
}
