import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import {
  interquartileMeanScore,
  meanScore,
  medianScore,
  optimalityGap,
  performanceProfile,
  probabilityOfImprovement,
  type Scores,
  stratifiedInterval,
} from '../../src/gap/scores.ts';

interface Golden {
  readonly x: number[][];
  readonly y: number[][];
  readonly single: Readonly<Record<string, { measured: number; low: number; high: number }>>;
  readonly probabilityOfImprovement: { measured: number; low: number; high: number };
  readonly thresholds: number[];
  readonly profile: number[];
}

const golden = JSON.parse(readFileSync(new URL('../goldens/scores.golden.json', import.meta.url), 'utf8')) as Golden;
const statistics: Readonly<Record<string, (scores: Scores) => number>> = {
  mean: meanScore,
  median: medianScore,
  interquartileMean: interquartileMeanScore,
  optimalityGap,
};
/** Of the bounds: both sides draw at random. */
const tolerance = 0.012;

describe('scores', () => {
  it('are summed up as rliable does', () => {
    for (const [name, statistic] of Object.entries(statistics))
      expect(statistic(golden.x), name).to.be.closeTo(golden.single[name]!.measured, 1e-12);
    expect(probabilityOfImprovement(golden.x, golden.y)).to.be.closeTo(golden.probabilityOfImprovement.measured, 1e-12);
    const profile = performanceProfile(golden.x, golden.thresholds);
    profile.forEach((share, i) => void expect(share).to.be.closeTo(golden.profile[i]!, 1e-12));
  });

  it('have the stratified bootstrap intervals of rliable', () => {
    const near = (found: { low: number; high: number }, expected: { low: number; high: number }, name: string) => {
      expect(found.low, `${name} low`).to.be.closeTo(expected.low, tolerance);
      expect(found.high, `${name} high`).to.be.closeTo(expected.high, tolerance);
    };
    for (const [name, statistic] of Object.entries(statistics))
      near(stratifiedInterval([golden.x], statistic, { resamples: 10_000 }), golden.single[name]!, name);
    const improvement = stratifiedInterval([golden.x, golden.y], probabilityOfImprovement, { resamples: 4000 });
    near(improvement, golden.probabilityOfImprovement, 'probability of improvement');
  });

  it('are drawn anew within their task only, and of each agent on its own', () => {
    const [first, second] = [
      [
        [1, 2],
        [10, 20],
      ],
      [
        [3, 4],
        [30, 40],
      ],
    ];
    const seen = new Set<string>();
    stratifiedInterval([first!, second!], (a, b) => {
      seen.add([...a, ...b].map((task) => Array.from(task).join()).join(' '));
      return 0;
    });
    // Two runs of two tasks of two agents: 4 draws each.
    expect(seen.size).to.equal(4 ** 4);
    for (const draw of seen) expect(draw).to.match(/^[12],[12] (10|20),(10|20) [34],[34] (30|40),(30|40)$/);
  });

  it('give the same interval for the same seed, and a wider one at a higher level', () => {
    const of = (options: object) => stratifiedInterval([golden.x], meanScore, options);
    expect(of({ seed: 3 })).to.deep.equal(of({ seed: 3 }));
    expect(of({ seed: 3 })).not.to.deep.equal(of({ seed: 4 }));
    expect(of({ level: 0.99 }).low).to.be.below(of({ level: 0.9 }).low);
  });

  it('of equal agents are a tie', () => {
    expect(probabilityOfImprovement([[1, 1]], [[1, 1]])).to.equal(0.5);
    expect(probabilityOfImprovement([[2], [0]], [[1], [1]])).to.equal(0.5);
  });

  it('that are not numbers make the interval none', () => {
    expect(stratifiedInterval([[[1, Number.NaN]]], meanScore).low).to.be.NaN;
  });
});
