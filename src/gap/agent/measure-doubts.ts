import { type AxisContext, type AxisResult, type Finding, inconclusive, measured, notApplicable } from '../axis.ts';
import { resamplePlan } from '../bootstrap.ts';
import { figure, intervalFigures } from '../figures.ts';
import { drawHeldOut, momentsOf } from '../held-out.ts';
import { SENSOR_NOISE_SHARE } from '../pair-rollouts.ts';
import type { AgentSettings } from './agent-options.ts';
import { AGENT_TESTS } from './agent-tests.ts';
import { playDoubts } from './dream-doubts.ts';
import { selfKnowledge } from './self-knowledge.ts';

const FEWEST_STARTS = 8;
const BELOW_NOISE = 'Nine steps in ten are less off than sensor noise: there are no errors to foresee.';

/** A6. Only members can disagree: whether a model alone states its noise rightly is a question of calibration (H4), and one whose noise is the same everywhere has no errors to foresee. */
export async function measureDoubts(context: AxisContext, { doubtStarts, doubtHorizon }: AgentSettings): Promise<AxisResult> {
  const { subject, truth, heldOut, engine, scale, rng } = context;
  const { model } = subject;
  if (!model) return without(notApplicable('The subject is no learned model, so it has no members that could disagree.'));
  if (model.manifest.members < 2) return without(notApplicable('The model has one member, and nobody to disagree with.'));
  if (!model.manifest.outputs.includes('mean'))
    return without(notApplicable('The model gives no means, so its members’ disagreement is not known.'));
  const starts = Math.min(doubtStarts, momentsOf(heldOut, doubtHorizon).length);
  if (starts < FEWEST_STARTS)
    return without(inconclusive(`Only ${starts} held-out moments are followed by ${doubtHorizon} steps.`, starts));
  const plan = drawHeldOut(truth.task, heldOut, starts, doubtHorizon, rng);
  const dreams = await playDoubts({ task: subject.task, model, engine, heldOut: plan, scale, seed: rng.integer(1 << 20) * 64 });
  const found = selfKnowledge(dreams, resamplePlan(starts, rng, context.resamples));
  const { auroc, doubtRank } = AGENT_TESTS;
  const more = found.threshold < SENSOR_NOISE_SHARE ? { doubt: BELOW_NOISE } : {};
  return {
    findings: [
      { test: auroc, finding: measured(found.auroc, starts, more) },
      { test: doubtRank, finding: measured(found.spearman, starts, more) },
    ],
    figures: {
      doubts: {
        auroc: intervalFigures(found.auroc),
        spearman: intervalFigures(found.spearman),
        threshold: figure(found.threshold),
        steps: found.steps,
      },
    },
  };
}

function without(finding: Finding): AxisResult {
  return { findings: [AGENT_TESTS.auroc, AGENT_TESTS.doubtRank].map((test) => ({ test, finding })), figures: {} };
}
