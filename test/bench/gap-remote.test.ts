import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { differences, remoteBits } from '../../bench/verify/gap-remote.ts';

describe('the row of gaps over the wire', () => {
  it('counts every number and verdict that differs, and nothing of who was measured when', () => {
    const report = (more: object) => ({
      verdict: 'PASS',
      summary: ['cart'],
      rows: [{ id: 'H1', measured: 0.5, low: null }],
      metadata: { command: 'a', date: 'b', model: 'c', machine: 'd', dataHash: 'e' },
      ...more,
    });
    expect(differences(report({}), report({ summary: ['mine'] }))).to.deep.equal({ compared: 5, differing: [] });
    const metadata = { command: 'z', date: 'z', model: 'z', machine: 'z', dataHash: 'e' };
    expect(differences(report({}), report({ metadata })).differing).to.deep.equal([]);
    for (const [more, path] of [
      [{ verdict: 'FAIL' }, '/verdict'],
      [{ rows: [{ id: 'H1', measured: 0.5 + 2 ** -53, low: null }] }, '/rows/0/measured'],
      [{ rows: [{ id: 'H1', measured: 0.5, low: 0 }] }, '/rows/0/low'],
      [{ rows: [{ id: 'H1', measured: 0.5 }] }, '/rows/0/low'],
      [{ more: 1 }, '/more'],
      [{ metadata: { ...metadata, dataHash: 'f' } }, '/metadata/dataHash'],
    ] as const)
      expect(differences(report({}), report(more)).differing, path).to.deep.equal([path]);
  });

  it('runs small: none differs', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'groundtwin-remote-bits-'));
    try {
      const sizes = { axes: ['none'], subjects: ['exact physics'], python: false } as const;
      const { measured, raw } = await remoteBits({ folder, log: () => {} }, sizes);
      const ways = raw as readonly { way: string; compared: number }[];
      expect(ways.map(({ way }) => way)).to.deep.equal(['a subject on a server', 'measured by a server, asked from TypeScript']);
      for (const { compared, way } of ways) expect(compared, way).to.be.above(500);
      expect(measured).to.equal(0);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  }).timeout(200_000);
});
