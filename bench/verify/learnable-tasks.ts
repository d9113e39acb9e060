/** How the policy of each env of the suite was searched for. DmHopperHop-v0 is left out: published learners hardly score on it. */
import { type ArsConfig, arsDefaults } from '../../agents/index.ts';

export const searchSeed = 1;

const easy: ArsConfig = { ...arsDefaults, noise: 0.1, stepSize: 0.1, iterations: 20 };
const bodies: ArsConfig = { ...arsDefaults, noise: 0.05, stepSize: 0.03, iterations: 100 };
const aiming: ArsConfig = { ...easy, hidden: 16, iterations: 100, validationEpisodes: 32 };

export const searches: Readonly<Record<string, ArsConfig>> = {
  'CartPole-v0': { ...easy, iterations: 10 },
  'Pendulum-v0': { ...aiming, episodes: 4, iterations: 60 },
  'InvertedPendulum-v0': { ...easy, iterations: 15 },
  'InvertedDoublePendulum-v0': { ...bodies, noise: 0.05, stepSize: 0.05, iterations: 80 },
  'Reacher-v0': { ...aiming, episodes: 8, iterations: 80 },
  'Hopper-v0': { ...bodies, iterations: 60 },
  'HalfCheetah-v0': { ...bodies, stepSize: 0.05, episodeSteps: 300, iterations: 35 },
  'Walker2d-v0': { ...bodies, iterations: 60 },
  // It sees its height and orientation, to keep its heading, and leaves out what would only add weights to search.
  'Ant-v0': { ...bodies, directions: 12, elites: 6, stepSize: 0.04, episodeSteps: 500, observes: 5, clocks_steps: [12], iterations: 70 },
  'DmCartPoleSwingUp-v0': { ...aiming, noise: 0.2, stepSize: 0.2, iterations: 60, validationEpisodes: 16 },
  'DmPendulumSwingUp-v0': { ...easy, episodes: 2, noise: 0.5, stepSize: 0.3, validationEpisodes: 32 },
  'DmReacherEasy-v0': { ...aiming, episodes: 6, episodeSteps: 300, iterations: 80 },
  'DmReacherHard-v0': { ...aiming, episodes: 12, episodeSteps: 300, iterations: 60 },
  'DmWalkerWalk-v0': { ...bodies, noise: 0.1, stepSize: 0.1, episodes: 2, episodeSteps: 300, iterations: 40, validationEpisodes: 16 },
  'DmWalkerRun-v0': { ...bodies, noise: 0.1, stepSize: 0.1, episodes: 2, episodeSteps: 300, iterations: 40, validationEpisodes: 16 },
  'DmCheetahRun-v0': { ...bodies, stepSize: 0.05, episodeSteps: 400 },
};

/** Searched for and kept like the others, but not counted: the main job shows already that it is learned. */
export const uncounted: Readonly<Record<string, ArsConfig>> = {
  'CartPoleSwingUp-v0': { ...aiming, noise: 0.2, stepSize: 0.2, episodes: 2, iterations: 100, validationEpisodes: 16 },
};
