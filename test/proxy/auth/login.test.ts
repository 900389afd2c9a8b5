// Conversations with scripted proxies: what leaves, on which connection, and what never leaves.

import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Ledger } from '#proxy/auth/ledger.ts';
import type { ProxyProfile } from '#proxy/choice.ts';
import { type FaultProxy, type Script, startFaultProxy } from '#test/support/fault-proxy.ts';
import { challengeMessage } from '#test/support/ntlm-verifier.ts';
import { get, profile, testRouter } from '#test/support/test-router.ts';

const TUNNEL = new URL('ws://updates.example.com:8080/');
const FORWARD = new URL('http://updates.example.com/a?b=c');
const USER = { user: 'svc', domain: 'CORP', password: 'open sesame' } as const;

let proxy: FaultProxy | undefined;
afterEach(async () => {
  await proxy?.close();
  proxy = undefined;
});

/** A 407 with these fields, which keeps the connection. */
function asks(...fields: string[]): string {
  return `HTTP/1.1 407 X\r\n${fields.map((field) => `${field}\r\n`).join('')}Content-Length: 4\r\n\r\nsorr`;
}

/** Says one answer for each request on a connection, in order, and then nothing. */
function answers(...texts: string[]): Script {
  return (client) => {
    const [first = '', ...rest] = texts;
    client.write(first);
    sayOnRequest(client, rest);
  };
}

function sayOnRequest(client: Socket, texts: string[]): void {
  client.on('data', (chunk: Buffer) => {
    said.push(chunk.toString('latin1'));
    const next = texts.shift();
    if (next !== undefined) client.write(next);
  });
}

let said: string[] = [];
beforeEach(() => {
  said = [];
});

async function failureOf(url: URL, given: ProxyProfile, ledger = new Ledger()): Promise<unknown> {
  const route = testRouter({ proxies: [given], ledger }).route('updates', url);
  return await route.open({ bulk: false, signal: new AbortController().signal }).then(
    (lane) => {
      lane.release();
      return null;
    },
    (error: unknown) => error,
  );
}

const TYPE2 = `Proxy-Authenticate: NTLM ${challengeMessage().toString('base64')}`;

describe('NTLM', () => {
  const ntlm = (port: number) => profile(port, { ...USER, authentication: 'ntlm' });

  it('goes through three messages on one connection', async () => {
    proxy = await startFaultProxy(answers(asks(TYPE2), 'HTTP/1.1 200 OK\r\n\r\n'));
    expect(await failureOf(TUNNEL, ntlm(proxy.port))).toBeNull();
    expect(proxy.connections).toBe(1);
    expect(proxy.heads[0]).toMatch(/Proxy-Authorization: NTLM TlRMTVNTUAAB/);
    expect(said[0]).toMatch(/^CONNECT [\s\S]*Proxy-Authorization: NTLM TlRMTVNTUAAD/);
  });

  it.each([
    ['closes with its challenge', asks(TYPE2, 'Connection: close')],
    ['says so by the field of proxies', asks(TYPE2, 'Proxy-Connection: close')],
    ['has forgotten the first message', asks('Proxy-Authenticate: NTLM')],
  ])('is NTLM-CONN where the proxy %s, and no proof leaves', async (_how, answer) => {
    proxy = await startFaultProxy(answers(answer));
    const ledger = new Ledger();
    expect(await failureOf(TUNNEL, ntlm(proxy.port), ledger)).toMatchObject({ code: 'NTLM-CONN' });
    expect(proxy.heads.join('') + said.join('')).not.toContain('TlRMTVNTUAAD');
  });

  it('is NTLM-CONN where the connection breaks after the challenge', async () => {
    proxy = await startFaultProxy((client) => {
      client.write(asks(TYPE2));
      client.once('data', () => client.destroy());
    });
    expect(await failureOf(TUNNEL, ntlm(proxy.port))).toMatchObject({ code: 'NTLM-CONN' });
  });

  it.each(['AAAA', 'TlRMTVNTUAABAAAA', 'TlRMTVNTUAACAAAA'.repeat(4)])('says what it cannot read: %s', async (token) => {
    proxy = await startFaultProxy(answers(asks(`Proxy-Authenticate: NTLM ${token}`)));
    expect(await failureOf(TUNNEL, ntlm(proxy.port))).toMatchObject({ code: 'AUTH-MESSAGE' });
  });

  it('on a forward lane shakes hands by HEAD, and the request itself carries nothing', async () => {
    const ok = 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n';
    proxy = await startFaultProxy(answers(asks(TYPE2).replace('sorr', ''), ok, `${ok}hello`));
    const route = testRouter({ proxies: [ntlm(proxy.port)] }).route('updates', FORWARD);
    const lane = await route.open({ bulk: true, signal: new AbortController().signal });
    expect(lane.headersFor('GET', FORWARD.href)).toEqual({});
    expect(proxy.heads[0]).toMatch(/^HEAD http:\/\/updates\.example\.com\/a\?b=c HTTP\/1\.1\r\n/);
    // An honest proxy never asks again on this connection; one that does is not taken for a refusal.
    expect(() =>
      lane.judgeResponse({ status: 407, reason: '', rawHeaders: ['Proxy-Authenticate', 'NTLM'] }, 'x'),
    ).toThrow(expect.objectContaining({ code: 'NTLM-CONN' }));
    lane.release();
  });
});

describe('whatever the scheme', () => {
  it('a proxy that asks for ever is left after a handful of answers', async () => {
    let nonce = 0;
    const ask = () => {
      nonce += 1;
      return asks(`Proxy-Authenticate: Digest realm="r", nonce="${nonce}", qop="auth", stale=true`);
    };
    proxy = await startFaultProxy((client) => {
      client.write(ask());
      client.on('data', () => client.write(ask()));
    });
    const digest = profile(proxy.port, { ...USER, authentication: 'digest' });
    expect(await failureOf(TUNNEL, digest)).toMatchObject({ code: 'AUTH-STALE' });
    expect(nonce).toBe(3);
  });

  it('Basic is not sent again and again to a proxy that does not offer it', async () => {
    proxy = await startFaultProxy((client) => client.end(asks('Proxy-Authenticate: Negotiate', 'Connection: close')));
    const ledger = new Ledger();
    for (let round = 0; round < 4; round += 1) {
      for (const url of [TUNNEL, FORWARD]) {
        if (round === 0 && url === FORWARD) continue;
        expect(await failureOf(url, profile(proxy.port, USER), ledger)).toMatchObject({
          code: 'AUTH-SCHEME',
          facts: { offered: ['Negotiate'] },
        });
      }
    }
    expect(proxy.heads.filter((head) => head.includes('Proxy-Authorization'))).toHaveLength(1);
  });

  it.each([
    ['auto', 'AUTH-CLEARTEXT'],
    ['digest', 'AUTH-SCHEME'],
    ['ntlm', 'AUTH-SCHEME'],
  ] as const)('%s never shows a readable password: %s', async (authentication, code) => {
    proxy = await startFaultProxy((client) => client.end(asks('Proxy-Authenticate: Basic realm="r"')));
    for (const url of [TUNNEL, FORWARD]) {
      expect(await failureOf(url, profile(proxy.port, { ...USER, authentication }))).toMatchObject({ code });
    }
    expect(proxy.heads.join('')).not.toMatch(/Authorization: Basic/i);
  });

  it('auto shows it where the profile allows that', async () => {
    proxy = await startFaultProxy(answers(asks('Proxy-Authenticate: Basic realm="r"'), 'HTTP/1.1 200 OK\r\n\r\n'));
    const given = { ...profile(proxy.port, { ...USER, authentication: 'auto' }), allow_cleartext: true };
    expect(await failureOf(TUNNEL, given)).toBeNull();
    expect(said[0]).toContain('Proxy-Authorization: Basic ');
  });
});

describe('a password', () => {
  let recorder: Server;
  const seen: string[] = [];
  beforeEach(async () => {
    seen.length = 0;
    recorder = createServer((request, response) => {
      seen.push(JSON.stringify(request.rawHeaders));
      response.writeHead(407, { 'Proxy-Authenticate': 'Basic realm="r"' }).end();
    }).listen(0, '127.0.0.1');
    await once(recorder, 'listening');
  });
  afterEach(() => recorder.close());

  it('whose proxy moved waits, until it is entered again or an admin says so; not a byte of it leaves before', async () => {
    const moved = (recorder.address() as AddressInfo).port;
    proxy = await startFaultProxy((client) => client.write('HTTP/1.1 200 OK\r\n\r\n'));
    const ledger = new Ledger();
    expect(await failureOf(TUNNEL, profile(proxy.port, USER), ledger)).toBeNull();
    for (const authentication of ['basic', 'digest', 'ntlm', 'auto'] as const) {
      const given = { ...profile(moved, { ...USER, authentication }), allow_cleartext: true };
      expect(await failureOf(FORWARD, given, ledger)).toMatchObject({
        code: 'AUTH-REBIND',
        facts: { bound: [`http://127.0.0.1:${proxy.port}`], url: `http://127.0.0.1:${moved}` },
      });
    }
    expect(seen).toEqual([]);

    ledger.retryCredentials();
    const router = testRouter({ proxies: [profile(moved, USER)], ledger });
    const lane = await router.route('updates', FORWARD).open({ bulk: false, signal: new AbortController().signal });
    await expect(get(lane, FORWARD)).rejects.toMatchObject({ code: 'AUTH-REJECTED' });
    expect(seen.join()).toContain('Proxy-Authorization');
  });
});
