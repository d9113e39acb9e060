/** The checks of `src/check` as mocha tests: what every env must keep, whatever stands behind it. Used on the stub tasks and on each registered env. */
import { expect } from 'chai';
import { type CheckOptions, checkEnv, envChecks, type MakeEnv } from '../../src/check/check-env.ts';
import type { VectorEnv } from '../../src/core/vector-env.ts';
import { isGroundtwinError } from '../../src/errors.ts';
import { sha256Hex } from '../../src/math/hash.ts';

export { rollout } from '../../src/check/play.ts';

export async function using<T>(env: VectorEnv | Promise<VectorEnv>, act: (env: VectorEnv) => Promise<T>): Promise<T> {
  const opened = await env;
  try {
    return await act(opened);
  } finally {
    await opened.close();
  }
}

export async function codeOf(act: () => Promise<unknown>): Promise<string> {
  try {
    await act();
  } catch (error) {
    if (isGroundtwinError(error)) return error.code;
    throw error;
  }
  return 'nothing was thrown';
}

/** sha256 over float32 numbers: what a golden holds. */
export function hashOf(numbers: readonly number[]): string {
  return sha256Hex(new Uint8Array(Float32Array.from(numbers).buffer));
}

/** A mocha test for each check. @param make - a fresh env each time. @param steps - of each rollout. */
export function keepsTheContract(make: MakeEnv, steps: number, options: CheckOptions = {}): void {
  for (const { name, what } of envChecks)
    it(what, async () => {
      const { checks } = await checkEnv(make, { ...options, steps, only: [name] });
      expect(checks.map(({ name, holds, detail }) => ({ name, holds, ...(holds ? {} : { detail }) }))).to.deep.equal([
        { name, holds: true },
      ]);
    });
}
