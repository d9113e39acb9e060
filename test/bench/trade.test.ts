import { expect } from 'chai';
import { candidates, LONGEST_SUBSTEP_s, tradeOf, tradeTable } from '../../bench/physics/trade.ts';
import { registry } from '../../src/index.ts';

describe('the trade of speed for fidelity', function () {
  this.timeout(60_000);

  it('looks at settings whose steps fill the control step, and whose substeps are short enough', () => {
    for (const controlDt_s of [0.05, 0.008]) {
      for (const { step_s, solverIterations } of candidates(controlDt_s)) {
        expect(Math.abs(controlDt_s / step_s - Math.round(controlDt_s / step_s))).to.be.below(1e-9);
        expect(step_s / solverIterations!).to.be.at.most(LONGEST_SUBSTEP_s + 1e-12);
      }
    }
  });

  it('still runs; MuJoCo follows itself, and Rapier nearly', async () => {
    const own = registry.task('Hopper-v0').engines.rapier!;
    const rows = await tradeOf('Hopper-v0', { starts: 4, warmUp_s: 0, blocks: 1, blockSteps: 20 }, [own]);
    expect(rows.map(({ engine, isChosen }) => [engine, isChosen])).to.deep.equal([
      ['mujoco', true],
      ['mujoco', false],
      ['rapier', true],
    ]);
    const [same, half, rapier] = rows;
    expect(same!.deviation.angles_rad).to.be.below(1e-9);
    expect(half!.deviation.angles_rad).to.be.within(1e-9, 0.05);
    expect(rapier!.deviation.angles_rad).to.be.within(1e-4, 0.3);
    expect(rapier!.early.angles_rad).to.be.below(rapier!.deviation.angles_rad);
    expect(rapier!.fidelity!.pendulum_period_pct).to.be.below(1);
    for (const { cost_us, deviation } of rows) {
      expect(cost_us).to.be.above(0);
      expect(deviation.diverged).to.equal(0);
    }
    expect(tradeTable(rows).split('\n')).to.have.length(4);
  });
});
