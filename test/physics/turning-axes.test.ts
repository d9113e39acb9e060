import { expect } from 'chai';
import { turningAxes } from '../../src/physics/turning-axes.ts';
import { boxOnPlane, dynamicBody, hangingRod, robot } from './scenes.ts';

const all = [true, true, true];
const none = [false, false, false];
const onlyZ = [false, false, true];

describe('the axes a body can turn about', () => {
  it('are those its joints leave it', () => {
    // ground, base, turret on z, arm and plate carried by it, hand on y behind them
    expect(turningAxes(robot())).to.deep.equal([none, none, onlyZ, all, all, all]);
    expect(turningAxes(hangingRod())[1]).to.deep.equal([false, true, false]);
  });

  it('are all of them without a fixed root, without joints, and about slanted axes', () => {
    const rod = hangingRod();
    expect(turningAxes({ ...rod, bodies: [dynamicBody('base', [0, 0, 0]), rod.bodies[1]!] })).to.deep.equal([all, all]);
    expect(turningAxes(boxOnPlane())[1]).to.deep.equal(all);
    expect(turningAxes(hangingRod({ axis: [0, 0.6, 0.8] }))[1]).to.deep.equal(all);
    const turned = { ...rod.bodies[0]!, pose: { position_m: [0, 0, 0], orientation_xyzw: [0, 0, 0.6, 0.8] } } as const;
    expect(turningAxes({ ...rod, bodies: [turned, rod.bodies[1]!] })[1]).to.deep.equal(all);
  });
});
