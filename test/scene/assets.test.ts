import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { sha256Hex } from '../../src/math/hash.ts';
import { assetRobot, assetText } from '../../src/scene/assets.ts';

const folder = new URL('../../assets/', import.meta.url);
const manifest: { files: { path: string; sha256: string; licence: string; source: string; quantitiesFrom: string }[] } = JSON.parse(
  readFileSync(new URL('manifest.json', folder), 'utf8'),
);

describe('assets/', () => {
  it('holds what manifest.json lists, to the byte', () => {
    const present = readdirSync(fileURLToPath(folder), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && !['README.md', 'manifest.json'].includes(entry.name))
      .map((entry) => `${entry.parentPath.slice(fileURLToPath(folder).length)}/${entry.name}`);
    expect(manifest.files.map(({ path }) => path)).to.have.members(present);
    const hashes = Object.fromEntries(present.map((path) => [path, sha256Hex(readFileSync(new URL(path, folder)))]));
    expect(Object.fromEntries(manifest.files.map(({ path, sha256 }) => [path, sha256]))).to.deep.equal(hashes);
  });

  it('says under which licence each file is, and where its quantities come from', () => {
    for (const { path, licence, source, quantitiesFrom } of manifest.files)
      for (const word of [licence, source, quantitiesFrom]) expect(word, path).to.match(/\w+/);
  });

  it('is read by path, once', () => {
    expect(assetText('robots/hopper.xml')).to.match(/^<mujoco model="hopper">/);
    expect(assetRobot('robots/hopper.xml')).to.equal(assetRobot('robots/hopper.xml'));
  });

  for (const path of ['robots/nobody.xml', '../package.json', '../src/index.xml', '/etc/hosts.xml', 'robots', 'robots/../../README.md'])
    it(`refuses ${path}`, () =>
      expect(() => assetText(path))
        .to.throw()
        .with.property('code', 'ROBOT_FILE_INVALID'));
});
