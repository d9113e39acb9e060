import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { axesNamed, axisNames, GAP_TESTS, logTests, negativeControls } from '../../src/gap/index.ts';
import { registry } from '../../src/index.ts';
import { parseManifest } from '../../src/world-model/contract.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const read = (path: string) => readFileSync(join(root, path), 'utf8');

const pages = [
  'README.md',
  'CONTRIBUTING.md',
  ...readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' }).flatMap((path) =>
    path.endsWith('.md') ? [join('docs', path)] : [],
  ),
];

/** Targets of links and pictures that lead into the repository. */
function linksOf(page: string): string[] {
  const text = read(page).replace(/^```[\s\S]*?^```/gm, '');
  const targets = [...text.matchAll(/\]\(([^)\s]+)\)|<img src="([^"]+)"/g)].map(([, link, picture]) => (link ?? picture)!);
  return targets.filter((target) => !/^(https?:|#)/.test(target)).map((target) => target.split('#')[0]!);
}

describe('the docs', () => {
  for (const page of pages)
    it(`${page} links to what is there`, () => {
      const missing = linksOf(page).filter((target) => !existsSync(join(root, dirname(page), target)));
      expect(missing).to.deep.equal([]);
    });
});

describe('docs/model-contract.md', () => {
  const text = read('docs/model-contract.md');
  const [, task = '', manifest = ''] = /^```json manifest (\S+)\n([\s\S]*?)^```/m.exec(text) ?? [];

  it('shows a manifest that is accepted', () => {
    expect(parseManifest('the example', manifest, registry.task(task)).memorySize).to.equal(32);
  });

  it('explains every field of it', () => {
    const fields = Object.keys(JSON.parse(manifest));
    const table = text.slice(text.indexOf('| field |'));
    expect(fields.filter((field) => !table.includes(`\`${field}`))).to.deep.equal([]);
  });
});

describe('docs/gap-suite.md', () => {
  it('has a row for every test of the suite, with its bounds', () => {
    const rows = read('docs/gap-suite.md').split('\n');
    for (const { id, bound } of GAP_TESTS) {
      const row = rows.find((line) => line.startsWith(`| ${id} `)) ?? '';
      const numbers = Object.values(bound).filter((value) => typeof value === 'number');
      for (const number of numbers) expect(row, id).to.include(String(number));
    }
  });

  it('has a row for every test of the axes and of logs, there or on the page of plausibility', () => {
    const rows = [...read('docs/gap-suite.md').split('\n'), ...read('docs/gap-plausibility.md').split('\n')];
    for (const tests of [...axesNamed(axisNames, { deep: true }).map((axis) => axis.tests), logTests])
      for (const { id, bound } of tests) {
        const told = rows.filter((line) => line.startsWith(`| ${id} `)).join(' ');
        for (const number of Object.values(bound).filter((value) => typeof value === 'number')) expect(told, id).to.include(String(number));
      }
  });

  it('names every control with the row that catches it', () => {
    const text = read('docs/gap-suite.md');
    for (const [name, { severity, killedBy }] of Object.entries(negativeControls))
      expect(text).to.match(new RegExp(`^\\| \`broken:${name}\` \\(${severity}\\) \\|.*\\| ${killedBy}[ ,]`, 'm'));
  });
});
