/** Agents whose trainings `resumed.ts` makes. */
export const resumedAgents = ['ppo', 'sac', 'mbpo'] as const;

export interface TrainingFiles {
  readonly metrics: string;
  readonly checkpoint: { readonly path: string; readonly every: number };
}
