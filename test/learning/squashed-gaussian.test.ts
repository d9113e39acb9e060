import { expect } from 'chai';
import { squash, squashedDraw, squashedMode } from '../../src/learning/squashed-gaussian.ts';
import { GraphBuilder, grad } from '../../src/onnx/index.ts';
import { floats, numbers, runGraph } from '../onnx/run-graph.ts';

/** Actions and log densities of draws from one mean and log deviation, with these noises. */
async function draws(mean: number, logDeviation: number, noise: readonly number[]) {
  const g = new GraphBuilder();
  const rows = noise.length;
  const output = g.input('output', 'float32', [rows, 2]);
  const drawn = squashedDraw(g, output, g.input('noise', 'float32', [rows, 1]));
  g.output('action', drawn.action);
  g.output('log', drawn.logProbability);
  g.output('mode', squashedMode(g, output));
  const [slope] = grad(g, g.reduceSum(drawn.logProbability), [output]);
  g.output('slope', slope!);
  const all = floats(
    noise.flatMap(() => [mean, logDeviation]),
    [rows, 2],
  );
  const results = await runGraph(g, { output: all, noise: floats(noise, [rows, 1]) });
  const here = new Float32Array(rows);
  squash(all.data as Float32Array, Float32Array.from(noise), 1, here);
  return {
    action: numbers(results.action),
    log: numbers(results.log),
    slope: numbers(results.slope),
    mode: numbers(results.mode)[0]!,
    here: [...here],
  };
}

/** Probability below x of a standard normal, by its series. */
function normalBelow(x: number): number {
  let [term, sum] = [x, x];
  for (let n = 1; n < 100; n++) {
    term *= (x * x) / (2 * n + 1);
    sum += term;
  }
  return 0.5 + (sum * Math.exp((-x * x) / 2)) / Math.sqrt(2 * Math.PI);
}

describe('squashed normal actions', () => {
  for (const [mean, logDeviation] of [
    [0, 0],
    [0.7, -1],
    [-0.4, 0.3],
  ] as const)
    it(`have a density that integrates to 1, and to what is likely (mean ${mean}, log deviation ${logDeviation})`, async () => {
      const cells = 4000;
      const middles = Array.from({ length: cells }, (_, i) => -1 + (2 * (i + 0.5)) / cells);
      const { action, log, here, mode } = await draws(
        mean,
        logDeviation,
        middles.map((a) => (Math.atanh(a) - mean) / Math.exp(logDeviation)),
      );
      middles.forEach((a, i) => {
        expect(action[i]).to.be.closeTo(a, 1e-5);
        expect(here[i]).to.be.closeTo(a, 1e-5);
      });
      const mass = (below: number) => log.reduce((sum, one, i) => sum + (middles[i]! < below ? (Math.exp(one) * 2) / cells : 0), 0);
      expect(mass(1)).to.be.closeTo(1, 2e-3);
      for (const below of [-0.5, 0.25, 0.75])
        expect(mass(below)).to.be.closeTo(normalBelow((Math.atanh(below) - mean) / Math.exp(logDeviation)), 2e-3);
      expect(mode).to.be.closeTo(Math.tanh(mean), 1e-6);
    });

  it('have finite densities and slopes where tanh is 1 to the last bit', async () => {
    for (const mean of [-40, 40]) {
      const { action, log, slope } = await draws(mean, 0, [-1, 0, 1]);
      expect(action).to.deep.equal([-1, -1, -1].map((a) => a * -Math.sign(mean)));
      // log N(u) − log(1 − tanh²u), of which the latter is log 4 − 2|u| out there.
      [-1, 0, 1].forEach((noise, i) => {
        const expected = -(noise ** 2) / 2 - 0.5 * Math.log(2 * Math.PI) - (Math.log(4) - 2 * Math.abs(mean + noise));
        expect(log[i]).to.be.closeTo(expected, 1e-4);
        // By the mean: the density rises by 2 a unit further out.
        expect(slope[2 * i]).to.be.closeTo(2 * Math.sign(mean), 1e-5);
      });
    }
  });

  it('clip deviations, through which no slope goes', async () => {
    const [wide, wider] = [await draws(0, 2, [0.5]), await draws(0, 3, [0.5])];
    expect(wider.action).to.deep.equal(wide.action);
    expect(wider.here[0]).to.be.closeTo(wide.action[0]!, 1e-6);
    expect(wider.slope[1]).to.equal(0);
  });
});
