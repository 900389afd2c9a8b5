// Credentials go to the proxy that they are for, by no weaker scheme than worked there: real proxies that ask for them, a
// relay in front that keeps every byte, and the proxy's own log.

import '#test/support/built-threads.ts';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { CredentialGuard } from '#proxy/auth/credential-guard.ts';
import type { ProxyProfile } from '#proxy/profile.ts';
import { createCa } from '#test/support/certificates.ts';
import { composeIn } from '#test/support/composed.ts';
import { KDC_PROXY, type RunningKdc, takeKdc } from '#test/support/kdc.ts';
import { type PacServer, startPacServer } from '#test/support/pac-server.ts';
import { describeWith } from '#test/support/real-parts.ts';
import { type RecordingRelay, startRecordingRelay } from '#test/support/recording-relay.ts';
import { type RunningSamba, SAMBA_USER, takeSamba } from '#test/support/samba.ts';
import { Site } from '#test/support/site.ts';
import { type RunningSquid, type SquidOptions, startSquid } from '#test/support/squid.ts';
import { PROTOCOLS, reach, startTargets, type Targets } from '#test/support/targets.ts';
import { profile, testRouter } from '#test/support/test-router.ts';
import { startTlsFront } from '#test/support/tls-front.ts';

const CREDENTIALS = /authorization/i;
const ca = createCa();
const NTLM_USER = { ...SAMBA_USER, authentication: 'auto' } as const;
const FILE_USER = { ...NTLM_USER, domain: '' } as const;

let targets: Targets;
beforeAll(async () => {
  targets = await startTargets(200, ca);
});
afterAll(() => targets.close());

/** Status, method and who of the lines about a target. */
async function logOf(squid: RunningSquid, url: URL): Promise<string[]> {
  const lines = await squid.accessLog(1, `${url.hostname}:`);
  return lines.map((line) =>
    line
      .split(' ')
      .filter((_word, index) => index !== 2)
      .join(' '),
  );
}

describeWith(['squid', 'samba', 'kerberos'], 'a proxy that offers less than what worked there', () => {
  let samba: RunningSamba;
  let kdc: RunningKdc;
  const variables = { ...process.env };
  beforeAll(async () => {
    [samba, kdc] = await Promise.all([takeSamba(), takeKdc()]);
    Object.assign(process.env, kdc.ticket);
  });
  afterAll(async () => {
    for (const name of Object.keys(kdc.ticket)) delete process.env[name];
    Object.assign(process.env, variables);
  });

  const basic = { auth: SAMBA_USER } as const;
  const digest = { digest: SAMBA_USER } as const;
  const ntlm = (): SquidOptions => samba.squid;
  const withAll = (): SquidOptions => ({ ...samba.squid, schemes: [...kdc.squid, ...samba.squid.schemes] });

  it.each([
    ['NTLM', 'Basic', NTLM_USER, () => ({ ...ntlm(), ...basic }), () => basic],
    ['NTLM', 'Digest and Basic', NTLM_USER, () => ({ ...ntlm(), ...basic }), () => ({ ...digest, ...basic })],
    ['Digest', 'Basic', FILE_USER, () => ({ ...digest, ...basic }), () => basic],
    ['Negotiate', 'NTLM and Basic', NTLM_USER, () => ({ ...withAll(), ...basic }), () => ({ ...ntlm(), ...basic })],
  ] as const)('first %s, later only %s: AUTH-DOWNGRADE, and nothing of the kind leaves', async (...row) => {
    const [, , account, first, later] = row;
    const hosts = targets.names;
    const [strong, weak] = await Promise.all([first(), later()].map((options) => startSquid({ ...options, hosts })));
    if (strong === undefined || weak === undefined) throw new Error('no proxies');
    const relay = await startRecordingRelay(strong.port);
    const credentialGuard = new CredentialGuard();
    const corp: ProxyProfile = { ...profile(relay.port, account), address: KDC_PROXY, allow_cleartext: true };
    // A router of its own each time, as after a reload: what is known is in the credential guard alone.
    const ask = (url: URL) => reach(testRouter({ proxies: [corp], credentialGuard, trust: targets.trust }), url);
    try {
      expect(await ask(targets.url('https'))).toBe('passed');
      expect(relay.sent).toMatch(CREDENTIALS);

      relay.leadTo(weak.port);
      const before = relay.sent.length;
      for (const protocol of PROTOCOLS) {
        const url = targets.url(protocol);
        expect(await ask(url)).toBe('AUTH-DOWNGRADE');
        expect(await logOf(weak, url)).toEqual([expect.stringMatching(/^407 (CONNECT|HEAD) -$/)]);
        expect(targets.seen(url).requests).toBe(0);
      }
      const sent = relay.sent.slice(before);
      expect(sent.match(/^(CONNECT|HEAD) /gm)).toHaveLength(PROTOCOLS.length);
      expect(sent).not.toMatch(/authorization: *(basic|digest)/i);
    } finally {
      await Promise.all([strong.stop(), weak.stop(), relay.close()]);
    }
  });

  it('weaker offer of a proxy: the stronger method is remembered across restarts', async () => {
    const hosts = targets.names;
    const [strong, weak] = await Promise.all([
      startSquid({ ...ntlm(), ...basic, hosts }),
      startSquid({ ...basic, hosts }),
    ]);
    const relay = await startRecordingRelay(strong.port);
    const site = await Site.make();
    try {
      const corp = { ...NTLM_USER, name: 'corp', address: '127.0.0.1', port: relay.port, allow_cleartext: true };
      const feed_url = targets.url('https').href;
      const ca_file = await site.write('ca.pem', ca.cert);
      await site.configure({ updates: { feed_url, ca_file }, proxies: [{ ...corp, default: true }] });
      const first = await site.run(['check']);
      expect(first.out + first.err).toContain('[FEED-');

      relay.leadTo(weak.port);
      const before = relay.sent.length;
      for (let restart = 0; restart < 2; restart += 1) {
        const { out, err } = await site.run(['check']);
        expect(out + err).toContain('[AUTH-DOWNGRADE]');
      }
      expect(relay.sent.slice(before)).not.toMatch(/basic/i);
      expect((await weak.accessLog(2)).map((line) => line.split(' ').at(-1))).toEqual(['-', '-']);
    } finally {
      await site.remove();
      await Promise.all([strong.stop(), weak.stop(), relay.close()]);
    }
  });
});

describeWith(
  ['squid', 'samba'],
  'a proxy that a PAC file names, which asks for Negotiate, NTLM, Digest and Basic',
  () => {
    let samba: RunningSamba;
    let pac: PacServer;
    let squid: RunningSquid;
    beforeAll(async () => {
      [samba, pac] = await Promise.all([takeSamba(), startPacServer()]);
      // No ticket exists here; only the offer matters.
      const schemes = ['auth_param negotiate program /bin/cat', ...samba.squid.schemes];
      squid = await startSquid({ ...samba.squid, schemes, digest: SAMBA_USER, auth: SAMBA_USER, hosts: targets.names });
    });
    afterAll(() => Promise.all([pac.close(), squid.stop()]));

    /** What comes of each protocol, and all that was sent. */
    async function askAll(authentication: string, credentialsFor: (port: number) => string | undefined) {
      const relay = await startRecordingRelay(squid.port);
      const { user, password, domain } = authentication === 'ntlm' ? SAMBA_USER : FILE_USER;
      const credentials_for = credentialsFor(relay.port);
      const url = pac.answers(`PROXY 127.0.0.1:${relay.port}`);
      const corp = {
        ...{
          name: 'corp',
          default: true,
          scheme: 'pac',
          authentication,
          user,
          password,
          domain,
          allow_cleartext: true,
        },
        pac: { url, ...(credentials_for === undefined ? {} : { credentials_for }) },
      };
      const composed = await composeIn({ proxies: [corp] }, 'command');
      try {
        const results: string[] = [];
        const log: string[] = [];
        for (const protocol of ['http', 'ws'] as const) {
          const target = targets.url(protocol);
          results.push(await reach(composed.parts.ports.router, target, 'updates'));
          log.push(...(await logOf(squid, target)));
        }
        return { results, log, sent: relay.sent };
      } finally {
        await Promise.all([composed.remove(), relay.close()]);
      }
    }

    it.concurrent.each(
      ['basic', 'digest', 'ntlm', 'auto'].flatMap((authentication) => [
        [authentication, 'nobody', undefined] as const,
        [authentication, 'another proxy', 'proxy.example.com'] as const,
        [authentication, 'another port', '127.0.0.1:1'] as const,
      ]),
    )('proxy of a PAC file: %s with the user for %s: no credentials are sent', async (authentication, _whom, whose) => {
      const { results, log, sent } = await askAll(authentication, () => whose);
      expect(results).toEqual(['AUTH-REQUIRED', 'AUTH-REQUIRED']);
      expect(log).toEqual(['407 GET -', '407 CONNECT -']);
      expect(sent).toContain('CONNECT ');
      expect(sent).not.toMatch(CREDENTIALS);
    });

    it.concurrent.each(['basic', 'digest', 'ntlm'])(
      'proxy of a PAC file: %s with the user for this proxy',
      async (authentication) => {
        const { results, log, sent } = await askAll(authentication, (port) => `127.0.0.1:${port}`);
        expect(results).toEqual(['passed', 'passed']);
        expect(log.filter((line) => line.startsWith('200')).every((line) => line.endsWith('nobody'))).toBe(true);
        expect(sent).toMatch(CREDENTIALS);
      },
    );
  },
);

interface Changed {
  readonly first: string;
  readonly later: readonly string[];
  readonly leaked: string;
  readonly entered: string;
}

describeWith(['squid', 'samba'], 'a profile that was changed', () => {
  let samba: RunningSamba;
  let front: { readonly port: number; close(): Promise<void> };
  let before: RunningSquid;
  let recorded: RecordingRelay;
  beforeAll(async () => {
    samba = await takeSamba();
    const asking = { ...samba.squid, digest: SAMBA_USER, auth: SAMBA_USER, hosts: targets.names };
    before = await startSquid(asking);
    recorded = await startRecordingRelay(before.port);
    front = await startTlsFront(ca.issue(), recorded.port);
  });
  afterAll(() => Promise.all([before.stop(), recorded.close(), front.close()]));

  /** What comes of it through the proxy as it was, then as it is now: over compositions of one folder, as over restarts. */
  async function change(authentication: string, to: object): Promise<Changed> {
    const dir = await mkdtemp(join(tmpdir(), 'sallyport-changed-'));
    const ca_file = join(dir, 'ca.pem');
    await writeFile(ca_file, ca.cert);
    const { user, password, domain } = authentication === 'ntlm' ? SAMBA_USER : FILE_USER;
    const corp = { name: 'corp', address: '127.0.0.1', port: before.port, authentication, user, domain, default: true };
    const ask = async (more: object): Promise<string> => {
      const proxies = [{ ...corp, password, allow_cleartext: true, ca_file, ...more }];
      const composed = await composeIn({ updates: { ca_file }, proxies }, 'command', { dir });
      const result = await reach(composed.parts.ports.router, targets.url('https'), 'updates');
      await composed.remove();
      return result;
    };
    try {
      const first = await ask({});
      const sent = recorded.sent.length;
      const later = [await ask(to), await ask(to)];
      const leaked = recorded.sent.slice(sent);
      return { first, later, leaked, entered: await ask({ ...to, password: `${password}!` }) };
    } finally {
      await rm(dir, { recursive: true });
    }
  }

  const cells = () => [
    ...['basic', 'digest', 'ntlm', 'auto'].map(
      (one) => [one, 'another port', () => ({ port: recorded.port })] as const,
    ),
    ['basic', 'another address', () => ({ port: recorded.port, address: 'localhost' })] as const,
    ['basic', 'TLS to it', () => ({ port: front.port, scheme: 'https', address: 'localhost' })] as const,
  ];

  it.each(cells())(
    'changed profile: %s, %s: nothing of the password is sent until it is entered again',
    async (scheme, _what, to) => {
      const { first, later, leaked, entered } = await change(scheme, to());
      expect({ first, later, leaked }).toEqual({ first: 'passed', later: ['AUTH-REBIND', 'AUTH-REBIND'], leaked: '' });
      // This shows that a password that is entered again is sent.
      expect(entered).toMatch(/^AUTH-(REJECTED|DOMAIN)$/);
      expect(recorded.sent).toMatch(CREDENTIALS);
    },
  );
});
