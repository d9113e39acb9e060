import type { AutoresetMode, ResetOptions, VectorEnv } from '../../src/core/vector-env.ts';

/** Two lanes that count their steps; episodes end at 3, truncated in lane 0, terminated in lane 1. The observation is one reused array. */
export function counting(autoreset: AutoresetMode, { observationSpace, actionSpace }: Pick<VectorEnv, 'observationSpace' | 'actionSpace'>) {
  const counts = Float32Array.of(0, 0);
  const nothing = async () => {
    throw new Error('not asked for');
  };
  return {
    id: 'Counter-v0',
    kind: 'truth' as const,
    lanes: 2,
    agents: 1,
    observationSpace,
    actionSpace,
    controlDt_s: 1,
    autoreset,
    async reset({ mask = Uint8Array.of(1, 1) }: ResetOptions = {}) {
      counts.forEach((_, lane) => {
        if (mask[lane]) counts[lane] = 0;
      });
      return { observation: counts, info: {} };
    },
    async step() {
      counts.forEach((count, lane) => {
        counts[lane] = count + 1;
      });
      const ended = counts.map((count) => (count === 3 ? 1 : 0));
      const flags = (which: number) => Uint8Array.from(ended, (flag, lane) => (lane === which ? flag : 0));
      const result = { reward: Float64Array.of(1, 1), terminated: flags(1), truncated: flags(0) };
      if (autoreset !== 'sameStep' || !ended.includes(1)) return { ...result, observation: counts, info: {} };
      const info = { finalObservation: counts.slice(), finalMask: Uint8Array.from(ended) };
      await this.reset({ mask: info.finalMask });
      return { ...result, observation: counts, info };
    },
    snapshot: nothing,
    restore: nothing,
    render: nothing,
    async close() {},
  };
}
