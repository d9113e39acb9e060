import { expect } from 'chai';
import { noopBackend, noopSizes } from '../../bench/speed/noop-backend.ts';
import { differing, firstLane } from '../../bench/verify/python-bits-rows.ts';
import { pythonRows } from '../../bench/verify/python-rows.ts';
import { SyncVectorEnv } from '../../src/vector/sync-vector-env.ts';

describe('the rows of the Python client', () => {
  it('have the ids and goals that were set', () => {
    const goals = Object.fromEntries(pythonRows.map(({ id, operator, goal }) => [id.replace('python.', ''), `${operator} ${goal}`]));
    expect(goals).to.deep.include({
      foreign_bits: '= 0',
      rtt_vs_async: '<= 1',
      rtt_vs_openenv: '<= 0.2',
      batch64_vs_async: '>= 100',
      cartpole1024: '>= 0.9',
      start_s: '<= 1.5',
      wheel_mb: '<= 12',
      bare_install: '= 1',
      faults: '= 0',
      bad_input: '= 0',
    });
  });

  it('count bytes that differ, and what one has more than the other', () => {
    expect(differing(Uint8Array.of(1, 2, 3), Uint8Array.of(1, 9, 3))).to.equal(1);
    expect(differing(Uint8Array.of(1, 2), Uint8Array.of(1, 2, 0, 0))).to.equal(2);
    expect(differing(new Uint8Array(0), new Uint8Array(0))).to.equal(0);
  });

  it('cut the first lane out of a batch', () => {
    // Two lanes that observe one byte: reset, then one step.
    const played = Buffer.concat([
      Buffer.from([10, 20]),
      Buffer.from([11, 21]),
      Buffer.from(Float64Array.of(0.5, 7).buffer),
      Buffer.from([1, 0]),
      Buffer.from([0, 1]),
    ]);
    const expected = Buffer.concat([Buffer.from([10, 11]), Buffer.from(Float64Array.of(0.5).buffer), Buffer.from([1, 0])]);
    expect(differing(firstLane(played, 2, 1), expected)).to.equal(0);
  });

  it('step an env that does nothing, as large as they say', async () => {
    const env = new SyncVectorEnv(noopBackend(3), { entropy: () => 1 });
    await env.reset({ seed: 1 });
    const { observation, reward } = await env.step(new Float32Array(3 * noopSizes.action));
    expect(observation).to.deep.equal(new Float32Array(3 * noopSizes.observation));
    expect([...reward]).to.deep.equal([0, 0, 0]);
    await env.close();
  });
});
