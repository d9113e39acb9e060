import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect } from 'chai';
import { removeFile, writeFileAtomically } from '../../src/data/atomic-file.ts';

describe('writing a file atomically', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'groundtwin-atomic-'));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  it('makes folders, writes text and bytes, replaces what was there, and leaves nothing else', () => {
    const path = join(folder, 'deep', 'down', 'file');
    writeFileAtomically(path, 'grüß');
    expect(readFileSync(path, 'utf8')).to.equal('grüß');
    writeFileAtomically(path, Uint8Array.of(1, 2));
    expect([...readFileSync(path)]).to.deep.equal([1, 2]);
    expect(readdirSync(join(folder, 'deep', 'down'))).to.deep.equal(['file']);
  });

  it('is undone with all that a crash may have left', () => {
    const path = join(folder, 'file');
    removeFile(path);
    writeFileAtomically(path, 'x');
    writeFileSync(`${path}.partial`, 'half');
    removeFile(path);
    expect(readdirSync(folder)).to.deep.equal([]);
  });

  it('leaves nothing half-done where it fails', () => {
    mkdirSync(join(folder, 'taken'));
    expect(() => writeFileAtomically(join(folder, 'taken'), 'x')).to.throw(/EISDIR|EPERM|EEXIST/);
    expect(readdirSync(folder)).to.deep.equal(['taken']);
  });

  it('shows the old file or the new one, whole, however hard the writer is killed', async () => {
    const path = join(folder, 'file');
    const size = 4 << 20;
    const script = join(folder, 'writer.mts');
    writeFileSync(
      script,
      `import { writeFileAtomically } from ${JSON.stringify(new URL('../../src/data/atomic-file.ts', import.meta.url).href)};
      process.stdout.write('x');
      for (let i = 0; ; i = (i + 1) % 256) writeFileAtomically(${JSON.stringify(path)}, new Uint8Array(${size}).fill(i));`,
    );
    const loader = pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href;
    const child = spawn(process.execPath, ['--import', loader, script], { stdio: ['ignore', 'pipe', 'inherit'] });
    const ended = new Promise((resolve) => child.on('close', resolve));
    await new Promise((resolve) => child.stdout.once('data', resolve));
    const sizes = new Set<number>();
    for (const deadline_ms = performance.now() + 400; performance.now() < deadline_ms || sizes.size === 0; )
      sizes.add(statSync(path, { throwIfNoEntry: false })?.size ?? size);
    child.kill('SIGKILL');
    await ended;
    expect([...sizes], 'to who looks on').to.deep.equal([size]);
    const bytes = readFileSync(path);
    expect(bytes.equals(Buffer.alloc(size, bytes[0]!))).to.equal(true);
  });
});
