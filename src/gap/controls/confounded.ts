import { elementsWithRole, layOut } from '../../core/state-spec.ts';
import type { PredictionInput, WorldModel } from '../../world-model/world-model.ts';
import { RecordedPolicy } from '../causality/recorded-policy.ts';
import { refuseControl } from './changed-physics.ts';
import { type ControlParts, wrapped } from './control.ts';

/** Right as long as the recorded policy acts: it takes what that does in a state for the cause of what follows there. */
export function confoundedModel(model: WorldModel, severity: number, { task, logged }: ControlParts): WorldModel {
  if (!logged) return refuseControl('confounded', 'given the recorded episodes of a policy');
  const policy = new RecordedPolicy(task, logged);
  const spec = layOut(task.state);
  const [predicted, context] = [elementsWithRole(spec, 'dynamic', 'signal'), elementsWithRole(spec, 'context')];
  const state = new Float64Array(spec.size);
  const usual = new Float64Array(policy.commandSize);
  const usualActions = (input: PredictionInput) => {
    const action = input.action.slice();
    for (let row = 0; row < input.rows; row++) {
      predicted.forEach((element, i) => {
        state[element] = input.state[row * predicted.length + i]!;
      });
      context.forEach((element, i) => {
        state[element] = input.context[row * context.length + i]!;
      });
      policy.commandInto(state, 0, usual);
      for (let c = 0; c < usual.length; c++) {
        const at = row * usual.length + c;
        action[at] = action[at]! + severity * (usual[c]! - action[at]!);
      }
    }
    return action;
  };
  return wrapped(model, 'confounded', severity, (input) => model.predict({ ...input, action: usualActions(input) }));
}
