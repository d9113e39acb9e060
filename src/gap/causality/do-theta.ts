/** C8: what a physical parameter changes. */
import { layOut } from '../../core/state-spec.ts';
import type { AnyTask } from '../../task/task.ts';
import { type AxisContext, type Finding, inconclusive, measured, notApplicable } from '../axis.ts';
import { resamplePlan } from '../bootstrap.ts';
import { figure, intervalFigures } from '../figures.ts';
import type { HeldOut } from '../held-out.ts';
import { type Intervention, type ParameterEffect, parameterEffects } from '../parameter-effect.ts';
import { playInterventions } from '../play-interventions.ts';

/** What the suite asks about, by name. */
const ASKED = /mass|friction|gravity/i;
const FACTORS = [0.5, 2];
/** A parameter that changes less in truth than this root mean square over starts and elements, standard deviations, is not asked about. */
const SMALLEST_PARAMETER_EFFECT = 0.01;

/** ×.5 and ×2 of every mass, friction and gravity that the task is conditioned on and that is not 0. */
function interventionsOn(task: AnyTask, plan: HeldOut): Intervention[] {
  const { entries } = layOut(task.state);
  return (task.conditionedOn ?? [])
    .filter((name) => ASKED.test(name) && plan.state[entries.find((entry) => entry.name === name)!.offset] !== 0)
    .flatMap((parameter) => FACTORS.map((factor) => ({ parameter, factor })));
}

/** The worst effect R²: none hides behind another. */
export async function doTheta(context: AxisContext, plan: HeldOut, samples: number): Promise<{ finding: Finding; figures: unknown }> {
  const { task } = context.truth;
  if (!task.conditionedOn)
    return {
      finding: notApplicable(
        'The model is not told physical parameters: train it on a task conditioned on them (randomize and condition when recording, conditionOn in the library).',
      ),
      figures: null,
    };
  const interventions = interventionsOn(task, plan);
  if (interventions.length === 0)
    return { finding: notApplicable('The task is conditioned on no mass, friction or gravity.'), figures: null };
  const rollouts = await playInterventions({ ...context, heldOut: plan, interventions, samples });
  const effects = parameterEffects(rollouts, plan.horizon, resamplePlan(plan.starts, context.rng, context.resamples));
  return { finding: worstOf(effects, plan), figures: effects.map(figuresOf) };
}

function worstOf(effects: readonly ParameterEffect[], { starts, horizon }: HeldOut): Finding {
  const telling = effects.filter(({ trueEffect }) => trueEffect >= SMALLEST_PARAMETER_EFFECT);
  if (telling.length === 0) return inconclusive('No parameter changed anything within the horizon in truth.', starts);
  const worst = telling.reduce((a, b) => (b.effectR2.measured < a.effectR2.measured || Number.isNaN(b.effectR2.measured) ? b : a));
  return measured(worst.effectR2, starts, { horizon });
}

function figuresOf({ parameter, factor, effectR2, trueEffect }: ParameterEffect) {
  return { parameter, factor, effectR2: intervalFigures(effectR2), trueEffect: figure(trueEffect) };
}
