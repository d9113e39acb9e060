import { type Interval, plannedInterval, type ResamplePlan } from '../bootstrap.ts';
import { mean } from '../statistics.ts';

export interface Confounding extends Interval {
  /** Errors with the floor in them, standard deviations. */
  readonly underDo: number;
  readonly underLogged: number;
}

/**
 * C7: error under do(a) over error under the logged policy's actions.
 * A model that learned "what is done follows from where one is" instead of "what follows from what is done" is right as long as the policy acts, and wrong as soon as somebody else does.
 * Both errors are root mean squares with the floor's added in quadrature: at the floor of both, the ratio is 1 and not noise over noise.
 *
 * @param underDo - float64 `[starts]`: mean square of the error in standard deviations where actions were drawn independently of the state.
 * @param underLogged - the same for the actions that the policy took there.
 * @param floor - the same for the ε-twin.
 * @see gap suite C7; Pearl 2009 for do(a).
 */
export function confounding(underDo: Float64Array, underLogged: Float64Array, floor: Float64Array, plan: ResamplePlan): Confounding {
  const error = (squares: Float64Array, floors: Float64Array) => Math.sqrt(mean(squares) + mean(floors));
  const ratio = plannedInterval([underDo, underLogged, floor], ([doing, logged, f]) => error(doing!, f!) / error(logged!, f!), plan);
  return { ...ratio, underDo: error(underDo, floor), underLogged: error(underLogged, floor) };
}
