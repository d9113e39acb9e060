import { setImmediate } from 'node:timers/promises';
import type { VectorEnv, VectorStepResult } from '../core/vector-env.ts';
import { Moments } from '../math/moments.ts';
import { allocate, rowOf, type TypedArray, type Values } from '../spaces/space.ts';
import type { Controller, Normaliser } from './controller.ts';

/** Some milliseconds. */
const stepsATurn = 256;

/** One episode to play. */
export interface Job {
  readonly weights: ArrayLike<number>;
  /** Of the episode. */
  readonly seed: number;
}

export interface Outcome {
  /** Sum of rewards, over all agents. */
  return: number;
  steps: number;
  /** Of every observation acted on. */
  readonly seen: Moments;
}

export interface PlayOptions {
  readonly normaliser: Normaliser;
  /** Steps after which an episode is cut off. */
  readonly episodeSteps: number;
}

/**
 * Plays episodes, as many at a time as the env has lanes; a lane that is done takes the next.
 * What comes out does not depend on the number of lanes.
 * @returns one outcome a job, in their order.
 */
export async function play(env: VectorEnv, controller: Controller, jobs: readonly Job[], options: PlayOptions): Promise<Outcome[]> {
  const rollouts = new Rollouts(env, controller, jobs, options);
  let { observation } = await env.reset({ seed: rollouts.seeds });
  for (let step = 0; !rollouts.done; step++) {
    // An env of this process is stepped without waiting for anything: signals and timers would never have their turn.
    if (step % stepsATurn === 0) await setImmediate();
    const result = await env.step(rollouts.act(observation));
    observation = result.observation;
    if (rollouts.take(result) && !rollouts.done) ({ observation } = await env.reset({ mask: rollouts.ended, seed: rollouts.seeds }));
  }
  return rollouts.outcomes;
}

/** Which lane plays which job, and what came of it. A lane beyond the last job plays on with its last action, unheard. */
class Rollouts {
  readonly outcomes: Outcome[];
  /** `[lanes]`: of the episode each lane begins, or has begun. */
  readonly seeds: number[];
  /** `[lanes]`, 1 = to be begun anew. */
  readonly ended: Uint8Array;
  private readonly controller: Controller;
  private readonly jobs: readonly Job[];
  private readonly options: PlayOptions;
  private readonly jobOf: number[];
  private readonly actions: Values;
  private readonly rows: TypedArray[];
  private left: number;
  private next: number;

  constructor(env: VectorEnv, controller: Controller, jobs: readonly Job[], options: PlayOptions) {
    this.controller = controller;
    this.jobs = jobs;
    this.options = options;
    this.outcomes = jobs.map(() => ({ return: 0, steps: 0, seen: new Moments(controller.observationSize) }));
    this.jobOf = Array.from({ length: env.lanes }, (_, lane) => lane);
    this.seeds = this.jobOf.map((job) => this.seedOf(job));
    this.ended = new Uint8Array(env.lanes);
    this.actions = allocate(env.actionSpace, env.lanes);
    this.rows = this.jobOf.map((lane) => rowOf(env.actionSpace, this.actions, lane) as TypedArray);
    this.left = jobs.length;
    this.next = env.lanes;
  }

  get done(): boolean {
    return this.left === 0;
  }

  /** @returns the actions of all lanes; reused. */
  act(observation: Values): Values {
    const { controller, outcomes, jobs, jobOf, rows } = this;
    for (let lane = 0; lane < rows.length; lane++) {
      const outcome = outcomes[jobOf[lane]!];
      if (!outcome) continue;
      outcome.seen.add(controller.look(observation, lane));
      controller.act(jobs[jobOf[lane]!]!.weights, this.options.normaliser, outcome.steps, rows[lane]!);
    }
    return this.actions;
  }

  /** Counts a step, and gives lanes that are done their next job. @returns whether any lane is to be begun anew. */
  take({ reward, terminated, truncated }: VectorStepResult): boolean {
    const { outcomes, jobOf, ended } = this;
    const agents = reward.length / ended.length;
    for (let lane = 0; lane < ended.length; lane++) {
      const outcome = outcomes[jobOf[lane]!];
      if (outcome) count(outcome, reward, lane, agents);
      const cut = outcome !== undefined && outcome.steps >= this.options.episodeSteps;
      ended[lane] = terminated[lane] || truncated[lane] || cut ? 1 : 0;
      if (outcome && ended[lane]) this.giveNext(lane);
    }
    return ended.includes(1);
  }

  private giveNext(lane: number): void {
    this.left--;
    this.jobOf[lane] = this.next++;
    this.seeds[lane] = this.seedOf(this.jobOf[lane]!);
  }

  private seedOf(job: number): number {
    return this.jobs[job]?.seed ?? 0;
  }
}

function count(outcome: Outcome, rewards: Float64Array, lane: number, agents: number): void {
  outcome.steps++;
  for (let agent = 0; agent < agents; agent++) outcome.return += rewards[lane * agents + agent]!;
}
