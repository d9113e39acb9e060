import type { GapTest } from '../thresholds.ts';

/** Rows of the axis and what passes. */
export const AGENT_TESTS = {
  bias: { id: 'A1', title: 'Bias of imagined returns', bound: { kind: 'magnitudeAtMost', value: 0.1 } },
  spearman: { id: 'A2', title: 'Ranking of policies (Spearman)', bound: { kind: 'atLeast', value: 0.8 } },
  pearson: { id: 'A2', title: 'Ranking of policies (Pearson)', bound: { kind: 'atLeast', value: 0.8 } },
  violation: { id: 'A2', title: 'Ranking of policies (rank violation)', bound: { kind: 'atMost', value: 0.1 } },
  regret: { id: 'A2', title: 'Ranking of policies (regret of its best)', bound: { kind: 'atMost', value: 0.1 } },
  auroc: { id: 'A6', title: 'Disagreement tells large errors (AUROC)', bound: { kind: 'atLeast', value: 0.8 } },
  doubtRank: { id: 'A6', title: 'Disagreement follows errors (Spearman)', bound: { kind: 'atLeast', value: 0.5 } },
  exploitation: { id: 'A3', title: 'Exploitation by a policy optimised in the dream', bound: { kind: 'atMost', value: 0.15 } },
  transfer: { id: 'A4', title: 'Transfer against as much truth', bound: { kind: 'atLeast', value: 1 } },
  transferAtCeiling: { id: 'A4', title: 'Transfer against as much truth', bound: { kind: 'atLeast', value: 0.95 } },
  unlimited: { id: 'A4', title: 'Transfer against unlimited truth', bound: { kind: 'atLeast', value: 0.8 } },
  planner: { id: 'A5', title: 'Planning in the dream against planning in truth', bound: { kind: 'atLeast', value: 0.9 } },
} as const satisfies Readonly<Record<string, GapTest>>;
