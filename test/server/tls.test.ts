import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { connect } from '../../src/client/index.ts';
import { clock, codeOf, start, stopAll, TOKEN } from './harness.ts';

/** A certificate for 127.0.0.1 that lasts a day; undefined without openssl. */
function certificate(): { key: Buffer; cert: Buffer } | undefined {
  const folder = mkdtempSync(join(tmpdir(), 'groundtwin-tls-'));
  const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
  const subject = ['-subj', '/CN=127.0.0.1', '-addext', 'subjectAltName=IP:127.0.0.1'];
  try {
    execFileSync('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '1', '-keyout', key, '-out', cert, ...subject], {
      stdio: 'ignore',
    });
    return { key: readFileSync(key), cert: readFileSync(cert) };
  } catch {
    return undefined;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

describe('TLS', () => {
  afterEach(stopAll);

  it('serves wss to clients that trust its certificate, and only to them', async function () {
    const tls = certificate();
    if (!tls) return this.skip();
    const server = await start({ tls });
    expect(server.url).to.match(/^wss:/);
    const client = await connect({ clock, url: server.url, token: TOKEN, ca: tls.cert });
    await client.ping();
    await client.close();
    expect(await codeOf(connect({ clock, url: server.url, token: TOKEN }))).to.equal('CONNECTION_REFUSED');
    expect(await codeOf(connect({ clock, url: server.url, token: 'wrong', ca: tls.cert }))).to.equal('CONNECTION_UNAUTHORISED');
  });
});
