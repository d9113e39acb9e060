/** On how many envs is it known why Rapier and MuJoCo disagree? Read off recorded studies. */
import { allStudies, type Recorded } from '../gap/engines/results.ts';
import { explanationOf } from '../gap/engines/verdict.ts';
import type { Measured } from './row.ts';

/** Envs whose named causes, taken away, cut the gap as `EXPLAINED` asks, on starts that they were not chosen on. @throws when a study is missing or stale, with the command that makes it. */
export async function explainedEnvs(studies: () => readonly Recorded[] = allStudies): Promise<Measured> {
  const raw = studies().map((study) => ({ ...explanationOf(study), gap: study.gap, gapLeft: study.gapLeft, leftIn: study.leftIn }));
  return { measured: raw.filter(({ isExplained }) => isExplained).length, raw };
}
