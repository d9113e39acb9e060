import { request } from 'node:http';
import { connect as connectTcp } from 'node:net';
import { expect } from 'chai';
import { serve } from '../../src/server/index.ts';
import { PROTOCOL, TOKEN_SUBPROTOCOL_PREFIX } from '../../src/wire/index.ts';
import { clock, codeOf, open, refusalOf, start, stopAll, TOKEN } from './harness.ts';
import { stubRegistry } from './stub-env.ts';

const bearer = { authorization: `Bearer ${TOKEN}` };

function get(url: string, path: string): Promise<{ status: number; body: string }> {
  return new Promise((resolve, reject) => {
    request(url.replace('ws:', 'http:') + path, (response) => {
      let body = '';
      response.on('data', (chunk) => {
        body += chunk;
      });
      response.on('end', () => resolve({ status: response.statusCode!, body }));
    })
      .on('error', reject)
      .end();
  });
}

describe('admission', () => {
  afterEach(stopAll);

  for (const [what, headers, protocols, suffix] of [
    ['no token', {}, [PROTOCOL], ''],
    ['a wrong token', { authorization: 'Bearer wrong' }, [PROTOCOL], ''],
    ['an empty token', { authorization: 'Bearer ' }, [PROTOCOL], ''],
    ['the right token under another scheme', { authorization: `Basic ${TOKEN}` }, [PROTOCOL], ''],
    ['a longer token', { authorization: `Bearer ${TOKEN}x` }, [PROTOCOL], ''],
    ['a wrong token as subprotocol', {}, [PROTOCOL, `${TOKEN_SUBPROTOCOL_PREFIX}wrong`], ''],
    ['the right token in the query', {}, [PROTOCOL], `/?token=${TOKEN}`],
    ['the right token as a cookie', { cookie: `token=${TOKEN}` }, [PROTOCOL], ''],
  ] as const) {
    it(`refuses ${what} with 401`, async () => {
      const server = await start();
      const refusal = await refusalOf(open(server.url + suffix, headers, [...protocols]));
      expect([refusal.status, refusal.body.code]).to.deep.equal([401, 'UNAUTHORISED']);
      expect(JSON.stringify(refusal.body)).not.to.include(TOKEN);
    });
  }

  for (const origin of [
    'http://evil.example',
    'null',
    'http://127.0.0.1',
    'https://good.example.evil.example',
    'https://good.example:444',
  ]) {
    it(`refuses a page of ${origin} with 403, the right token notwithstanding`, async () => {
      const server = await start({ allowedOrigins: ['https://good.example'] });
      const refusal = await refusalOf(open(server.url, { ...bearer, origin }));
      expect([refusal.status, refusal.body.code]).to.deep.equal([403, 'ORIGIN_REFUSED']);
    });
  }

  it('refuses pages on a server without a token too', async () => {
    const registry = stubRegistry();
    const server = await serve({ clock, make: registry.make, list: registry.list, token: false });
    expect(server.token).to.equal(null);
    expect((await refusalOf(open(server.url, { origin: 'http://evil.example' }))).status).to.equal(403);
    await open(server.url, {});
    await server.close();
  });

  it('asks for a token of its own making when it is given none, or an empty one', async () => {
    const { make, list } = stubRegistry();
    const tokens = new Set<string>();
    for (const token of [undefined, '']) {
      const server = await serve({ clock, make, list, ...(token === undefined ? {} : { token }) });
      expect((await refusalOf(open(server.url, {}))).status).to.equal(401);
      await open(server.url, { authorization: `Bearer ${server.token}` });
      tokens.add(server.token!);
      await server.close();
    }
    expect(tokens.size).to.equal(2);
    for (const token of tokens) expect(token).to.have.length.of.at.least(32);
  });

  it('takes the token from a browser as a subprotocol, and does not echo it', async () => {
    const server = await start({ allowedOrigins: ['https://good.example'] });
    const raw = await open(server.url, { origin: 'https://good.example' }, [`${TOKEN_SUBPROTOCOL_PREFIX}${TOKEN}`, PROTOCOL]);
    expect(raw.socket.protocol).to.equal(PROTOCOL);
    expect((await raw.hello()).ok?.protocol).to.equal(PROTOCOL);
  });

  it('refuses clients of another protocol with 400', async () => {
    const server = await start();
    const refusal = await refusalOf(open(server.url, bearer, 'groundtwin.v9'));
    expect([refusal.status, refusal.body.code]).to.deep.equal([400, 'VERSION']);
  });

  it('refuses connections beyond its limit with 503, and takes them again later', async () => {
    const server = await start({ limits: { maxConnections: 2 } });
    const first = await open(server.url);
    await open(server.url);
    const refusal = await refusalOf(open(server.url));
    expect([refusal.status, refusal.body.code]).to.deep.equal([503, 'CAPACITY']);
    first.socket.terminate();
    await first.closed;
    await new Promise((resolve) => setTimeout(resolve, 20));
    await open(server.url);
  });

  it('answers health and readiness without a token, and nothing else', async () => {
    const server = await start();
    expect(await get(server.url, '/healthz')).to.deep.equal({ status: 200, body: '{"status":"ok"}' });
    expect((await get(server.url, '/readyz?x=1')).status).to.equal(200);
    expect((await get(server.url, '/')).status).to.equal(426);
  });

  it('will not listen where others reach it without token and encryption', async () => {
    const { make, list } = stubRegistry();
    expect(await codeOf(serve({ clock, make, list, host: '0.0.0.0', token: false }))).to.equal('SERVE_REFUSED');
    expect(await codeOf(serve({ clock, make, list, host: '0.0.0.0', token: false, insecure: true }))).to.equal('SERVE_REFUSED');
    expect(await codeOf(serve({ clock, make, list, host: '::', token: TOKEN }))).to.equal('SERVE_REFUSED');
  });

  it('says which port is taken', async () => {
    const server = await start();
    const { make, list } = stubRegistry();
    expect(await codeOf(serve({ clock, make, list, port: server.port }))).to.equal('SERVE_FAILED');
  });

  it('outlives raw garbage on the port', async () => {
    const server = await start();
    for (const garbage of [
      '\0\xff\x01garbage',
      'GET / HTTP/1.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n',
      `GET /${'x'.repeat(40_000)} HTTP/1.1\r\n\r\n`,
    ]) {
      await new Promise<void>((resolve) => {
        const socket = connectTcp(server.port, '127.0.0.1', () => socket.write(garbage));
        socket.on('data', () => socket.destroy());
        socket.on('error', () => {});
        socket.on('close', () => resolve());
      });
    }
    expect((await get(server.url, '/healthz')).status).to.equal(200);
  });
});
