/** Executes interventions on physical parameters in truth and in a model. */

import { GroundtwinError } from '../errors.ts';
import type { Rng } from '../math/rng.ts';
import type { TaskEnv } from '../task/task-env.ts';
import { predictedEntries } from '../world-model/contract.ts';
import type { HeldOut } from './held-out.ts';
import type { Intervention, ParameterRollouts } from './parameter-effect.ts';
import { type Player, playerOf, playMean } from './play.ts';
import { type Subject, withPlayer } from './subject.ts';

export interface InterventionOptions {
  /** Truth of a task whose state carries the parameters (`conditionOn`), without wrappers; owned by the caller. */
  readonly truth: TaskEnv;
  /** Of the same task. */
  readonly subject: Subject;
  readonly heldOut: HeldOut;
  readonly interventions: readonly Intervention[];
  /** float64 `[size]`, see `ParameterRollouts`. */
  readonly scale: Float64Array;
  /** Imagined draws a start. */
  readonly samples: number;
  readonly rng: Rng;
}

/**
 * Plays the held-out actions from every start with θ as it is and with each intervention, in truth and in the subject; in the subject each time with the same noise.
 * @throws OPTION_INVALID for a parameter that the state does not carry, SCENE_INVALID where a changed one makes no scene.
 */
export async function playInterventions(options: InterventionOptions): Promise<ParameterRollouts> {
  const { truth, heldOut, interventions, samples, scale } = options;
  const plans = interventions.map((intervention) => intervened(truth, heldOut, intervention));
  const seed = options.rng.integer(1 << 20) * 64;
  const branches = async (player: Player, copies: number) => {
    const found: Float64Array[] = [];
    for (const plan of [heldOut, ...plans]) found.push(await playMean(player, plan, copies, seed));
    return found;
  };
  const [truthBase, ...truthBranches] = await branches(playerOf(truth), 1);
  const [imaginedBase, ...imaginedBranches] = await withPlayer(options.subject, heldOut.starts * samples, (dream) =>
    branches(dream, samples),
  );
  return {
    entries: predictedEntries(truth.task),
    starts: heldOut.starts,
    horizon: heldOut.horizon,
    interventions,
    truthBase: truthBase!,
    imaginedBase: imaginedBase!,
    truthBranches,
    imaginedBranches,
    scale,
  };
}

/** The same starts in the changed world. */
function intervened({ task, spec }: TaskEnv, heldOut: HeldOut, { parameter, factor }: Intervention): HeldOut {
  const entry = spec.entries.find(({ name }) => name === parameter);
  if (!entry || !task.conditionedOn?.includes(parameter))
    throw new GroundtwinError('OPTION_INVALID', {
      who: task.id,
      option: 'intervention',
      value: parameter.slice(0, 100),
      allowed: `on a parameter that its state carries: ${task.conditionedOn?.join(', ') ?? 'none, see conditionOn'}`,
    });
  const state = heldOut.state.slice();
  for (let start = 0; start < heldOut.starts; start++) state[start * spec.size + entry.offset]! *= factor;
  return { ...heldOut, state };
}
