/** A model that has learned by heart. */
import { elementDifference, elementsWithRole, type Kind, layOut, viewsOver } from '../../core/state-spec.ts';
import { Rng } from '../../math/rng.ts';
import { predictedEntries } from '../../world-model/contract.ts';
import type { WorldModel } from '../../world-model/world-model.ts';
import { CommandedPhysics } from '../commanded-physics.ts';
import { linearDeviation } from '../held-out.ts';
import { elementsOf } from '../paired-rollouts.ts';
import { type ControlParts, rowOf, wrapped } from './control.ts';

const EPISODES = 16;
const EPISODE_steps = 32;

interface Moment {
  readonly state: Float64Array;
  readonly command: Float64Array;
  readonly next: Float64Array;
}

/** Answers, by a share of the severity, with the next state of the nearest moment it remembers: nearest in standard deviations of state and command. */
export function memoriser(model: WorldModel, severity: number, parts: ControlParts): WorldModel {
  const kinds = [...elementsOf(predictedEntries(parts.task)).map(({ kind }) => kind), ...parts.task.commands.map((): Kind => 'scalar')];
  const memory = randomPlay(parts);
  const keys = memory.map(({ state, command }) => Float64Array.of(...state, ...command));
  const scale = kinds.map((_, i) => linearDeviation(Float64Array.from(keys, (key) => key[i]!)) || 1);
  const nearest = (state: Float32Array, command: Float32Array): Moment => {
    const asked = Float64Array.of(...state, ...command);
    const distances = keys.map((key) =>
      key.reduce((sum, value, i) => sum + (elementDifference(kinds[i]!, asked[i]!, value) / scale[i]!) ** 2, 0),
    );
    return memory[distances.indexOf(Math.min(...distances))] ?? memory[0]!;
  };
  return wrapped(model, 'memoriser', severity, async (input) => {
    const { sample, mean, ...rest } = await model.predict(input);
    const centre = mean ?? sample;
    const [said, meant] = [sample.slice(), centre.slice()];
    for (let row = 0; row < input.rows; row++) {
      const { next } = nearest(rowOf(input.state, row, input.rows), rowOf(input.action, row, input.rows));
      const [own, ownMean, from] = [said, meant, centre].map((values) => rowOf(values, row, input.rows));
      for (let i = 0; i < next.length; i++) {
        const change = severity * elementDifference(kinds[i]!, next[i]!, from![i]!);
        own![i] = own![i]! + change;
        ownMean![i] = ownMean![i]! + change;
      }
    }
    return { ...rest, sample: said, ...(mean ? { mean: meant } : {}) };
  });
}

/** Episodes from the task's own starts under random commands, always the same. */
function randomPlay({ task, engine }: ControlParts): Moment[] {
  const spec = layOut(task.state);
  const [predicted, context] = [elementsWithRole(spec, 'dynamic', 'signal'), elementsWithRole(spec, 'context')];
  const physics = new CommandedPhysics(task, engine);
  const rng = new Rng(1);
  const row = new Float64Array(spec.size);
  const view = viewsOver(task.state, row, 1)[0]!;
  const memory: Moment[] = [];
  for (let episode = 0; episode < EPISODES; episode++) {
    row.fill(0);
    task.initial(rng, task.params, view);
    let state = Float64Array.from(predicted, (element) => row[element]!);
    const about = Float32Array.from(context, (element) => row[element]!);
    for (let step = 0; step < EPISODE_steps; step++) {
      const command = Float64Array.from(task.commands, ({ low, high }) => rng.uniform(low, high));
      const next = physics.next(Float32Array.from(state), about, Float32Array.from(command)).slice();
      memory.push({ state, command, next });
      state = next;
    }
  }
  physics.close();
  return memory;
}
