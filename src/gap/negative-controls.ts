/** Subjects broken on purpose, which the suite must catch, or its verdicts mean nothing. */
import { GroundtwinError } from '../errors.ts';
import { agentControls } from './controls/agent-controls.ts';
import { causalityControls } from './controls/causality-controls.ts';
import type { Control, ControlParts } from './controls/control.ts';
import { modelControls } from './controls/model-controls.ts';
import { plausibilityControls } from './controls/plausibility-controls.ts';
import { predictionControls } from './controls/prediction-controls.ts';
import { modelSubject, type Subject } from './subject.ts';

/** By name, each with the row named to catch it. */
export const negativeControls: Readonly<Record<string, Control>> = {
  ...modelControls,
  ...plausibilityControls,
  ...causalityControls,
  ...predictionControls,
  ...agentControls,
};

/**
 * Reads `broken:<name>` or `broken:<name>@<severity>` and breaks the subject; what comes back closes it.
 * @throws OPTION_INVALID for an unknown name, a severity outside (0, 1], or a control that breaks models where there is none.
 */
export function breakSubject(text: string, subject: Subject, parts: ControlParts): Subject {
  const refuse = (allowed: string): never => {
    throw new GroundtwinError('OPTION_INVALID', { who: 'gap', option: 'subject', value: text.slice(0, 100), allowed });
  };
  const [, name = '', severityText] = /^broken:([a-z-]+)(?:@(.+))?$/.exec(text) ?? [];
  const control = Object.hasOwn(negativeControls, name) ? negativeControls[name] : undefined;
  if (!control) return refuse(`'model' or broken:${Object.keys(negativeControls).join(', broken:')}, with @severity if wanted`);
  const severity = severityText === undefined ? control.severity : Number(severityText);
  if (!(severity > 0 && severity <= 1)) return refuse('a severity above 0 and at most 1');
  if (control.alter) return control.alter(subject, severity, parts);
  if (!subject.model) return refuse('used on a model');
  return modelSubject(subject.task, control.wrap!(subject.model, severity, parts));
}
