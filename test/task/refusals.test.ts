import { expect } from 'chai';
import { registry } from '../../src/index.ts';

const id = 'CartPoleSwingUp-v0';
const push = Float32Array.of(0.5);

/** Runs two lanes alike, lets one meet a refusal, and tells whether it goes on as the other. */
async function goesOnAlike(
  refused: (env: Awaited<ReturnType<typeof registry.makeVector>>) => Promise<unknown>,
  code: string,
): Promise<void> {
  const [kept, tried] = [await registry.makeVector(id), await registry.makeVector(id)];
  for (const env of [kept, tried]) {
    await env.reset({ seed: 3 });
    for (let step = 0; step < 5; step++) await env.step(push);
  }
  const error = await refused(tried).then(
    () => undefined,
    (reason: { code?: string }) => reason.code,
  );
  expect(error).to.equal(code);
  expect(await tried.snapshot()).to.deep.equal(await kept.snapshot());
  expect((await tried.step(push)).observation).to.deep.equal((await kept.step(push)).observation);
  await kept.close();
  await tried.close();
}

describe('a refused call leaves the lane as it was', () => {
  it('when no scene can be built from the parameters', () =>
    goesOnAlike((env) => env.reset({ seed: 9, params: { poleMass_kg: -1 } }), 'SCENE_INVALID'));

  it('when the physics of a snapshot is of another scene', async () => {
    const truth = await registry.truth(id, 1);
    const other = await registry.truth('Pendulum-v0', 1);
    await truth.reset({ mask: Uint8Array.of(1), seeds: Float64Array.of(3) });
    await other.reset({ mask: Uint8Array.of(1), seeds: Float64Array.of(3) });
    const before = truth.save(0);
    const params = { ...registry.task(id).params, poleMass_kg: 0.2 };
    expect(() => truth.dynamics.load(0, other.dynamics.save(0), truth.state, truth.stateView(0), params)).to.throw('another scene');
    expect(truth.save(0)).to.deep.equal(before);
    await truth.close();
    await other.close();
  });
});
