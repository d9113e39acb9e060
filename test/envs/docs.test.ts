import { existsSync, readFileSync } from 'node:fs';
import { expect } from 'chai';
import { engineNames, envFolders, environmentsPage, physicsSection } from '../../scripts/env-docs.ts';
import { withSections } from '../../scripts/markdown.ts';
import { scripted } from '../../scripts/scripted.ts';
import { registry } from '../../src/index.ts';
import { type Box, sampleInto, type TypedArray } from '../../src/spaces/space.ts';
import { makeWorld, type Policy, runEpisode } from './harness.ts';

const read = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');
const sectionOf = (text: string, name: string) => text.split(`<!-- ${name} -->`)[1]!.split(`<!-- /${name} -->`)[0]!.trim();

describe('the documents of the envs (npm run docs:envs, npm run baselines)', () => {
  it('tell of every env, once', () => {
    const ids = [...envFolders.values()].flat().map(({ id }) => id);
    expect(ids.sort()).to.deep.equal(registry.ids());
  });

  it('list them as they are in docs/environments.md', () => {
    expect(read('docs/environments.md')).to.equal(environmentsPage());
  });

  it('are refused without their marks', () => {
    expect(() => withSections('# An env', { physics: '' })).to.throw('<!-- physics -->');
  });

  for (const [folder, tasks] of envFolders)
    describe(`envs/${folder}/README.md`, () => {
      const text = read(`envs/${folder}/README.md`);

      it('says which settings its engines have', () => {
        expect(sectionOf(text, 'physics')).to.equal(physicsSection(tasks));
      });

      it('has a baseline of each agent on each engine', () => {
        const lines = sectionOf(text, 'baselines').split('\n');
        for (const task of tasks) {
          if (tasks.length > 1) expect(lines).to.include(`${task.id}:`);
          const agents = ['random', 'idle', ...(scripted[task.id] ? ['scripted'] : [])];
          for (const agent of agents) {
            const rows = lines.filter((line) => line.startsWith(`| ${agent}`));
            expect(rows.length, agent).to.equal(tasks.length);
            for (const row of rows) expect(row.match(/ ± /g)?.length, row).to.equal(engineNames(task).length);
          }
        }
      });

      it('names its ids, time, reward terms and parameters', () => {
        expect(existsSync(new URL(`../../envs/${folder}/picture.png`, import.meta.url))).to.equal(true);
        for (const task of tasks) {
          expect(text).to.include(task.id);
          expect(text).to.include(`${task.horizon} steps of ${task.controlDt_s} s`);
          expect(text).to.include(`Box[${(task.observationSpace as Box).shape}]`);
          for (const name of [...Object.keys(task.reward), ...Object.keys(task.params)]) expect(text, name).to.include(`\`${name}\``);
        }
      });
    });
});

describe('scripted controllers', () => {
  for (const [id, { act }] of Object.entries(scripted))
    it(`earn more than chance in ${id}`, async () => {
      const task = registry.task(id);
      const world = await makeWorld(task);
      const mean = (policy: Policy) => [1, 2, 3].reduce((sum, seed) => sum + runEpisode(task, world, seed, policy).return, 0) / 3;
      const chance = mean((_, rng, action) => sampleInto(task.actionSpace, rng, action));
      const earned = mean((observation: TypedArray, _, action) => act(observation, action));
      world.free();
      expect(earned).to.be.above(chance + 5);
    });
});
