import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { envsFile, envsJson } from '../scripts/python-envs.ts';

describe('the table of the Python package', () => {
  it('lists the registered envs; run `npm run docs:python` after adding one', () => {
    expect(readFileSync(envsFile, 'utf8')).to.equal(envsJson());
  });
});
