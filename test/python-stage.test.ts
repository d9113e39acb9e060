/** What `npm test` relies on to run the Python tests and to count them. */
import { chmodSync, existsSync, writeFileSync } from 'node:fs';
import { expect } from 'chai';
import { PythonMissing, pythonWith } from '../scripts/python-env.mjs';
import { scratch } from './cli/harness.ts';

describe('the Python stage of npm test', () => {
  const place = scratch();
  after(() => place.remove());

  it('counts what pytest reports, errors outside tests as failures', async () => {
    const { pytestCounts } = await import(new URL('../scripts/python-tests.mjs', import.meta.url).href);
    const report = (attributes: string) => {
      writeFileSync(
        place.in('report.xml'),
        `<?xml version="1.0"?><testsuites name="all"><testsuite name="pytest" ${attributes} time="1"><testcase/>`,
      );
      return pytestCounts(place.in('report.xml'));
    };
    expect(report('errors="1" failures="2" skipped="3" tests="10"')).to.deep.equal({ passed: 4, failed: 3, skipped: 3 });
    expect(report('errors="0" failures="0" skipped="0" tests="0"')).to.deep.equal({ passed: 0, failed: 0, skipped: 0 });
    expect(report('errors="0" tests="10"')).to.equal(undefined);
    expect(pytestCounts(place.in('absent.xml'))).to.equal(undefined);
  });

  it('says what to install where no Python can make an environment, and leaves nothing behind', function () {
    if (process.platform === 'win32') this.skip();
    writeFileSync(place.in('requirements.txt'), 'numpy==1\n');
    const { PATH } = process.env;
    const fakePython = (exitCode: number) => {
      writeFileSync(place.in('python3'), `#!/bin/sh\nexit ${exitCode}\n`);
      chmodSync(place.in('python3'), 0o755);
    };
    const attempt = () =>
      pythonWith({ name: 'test', requirements: place.in('requirements.txt'), cache: place.in('cache'), oldest: [3, 11], log: () => {} });
    try {
      process.env.PATH = place.in();
      expect(attempt).to.throw(PythonMissing, /Python 3\.11 or later/);
      fakePython(3);
      expect(attempt).to.throw(PythonMissing, /python3 cannot make virtual environments.*install python3-venv/);
      fakePython(1);
      expect(attempt).to.throw(PythonMissing, /Python 3\.11 or later/);
      expect(existsSync(place.in('cache'))).to.equal(false);
    } finally {
      process.env.PATH = PATH;
    }
  });
});
