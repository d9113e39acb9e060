import { expect } from 'chai';
import { pendulum } from '../../envs/pendulum/task.ts';
import { viewsOver } from '../../src/core/state-spec.ts';
import { registry } from '../../src/index.ts';
import {
  apartness,
  closenessAt,
  goalDistance,
  goalTask,
  goalValue,
  parseGoal,
  RepelledScorer,
  sketchOf,
} from '../../src/planning/index.ts';
import { box, discrete } from '../../src/spaces/space.ts';
import { anyTask } from '../../src/task/task.ts';
import { Quadratic } from './scorers.ts';

const task = anyTask(pendulum);

describe('a goal', () => {
  it('is read from names of the state, with unit and scale', () => {
    const [angle, velocity] = parseGoal(task, 'angle_rad = 0.5, velocity_radps=-2e-1');
    expect(angle).to.deep.include({ label: 'angle_rad', element: 0, target: 0.5, unit: 'rad', scale: Math.PI });
    expect(velocity).to.deep.include({ label: 'velocity_radps', element: 1, target: -0.2, unit: 'rad/s', scale: 1 });
    const cart = registry.task('CartPoleSwingUp-v0');
    const { name, limits } = Object.entries(cart.state)
      .map(([name, entry]) => ({ name, ...entry }))
      .find((entry) => entry.limits)!;
    expect(parseGoal(cart, `${name}=0`)[0]!.scale).to.equal((limits![1] - limits![0]) / 2);
    expect(() => parseGoal(cart, `${name}=${limits![1] + 1}`)).to.throw(/between the stops/);
  });

  it('may name an element of a vector', () => {
    const vector = anyTask({
      ...pendulum,
      state: { ...pendulum.state, tip_m: { role: 'signal', kind: 'length', unit: 'm', size: 3 } },
    } as never);
    expect(parseGoal(vector, 'tip_m[2]=1')[0]).to.deep.include({ label: 'tip_m[2]', entry: 'tip_m', index: 2, element: 4 });
    expect(() => parseGoal(vector, 'tip_m[3]=1')).to.throw(/an element of tip_m below 3/);
  });

  for (const [text, says] of [
    ['', /one of angle_rad, velocity_radps/],
    ['angle=1', /goal is angle=1; it must be name=value, the name one of angle_rad/],
    ['angle_rad', /name=value/],
    ['angle_rad=', /name=value/],
    ['angle_rad=up', /a finite value/],
    ['angle_rad=Infinity', /a finite value/],
    ['angle_rad=1e999', /a finite value/],
    ['angle_rad=1,', /name=value/],
    ['angle_rad=1,angle_rad=2', /stand once each/],
    ['__proto__=1', /name=value/],
  ] as const)
    it(`refuses '${text}'`, () => expect(() => parseGoal(task, text)).to.throw(says));

  it('refuses what stays fixed in an episode', () => {
    const fixed = anyTask({ ...pendulum, state: { ...pendulum.state, mass_kg: { role: 'context', kind: 'mass', unit: 'kg' } } } as never);
    expect(() => parseGoal(fixed, 'mass_kg=1')).to.throw(/one of angle_rad, velocity_radps\./);
  });

  it('is as far off as its entries are in their scales, angles the short way round', () => {
    const goal = parseGoal(task, 'angle_rad=3,velocity_radps=1');
    const at = (angle_rad: number, velocity_radps: number) => goalDistance(goal, ({ element }) => [angle_rad, velocity_radps][element]!);
    expect(at(3, 1)).to.equal(0);
    expect(at(3, 4)).to.be.closeTo(3 / Math.SQRT2, 1e-12);
    expect(at(-3, 1)).to.be.closeTo((2 * Math.PI - 6) / Math.PI / Math.SQRT2, 1e-12);
    expect([closenessAt(0), closenessAt(1), closenessAt(3)]).to.deep.equal([1, 0.5, 0.25]);
  });

  it('makes a task that is rewarded for closeness alone, and a value of ending there', async () => {
    const goal = parseGoal(task, 'velocity_radps=2');
    const { reward } = goalTask(task, goal, 0.5);
    const [next] = viewsOver(task.state, Float64Array.of(1, 5), 1);
    const value = reward.goal!.value({ next } as never);
    expect(Object.keys(reward)).to.deep.equal(['goal']);
    expect([value, reward.goal!.weight]).to.deep.equal([0.25, 0.5]);
    const out = new Float64Array(2);
    await goalValue(task, goal, 8).evaluate(Float64Array.of(1, 5, 0, 2), 2, out);
    expect([...out]).to.deep.equal([2, 8]);
  });
});

describe('plans kept apart', () => {
  const unit = box({ low: [-1], high: [3] });

  it('are compared over stretches of time, in halves of the action range', () => {
    const plan = (value: number) => new Float32Array(16).fill(value);
    expect(apartness(sketchOf(unit, plan(-1), 16), sketchOf(unit, plan(3), 16))).to.equal(2);
    expect(apartness(sketchOf(unit, plan(1), 16), sketchOf(unit, plan(2), 16))).to.be.closeTo(0.5, 1e-9);
    // Jitter that cancels itself within a stretch is no other plan.
    const jitter = Float32Array.from({ length: 16 }, (_, i) => (i % 2 ? 0 : 2));
    expect(apartness(sketchOf(unit, plan(1), 16), sketchOf(unit, jitter, 16))).to.equal(0);
    expect(apartness(sketchOf(discrete(2), Float32Array.of(0), 1), sketchOf(discrete(2), Float32Array.of(1), 1))).to.equal(1);
  });

  it('cost the more the closer they come, and nothing once far enough', async () => {
    const scorer = new RepelledScorer(new Quadratic([[1]], 1), unit, 0.5, 3);
    const plans = Float32Array.of(1.25, 1.5, 3);
    const plain = new Float64Array(3);
    await scorer.score(plans, 3, 1, plain);
    expect([...plain]).to.deep.equal([-0.0625, -0.25, -4]);
    scorer.keepOff(sketchOf(unit, Float32Array.of(1), 1));
    const repelled = new Float64Array(3);
    await scorer.score(plans, 3, 1, repelled);
    expect([...repelled].map((score, i) => score - plain[i]!)).to.deep.equal([-2.25, -1.5, 0]);
  });
});
