import { expect } from 'chai';
import { openSubject } from '../../src/cli/gap-subject.ts';
import { registry } from '../../src/index.ts';
import { conditionOn } from '../../src/task/condition.ts';
import { codeOf } from '../contracts/env-contract.ts';

const task = registry.task('Pendulum-v0');

/** Angle and velocity one step after (1 rad, 0) without torque. */
async function stepped(asked: string): Promise<number[]> {
  const subject = await openSubject(task, undefined, asked);
  const env = await subject.open(1);
  await env.setState(0, [1, 0], 0);
  await env.step(Float32Array.of(0), Uint8Array.of(1));
  const after = [...env.state];
  await env.close();
  await subject.close();
  return after;
}

describe('who a gap is measured of', () => {
  it('is truth itself, or truth with parameters changed by a factor or set', async () => {
    const [, velocity] = await stepped('truth');
    expect(velocity).to.be.above(0.1);
    const [, faster] = await stepped('truth:gravity_mps2*2');
    expect(faster! / velocity!).to.be.closeTo(2, 0.02);
    expect(await stepped('truth:gravity_mps2*1')).to.deep.equal(await stepped('truth'));
    const { gravity_mps2 } = task.params as { gravity_mps2: number };
    expect(await stepped(`truth:gravity_mps2=${2 * gravity_mps2}, mass_kg*1`)).to.deep.equal(await stepped('truth:gravity_mps2*2'));
  });

  it('is another engine, close to the first', async () => {
    const [other, own] = [await stepped('engine:mujoco'), await stepped('truth')];
    expect(other).to.not.deep.equal(own);
    for (const i of own.keys()) expect(other[i]).to.be.closeTo(own[i]!, 0.01);
  });

  it('is physics behind the contract of a model, broken on purpose, where there is no model', async () => {
    const [, half] = await stepped('broken:gravity-half');
    const [, whole] = await stepped('truth');
    expect(half! / whole!).to.be.closeTo(0.5, 0.02);
  });

  it('is nothing else', async () => {
    for (const asked of [
      'model',
      'physics',
      'truth:',
      'truth:gravity_mps2',
      'truth:gravity_mps2*x',
      'truth:gravity_mps2*Infinity',
      'truth:gravty*2',
      'truth:gravity_mps2*2,',
      'truth:constructor*2',
      'engine:',
      'engine:bullet',
      'engine:toString',
      'broken:',
      'broken:lamp-post',
      'model:',
    ])
      expect(await codeOf(() => openSubject(task, undefined, asked)), asked).to.equal('OPTION_INVALID');
  });

  it('cannot change what the state itself carries', async () => {
    const told = conditionOn(task, ['mass_kg']);
    expect(await codeOf(() => openSubject(told, undefined, 'truth:mass_kg*2'))).to.equal('OPTION_INVALID');
    const subject = await openSubject(told, undefined, 'truth:gravity_mps2*2');
    await subject.close();
  });
});
