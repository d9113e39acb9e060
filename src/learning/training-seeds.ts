/** Seeds of training episodes begin here: a policy can be judged on all below, which it never met. */
export const TRAINING_SEEDS = 2 ** 31;
