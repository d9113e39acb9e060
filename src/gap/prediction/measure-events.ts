import { type AxisContext, type AxisResult, type Finding, inconclusive, measured, notApplicable } from '../axis.ts';
import { resamplePlan } from '../bootstrap.ts';
import { intervalFigures } from '../figures.ts';
import { drawHeldOut, type HeldOut } from '../held-out.ts';
import { perturb } from '../pair-rollouts.ts';
import { play } from '../play.ts';
import { withPlayer } from '../subject.ts';
import { compareEvents, type EventChannel, type EventScores, eventChannels, eventScores, flagsOf } from './events.ts';
import { playApart, STARTS_TOGETHER } from './play-apart.ts';
import { eventTest } from './prediction-tests.ts';
import { predictedRows } from './whole-states.ts';

/** Steps from one anchor on truth to the next: in longer rollouts small errors shift every later contact, and a model that invents some at random looks no worse. */
export const ANCHOR_steps = 10;
/** Fewer events than this say nothing. */
const FEWEST_EVENTS = 20;
/** Where truth itself, a sensor's error off, finds fewer of its own events, they cannot be predicted. */
const LOWEST_CEILING = 0.3;
/** Most draws of a start that vote. */
const VOTES = 9;

/** H3. @param starts - each a snapshot of truth, played until the next anchor is due. */
export async function measureEvents(context: AxisContext, starts: number): Promise<AxisResult> {
  const { truth, heldOut, rng } = context;
  const channels = eventChannels(truth.task, predictedRows(truth.spec, heldOut.state));
  if (channels.length === 0) return found(notApplicable('The task’s state tells of no contact, no stop and no end.', starts), {});
  const plan = drawHeldOut(truth.task, heldOut, starts, ANCHOR_steps, rng);
  const scores = await playEvents(context, plan, channels);
  return found(judged(scores, starts), {
    channels: channels.map(({ name, kind }) => ({ name, kind })),
    events: scores.events,
    subject: intervalFigures(scores.model),
    twin: intervalFigures(scores.twin),
    timing_ms: intervalFigures(scores.timing_ms),
  });
}

function found(finding: Finding, events: Readonly<Record<string, unknown>>): AxisResult {
  return { findings: [{ test: eventTest, finding }], figures: { events } };
}

function judged({ events, twin, ratio }: EventScores, starts: number): Finding {
  if (events === 0) return inconclusive(`Nothing happens within ${ANCHOR_steps} steps of ${starts} starts.`, starts);
  if (!(twin.measured >= LOWEST_CEILING))
    return inconclusive('Truth itself, a sensor’s error off, does not find its own events: they cannot be predicted.', starts);
  return measured(ratio, starts, events < FEWEST_EVENTS ? { doubt: `Only ${events} events happen: measure more starts.` } : {});
}

async function playEvents(context: AxisContext, plan: HeldOut, channels: readonly EventChannel[]): Promise<EventScores> {
  const { truth, subject, scale, rng, resamples, onProgress } = context;
  const { task } = truth;
  const copies = Math.min(context.samples, VOTES);
  const seed = rng.integer(1 << 20) * 64;
  const real = await play(truth, plan, 1, 0);
  const twin = await play(truth, { ...plan, state: perturb(truth, plan, scale, rng) }, 1, 0);
  const dreamed = await withPlayer(subject, STARTS_TOGETHER * copies, (player) =>
    playApart(player, plan, copies, seed, (done, of) => onProgress?.('events', done, of)),
  );
  const width = channels.length * (plan.horizon + 1);
  const [own, ceiling, actual] = [
    [dreamed, copies],
    [twin, 1],
    [real, 1],
  ].map(([played, count]) => flagsOf(task, channels, plan.state, (played as typeof real).rows, count as number, plan.horizon + 1));
  const countsOf = (flags: Uint8Array) =>
    Array.from({ length: plan.starts }, (_, start) => {
      const [truly, said] = [actual!, flags].map((all) => all.subarray(start * width, (start + 1) * width));
      return compareEvents(truly!, said!, channels.length);
    });
  return eventScores(countsOf(own!), countsOf(ceiling!), task.controlDt_s, resamplePlan(plan.starts, rng, resamples));
}
