import { expect } from 'chai';
import { leastSquaresLimits, levenbergMarquardt } from '../../../src/gap/index.ts';
import { codeOf } from '../../contracts/env-contract.ts';

const wide = (n: number) => ({ low: new Float64Array(n).fill(-1e3), high: new Float64Array(n).fill(1e3) });
/** To the last digits, as textbooks have it. */
const exact = { ...leastSquaresLimits, smallestGain: 1e-16 };
const steps = (n: number) => new Float64Array(n).fill(1e-6);
const rosenbrock = ([x, y]: Float64Array) => Float64Array.of(10 * (y! - x! ** 2), 1 - x!);

describe('nonlinear least squares', () => {
  it('finds the minimum of Rosenbrock, (1, 1)', async () => {
    const fit = await levenbergMarquardt({ residuals: rosenbrock, start: Float64Array.of(-1.2, 1), ...wide(2), steps: steps(2) });
    expect([...fit.x].map((value) => Number(value.toFixed(6)))).to.deep.equal([1, 1]);
    expect(fit.end).to.equal('converged');
  });

  // Moré, Garbow & Hillstrom 1981, problem 13: singular at its minimum, 0.
  it('goes to the singular minimum of Powell', async () => {
    const powell = ([a, b, c, d]: Float64Array) =>
      Float64Array.of(a! + 10 * b!, Math.sqrt(5) * (c! - d!), (b! - 2 * c!) ** 2, Math.sqrt(10) * (a! - d!) ** 2);
    const fit = await levenbergMarquardt({ residuals: powell, start: Float64Array.of(3, -1, 0, 1), ...wide(4), steps: steps(4) });
    for (const value of fit.x) expect(value).to.be.closeTo(0, 1e-2);
    expect(fit.sumOfSquares).to.be.below(1e-10);
  });

  // NIST StRD, Misra1a: certified values of y = b1 (1 − exp(−b2 x)) and of the residual sum of squares.
  it('agrees with a certified fit, from the far start', async () => {
    const x = [77.6, 114.9, 141.1, 190.8, 239.9, 289.0, 332.8, 378.4, 434.8, 477.3, 536.8, 593.1, 689.1, 760.0];
    const y = [10.07, 14.73, 17.94, 23.93, 29.61, 35.18, 40.02, 44.82, 50.76, 55.05, 61.01, 66.4, 75.47, 81.78];
    const residuals = ([b1, b2]: Float64Array) => Float64Array.from(x, (at, i) => b1! * (1 - Math.exp(-b2! * at)) - y[i]!);
    const problem = { residuals, start: Float64Array.of(500, 1e-4), ...wide(2), steps: Float64Array.of(1e-3, 1e-9) };
    const fit = await levenbergMarquardt(problem, exact);
    expect(fit.x[0]).to.be.closeTo(238.94212918, 1e-3);
    expect(fit.x[1]).to.be.closeTo(5.5015643181e-4, 1e-9);
    expect(fit.sumOfSquares).to.be.closeTo(0.12455138894, 1e-8);
  });

  it('stays within bounds, and is best there', async () => {
    const problem = { residuals: rosenbrock, start: Float64Array.of(-1.2, 1), low: Float64Array.of(-2, -2), high: Float64Array.of(0.5, 2) };
    const fit = await levenbergMarquardt({ ...problem, steps: steps(2) }, exact);
    // With x held at .5 the minimum over y is x², and what is left is (1 − x)².
    expect(fit.x[0]).to.equal(0.5);
    expect(fit.x[1]).to.be.closeTo(0.25, 1e-6);
    expect(fit.sumOfSquares).to.be.closeTo(0.25, 1e-9);
    expect(fit.end).to.equal('converged');
  });

  it('leaves alone what changes nothing', async () => {
    const residuals = ([x]: Float64Array) => Float64Array.of(x! - 3, 2 * (x! - 3), 1);
    const fit = await levenbergMarquardt({ residuals, start: Float64Array.of(0, 7), ...wide(2), steps: steps(2) });
    expect(fit.x[0]).to.be.closeTo(3, 1e-6);
    expect(fit.x[1]).to.equal(7);
  });

  it('says that it stalls where slopes promise what no step keeps', async () => {
    // A pit narrower than the differences: they see the slope of the land around it.
    const pit = ([x]: Float64Array) => new Float64Array(10).fill(Math.abs(x!) < 0.04 ? 1 : x! > 0 ? 3 : 2);
    const fit = await levenbergMarquardt({ residuals: pit, start: Float64Array.of(0), ...wide(1), steps: Float64Array.of(0.05) });
    expect(fit.end).to.equal('stalled');
  });

  it('says that it ran out of iterations', async () => {
    const limits = { ...leastSquaresLimits, iterations: 2 };
    const fit = await levenbergMarquardt({ residuals: rosenbrock, start: Float64Array.of(-1.2, 1), ...wide(2), steps: steps(2) }, limits);
    expect(fit).to.include({ end: 'limit', iterations: 2 });
  });

  it('steps round where residuals are not finite, but does not begin there', async () => {
    const log = ([x]: Float64Array) => Float64Array.of(Math.log(x!) - 1);
    const from = (start: number) => levenbergMarquardt({ residuals: log, start: Float64Array.of(start), ...wide(1), steps: steps(1) });
    expect((await from(20)).x[0]).to.be.closeTo(Math.E, 1e-6);
    expect(await codeOf(() => from(-1))).to.equal('GAP_INPUT_INVALID');
  });
});
