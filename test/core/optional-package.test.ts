import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { importOptional } from '../../src/core/optional-package.ts';
import { scratch } from '../cli/harness.ts';

describe('a package that need not be there', () => {
  const place = scratch();
  const missing = new Error('it is not installed');
  const load = (name: string) => importOptional<{ readonly from: string }>(name, () => Promise.reject(missing));
  const add = (name: string, manifest: object, files: Readonly<Record<string, string>>) => {
    const folder = place.in('node_modules', name);
    mkdirSync(folder, { recursive: true });
    for (const [file, text] of Object.entries({ ...files, 'package.json': JSON.stringify({ name, ...manifest }) }))
      writeFileSync(join(folder, file), text);
  };

  before(() => {
    add('in-commonjs', { main: 'main.js' }, { 'main.js': "exports.from = 'added';" });
    add('@in/modules', { type: 'module', exports: { '.': { default: './main.js' } } }, { 'main.js': "export const from = 'added';" });
    process.env.GROUNDTWIN_PACKAGES = place.in();
  });
  after(() => {
    delete process.env.GROUNDTWIN_PACKAGES;
    place.remove();
  });

  it('is the one beside this package, if there is one', async () => {
    const { from } = await importOptional('in-commonjs', async () => ({ from: 'beside' }));
    expect(from).to.equal('beside');
  });

  it('is else the one that was added', async () => {
    for (const name of ['in-commonjs', '@in/modules']) expect((await load(name)).from).to.equal('added');
  });

  it('is missing for the reason that it is not beside this package, when it is in neither place', async () => {
    expect(await load('in-neither').catch((error: unknown) => error)).to.equal(missing);
    process.env.GROUNDTWIN_PACKAGES = '';
    expect(await load('in-commonjs').catch((error: unknown) => error)).to.equal(missing);
  });
});
