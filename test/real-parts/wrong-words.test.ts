// Refusals by real proxies that once had wrong texts: each with its present code and advice.

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { secondLook } from '#diagnose/second-look.ts';
import { asCoded, type CodedError } from '#errors/coded-error.ts';
import { CredentialGuard } from '#proxy/auth/credential-guard.ts';
import { PacCandidates } from '#proxy/pac/candidates.ts';
import type { HopScheme, ProxyProfile } from '#proxy/profile.ts';
import type { Router } from '#proxy/route.ts';
import { Secret } from '#redaction/secret.ts';
import { systemClock } from '#system/clock.ts';
import { createCa } from '#test/support/certificates.ts';
import { startDante } from '#test/support/dante.ts';
import { startPrivoxy } from '#test/support/privoxy.ts';
import { describeWith } from '#test/support/real-parts.ts';
import { startSquid } from '#test/support/squid.ts';
import { startSshSocks } from '#test/support/ssh-socks.ts';
import { get, profile, testRouter } from '#test/support/test-router.ts';
import { startTinyproxy } from '#test/support/tinyproxy.ts';

const signal = new AbortController().signal;
const SECURE = new URL('https://updates.cells.test/feed.json');
const PLAIN = new URL('http://updates.cells.test/feed.json');
const USER = { user: 'svc', password: 'open sesame' };

/** How it failed, over a tunnel or in absolute form. */
async function failureOf(router: Router, url = SECURE): Promise<CodedError> {
  try {
    const connection = await router.route('updates', url).open({ bulk: false, signal });
    await get(connection, url);
  } catch (error) {
    return asCoded(error);
  }
  throw new Error('it did not fail');
}

/** The same as a diagnosis tells it. */
async function diagnosed(router: Router): Promise<CodedError> {
  return await secondLook(await failureOf(router), 'updates', { router, clock: systemClock, signal });
}

function at(port: number, scheme: HopScheme): ProxyProfile {
  return { ...profile(port), scheme };
}

/** Stops it in every case. */
async function using<T extends { stop(): Promise<unknown> }>(part: T, work: (part: T) => Promise<void>): Promise<void> {
  try {
    await work(part);
  } finally {
    await part.stop();
  }
}

describeWith(['squid'], 'Squid', () => {
  it('spoken to in the clear on its TLS port: a diagnosis knows the scheme', async () => {
    await using(await startSquid({ tls: createCa().issue() }), async ({ tlsPort }) => {
      const router = testRouter({ proxies: [at(tlsPort, 'http')] });
      const met = await failureOf(router);
      expect([met.code, met.check]).toEqual([
        'TUNNEL-CLOSED',
        expect.stringMatching(/speaks TLS or SOCKS instead, set scheme: https or socks5h for proxy corp\./),
      ]);
      const error = await diagnosed(router);
      expect([error.code, error.check]).toEqual([
        'PROXY-SCHEME',
        expect.stringMatching(/^Set scheme: https for proxy corp\./),
      ]);
      expect(error.safeText).toContain('speaks TLS, but the scheme of the proxy is set to http');
    });
  });

  it('spoken to by SOCKS: not a word of CONNECT, and a diagnosis knows the scheme', async () => {
    await using(await startSquid(), async ({ port }) => {
      const router = testRouter({ proxies: [at(port, 'socks5h')], timeouts: { tunnel_timeout_ms: 400 } });
      const met = await failureOf(router);
      expect(['TUNNEL-TIMEOUT', 'TUNNEL-CLOSED', 'PROXY-SCHEME']).toContain(met.code);
      expect(met.message).not.toContain('CONNECT');
      expect(met.check).toContain('set scheme: http for proxy corp');
      const error = await diagnosed(router);
      expect([error.code, error.facts['wanted']]).toEqual(['PROXY-SCHEME', 'http']);
    });
  });

  it('asking for a user whom a PAC profile may not show it: names credentials_for', async () => {
    await using(await startSquid({ auth: USER }), async ({ port }) => {
      const folder = await mkdtemp(join(tmpdir(), 'sallyport-pac-'));
      const file = join(folder, 'proxy.pac');
      await writeFile(file, `function FindProxyForURL() { return 'PROXY 127.0.0.1:${port}'; }`);
      const fetch = () => Promise.reject(new Error('nothing is fetched here'));
      const pac = new PacCandidates({ clock: systemClock, report: () => undefined, fetch });
      const account = { user: USER.user, password: new Secret(USER.password), authentication: 'basic' } as const;
      const proxies: ProxyProfile[] = [
        { name: 'corp', port: 80, scheme: 'pac', pac: { file }, default: true, ...account },
      ];
      const router = testRouter({ proxies, sources: { pac: pac.source({ proxy_required: false }) } });
      const error = await failureOf(router);
      expect([error.code, error.check]).toEqual([
        'AUTH-REQUIRED',
        expect.stringContaining(`Set pac.credentials_for of proxy corp so that it includes 127.0.0.1:${port};`),
      ]);
      expect(error.check).not.toContain('authentication');
      await rm(folder, { recursive: true });
    });
  });
});

describeWith(['tinyproxy'], 'tinyproxy', () => {
  it('tinyproxy: diagnose recognizes it if SOCKS is configured', async () => {
    await using(await startTinyproxy(), async ({ port }) => {
      const router = testRouter({ proxies: [at(port, 'socks5h')], timeouts: { tunnel_timeout_ms: 400 } });
      expect((await failureOf(router)).message).not.toContain('CONNECT');
      const error = await diagnosed(router);
      expect([error.code, error.facts['wanted']]).toEqual(['PROXY-SCHEME', 'http']);
    });
  });
});

describeWith(['dante'], 'Dante', () => {
  it('Dante: diagnose recognizes SOCKS if an HTTP proxy is configured', async () => {
    await using(await startDante(), async ({ port }) => {
      const router = testRouter({ proxies: [at(port, 'http')] });
      expect((await failureOf(router)).check).toContain('SOCKS');
      const error = await diagnosed(router);
      expect([error.code, error.facts['wanted']]).toEqual(['PROXY-SCHEME', 'socks5h']);
    });
  });
});

describeWith(['ssh'], 'ssh -D', () => {
  it('ssh -D: diagnose recognizes SOCKS if an HTTP proxy is configured', async () => {
    await using(await startSshSocks(), async ({ port }) => {
      const router = testRouter({ proxies: [at(port, 'http')] });
      expect((await failureOf(router)).check).toContain('SOCKS');
      const error = await diagnosed(router);
      expect([error.code, error.facts['wanted']]).toEqual(['PROXY-SCHEME', 'socks5h']);
    });
  });
});

describeWith(['privoxy'], 'Privoxy', () => {
  it.each([
    ['a tunnel', SECURE],
    ['absolute form', PLAIN],
  ])('that does not know a host says so, and nothing of 502 (%s)', async (_form, url) => {
    await using(await startPrivoxy(), async ({ port }) => {
      const error = await failureOf(testRouter({ proxies: [profile(port)] }), url);
      expect(error.code).toBe('PROXY-UPSTREAM');
      expect(error.safeText).toContain('(404, "No such domain")');
      expect(error.safeText).not.toContain('502');
    });
  });
});

describeWith(['squid'], 'a user without a domain', () => {
  it('missing domain: the next attempt reports it without reaching the proxy', async () => {
    const schemes = ['auth_param ntlm program /bin/false', 'auth_param ntlm children 1 startup=0'];
    await using(await startSquid({ auth: USER, schemes }), async ({ port, accessLog }) => {
      const credentialGuard = new CredentialGuard();
      const ask = () =>
        failureOf(testRouter({ proxies: [profile(port, { ...USER, password: 'wrong' })], credentialGuard }));
      expect([(await ask()).code, (await ask()).code]).toEqual(['AUTH-DOMAIN', 'AUTH-DOMAIN']);
      // Squid writes its log a moment after its answer.
      expect(await accessLog(1)).toHaveLength(1);
    });
  });
});
