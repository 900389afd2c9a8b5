// A refused password in absolute form, over real proxies and to a hostile origin behind them: who gets the blame, what is
// remembered, and how many attempts the proxy saw.

import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { CredentialGuard } from '#proxy/auth/credential-guard.ts';
import type { Authentication } from '#proxy/auth/schemes/scheme.ts';
import { describeWith } from '#test/support/real-parts.ts';
import { type RunningSquid, startSquid } from '#test/support/squid.ts';
import { get, profile, testRouter } from '#test/support/test-router.ts';
import { startTinyproxy } from '#test/support/tinyproxy.ts';

const HOSTS = ['updates.cells.test', 'other.cells.test'];
const USER = { user: 'svc', password: 'right' };

/** What the hostile origin answers by the path. */
const HOSTILE: Readonly<Record<string, readonly [number, Readonly<Record<string, string>>]>> = {
  '/squid-401': [401, { Server: 'squid', 'X-Squid-Error': 'ERR_ACCESS_DENIED 0' }],
  '/tinyproxy-401': [401, { Server: 'tinyproxy/1.11.1' }],
  '/squid-407': [407, { Server: 'squid/5.7', 'X-Squid-Error': 'ERR_CACHE_ACCESS_DENIED 0' }],
};

let origin: Server;
let port: number;
beforeAll(async () => {
  origin = createServer(({ url = '' }, response) => {
    const [status, headers] = HOSTILE[new URL(url, 'http://x').pathname] ?? [200, {}];
    response.writeHead(status, headers).end();
  });
  await new Promise<void>((resolve) => origin.listen(0, '127.0.0.1', resolve));
  port = (origin.address() as AddressInfo).port;
});
afterAll(() => {
  origin.closeAllConnections();
  origin.close();
});

interface Asking {
  readonly proxyPort: number;
  readonly credentialGuard: CredentialGuard;
  readonly password?: string;
  readonly authentication?: Authentication;
}

async function ask(path: string, { proxyPort, credentialGuard, password = 'right', authentication = 'basic' }: Asking) {
  const router = testRouter({ proxies: [profile(proxyPort, { ...USER, password, authentication })], credentialGuard });
  const url = new URL(`http://updates.cells.test:${port}${path}`);
  try {
    const connection = await router.route('updates', url).open({ bulk: false, signal: new AbortController().signal });
    return String((await get(connection, url)).status);
  } catch (error) {
    return (error as { code?: string }).code ?? String(error);
  }
}

describeWith(['squid'], 'a refusal through Squid', () => {
  it.each([
    ['basic', ['407 GET']],
    // Digest needs a challenge before the proof.
    ['digest', ['407 HEAD', '407 GET']],
  ] as const)('%s: a wrong password that never worked is seen once', async (authentication, log) => {
    const squid = await startSquid({ [authentication === 'basic' ? 'auth' : 'digest']: USER, hosts: HOSTS });
    try {
      const asking = {
        proxyPort: squid.port,
        credentialGuard: new CredentialGuard(),
        password: 'wrong',
        authentication,
      };
      expect([await ask('/', asking), await ask('/', asking)]).toEqual(['AUTH-REJECTED', 'AUTH-REJECTED']);
      expect(await methods(squid, log.length)).toEqual(log);
    } finally {
      await squid.stop();
    }
  });

  it('refusal through Squid: a changed password is rejected after one GET and one CONNECT', async () => {
    // Squid remembers whom it let through, for a second at least.
    const squid = await startSquid({ auth: USER, hosts: HOSTS, extra: ['auth_param basic credentialsttl 1 second'] });
    try {
      const asking = { proxyPort: squid.port, credentialGuard: new CredentialGuard() };
      expect(await ask('/', asking)).toBe('200');
      squid.forgetUsers();
      // Asked with a credential guard of its own, which leaves no trace in ours.
      while ((await ask('/', { ...asking, credentialGuard: new CredentialGuard() })) === '200') await delay(100);
      const before = await squid.linesSoFar();
      expect([await ask('/', asking), await ask('/', asking)]).toEqual(['AUTH-REJECTED', 'AUTH-REJECTED']);
      expect((await methods(squid, before + 2)).slice(before)).toEqual(['407 GET', '407 CONNECT']);
    } finally {
      await squid.stop();
    }
  });

  it.each([
    ['/squid-401', '401'],
    ['/tinyproxy-401', '401'],
    ['/squid-407', 'ORIGIN-407'],
  ])('a hostile origin takes a password that works for nothing: %s is %s', async (path, code) => {
    const squid = await startSquid({ auth: USER, hosts: HOSTS });
    try {
      const asking = { proxyPort: squid.port, credentialGuard: new CredentialGuard() };
      expect(await ask('/', asking)).toBe('200');
      expect([await ask(path, asking), await ask(path, asking)]).toEqual([code, code]);
      expect(await ask('/', asking)).toBe('200');
    } finally {
      await squid.stop();
    }
  });

  it.each(['Squid', 'tinyproxy'])(
    'refusal through Squid: a hostile origin with the 401 of %s rejects no new password',
    async (as) => {
      const squid = await startSquid({ auth: USER, hosts: HOSTS });
      try {
        const asking = { proxyPort: squid.port, credentialGuard: new CredentialGuard() };
        expect([await ask(`/${as.toLowerCase()}-401`, asking), await ask('/', asking)]).toEqual(['401', '200']);
      } finally {
        await squid.stop();
      }
    },
  );

  it('refusal through Squid: without tunnels, the source of a 407 stays open', async () => {
    const squid = await startSquid({
      auth: USER,
      hosts: HOSTS,
      acl: ['acl CONNECT method CONNECT', 'http_access deny CONNECT', 'http_access allow authenticated'],
    });
    try {
      const asking = { proxyPort: squid.port, credentialGuard: new CredentialGuard() };
      expect(await ask('/', asking)).toBe('200');
      expect(await ask('/squid-407', asking)).toBe('AUTH-UNCLEAR');
      asking.credentialGuard.retryCredentials();
      expect(await ask('/', asking)).toBe('200');
    } finally {
      await squid.stop();
    }
  });
});

describeWith(['tinyproxy'], 'a refusal through tinyproxy', () => {
  it('refusal through tinyproxy: its 401 rejects a new wrong password after one attempt', async () => {
    const tinyproxy = await startTinyproxy({ auth: USER, hosts: HOSTS });
    try {
      const asking = { proxyPort: tinyproxy.port, credentialGuard: new CredentialGuard(), password: 'wrong' };
      expect([await ask('/', asking), await ask('/', asking)]).toEqual(['AUTH-REJECTED', 'AUTH-REJECTED']);
      expect((await tinyproxy.log(1)).length).toBe(1);
    } finally {
      await tinyproxy.stop();
    }
  });

  it.each([
    ['/squid-401', '401'],
    ['/tinyproxy-401', '401'],
    ['/squid-407', 'ORIGIN-407'],
  ])('a hostile origin takes a password that works for nothing: %s is %s', async (path, code) => {
    const tinyproxy = await startTinyproxy({ auth: USER, hosts: HOSTS });
    try {
      const asking = { proxyPort: tinyproxy.port, credentialGuard: new CredentialGuard() };
      expect(await ask('/', asking)).toBe('200');
      expect([await ask(path, asking), await ask(path, asking)]).toEqual([code, code]);
      expect(await ask('/', asking)).toBe('200');
    } finally {
      await tinyproxy.stop();
    }
  });
});

/** `STATUS METHOD` of each request. */
async function methods(squid: RunningSquid, atLeast: number): Promise<string[]> {
  return (await squid.accessLog(atLeast)).map((line) => line.split(' ').slice(0, 2).join(' '));
}
