import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { referencesRows } from '../../bench/verify/agents-references.ts';
import {
  intervalOf,
  keptReference,
  playReference,
  policyFile,
  recordReference,
  referenceSeed,
  updateReference,
} from '../../bench/verify/references.ts';
import { type ReferencePlan, referencePlans } from '../../bench/verify/references-plan.ts';
import { envFolders } from '../../scripts/env-docs.ts';
import { referencesOf, referencesSection } from '../../scripts/references.ts';
import { agents } from '../../src/cli/agents.ts';
import { withSettings } from '../../src/cli/settings.ts';
import { registry } from '../../src/index.ts';

describe('reference agents', function () {
  this.timeout(60_000);
  const folder = mkdtempSync(join(tmpdir(), 'groundtwin-references-'));
  after(() => rmSync(folder, { recursive: true, force: true }));

  it('are planned for every env of the suite but one, with settings that their agents know', () => {
    expect([...Object.keys(referencePlans), 'DmHopperHop-v0'].sort()).to.deep.equal(registry.ids());
    for (const { agent, set } of Object.values(referencePlans)) withSettings(agent, agents[agent].defaults, set);
    expect(referencesRows.map(({ goal }) => goal)).to.deep.equal([17, 12]);
  });

  it('are trained by the command that is written down, kept, and return the same when played again', async () => {
    const solved = { return: 475, source: 'a test' };
    const plan: ReferencePlan = { agent: 'cma-es', steps: 3000, seed: 1, lanes: 4, set: ['validateEvery=1'], solved };
    const kept = await recordReference('CartPole-v0', { plan, folder, runs: join(folder, 'runs') });
    expect(keptReference('CartPole-v0', folder)!.kept).to.deep.equal(JSON.parse(JSON.stringify(kept)));
    expect(kept.command).to.equal(
      'groundtwin train --agent cma-es --env CartPole-v0 --steps 3000 --seed 1 --lanes 4 --set validateEvery=1 --out runs/references/CartPole-v0',
    );
    expect(kept.steps).to.be.at.least(3000);
    expect(kept.curve.at(-1)!.steps).to.equal(kept.steps);
    expect(await playReference('CartPole-v0', readFileSync(policyFile('CartPole-v0', folder)))).to.deep.equal(kept.evaluation.returns);
    expect(kept.evaluation.firstSeed).to.equal(referenceSeed);
    const { measured } = intervalOf(kept.evaluation.returns);
    expect(referencesSection([kept]))
      .to.include(kept.command)
      .and.include(`CartPole-v0.onnx --episodes 100 --first-start ${referenceSeed}\n`)
      .and.include(`| ${measured.toFixed(1)} `)
      .and.include('475.0: a test');
    const old = { ...kept, evaluation: { firstSeed: 1, returns: [1] } };
    writeFileSync(join(folder, 'CartPole-v0.json'), JSON.stringify(old));
    expect((await updateReference('CartPole-v0', folder)).evaluation).to.deep.equal(kept.evaluation);
    expect(keptReference('CartPole-v0', folder)!.kept).to.deep.equal(JSON.parse(JSON.stringify(kept)));
    writeFileSync(policyFile('CartPole-v0', folder), 'another');
    expect(() => keptReference('CartPole-v0', folder)).to.throw('not the graph');
    expect(keptReference('Pendulum-v0', folder)).to.equal(undefined);
    const refusal = await updateReference('Pendulum-v0', folder).catch((error: Error) => error.message);
    expect(refusal).to.include('no reference of Pendulum-v0');
  });

  it('stand in the READMEs as they are kept', () => {
    for (const id of Object.keys(referencePlans)) {
      const { kept } = keptReference(id)!;
      expect(kept.plan, id).to.deep.equal(JSON.parse(JSON.stringify(referencePlans[id])));
      expect(kept.evaluation.firstSeed, id).to.equal(referenceSeed);
    }
    for (const [name, tasks] of envFolders) {
      if (!tasks.some(({ id }) => referencePlans[id])) continue;
      expect(readFileSync(new URL(`../../envs/${name}/README.md`, import.meta.url), 'utf8'), name).to.include(referencesOf(name));
    }
  });
});
