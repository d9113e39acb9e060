/** Plays everything the causal tests compare, from one set of starts. */
import type { TaskEnv } from '../../task/task-env.ts';
import { predictedEntries } from '../../world-model/contract.ts';
import type { AxisContext } from '../axis.ts';
import { errorsOfStarts, firstPassages } from '../error-over-horizon.ts';
import { type HeldOut, rowsOfStarts, stepsOfPlan } from '../held-out.ts';
import { perturb } from '../pair-rollouts.ts';
import { type Element, elementsOf, rowsAtStep } from '../paired-rollouts.ts';
import { type Player, playerOf, playMean } from '../play.ts';
import { median } from '../statistics.ts';
import { withPlayer } from '../subject.ts';
import { type Branch, effectsAt, type SourceEffects, squaredDistance } from './effects.ts';
import { actionsOfOthers, dealt, farthestApart, nothingDone } from './plans.ts';
import { type Source, sourcesOf } from './sources.ts';

export interface CausalSettings {
  /** Fewer where the held-out episodes have fewer moments. */
  readonly starts: number;
  /** K other action sequences from each. */
  readonly alternatives: number;
  /** Longest, control steps; half of what truth itself can be predicted for bounds it further. */
  readonly horizon: number;
  /** Draws of the subject a start, at most. */
  readonly samples: number;
  /** For the tests of physical parameters, each of which needs worlds of its own. */
  readonly parameterStarts: number;
}

export const causalDefaults: CausalSettings = { starts: 128, alternatives: 8, horizon: 10, samples: 8, parameterStarts: 48 };

/** Stepped at once. */
const MOST_LANES = 1024;
/** Alternatives tried in truth for each that is kept. */
const CANDIDATES = 3;
/** Steps over which errors under do(a) and under the policy are compared: later the two are not in the same states any more. */
export const CONFOUNDING_steps = 3;

/** What was played and how far truth can be asked. */
export interface Branches {
  readonly elements: readonly Element[];
  readonly horizon: number;
  /** Steps until the ε-twin of truth is off by `VALID_ERROR`, median over starts; twice the longest horizon if it never is. */
  readonly valid: number;
  /** What was done. */
  readonly base: Branch;
  /** Truth with sensor noise on the start: `[starts, horizon + 1, size]`. */
  readonly twin: Float64Array;
  /** K other ways from each start, whose true ends stand apart. */
  readonly alternatives: readonly Branch[];
  /** The first steps under actions drawn independently of the state. */
  readonly doing: readonly Branch[];
  readonly sources: readonly SourceEffects[];
  /** Without the push: the first half of the actions not done, then others in their stead. */
  readonly without: readonly Branch[];
  /** Every draw of the whole plan, and of one whose actions differ from `fork` on: `[starts, copies, 2·longest + 1, size]`. */
  readonly forked: { readonly base: Float64Array; readonly forked: Float64Array; readonly fork: number; readonly copies: number };
  /** The starts and what was done, as far as `horizon`. */
  readonly plan: HeldOut;
}

/** @param long - held-out plans of twice the longest horizon. */
export async function playBranches(context: AxisContext, settings: CausalSettings, long: HeldOut): Promise<Branches> {
  const { truth, subject, scale, rng } = context;
  const elements = elementsOf(predictedEntries(truth.task));
  const physics = playerOf(truth);
  const noisy = { ...long, state: perturb(truth, long, scale, rng) };
  const [steady, drifting] = [await playMean(physics, long, 1, 0), await playMean(physics, noisy, 1, 0)];
  const errors = errorsOfStarts({ entries: predictedEntries(truth.task), truth: steady, scale }, drifting);
  const valid = median(firstPassages(errors, long.horizon));
  const horizon = Math.max(1, Math.min(settings.horizon, Math.floor(valid / 2)));
  const plan = stepsOfPlan(long, 0, horizon);
  const samples = Math.min(context.samples, settings.samples);
  const seed = rng.integer(1 << 20) * 64;
  const others = await apart(context, elements, plan, settings.alternatives);
  const drawn = actionsOfOthers(stepsOfPlan(plan, 0, Math.min(CONFOUNDING_steps, horizon)), settings.alternatives, rng);
  const pushes = pushesOf(truth, plan, horizon, context);
  const sources = sourcesOf(truth.task, truth.spec, scale, plan.state).map((source) => ({
    source,
    plan: { ...plan, state: source.move(plan.state, rng) },
  }));
  const fork = settings.horizon;
  const [later] = actionsOfOthers(long, 1, rng, fork);
  return withPlayer(subject, Math.min(MOST_LANES, plan.starts * samples), async (dream) => {
    const total = 1 + drawn.length + others.length + pushes.length + sources.length;
    let done = 0;
    const branch = async (one: HeldOut): Promise<Branch> => {
      const [real, imagined] = [await playMean(physics, one, 1, 0), await playMean(dream, one, samples, seed)];
      context.onProgress?.('branches', ++done, total);
      return { truth: real, imagined };
    };
    const base = await branch(plan);
    const moved: SourceEffects[] = [];
    for (const { source, plan: from } of sources) {
      const effects = effectsOf(source, await branch(from), base, elements, scale, plan);
      if (effects) moved.push(effects);
    }
    return {
      elements,
      horizon,
      valid,
      base,
      twin: rowsOfStarts(drifting, long.starts, long.horizon + 1, 0, horizon + 1),
      alternatives: await inTurn(others, branch),
      doing: await inTurn(drawn, branch),
      sources: moved,
      without: await inTurn(pushes, branch),
      forked: await playFork(dream, long, later!, fork, seed, samples),
      plan,
    };
  });
}

/** Chosen in truth among many: alternatives that end side by side would ask for luck, not for knowledge. */
async function apart({ truth, scale, rng }: AxisContext, elements: readonly Element[], plan: HeldOut, count: number): Promise<HeldOut[]> {
  const candidates = actionsOfOthers(plan, CANDIDATES * count, rng);
  const ends: Float64Array[] = [];
  for (const one of [...candidates, plan]) {
    const rows = await playMean(playerOf(truth), one, 1, 0);
    ends.push(rowsAtStep(rows, plan.starts, plan.horizon, elements.length, plan.horizon));
  }
  const chosen = farthestApart(plan.starts, candidates.length, count, (start, a, b) =>
    squaredDistance(elements, scale, ends.at(a)!, ends.at(b)!, start),
  );
  return dealt(candidates, chosen);
}

function pushesOf(truth: TaskEnv, plan: HeldOut, horizon: number, { rng }: AxisContext): HeldOut[] {
  const steps = Math.ceil(horizon / 2);
  const none = nothingDone(plan, truth.actionSpace, steps);
  return [...(none ? [none] : []), ...actionsOfOthers(plan, 2, rng, 0, steps)];
}

/** Null where truth does not let this variable be moved alone: its start is not what was asked for. */
function effectsOf(
  { label, own }: Source,
  branch: Branch,
  base: Branch,
  elements: readonly Element[],
  scale: Float64Array,
  plan: HeldOut,
): SourceEffects | null {
  const at = (side: keyof Branch, step: number) => effectsAt(elements, branch[side], base[side], scale, plan.starts, step);
  const start = at('truth', 0);
  for (let row = 0; row < plan.starts; row++)
    for (let i = 0; i < elements.length; i++) {
      const isOwn = own.includes(i);
      const change = Math.abs(start[row * elements.length + i]!);
      if (!isOwn && change > SET_ALONE) return null;
    }
  if (own.length > 0 && !own.some((i) => start.some((value, at) => at % elements.length === i && Math.abs(value) > SET_ALONE))) return null;
  return { label, own, truth: at('truth', plan.horizon), imagined: at('imagined', plan.horizon) };
}

/** Setting one variable may round others by no more than this, standard deviations. */
const SET_ALONE = 1e-4;

async function playFork(player: Player, long: HeldOut, later: HeldOut, fork: number, seed: number, samples: number) {
  const copies = Math.min(2, samples);
  const [base, forked] = [await player.play(long, copies, seed), await player.play(later, copies, seed)];
  return { base: base.rows, forked: forked.rows, fork, copies };
}

async function inTurn(plans: readonly HeldOut[], play: (plan: HeldOut) => Promise<Branch>): Promise<Branch[]> {
  const branches: Branch[] = [];
  for (const plan of plans) branches.push(await play(plan));
  return branches;
}
