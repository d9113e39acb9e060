import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { enginesOf, registeredChecks } from '../../src/check/check-registered.ts';
import { makeVector, registry } from '../../src/index.ts';
import { codeOf, hashOf, keepsTheContract, rollout, using } from './env-contract.ts';
import { registryOf } from './stub-backends.ts';

/**
 * One hash an env: 3 lanes from seed 1, 120 random steps through two and more episodes, observations, rewards and ends as float32.
 * A hash that changes means that trajectories changed: raise the env's version, or, before a release, mint it anew with
 * `GROUNDTWIN_MINT=1 npm test -- test/contracts/every-env.test.ts` and say why in the fragment in changelog.d/.
 */
const goldenPath = fileURLToPath(new URL('../goldens/env-hashes.golden.json', import.meta.url));
const goldens = existsSync(goldenPath) ? (JSON.parse(readFileSync(goldenPath, 'utf8')) as Record<string, string>) : {};
const minting = process.env.GROUNDTWIN_MINT === '1';

for (const id of registry.ids())
  for (const engine of enginesOf(registry, id)) {
    describe(`${id} on ${engine}`, () => {
      const { make, checks } = registeredChecks(registry, id, { engine });
      keepsTheContract(make, 60, checks);
    });
  }

for (const id of registry.ids()) {
  describe(`${id} as an env`, () => {
    it('moves as its golden hash says', async () => {
      const seen = await using(makeVector(id, { lanes: 3, maxEpisodeSteps: 50 }), (env) => rollout(env, 1, 120));
      const hash = hashOf(seen.flat(2));
      if (minting) writeFileSync(goldenPath, `${JSON.stringify(Object.assign(goldens, { [id]: hash }), null, 2)}\n`);
      expect(hash, 'see the comment above on minting it anew').to.equal(goldens[id]);
    });

    it('refuses snapshots of the same scene in other physics settings', async () => {
      const task = registry.task(id);
      const finer = registryOf({
        ...task,
        engines: { rapier: { ...task.engines.rapier, step_s: task.engines.rapier.step_s / 2 } },
      });
      const foreign = await using(finer.makeVector(id), async (env) => {
        await env.reset({ seed: 1 });
        return env.snapshot();
      });
      await using(makeVector(id), async (env) => expect(await codeOf(() => env.restore(foreign))).to.equal('SNAPSHOT_FOREIGN'));
    });
  });
}
