import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { make, makeVector, registry } from '../../src/index.ts';
import { codeOf, hashOf, keepsTheContract, rollout, using } from './env-contract.ts';
import { registryOf } from './stub-backends.ts';
import { twoCarts } from './stub-tasks.ts';

/**
 * One hash an env: 3 lanes from seed 1, 120 random steps through two and more episodes, observations, rewards and ends as float32.
 * A hash that changes means that trajectories changed: raise the env's version, or, before a release, mint it anew with
 * `GROUNDTWIN_MINT=1 npm test -- test/contracts/every-env.test.ts` and say why in the fragment in changelog.d/.
 */
const goldenPath = fileURLToPath(new URL('../goldens/env-hashes.golden.json', import.meta.url));
const goldens = existsSync(goldenPath) ? (JSON.parse(readFileSync(goldenPath, 'utf8')) as Record<string, string>) : {};
const minting = process.env.GROUNDTWIN_MINT === '1';

for (const id of registry.ids()) {
  describe(`${id} as an env`, () => {
    keepsTheContract((lanes) => makeVector(id, { lanes }), 60);

    it('moves as its golden hash says', async () => {
      const seen = await using(makeVector(id, { lanes: 3, maxEpisodeSteps: 50 }), (env) => rollout(env, 1, 120));
      const hash = hashOf(seen.flat(2));
      if (minting) writeFileSync(goldenPath, `${JSON.stringify(Object.assign(goldens, { [id]: hash }), null, 2)}\n`);
      expect(hash, 'see the comment above on minting it anew').to.equal(goldens[id]);
    });

    it('refuses snapshots of another env, of other wrappers and of other physics', async () => {
      const other = registryOf(twoCarts);
      const env = await make(id);
      await env.reset({ seed: 1 });
      const stranger = await other.make(twoCarts.id);
      await stranger.reset({ seed: 1 });
      const endless = await make(id, { maxEpisodeSteps: null });
      await endless.reset({ seed: 1 });
      const task = registry.task(id);
      const finer = await registryOf({
        ...task,
        engines: { rapier: { ...task.engines.rapier, step_s: task.engines.rapier.step_s / 2 } },
      }).make(id);
      await finer.reset({ seed: 1 });
      for (const from of [stranger, endless, finer]) {
        const foreign = await from.snapshot();
        expect(await codeOf(() => env.restore(foreign))).to.equal('SNAPSHOT_FOREIGN');
        await from.close();
      }
      await env.close();
    });

    it('takes other values of every physical parameter, and moves otherwise with them', async () => {
      const pushed = (params: Record<string, number>) =>
        using(makeVector(id), async (env) => {
          const seen = [(await env.reset({ seed: 1, params })).observation];
          for (let step = 0; step < 10; step++) seen.push((await env.step(Float32Array.of(1))).observation);
          return seen;
        });
      const plain = await pushed({});
      for (const [name, value] of Object.entries(registry.task(id).params))
        expect(await pushed({ [name]: value + 0.25 }), name).to.not.deep.equal(plain);
    });

    it('carries its parameters in a snapshot', async () => {
      const [name] = Object.keys(registry.task(id).params);
      const params = { [name!]: registry.task(id).params[name!]! * 2 };
      const [env, fresh] = [await makeVector(id), await makeVector(id)];
      await env.reset({ seed: 3, params });
      const moment = await env.snapshot();
      const next = await env.step(Float32Array.of(1));
      await fresh.reset({ seed: 4 });
      await fresh.restore(moment);
      expect((await fresh.step(Float32Array.of(1))).observation).to.deep.equal(next.observation);
      await env.close();
      await fresh.close();
    });
  });
}
