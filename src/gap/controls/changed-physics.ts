/** Adds to each prediction what other parameters change in the engine, from the same state under the same command. */
import { GroundtwinError } from '../../errors.ts';
import type { Params } from '../../task/task.ts';
import type { PredictionInput, WorldModel } from '../../world-model/world-model.ts';
import { CommandedPhysics } from '../commanded-physics.ts';
import { type ControlParts, rowOf, wrapped } from './control.ts';

/** @param changed - the parameters it goes by, of those that a state has. */
export function withChangedPhysics(
  model: WorldModel,
  name: string,
  severity: number,
  { task, engine }: ControlParts,
  changed: (params: Params) => Params,
): WorldModel {
  const right = new CommandedPhysics(task, engine);
  const wrong = new CommandedPhysics(task, engine, changed);
  const predict = async (input: PredictionInput) => {
    const prediction = await model.predict(input);
    const size = input.state.length / input.rows;
    for (let row = 0; row < input.rows; row++) {
      const [state, context, command] = [input.state, input.context, input.action].map((values) => rowOf(values, row, input.rows));
      const before = Float64Array.from(right.next(state!, context!, command!));
      const after = wrong.next(state!, context!, command!);
      for (let i = 0; i < size; i++) {
        const change = after[i]! - before[i]!;
        prediction.sample[row * size + i]! += change;
        if (prediction.mean) prediction.mean[row * size + i]! += change;
      }
    }
    return prediction;
  };
  return wrapped(model, name, severity, predict, () => {
    right.close();
    wrong.close();
  });
}

/** @throws OPTION_INVALID: what this control breaks is not there. */
export function refuseControl(name: string, allowed: string): never {
  throw new GroundtwinError('OPTION_INVALID', { who: 'gap', option: 'subject', value: `broken:${name}`, allowed });
}
