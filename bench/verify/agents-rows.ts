/** Agents: as good and as fast as the library that most people use, and resumable. */
import { inModelOn } from '../agents/table.ts';
import { secondsSaved, stepsSaved } from './agents-efficiency.ts';
import { holeCaught } from './agents-hole.ts';
import { longRolloutHurts } from './agents-long-rollout.ts';
import { worstMargin } from './agents-margins.ts';
import { planningRatio } from './agents-planning.ts';
import { referencesRows } from './agents-references.ts';
import { KILLS, resumedBytes } from './agents-resume.ts';
import { ppoRace, sacRace, slowestRace } from './agents-speed.ts';
import type { Row } from './row.ts';

/** 80 % of what planning in truth comes to (215): the possible return. */
const SWUNG_UP = 172;
/** What Pendulum's users count as learned; random comes to −1257. */
const PENDULUM_UP = -200;
/** 90 % of the way from random (−43.2) to the scripted controller of its README (−6.0). */
const REACHED = -9.7;

interface Saving {
  readonly id: string;
  readonly env: string;
  readonly goal: number;
  readonly threshold?: number;
}

const savings: readonly Saving[] = [
  { id: 'agents.mbpo_swingup', env: 'CartPoleSwingUp-v0', goal: 8, threshold: SWUNG_UP },
  { id: 'agents.mbpo_pendulum', env: 'Pendulum-v0', goal: 5, threshold: PENDULUM_UP },
  { id: 'agents.mbpo_reacher', env: 'Reacher-v0', goal: 5, threshold: REACHED },
  { id: 'agents.mbpo_cheetah', env: 'HalfCheetah-v0', goal: 3 },
];

const sacTasks = ['Pendulum-v0', 'Hopper-v0', 'HalfCheetah-v0'] as const;
const ppoTasks = ['CartPole-v0', 'Hopper-v0', 'HalfCheetah-v0'] as const;

export const agentsRows: readonly Row[] = [
  {
    id: 'agents.ppo_margin',
    what: `our PPO less SB3's over SB3's mean less random, at equal steps and settings on ${ppoTasks.join(', ')}: the worst lower bound of the 95 % stratified bootstrap interval over 8 seeds; the return of a run is the mean of its last 3 judgements of 10 starts`,
    operator: '>=',
    goal: -0.1,
    unit: 'of the range',
    budget_s: 60,
    measure: (context) => worstMargin('ppo', 'sb3-ppo', ppoTasks, context),
  },
  {
    id: 'agents.sac_margin',
    what: `the same of SAC on ${sacTasks.join(', ')}`,
    operator: '>=',
    goal: -0.1,
    unit: 'of the range',
    budget_s: 60,
    measure: (context) => worstMargin('sac', 'sb3-sac', sacTasks, context),
  },
  {
    id: 'agents.ppo_speed',
    what: "steps a CPU second of our PPO's training loop over SB3's on Gymnasium's own env in its process, same settings, paired; the slowest of CartPole, Hopper, HalfCheetah",
    operator: '>=',
    goal: 2,
    unit: '×',
    budget_s: 180,
    measure: (context) => slowestRace(ppoRace, context),
  },
  {
    id: 'agents.sac_speed',
    what: 'the same of SAC with an update of each network a step; the slower of Hopper, HalfCheetah',
    operator: '>=',
    goal: 1.5,
    unit: '×',
    budget_s: 180,
    measure: (context) => slowestRace(sacRace, context),
  },
  ...savings.map(
    ({ id, env, goal, threshold }): Row => ({
      id,
      what: `real steps of the best of SAC, REDQ and SB3's SAC over those of the best of MBPO and PETS to a return of ${threshold ?? '90 % of the way from random to the lower of their finals'} on ${env}, medians over 8 seeds`,
      operator: '>=',
      goal,
      unit: '×',
      budget_s: 60,
      measure: (context) => stepsSaved(env, inModelOn(env), context, threshold),
    }),
  ),
  {
    id: 'agents.cem_ratio',
    what: 'return by planning in a model learned from scratch over that by planning in truth, both less random, on 20 fresh starts: mean over 8 seeds, the worst of CartPoleSwingUp, Pendulum, Reacher',
    operator: '>=',
    goal: 0.95,
    unit: '',
    budget_s: 60,
    measure: planningRatio,
  },
  {
    id: 'agents.wallclock_swingup',
    what: `seconds of SB3's SAC on MuJoCo over the best of ours on Rapier to ${SWUNG_UP}, 80 % of the possible return, on CartPoleSwingUp-v0, from the start of the process, medians over 8 seeds; CPU time of all their processes, which is wall-clock where nothing else runs: each keeps one core busy`,
    operator: '>=',
    goal: 2,
    unit: '×',
    budget_s: 60,
    measure: (context) => secondsSaved('CartPoleSwingUp-v0', ['sac', 'redq', 'mbpo'], SWUNG_UP, context),
  },
  {
    id: 'agents.hole_caught',
    what: 'whether in each of 8 trainings whose dreams pay for what truth punishes, audits stopped it and named a state in the hole, while without them what was dreamed rose and truth fell',
    operator: '=',
    goal: 1,
    unit: '',
    budget_s: 400,
    measure: holeCaught,
  },
  {
    id: 'agents.long_rollout_hurts',
    what: 'whether MBPO with rollouts too long for its model ends worse in truth than with usual ones, as many dreamed steps, on HalfCheetah-v0: upper 95 % bound of the difference of their final returns below 0, 8 seeds',
    operator: '=',
    goal: 1,
    unit: '',
    budget_s: 60,
    measure: longRolloutHurts,
  },
  {
    id: 'agents.resume_bytes',
    what: `bytes of policy, metrics and checkpoint that differ from uninterrupted training after ${KILLS} kill -9 at random moments`,
    operator: '=',
    goal: 0,
    unit: 'bytes',
    budget_s: 240,
    measure: (context) => resumedBytes(context),
  },
  ...referencesRows,
];
