import type { AnyTask } from '../../src/task/task.ts';
import { manifestFor, StubModel } from '../contracts/stub-backends.ts';

/** The pendulum in closed form, semi-implicit Euler at its control step: near to the truth, not the same. @param bias - of what member m adds to the torque, N·m. */
export function pendulumModel(task: AnyTask, members = 1, bias = 0): StubModel {
  return new StubModel(manifestFor(task, { members }), ({ state, action }, member) => {
    const velocity_radps = state[1]! + 0.05 * (15 * Math.sin(state[0]!) + 3 * (action[0]! + bias * member));
    return { sample: [state[0]! + 0.05 * velocity_radps, velocity_radps] };
  });
}
