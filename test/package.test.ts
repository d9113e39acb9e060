import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';

const root = fileURLToPath(new URL('..', import.meta.url));
const readJson = (path: string) => JSON.parse(readFileSync(join(root, path), 'utf8'));
const manifest: { files: string[]; exports: Record<string, string | { types: string; default: string }> } = readJson('package.json');
const modules = Object.entries(manifest.exports).flatMap(([name, target]) =>
  typeof target === 'string' ? [] : [{ name: name.replace('.', 'groundtwin'), ...target }],
);

/** Runs plain Node, without tsx, and gives its output; fails with both streams when it fails. */
function runNode(args: readonly string[], cwd: string): string {
  const { NODE_OPTIONS: _, ...env } = process.env;
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { cwd, env, encoding: 'utf8' });
  if (status !== 0) throw new Error(`node ${args.join(' ')} ended with status ${status}\n${stdout}${stderr}`);
  return stdout;
}

describe('the published package', () => {
  let folder = '';

  before('is built beside the checkout', function () {
    this.timeout(180_000);
    folder = mkdtempSync(join(tmpdir(), 'groundtwin-package-'));
    runNode([join(root, 'scripts', 'build.mjs'), '--outDir', join(folder, 'dist')], root);
    for (const name of ['package.json', 'bin']) cpSync(join(root, name), join(folder, name), { recursive: true });
    for (const name of ['assets', 'node_modules']) symlinkSync(join(root, name), join(folder, name), 'junction');
  });

  after(() => rmSync(folder, { recursive: true, force: true }));

  for (const module of modules) {
    it(`imports ${module.name} in plain Node, with types beside it`, () => {
      const names = JSON.parse(
        runNode(['--input-type=module', '-e', `console.log(JSON.stringify(Object.keys(await import('${module.name}'))))`], folder),
      );
      expect(names).to.not.be.empty;
      expect(names).to.not.include('default');
      expect(existsSync(join(folder, module.types)), module.types).to.equal(true);
    });
  }

  it('starts its command from the compiled code', () => {
    expect(runNode(['bin/groundtwin.mjs', '--help'], folder)).to.match(/\bdemo\b/);
  });

  it('holds no sources, which would make the launcher look for tsx', () => {
    expect(manifest.files).to.not.include('src');
  });
});

describe('package-lock.json', () => {
  it('lists the optional packages of every platform, or npm ci would refuse it (npm run lock)', async () => {
    const { missingEntries } = await import(new URL('../scripts/lock.mjs', import.meta.url).href);
    expect(Object.keys(missingEntries(readJson('package-lock.json').packages))).to.deep.equal([]);
  });
});

describe('scripts/setup.mjs', () => {
  const load = () => import(new URL('../scripts/setup.mjs', import.meta.url).href);
  const lock = {
    packages: {
      '': { version: '0.1.0' },
      'node_modules/a': { version: '1.0.0' },
      'node_modules/a-linux': { version: '1.0.0', optional: true, os: ['linux'], cpu: ['x64'] },
      'node_modules/a-darwin': { version: '1.0.0', optional: true, os: ['darwin'], cpu: ['arm64'] },
    },
  };
  const installed = (...names: string[]) => ({
    packages: Object.fromEntries(names.map((name) => [`node_modules/${name}`, { version: '1.0.0' }])),
  });

  it('installs nothing when this platform has what the lock file wants', async () => {
    expect((await load()).stalePackages(lock, installed('a', 'a-linux'), 'linux', 'x64')).to.deep.equal([]);
  });

  it('installs when a version differs, or node_modules came from another platform', async () => {
    const { stalePackages } = await load();
    expect(stalePackages(lock, { packages: { 'node_modules/a': { version: '0.9.0' } } }, 'aix', 'ppc64')).to.deep.equal(['node_modules/a']);
    expect(stalePackages(lock, installed('a', 'a-darwin'), 'linux', 'x64')).to.deep.equal(['node_modules/a-linux']);
  });

  it('refuses a Node that is too old, and says which is needed', async () => {
    const { checkNode, MINIMUM_NODE } = await load();
    expect(() => checkNode(MINIMUM_NODE.run, '20.10.0')).to.throw(/20\.10\.0 is too old: this needs 20\.11 or later\. Install/);
    expect(() => checkNode(MINIMUM_NODE.run, '18.20.1')).to.throw(/too old/);
    for (const version of ['20.11.0', '22.0.0', '24.1.0']) expect(() => checkNode(MINIMUM_NODE.run, version)).to.not.throw();
  });
});
