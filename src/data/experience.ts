/** What an agent went through, as it saw it: nothing of the state behind. What models of observations learn from. */
import { layOut, viewsOver } from '../core/state-spec.ts';
import { sha256Hex } from '../math/hash.ts';
import { Rng } from '../math/rng.ts';
import { allocate, flatSizeOf, flattenInto, rowOf, type Values } from '../spaces/space.ts';
import type { AnyTask } from '../task/task.ts';
import type { Transitions } from './transitions.ts';

/** Float32, row-major, one row an observation; rows of an episode follow each other in time, and episodes each other. */
export interface Experience {
  readonly count: number;
  /** `[count, O]`, flat. */
  readonly observation: Float32Array;
  /** `[count, A]`, flat: what was done before this was seen; zeros at the start of an episode. */
  readonly previousAction: Float32Array;
  /** `[count]`: what came with this observation, over all agents; 0 at the start of an episode. */
  readonly reward: Float32Array;
  /** `[count]`: 0 where the task ended with this observation, else 1. A time limit ends nothing. */
  readonly continues: Float32Array;
  /** `[count]`: 1 where an episode starts, else 0. */
  readonly first: Float32Array;
}

/**
 * The experience an agent had while a truth env recorded transitions: the task's own code tells what was seen and what it was worth.
 * @param seed - of the sensors' noise, where the task has any.
 */
export function experienceOf(task: AnyTask, data: Transitions, seed = 0): Experience {
  const { count, episode } = data;
  const startsAt = (row: number) => row === 0 || episode[row] !== episode[row - 1];
  let episodes = 0;
  for (let row = 0; row < count; row++) if (startsAt(row)) episodes++;
  const [observationSize, actionSize] = [flatSizeOf(task.observationSpace), flatSizeOf(task.actionSpace)];
  const rows = count + episodes;
  const floats = (width: number) => new Float32Array(rows * width);
  const experience = {
    count: rows,
    observation: floats(observationSize),
    previousAction: floats(actionSize),
    reward: floats(1),
    continues: floats(1).fill(1),
    first: floats(1),
  };
  const look = looker(task, new Rng(seed));
  const judge = judgeOf(task, data);
  let at = 0;
  for (let row = 0; row < count; row++) {
    if (startsAt(row)) {
      experience.first[at] = 1;
      look(data.state, row, experience.observation, at++);
    }
    look(data.next, row, experience.observation, at);
    experience.previousAction.set(data.action.subarray(row * actionSize, (row + 1) * actionSize), at * actionSize);
    const { reward, ended } = judge(row);
    experience.reward[at] = reward;
    experience.continues[at++] = ended ? 0 : 1;
  }
  return experience;
}

/** Writes what is seen of a row of states into a row of observations. */
function looker(task: AnyTask, rng: Rng): (states: Float64Array, row: number, into: Float32Array, at: number) => void {
  const { size } = layOut(task.state);
  const state = new Float64Array(size);
  const view = viewsOver(task.state, state, 1)[0]!;
  const seen = rowOf(task.observationSpace, allocate(task.observationSpace, 1), 0) as Values;
  const flat = new Float64Array(flatSizeOf(task.observationSpace));
  return (states, row, into, at) => {
    state.set(states.subarray(row * size, (row + 1) * size));
    task.observe(view, seen);
    task.sense?.(seen, rng);
    flattenInto(seen, flat);
    into.set(flat, at * flat.length);
  };
}

/** Reward, over all agents, and end of a recorded transition. */
function judgeOf(task: AnyTask, data: Transitions): (row: number) => { reward: number; ended: boolean } {
  const { count } = data;
  const states = viewsOver(task.state, data.state, count);
  const nexts = viewsOver(task.state, data.next, count);
  const [actions, commands] = [flatSizeOf(task.actionSpace), task.commands.length];
  return (row) => {
    const [state, next] = [states[row]!, nexts[row]!];
    const action = data.action.subarray(row * actions, (row + 1) * actions);
    const command = data.command.subarray(row * commands, (row + 1) * commands);
    let reward = 0;
    for (let agent = 0; agent < (task.agents ?? 1); agent++)
      for (const term of Object.values(task.reward)) reward += term.weight * term.value({ state, action, command, next, agent });
    return { reward, ended: task.terminated?.(next) ?? false };
  };
}

/** Steps taken, not rows seen. */
export function stepsOf({ count, first }: Experience): number {
  return count - first.reduce((sum, flag) => sum + flag, 0);
}

/** sha256 over everything that training sees. */
export function experienceHash(data: Experience): string {
  return sha256Hex(
    JSON.stringify(
      [data.observation, data.previousAction, data.reward, data.continues, data.first].map((part) =>
        sha256Hex(new Uint8Array(part.buffer, part.byteOffset, part.byteLength)),
      ),
    ),
  );
}
