import type { PlannerRecipe } from '../../planning/planner.ts';
import type { Contestant } from './contestants.ts';
import type { SearchSettings } from './policy-search.ts';
import { predictiveSampling } from './predictive-sampling.ts';
import type { Trainer } from './trainer.ts';

export interface AgentSettings {
  /** Policies compared, random and idle among them. */
  readonly policies: number;
  /** Common starts of every comparison. */
  readonly starts: number;
  /** Control steps of an episode; default the task's horizon. */
  readonly steps?: number;
  /** In truth for the policies compared, where none are given. */
  readonly search: SearchSettings;
  /** Starts and steps of the dreams that A6 looks at. */
  readonly doubtStarts: number;
  readonly doubtHorizon: number;
}

/** So that a task of 250 steps, at .1 ms each, takes seconds. */
export const agentDefaults: AgentSettings = {
  policies: 12,
  starts: 16,
  search: { population: 24, elites: 5, generations: 6, starts: 2 },
  doubtStarts: 128,
  doubtHorizon: 16,
};

/** Of the rows that train or plan. */
export interface DeepSettings {
  /** The budget of optimisation, in the dream for A3 and A4, in truth for A4's unlimited one. */
  readonly search: SearchSettings;
  /** Repetitions of each, with other draws. */
  readonly repetitions: number;
  /** Who trains for A4; default the same search as A3's. */
  readonly trainer?: Trainer;
  /** Who plans for A5. */
  readonly planner: PlannerRecipe;
  /** Episodes and control steps that A5 plays. */
  readonly plannedStarts: number;
  readonly plannedSteps: number;
}

export const deepDefaults: DeepSettings = {
  search: { population: 24, elites: 5, generations: 10, starts: 2 },
  repetitions: 3,
  planner: predictiveSampling(),
  plannedStarts: 6,
  plannedSteps: 100,
};

export interface AgentOptions {
  /** Compared instead of policies that are searched for: checkpoints, references, scripts. */
  readonly policies?: readonly Contestant[];
  /** True mean return of an expert. Default `solvedAt` of the task; the best policy compared, if that is better or nothing is known. */
  readonly expert?: number;
  readonly settings?: Partial<AgentSettings>;
  /** Present = the rows that train or plan too: A3, A4, A5. */
  readonly deep?: Partial<DeepSettings>;
}
