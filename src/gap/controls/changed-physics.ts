/** Adds to each prediction what other physics changes, from the same state under the same command. */
import { GroundtwinError } from '../../errors.ts';
import type { Params } from '../../task/task.ts';
import type { WorldModel } from '../../world-model/world-model.ts';
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
  return deviating(model, name, severity, 1, new CommandedPhysics(task, engine), new CommandedPhysics(task, engine, changed));
}

/** @param share - of the change that is added. @param right, wrong - closed with the model. */
export function deviating(
  model: WorldModel,
  name: string,
  severity: number,
  share: number,
  right: CommandedPhysics,
  wrong: CommandedPhysics,
): WorldModel {
  const predict: WorldModel['predict'] = async (input) => {
    const prediction = await model.predict(input);
    const answers = [...new Set([prediction.sample, prediction.mean ?? prediction.sample])];
    for (let row = 0; row < input.rows; row++) {
      const [state, context, command] = [input.state, input.context, input.action].map((values) => rowOf(values, row, input.rows));
      const wanted = right.next(state!, context!, command!);
      const got = wrong.next(state!, context!, command!);
      for (const answer of answers) {
        const into = rowOf(answer, row, input.rows);
        for (let i = 0; i < into.length; i++) into[i] = into[i]! + share * (got[i]! - wanted[i]!);
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
