import { expect } from 'chai';
import { type PlansInput, renderPlans } from '../../src/report/index.ts';

const outcome = { return: -1.23456, distance: 0.5, path: { 'tip_m[0]': [0, 0.5, 1], speed: [1, 1, 1] } };
const input: PlansInput = {
  title: 'To speed=1',
  task: 'Arm-v0',
  summary: 'Two plans.',
  goal: [
    { label: 'tip_m[0]', kind: 'length', target: 1, unit: 'm' },
    { label: 'speed', kind: 'scalar', target: 1, unit: '1' },
  ],
  plans: [
    { imagined: outcome, executed: { ...outcome, return: 2 } },
    { imagined: outcome, executed: outcome },
  ],
};

describe('the page of imagined plans', () => {
  it('draws every entry of the goal of every plan, and loads nothing', () => {
    const page = renderPlans(input);
    expect(page)
      .to.match(/^<!doctype html>/i)
      .and.not.match(/https?:|@import|NaN|undefined/i);
    expect(page.match(/<figure/g)).to.have.length(4);
    for (const part of ['To speed=1', 'Two plans.', 'Plan 2', 'tip_m[0] (m)', 'Return -1.23 imagined, 2 executed'])
      expect(page).to.include(part);
    expect(renderPlans(input)).to.equal(page);
  });

  it('draws angles without jumps, back from where they end', () => {
    const turning = (path: readonly number[]) => {
      const side = { ...outcome, path: { angle_rad: path } };
      const goal = [{ label: 'angle_rad', kind: 'angle', target: 0, unit: 'rad' }] as const;
      return renderPlans({ ...input, goal, plans: [{ imagined: side, executed: side }] });
    };
    expect(turning([3, -3, -1])).to.equal(turning([3 - 2 * Math.PI, -3, -1]));
    expect(turning([3, -3, -1])).to.not.equal(turning([3, -2, -1]));
  });

  it('escapes every text', () => {
    const hostile = '<script>alert(1)</script>';
    const entry: PlansInput['goal'][number] = { label: hostile, kind: 'scalar', target: 1, unit: hostile };
    const side = { ...outcome, path: { [hostile]: [1, 2] } };
    const page = renderPlans({
      title: hostile,
      task: hostile,
      summary: hostile,
      goal: [entry],
      plans: [{ imagined: side, executed: side }],
    });
    expect(page).to.not.include('<script>');
  });
});
