// What the console refuses: requests of a page of another origin, another program of the host, or bytes that no
// browser sends.

import { once } from 'node:events';
import type { Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { MAX_CONSOLE_CONNECTIONS } from '#console/server/connection-limit.ts';
import { PAGE_STREAMS } from '#console/wire.ts';
import { VERBS } from '#control/control.ts';
import { ConsoleRig, type ConsoleRigOptions, codeOf } from '#test/support/console-rig.ts';
import { aStatus, fakeControl } from '#test/support/fake-control.ts';

const rigs: ConsoleRig[] = [];
afterEach(async () => {
  for (const rig of rigs.splice(0)) await rig.close();
});

async function start(options: ConsoleRigOptions = {}): Promise<ConsoleRig> {
  const rig = await ConsoleRig.start(options);
  rigs.push(rig);
  return rig;
}

const SESSION = '/api/session';

describe('console: where a request comes from', () => {
  it('console: a name that a foreign DNS server points to loopback gets nothing', async () => {
    const rig = await start();
    const session = await rig.begin();

    for (const host of ['evil.example', 'evil.example:8743', '127.0.0.1.evil.example', 'localhost.evil.example']) {
      const page = await rig.send('/', { headers: { host } });
      expect([page.status, codeOf(page)]).toEqual([403, 'CONSOLE-FOREIGN']);
      expect((await rig.send(SESSION, { headers: { ...session, host } })).status).toBe(403);
    }
  });

  it.each(['127.0.0.1', 'localhost:1', '[::1]:8743'])(
    'console: %s is a name of loopback, at any port',
    async (host) => {
      const rig = await start();

      expect((await rig.send('/', { headers: { host, origin: `http://${host}` } })).status).toBe(200);
    },
  );

  it('console: a page of another port or site gets nothing, even with the token', async () => {
    const rig = await start();
    const session = await rig.begin();
    const foreign = [
      { origin: 'http://127.0.0.1:3000' },
      { origin: 'https://127.0.0.1:8743' },
      { origin: 'null' },
      { 'sec-fetch-site': 'same-site' },
      { 'sec-fetch-site': 'cross-site' },
    ];

    for (const headers of foreign) {
      expect((await rig.send(SESSION, { headers: { ...session, ...headers } })).status).toBe(403);
    }
    const own = { origin: 'http://127.0.0.1:8743', 'sec-fetch-site': 'same-origin' };
    expect((await rig.send(SESSION, { headers: { ...session, ...own } })).status).toBe(200);
  });

  it('console: no response lets a page of another origin read it', async () => {
    const rig = await start();
    const headers = { origin: 'http://evil.example', 'access-control-request-method': 'POST' };
    const asked = await rig.send('/api/key', { method: 'OPTIONS', headers });

    expect(asked.status).toBe(403);
    expect(Object.keys(asked.headers).filter((name) => name.startsWith('access-control'))).toEqual([]);
  });
});

describe('console: links and tokens', () => {
  it('console: a link works once, and the second use warns the person', async () => {
    const rig = await start();
    const { key } = rig;

    expect((await rig.useKey(key)).status).toBe(200);
    const again = rig.useKey(key);
    await rig.untilPrinted(/used before/);
    await rig.clock.advanceAsync(1_000);
    expect([(await again).status, codeOf(await again)]).toEqual([401, 'CONSOLE-KEY']);
  });

  it('console: a wrong key is answered after a second', async () => {
    const rig = await start();
    let isAnswered = false;
    const wrong = rig.useKey('wrong').finally(() => {
      isAnswered = true;
    });
    // This request comes later and is answered.
    await rig.send('/');
    await rig.clock.advanceAsync(999);
    await rig.send('/');
    expect(isAnswered).toBe(false);

    await rig.clock.advanceAsync(1);
    expect((await wrong).status).toBe(401);
  });

  it('console: a link is void after ten minutes', async () => {
    const rig = await start();
    const { key } = rig;
    rig.clock.advance(10 * 60_000);
    const late = rig.useKey(key);
    await rig.send('/');
    await rig.clock.advanceAsync(1_000);

    expect((await late).status).toBe(401);
  });

  it('console: without a token of this process, a request gets only the pages', async () => {
    const rig = await start({ control: fakeControl() });
    const other = await start();
    const old = await other.begin();
    await rig.begin();
    const paths = [SESSION, '/api/verbs/status', '/api/streams/check', '/api/settings', '/api/nothing'];

    for (const headers of [{}, old, { authorization: 'Bearer ' }, { authorization: 'Bearer x y' }]) {
      for (const path of paths) {
        const response = await rig.send(path, { method: path === SESSION ? 'GET' : 'POST', headers });
        expect([path, response.status, codeOf(response)]).toEqual([path, 401, 'CONSOLE-SESSION']);
      }
    }
    expect((await rig.send('/console.js')).body).toBe('start();');
  });

  it('console: a token is accepted in the header only, and no cookie is set', async () => {
    const rig = await start();
    const accepted = await rig.useKey();
    const { token } = JSON.parse(accepted.body) as { token: string };

    expect((await rig.send(`${SESSION}?token=${token}`)).status).toBe(401);
    expect(accepted.headers['set-cookie']).toBeUndefined();
    expect((await rig.send(SESSION, { headers: { cookie: `token=${token}; Bearer=${token}` } })).status).toBe(401);
  });
});

describe('console: bytes that no browser sends', () => {
  const TRAVERSALS = [
    '/../package.json',
    '/..%2f..%2fetc/passwd',
    '/%2e%2e/%2e%2e/etc/passwd',
    '//etc/passwd',
    '/./console.js',
    '/api/../console.js',
    '/console.js/',
    '/console.js%00.html',
    '/\\..\\..\\etc\\passwd',
    'http://127.0.0.1/console.js',
    '*',
  ];

  it.each(TRAVERSALS)('console: the path %s selects no file', async (path) => {
    const rig = await start();
    const text = await rig.raw(`GET ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n`);

    expect(text).toMatch(/^HTTP\/1\.1 40[0-4] /);
    expect(text).not.toMatch(/root:|start\(\)|"name"/);
  });

  it('console: a line break in a path or a key gets into no header', async () => {
    const rig = await start();
    const text = await rig.raw('GET /%0d%0aset-cookie:%20a=b HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n');
    const wrong = rig.useKey('a\r\nset-cookie: a=b');
    await rig.send('/');
    await rig.clock.advanceAsync(1_000);

    expect(text.split('\r\n\r\n')[0]).not.toMatch(/set-cookie/i);
    expect((await wrong).headers['set-cookie']).toBeUndefined();
  });

  it.each([
    ['two lengths', 'Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}'],
    ['a length and chunks', 'Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'],
    ['a bare line feed', 'A: b\nContent-Length: 2\r\n\r\n{}'],
    ['a header of 20 KB', `A: ${'b'.repeat(20_000)}\r\n\r\n`],
    ['a second Host', 'Host: evil.example\r\nContent-Length: 2\r\n\r\n{}'],
  ])('console: a request with %s ends its connection', async (_name, rest) => {
    const rig = await start();
    const text = await rig.raw(`POST /api/key HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n${rest}`);

    expect(text).toMatch(/^HTTP\/1\.1 4(?:00|03|31) /);
    expect(text.match(/HTTP\/1\.1/g)).toHaveLength(1);
  });

  it('console: a head or a body that arrives too slowly ends its connection', async () => {
    const rig = await start({ limits: { headMs: 100, requestMs: 200 } });
    const silent = await rig.connect();
    const slow = await rig.connect();
    slow.write('GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n');
    const body = await rig.connect();
    body.write('POST /api/key HTTP/1.1\r\nHost: 127.0.0.1\r\ncontent-length: 9\r\n\r\n{');

    // The time limit of the test is the one that a console without limits would reach.
    await Promise.all([silent, slow, body].map((socket) => once(socket.resume(), 'close')));
    expect((await rig.send('/')).status).toBe(200);
  });

  it('console: a body of more than 64 KiB, or nested 25 deep, is refused and not kept', async () => {
    const rig = await start();
    const json = { 'content-type': 'application/json' };
    const long = await rig.send('/api/key', { method: 'POST', headers: json, text: `{"key":"${'k'.repeat(65_536)}"}` });
    const deep = await rig.send('/api/key', {
      method: 'POST',
      headers: json,
      text: `${'['.repeat(25)}${']'.repeat(25)}`,
    });

    expect([long.status, deep.status]).toEqual([413, 413]);
    // A form of another page can send only such types.
    for (const type of ['text/plain', 'application/x-www-form-urlencoded']) {
      const form = await rig.send('/api/key', { method: 'POST', headers: { 'content-type': type }, text: '{}' });
      expect(form.status).toBe(415);
    }
  });

  it('console: a head that arrives too slowly ends its connection, whatever time its request has', async () => {
    const rig = await start({ limits: { headMs: 100, requestMs: 600_000 } });
    const silent = await rig.connect();
    const slow = await rig.connect();
    slow.write('GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n');
    await Promise.all([silent, slow].map((socket) => once(socket.resume(), 'close')));
  });

  it.each(['POST', 'PUT', 'DELETE', 'PATCH'])('console: %s of a page is refused', async (method) => {
    const rig = await start();
    const response = await rig.send('/', { method });
    expect([response.status, codeOf(response)]).toEqual([404, 'CONSOLE-REQUEST']);
    const head = await rig.send('/', { method: 'HEAD' });
    expect([head.status, head.body]).toEqual([200, '']);
  });

  it.each(PAGE_STREAMS.filter((name) => VERBS[name].request !== null))(
    'console: a malformed argument of the stream %s is refused before it begins',
    async (name) => {
      const rig = await start({ control: fakeControl() });
      const headers = await rig.begin();
      const response = await rig.send(`/api/streams/${name}`, { method: 'POST', headers, json: { no: ['such'] } });
      expect([response.status, response.headers['content-type']]).toEqual([422, 'application/json']);
    },
  );

  it('console: if all connections have sent a token, a new one is refused', async () => {
    const rig = await start();
    const { authorization } = await rig.begin();
    const sockets: Socket[] = [];
    for (let count = 0; count < MAX_CONSOLE_CONNECTIONS; count += 1) {
      const socket = await rig.connect();
      sockets.push(socket);
      socket.write(`GET ${SESSION} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: ${authorization}\r\n\r\n`);
      await once(socket, 'data');
    }
    const late = await rig.connect();
    await once(late.resume(), 'close');
    expect(sockets.filter((socket) => socket.closed || socket.destroyed)).toEqual([]);
    for (const socket of sockets) socket.destroy();
  });

  it('console: with 1,000 connections of others, a session continues and 64 are open', async () => {
    const rig = await start();
    const session = await rig.begin();
    const open = new Set<Socket>();
    for (let count = 0; count < 1_000; count += 1) {
      const socket = await rig.connect();
      open.add(socket);
      socket.resume().once('close', () => open.delete(socket));
    }

    expect((await rig.send(SESSION, { headers: session })).status).toBe(200);
    expect(open.size).toBeLessThanOrEqual(64);
    for (const socket of open) socket.destroy();
  });
});

describe('console: what a browser may do with a response', () => {
  it('console: every response forbids frames, foreign scripts, guessed types and storing', async () => {
    const rig = await start();
    const session = await rig.begin();
    const responses = [
      await rig.send('/'),
      await rig.send('/console.js'),
      await rig.send('/nothing'),
      await rig.send(SESSION),
      await rig.send(SESSION, { headers: session }),
      await rig.send('/', { headers: { host: 'evil.example' } }),
    ];

    for (const { headers } of responses) {
      const policy = String(headers['content-security-policy']).split('; ');
      expect(policy).toEqual(
        expect.arrayContaining([
          "default-src 'none'",
          "script-src 'self'",
          "style-src 'self'",
          "connect-src 'self'",
          "frame-ancestors 'none'",
          "base-uri 'none'",
          "form-action 'none'",
          "require-trusted-types-for 'script'",
        ]),
      );
      expect(headers).toMatchObject({
        'cache-control': 'no-store',
        'x-content-type-options': 'nosniff',
        'referrer-policy': 'no-referrer',
        'x-frame-options': 'DENY',
      });
    }
  });

  it('console: markup in a field of others is sent as JSON only', async () => {
    const markup = '</script><img src=x onerror=alert(1)>';
    const status = aStatus({ config: { ...aStatus().config, file: markup } });
    const rig = await start({ control: fakeControl({ status: () => Promise.resolve(status) }) });
    const response = await rig.send('/api/verbs/status', { method: 'POST', headers: await rig.begin() });

    expect(response.headers['content-type']).toBe('application/json');
    expect(response.headers['x-content-type-options']).toBe('nosniff');
    expect((JSON.parse(response.body) as { result: typeof status }).result.config.file).toBe(markup);
  });
});
