// Conversations with scripted proxies: what is sent on which connection, and what is never sent.

import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Account, accountOf } from '#proxy/account.ts';
import { type AuthSession, openAuthSession } from '#proxy/auth/auth-session.ts';
import { CredentialGuard } from '#proxy/auth/credential-guard.ts';
import { CredentialState } from '#proxy/auth/credential-state.ts';
import type { KerberosLoader } from '#proxy/auth/schemes/negotiate.ts';
import { makeHop } from '#proxy/hop.ts';
import type { ProxyProfile } from '#proxy/profile.ts';
import type { Connection } from '#proxy/route.ts';
import { CrashingFiles } from '#test/support/crashing-files.ts';
import { FakeClock } from '#test/support/fake-clock.ts';
import { fakeKerberos } from '#test/support/fake-kerberos.ts';
import { type FaultProxy, type Script, startFaultProxy } from '#test/support/fault-proxy.ts';
import { challengeMessage } from '#test/support/ntlm-verifier.ts';
import { SpyCredentialGuard } from '#test/support/test-auth-session.ts';
import { get, profile, testRouter } from '#test/support/test-router.ts';

const TUNNEL = new URL('ws://updates.example.com:8080/');
const FORWARD = new URL('http://updates.example.com/a?b=c');
const NONCE = 'Digest realm="r", nonce="x", qop="auth"';
const never = new AbortController().signal;
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

async function failureOf(url: URL, given: ProxyProfile, credentialGuard = new CredentialGuard()): Promise<unknown> {
  const route = testRouter({ proxies: [given], credentialGuard }).route('updates', url);
  return await route.open({ bulk: false, signal: new AbortController().signal }).then(
    (connection) => {
      connection.release();
      return null;
    },
    (error: unknown) => error,
  );
}

const TYPE2 = `Proxy-Authenticate: NTLM ${challengeMessage().toString('base64')}`;

describe('NTLM', () => {
  const ntlm = (port: number) => profile(port, { ...USER, authentication: 'ntlm' });

  it('NTLM: three messages on one connection', async () => {
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
  ])('NTLM: NTLM-CONN if the proxy %s, and no proof is sent', async (_how, answer) => {
    proxy = await startFaultProxy(answers(answer));
    const credentialGuard = new CredentialGuard();
    expect(await failureOf(TUNNEL, ntlm(proxy.port), credentialGuard)).toMatchObject({ code: 'NTLM-CONN' });
    expect(proxy.heads.join('') + said.join('')).not.toContain('TlRMTVNTUAAD');
  });

  it('NTLM: NTLM-CONN if the connection breaks after the challenge', async () => {
    proxy = await startFaultProxy((client) => {
      client.write(asks(TYPE2));
      client.once('data', () => client.destroy());
    });
    expect(await failureOf(TUNNEL, ntlm(proxy.port))).toMatchObject({ code: 'NTLM-CONN' });
  });

  it.each(['AAAA', 'TlRMTVNTUAABAAAA', 'TlRMTVNTUAACAAAA'.repeat(4)])(
    'NTLM: reports an unreadable token: %s',
    async (token) => {
      proxy = await startFaultProxy(answers(asks(`Proxy-Authenticate: NTLM ${token}`)));
      expect(await failureOf(TUNNEL, ntlm(proxy.port))).toMatchObject({ code: 'AUTH-MESSAGE' });
    },
  );

  it('NTLM: a forward connection authenticates by HEAD, the request itself has no proof', async () => {
    const ok = 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n';
    proxy = await startFaultProxy(answers(asks(TYPE2).replace('sorr', ''), ok, `${ok}hello`));
    const route = testRouter({ proxies: [ntlm(proxy.port)] }).route('updates', FORWARD);
    const connection = await route.open({ bulk: true, signal: new AbortController().signal });
    expect(connection.headersFor('GET', FORWARD.href)).toEqual({});
    expect(proxy.heads[0]).toMatch(/^HEAD http:\/\/updates\.example\.com\/a\?b=c HTTP\/1\.1\r\n/);
    // An honest proxy never sends another challenge on this connection; if one does, it is not taken for a refusal.
    expect(() =>
      connection.validateResponse({ status: 407, reason: '', rawHeaders: ['Proxy-Authenticate', 'NTLM'] }, 'x'),
    ).toThrow(expect.objectContaining({ code: 'NTLM-CONN' }));
    connection.release();
  });
});

describe('whatever the scheme', () => {
  it('auth session: gives up on a proxy that keeps sending challenges', async () => {
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
    expect(await failureOf(TUNNEL, digest)).toMatchObject({ code: 'AUTH-STALE', facts: { pauseMs: 30_000 } });
    expect(nonce).toBe(3);
  });

  it('Basic: is not repeated to a proxy that does not offer it', async () => {
    proxy = await startFaultProxy((client) => client.end(asks('Proxy-Authenticate: Negotiate', 'Connection: close')));
    const credentialGuard = new CredentialGuard();
    for (let round = 0; round < 4; round += 1) {
      for (const url of [TUNNEL, FORWARD]) {
        if (round === 0 && url === FORWARD) continue;
        expect(await failureOf(url, profile(proxy.port, USER), credentialGuard)).toMatchObject({
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
  ] as const)('auth session: %s never sends a readable password: %s', async (authentication, code) => {
    proxy = await startFaultProxy((client) => client.end(asks('Proxy-Authenticate: Basic realm="r"')));
    for (const url of [TUNNEL, FORWARD]) {
      expect(await failureOf(url, profile(proxy.port, { ...USER, authentication }))).toMatchObject({ code });
    }
    expect(proxy.heads.join('')).not.toMatch(/Authorization: Basic/i);
  });

  it('auth session: auto sends a readable password if the profile allows it', async () => {
    proxy = await startFaultProxy(answers(asks('Proxy-Authenticate: Basic realm="r"'), 'HTTP/1.1 200 OK\r\n\r\n'));
    const given = { ...profile(proxy.port, { ...USER, authentication: 'auto' }), allow_cleartext: true };
    expect(await failureOf(TUNNEL, given)).toBeNull();
    expect(said[0]).toContain('Proxy-Authorization: Basic ');
  });
});

describe('a proof that cannot be made', () => {
  const unable = {
    add() {
      throw new TypeError('out of proofs');
    },
  };
  const ask = { basic: 'Basic realm="r"', digest: NONCE, ntlm: TYPE2.replace('Proxy-Authenticate: ', '') };

  it.each([
    ['basic', TUNNEL],
    ['digest', TUNNEL],
    ['ntlm', TUNNEL],
    ['basic', FORWARD],
    ['ntlm', FORWARD],
  ] as const)(
    'impossible proof: is a coded failure, and no attempt waits for it (%s, %s)',
    async (authentication, url) => {
      proxy = await startFaultProxy(
        answers(asks(`Proxy-Authenticate: ${ask[authentication]}`).replace(/4\r\n\r\nsorr/, '0\r\n\r\n')),
      );
      const given = profile(proxy.port, { ...USER, authentication });
      const route = testRouter({ proxies: [given], registry: unable }).route('updates', url);
      const opened = await Promise.allSettled([1, 2].map(() => route.open({ bulk: false, signal: never })));
      expect(opened).toMatchObject([1, 2].map(() => ({ status: 'rejected', reason: { code: 'INTERNAL' } })));
      await proxy.allClosed();
    },
  );

  it('impossible proof: ends the connection with a code, and no attempt waits for it', async () => {
    proxy = await startFaultProxy(answers(asks(`Proxy-Authenticate: ${NONCE}`)));
    const given = profile(proxy.port, { ...USER, authentication: 'digest' });
    const route = testRouter({ proxies: [given], registry: unable }).route('updates', FORWARD);
    for (let round = 0; round < 2; round += 1) {
      const connection = await route.open({ bulk: false, signal: never });
      expect(() => connection.headersFor('GET', FORWARD.href)).toThrow(expect.objectContaining({ code: 'INTERNAL' }));
      expect(connection.socket.destroyed).toBe(true);
    }
    await proxy.allClosed();
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

  it('password: waits if its proxy moved, until it is entered again or an admin allows it', async () => {
    const moved = (recorder.address() as AddressInfo).port;
    proxy = await startFaultProxy((client) => client.write('HTTP/1.1 200 OK\r\n\r\n'));
    const credentialGuard = new CredentialGuard();
    expect(await failureOf(TUNNEL, profile(proxy.port, USER), credentialGuard)).toBeNull();
    for (const authentication of ['basic', 'digest', 'ntlm', 'auto'] as const) {
      const given = { ...profile(moved, { ...USER, authentication }), allow_cleartext: true };
      expect(await failureOf(FORWARD, given, credentialGuard)).toMatchObject({
        code: 'AUTH-REBIND',
        facts: { bound: [`http://127.0.0.1:${proxy.port}`], url: `http://127.0.0.1:${moved}` },
      });
    }
    expect(seen).toEqual([]);

    credentialGuard.retryCredentials();
    const router = testRouter({ proxies: [profile(moved, USER)], credentialGuard });
    const connection = await router
      .route('updates', FORWARD)
      .open({ bulk: false, signal: new AbortController().signal });
    await expect(get(connection, FORWARD)).rejects.toMatchObject({ code: 'AUTH-REJECTED' });
    expect(seen.join()).toContain('Proxy-Authorization');
  });
});

it('auth session: an open connection stops sending a password refused on another one', async () => {
  proxy = await startFaultProxy((client) => client.end(asks('Proxy-Authenticate: Basic realm="r"')));
  const credentialGuard = new CredentialGuard();
  const given = profile(proxy.port, USER);
  const permit = await credentialGuard.requestPermit(accountOf(given) as Account, {
    proxyUrl: 'http://a:1',
    retryMs: 0,
    signal: never,
  });
  if (permit.kind === 'granted') permit.attempt.accepted();
  const route = testRouter({ proxies: [given], credentialGuard }).route('updates', FORWARD);
  const connections = await Promise.all([1, 2].map(() => route.open({ bulk: false, signal: never })));
  await expect(get(connections[0] as Connection, FORWARD)).rejects.toMatchObject({ code: 'AUTH-REJECTED' });
  expect(() => connections[1]?.headersFor('GET', FORWARD.href)).toThrow(
    expect.objectContaining({ code: 'AUTH-REJECTED' }),
  );
  connections[1]?.release();
  expect(proxy.heads).toHaveLength(1);
});

describe('what worked', () => {
  /** A disk that delays its writers once the test starts it. */
  class SlowFiles extends CrashingFiles {
    readonly released = Promise.withResolvers<void>();
    readonly asked = Promise.withResolvers<void>();
    isSlow = false;

    override async rename(from: string, to: string): Promise<void> {
      if (this.isSlow) {
        this.asked.resolve();
        await this.released.promise;
      }
      await super.rename(from, to);
    }
  }

  it.each([
    ['digest', `Proxy-Authenticate: ${NONCE}`],
    ['ntlm', TYPE2],
  ] as const)('auth session: a success is on disk before the tunnel is returned (%s)', async (scheme, challenge) => {
    const files = new SlowFiles();
    await files.makeDirectory('/state', 0o700);
    proxy = await startFaultProxy((client) => {
      client.write(asks(challenge));
      client.once('data', () => {
        // The attempt is recorded by now; its result is not.
        files.isSlow = true;
        client.write('HTTP/1.1 200 OK\r\n\r\n');
      });
    });
    const place = { files, path: '/state/credentials.json' };
    const given = profile(proxy.port, { ...USER, authentication: scheme });
    const credentialGuard = new CredentialGuard({ state: new CredentialState(place) });
    let isOpen = false;
    const opening = failureOf(TUNNEL, given, credentialGuard).then((failure) => {
      isOpen = true;
      return failure;
    });
    await files.asked.promise;
    for (let turn = 0; turn < 10; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    expect(isOpen).toBe(false);
    files.released.resolve();
    expect(await opening).toBeNull();

    const state = new CredentialState({ ...place, files: files.afterCrash('killed') });
    expect(await state.load()).toBeNull();
    const worked = new CredentialGuard({ state }).remembered(`http://127.0.0.1:${proxy.port}`)?.worked;
    expect(worked?.toLowerCase()).toBe(scheme);
  });
});

describe('a proof that was asked for and is answered by another offer', () => {
  const basic = asks('Proxy-Authenticate: Basic realm="r"');

  it.each<[string, ProxyProfile['authentication'], string[]]>([
    ['NTLM', 'auto', [asks('Proxy-Authenticate: NTLM'), asks(TYPE2), basic]],
    ['Digest', 'auto', [asks(`Proxy-Authenticate: ${NONCE}`), basic]],
    ['Digest', 'digest', [asks(`Proxy-Authenticate: ${NONCE}`), basic]],
  ])('auth session: another offer after a requested %s proof is a refusal (%s)', async (scheme, how, script) => {
    proxy = await startFaultProxy(answers(...script, 'HTTP/1.1 200 OK\r\n\r\n'));
    const given = { ...profile(proxy.port, { ...USER, authentication: how }), allow_cleartext: true };
    const credentialGuard = new CredentialGuard();
    expect(await failureOf(TUNNEL, given, credentialGuard)).toMatchObject({ code: 'AUTH-REJECTED', facts: { scheme } });
    const sent = proxy.heads.join('') + said.join('');
    expect(sent.match(/Proxy-Authorization: (?:Digest|NTLM TlRMTVNTUAAD)/g)).toHaveLength(1);
    expect(sent).not.toContain('Proxy-Authorization: Basic');
    const { connections } = proxy;
    expect(await failureOf(TUNNEL, given, credentialGuard)).toMatchObject({ code: 'AUTH-REJECTED' });
    expect(proxy.connections).toBe(connections);
  });

  it('auth session: a Basic proof that was not requested gives way to the offer of the proxy', async () => {
    const ok = 'HTTP/1.1 200 OK\r\n\r\n';
    proxy = await startFaultProxy((client, head, earlier) => {
      const texts = earlier === 0 ? [basic, ok] : [asks(TYPE2), asks(TYPE2), ok];
      answers(...texts)(client, head, earlier);
    });
    const credentialGuard = new CredentialGuard();
    const given = { ...profile(proxy.port, { ...USER, authentication: 'auto' }), allow_cleartext: true };
    expect(await failureOf(TUNNEL, given, credentialGuard)).toBeNull();
    expect(await failureOf(TUNNEL, given, credentialGuard)).toBeNull();
    expect(proxy.heads[1]).toContain('Proxy-Authorization: Basic');
    expect(said.at(-1)).toContain('Proxy-Authorization: NTLM TlRMTVNTUAAD');
  });
});

it.each([
  ['of HTTP/1.0', asks(`Proxy-Authenticate: ${NONCE}`).replace('HTTP/1.1', 'HTTP/1.0'), TUNNEL],
  ['with a body behind HEAD', asks(`Proxy-Authenticate: ${NONCE}`), FORWARD],
])(
  'auth session: a challenge %s makes its connection unusable: the next request uses another',
  async (_how, challenge, url) => {
    const ok = 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello';
    proxy = await startFaultProxy((client, _head, earlier) => {
      if (earlier === 0) client.write(challenge);
      else client.end(ok);
    });
    const given = profile(proxy.port, { ...USER, authentication: 'digest' });
    const connection = await testRouter({ proxies: [given] })
      .route('updates', url)
      .open({ bulk: false, signal: never });
    if (url === FORWARD) expect(await get(connection, url)).toMatchObject({ status: 200, body: 'hello' });
    connection.release();
    expect(proxy.connections).toBe(2);
  },
);

describe('auto at a proxy that offers Negotiate', () => {
  const LINE = { method: 'CONNECT', target: 'updates.example.com:443' };
  const AUTO = { ...profile(3128, { ...USER, authentication: 'auto' }), address: 'proxy.example.com' };
  const offers = (...schemes: string[]) => ({
    status: 407,
    reason: '',
    rawHeaders: schemes.flatMap((scheme) => ['Proxy-Authenticate', scheme]),
  });
  const withTicket = fakeKerberos(() => 'VElDS0VU').load;
  const withoutTicket = fakeKerberos(() => {
    throw new Error('No Kerberos credentials available');
  }).load;
  const absent = () => Promise.reject(Object.assign(new Error('x'), { code: 'ERR_MODULE_NOT_FOUND' }));

  async function authSessionWith(
    credentialGuard: SpyCredentialGuard,
    loadKerberos: KerberosLoader,
    given = AUTO,
  ): Promise<AuthSession> {
    const hop = makeHop(given, { scheme: 'http', address: given.address, port: 3128 });
    const known = { add() {} };
    const signal = new AbortController().signal;
    return await openAuthSession({
      hop,
      credentialGuard,
      known,
      retryMs: 0,
      forwardOrigin: null,
      signal,
      loadKerberos,
    });
  }

  async function answer(authSession: AuthSession, ...schemes: string[]): Promise<string> {
    const { authorization } = await authSession.challenged(offers(...schemes), LINE);
    return authorization.reveal().slice(0, 'NTLM TlRMTVNTUAAB'.length);
  }

  it('auto: uses a ticket, remembers that, and does not call the password correct', async () => {
    const credentialGuard = new SpyCredentialGuard();
    const authSession = await authSessionWith(credentialGuard, withTicket);
    expect(await answer(authSession, 'Negotiate', 'NTLM', 'Basic')).toBe('Negotiate VElDS0V');
    authSession.settle(null);
    expect(credentialGuard.verdicts).toEqual(['unknown']);
    expect(credentialGuard.remembered('http://proxy.example.com:3128')?.worked).toBe('Negotiate');
    const next = await authSessionWith(credentialGuard, withTicket);
    expect((await next.begin(LINE))?.reveal()).toBe('Negotiate VElDS0VU');
    next.unknown();
  });

  it.each([
    ['there is no ticket', withoutTicket, AUTO],
    ['the package is not there', absent, AUTO],
    ['the proxy has an address and no name', withTicket, { ...AUTO, address: '10.1.1.5' }],
  ])('auto: uses the next scheme if %s, and requests no ticket for minutes', async (_why, load, given) => {
    const clock = new FakeClock();
    const credentialGuard = new SpyCredentialGuard({ clock });
    for (const asked of [1, 0, 0]) {
      let loads = 0;
      const counting = () => {
        loads += 1;
        return load();
      };
      const authSession = await authSessionWith(credentialGuard, counting, given);
      expect(await answer(authSession, 'Negotiate', 'NTLM')).toBe('NTLM TlRMTVNTUAAB');
      expect(loads).toBe(given.address === '10.1.1.5' ? 0 : asked);
      authSession.unknown();
    }
    clock.advance(600_000);
    const again = await authSessionWith(credentialGuard, withTicket);
    expect(await answer(again, 'Negotiate', 'NTLM')).toMatch(given.address === '10.1.1.5' ? /./ : /^Negotiate /);
    again.unknown();
  });

  it('auto: uses the next scheme after a refused ticket; the password gets one attempt', async () => {
    const credentialGuard = new SpyCredentialGuard();
    const authSession = await authSessionWith(credentialGuard, withTicket);
    expect(await answer(authSession, 'Negotiate', NONCE)).toBe('Negotiate VElDS0V');
    expect(await answer(authSession, 'Negotiate', NONCE)).toMatch(/^Digest /);
    await expect(authSession.challenged(offers('Negotiate', NONCE), LINE)).rejects.toMatchObject({
      code: 'AUTH-REJECTED',
    });
    expect(credentialGuard.verdicts).toEqual(['rejected']);
  });

  it('auto: uses nothing weaker than a ticket that worked, and reports its failure', async () => {
    const credentialGuard = new SpyCredentialGuard();
    credentialGuard.rememberWorked('http://proxy.example.com:3128', 'Negotiate');
    const authSession = await authSessionWith(credentialGuard, withoutTicket);
    await expect(authSession.begin(LINE)).rejects.toMatchObject({ code: 'AUTH-TICKET' });
    await expect(authSession.challenged(offers('Negotiate', 'NTLM', 'Basic'), LINE)).rejects.toMatchObject({
      code: 'AUTH-TICKET',
    });
    await expect(authSession.challenged(offers('NTLM', 'Basic'), LINE)).rejects.toMatchObject({
      code: 'AUTH-DOWNGRADE',
    });
    authSession.unknown();
    const bare = await authSessionWith(credentialGuard, absent);
    await expect(bare.challenged(offers('Negotiate', 'NTLM'), LINE)).rejects.toMatchObject({
      code: 'NEGOTIATE-UNAVAILABLE',
    });
    bare.unknown();
  });

  it.each([
    [withoutTicket, ['Negotiate'], 'AUTH-TICKET'],
    [absent, ['Negotiate'], 'NEGOTIATE-UNAVAILABLE'],
    [withoutTicket, ['Negotiate', 'Basic'], 'AUTH-TICKET'],
    // Tickets are not expected here, so the failure describes the other schemes.
    [absent, ['Negotiate', 'Basic'], 'AUTH-CLEARTEXT'],
  ] as const)('auto: says why if no other scheme is possible', async (load, schemes, code) => {
    const authSession = await authSessionWith(new SpyCredentialGuard(), load);
    await expect(authSession.challenged(offers(...schemes), LINE)).rejects.toMatchObject({ code });
    authSession.unknown();
  });
});
