/** Rows of a gap against a log: A7, and why others have no answer there. */
import { type Finding, notApplicable } from '../axis.ts';
import { GAP_TESTS, type GapTest } from '../thresholds.ts';

/** A7: paired over segments that nothing was fitted on. */
export const errorFallTest: GapTest = { id: 'A7', title: 'Error on the log falls by identification', bound: { kind: 'above', value: 0 } };
export const skillGainTest: GapTest = { id: 'A7', title: 'Skill on the log gained by identification', bound: { kind: 'above', value: 0 } };

export const logTests: readonly GapTest[] = [errorFallTest, skillGainTest];

const wayOut = 'Leave --truth out to measure it in physics.';

const reasons: Readonly<Record<string, string>> = {
  P: `It asks what physics does from predicted states; a log cannot go on from anywhere. ${wayOut}`,
  C: `It asks what other actions would have led to; a log knows only those that were taken. ${wayOut}`,
  H3: `Contacts and ends are told by physics that is put back every few steps; a log holds the quantities it measured and no more. ${wayOut}`,
  H5: `Truth would have to go on for ten horizons, with actions put together anew; a log ends where it ends. ${wayOut}`,
  A: `It plays policies in truth; a log holds what one of them did there. ${wayOut}`,
};

/** Of the rows that are asked for, those that need truth to be played. @param tests - of the axes; C1, C2 and A1 stand in every report. */
export function unanswered(tests: readonly GapTest[]): { test: GapTest; finding: Finding }[] {
  const always = GAP_TESTS.filter(
    ({ measure, id }) => measure !== 'skill' && measure !== 'coverage' && !tests.some((test) => test.id === id),
  );
  return [...always, ...tests].flatMap((test) => {
    const reason = reasons[test.id] ?? reasons[test.id.charAt(0)];
    return reason === undefined ? [] : [{ test, finding: notApplicable(reason) }];
  });
}
