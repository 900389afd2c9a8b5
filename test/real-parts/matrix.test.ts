// The matrix: kind of proxy x authentication x protocol x credential, through real proxies. Each cell has a target name of
// its own, asks for it once, and says what came of it and what the proxy's own log says: status, method, and who it was.

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ProxyProfile } from '#proxy/profile.ts';
import { account, type Cell, cells, type Expected, shortened, withPassword } from '#test/support/cells.ts';
import { createCa } from '#test/support/certificates.ts';
import { KDC_PROXY, type RunningKdc, takeKdc } from '#test/support/kdc.ts';
import { describeWith } from '#test/support/real-parts.ts';
import { type RunningSamba, SAMBA_USER, takeSamba } from '#test/support/samba.ts';
import { type RunningSquid, startSquid } from '#test/support/squid.ts';
import { reach, startTargets, type Targets } from '#test/support/targets.ts';
import { profile, testRouter } from '#test/support/test-router.ts';
import { type RunningTinyproxy, startTinyproxy } from '#test/support/tinyproxy.ts';

/** What of the profile is not as usual, and the URL where it is not the next one. */
type More = Partial<ProxyProfile> & { readonly url?: URL };

const DENIED = 'denied.test';
const proxyCa = createCa('Proxy CA');
const proxyTrust = { ca: { key: 'proxies[0].ca_file', path: '/ca.pem', pem: proxyCa.cert } };

let targets: Targets;
beforeAll(async () => {
  targets = await startTargets(400);
});
afterAll(() => targets.close());

describeWith(['squid', 'samba', 'kerberos'], 'Squid with all methods', () => {
  let samba: RunningSamba;
  let kdc: RunningKdc;
  let squid: RunningSquid;
  let open: RunningSquid;
  let keyless: RunningSquid;
  beforeAll(async () => {
    [samba, kdc] = await Promise.all([takeSamba(), takeKdc()]);
    const hosts = targets.names;
    const schemes = [...kdc.squid, ...samba.squid.schemes];
    const tls = proxyCa.issue();
    [squid, open, keyless] = await Promise.all([
      startSquid({ ...samba.squid, schemes, digest: SAMBA_USER, auth: SAMBA_USER, hosts, tls }),
      startSquid({ hosts, tls, denyHosts: [`.${DENIED}`], allowPorts: [targets.plainPort, targets.securePort] }),
      startSquid({ schemes: kdc.squidWithAnotherKey, hosts, tls }),
    ]);
  });
  afterAll(() => Promise.all([squid, open, keyless].map((part) => part.stop())));

  /** Asks for the cell's URL, and says what came of it, what the log says of its name, and what the origin saw. */
  async function expectCell(cell: Cell, expected: Expected, through = squid, more: More = {}) {
    const { url = targets.url(cell.protocol), ...given } = more;
    const port = cell.scheme === 'https' ? through.tlsPort : through.port;
    const proxies = [{ ...profile(port, account(cell)), scheme: cell.scheme, ...given }];
    expect(await reach(testRouter({ proxies, trust: targets.trust, proxyTrust }), url)).toBe(expected.result);
    const log = await through.accessLog(expected.log.length, `${url.hostname}:`);
    expect(log.map(shortened)).toEqual(expected.log);
    const requests = expected.log.filter((line) => line.startsWith('200')).length;
    expect(targets.seen(url)).toEqual({ requests, proxyHeaders: [] });
  }

  // One after the other: asked about a user twice at once, Squid takes its helper's first word for both passwords.
  describe.each(['right', 'wrong'] as const)('the %s password', (credentials) => {
    const passwords = cells(['basic', 'digest', 'ntlm', 'auto'], [credentials]);
    it.concurrent.each(passwords)('$scheme, $authentication, $protocol', async (cell) => {
      await expectCell(cell, withPassword(cell));
    });
  });

  it.concurrent.each(cells(['transparent'], ['missing']))('$scheme, without a user, $protocol', async (cell) => {
    const line = cell.protocol === 'http' ? '407 GET' : '407 CONNECT';
    await expectCell(cell, { result: 'AUTH-REQUIRED', log: [line] });
  });

  it.concurrent.each(cells(['transparent'], ['right']))('$scheme, without authentication, $protocol', async (cell) => {
    const line = cell.protocol === 'http' ? '200 GET -' : '200 CONNECT -';
    await expectCell(cell, { result: 'passed', log: [line] }, open);
  });

  it.concurrent.each(cells(['transparent'], ['right']))('$scheme, a denied name, $protocol', async (cell) => {
    const url = targets.url(cell.protocol, `${cell.scheme}-${cell.protocol}.${DENIED}`);
    const log = [cell.protocol === 'http' ? '403 GET -' : '403 CONNECT -'];
    await expectCell(cell, { result: 'POLICY-DENIED', log }, open, { url });
  });

  it.concurrent.each(cells(['transparent'], ['right']))('$scheme, a denied port, $protocol', async (cell) => {
    const url = targets.url(cell.protocol);
    url.port = '8443';
    const log = [cell.protocol === 'http' ? '403 GET -' : '403 CONNECT -'];
    await expectCell(cell, { result: 'POLICY-DENIED', log }, open, { url });
  });

  /** A process has one environment: who has what is said for all cells of a block. */
  describe.each([
    ['a ticket', 'ticket', ['right', 'wrong']],
    ['a keytab', 'keytab', ['right']],
    ['neither', 'nothing', ['missing']],
  ] as const)('Kerberos, %s', (_what, variables, credentials) => {
    const before = { ...process.env };
    beforeAll(() => {
      Object.assign(process.env, kdc[variables]);
    });
    afterAll(() => {
      for (const name of Object.keys(kdc[variables])) delete process.env[name];
      Object.assign(process.env, before);
    });

    const tickets = [
      ...cells(['negotiate'], credentials),
      ...(variables === 'ticket' ? cells(['auto'], ['right']) : []),
    ];
    it.concurrent.each(tickets)('$scheme, $authentication, $credentials, $protocol', async (cell) => {
      // What is wrong about a ticket is that this proxy can't read it.
      const through = cell.credentials === 'wrong' ? keyless : squid;
      const { authentication } = cell;
      await expectCell(cell, withTicket(cell), through, { authentication, address: KDC_PROXY });
    });
  });

  it("Squid with all methods: the KDC issued tickets for the proxy's name to this user", () => {
    expect(kdc.granted().length).toBeGreaterThan(0);
    expect(kdc.granted().filter((line) => !line.includes('svc_update@CORP.TEST for HTTP/localhost@'))).toEqual([]);
  });
});

describeWith(['tinyproxy'], 'a tinyproxy', () => {
  const given = { user: 'svc_update', password: 'right' };
  let asking: RunningTinyproxy;
  let open: RunningTinyproxy;
  beforeAll(async () => {
    const hosts = targets.names;
    [asking, open] = await Promise.all([startTinyproxy({ auth: given, hosts }), startTinyproxy({ hosts })]);
  });
  afterAll(() => Promise.all([asking.stop(), open.stop()]));

  it.concurrent.each([
    ...cells(['basic', 'auto'], ['right', 'wrong'], ['http']),
    ...cells(['transparent'], ['right', 'missing'], ['http']),
  ])('$authentication, $credentials, $protocol', async ({ authentication, credentials, protocol }) => {
    const url = targets.url(protocol);
    const password = credentials === 'wrong' ? 'wrong' : given.password;
    const through = authentication === 'transparent' && credentials === 'right' ? open : asking;
    const account = authentication === 'transparent' ? undefined : { ...given, password, authentication };
    const proxies = [{ ...profile(through.port, account), allow_cleartext: true }];
    const result = await reach(testRouter({ proxies, trust: targets.trust }), url);
    expect(result).toBe({ right: 'passed', wrong: 'AUTH-REJECTED', missing: 'AUTH-REQUIRED' }[credentials]);
    const line = protocol === 'http' ? `GET ${url.href} HTTP/1.1` : `CONNECT ${url.host} HTTP/1.1`;
    // Without being asked auto shows nothing; where it may not speak first, a HEAD does.
    const first = protocol === 'http' ? line.replace('GET', 'HEAD') : line;
    const reached = credentials === 'right' ? [`reached ${url.hostname}`] : [];
    const expected = authentication === 'auto' ? [first, line, ...reached] : [line, ...reached];
    expect(await through.log(expected.length, url.hostname)).toEqual(expected);
    expect(targets.seen(url)).toEqual({ requests: credentials === 'right' ? 1 : 0, proxyHeaders: [] });
  });
});

function withTicket({ authentication, credentials, protocol }: Cell): Expected {
  const asking = protocol === 'http' ? 'HEAD' : 'CONNECT';
  if (credentials === 'missing') return { result: 'AUTH-TICKET', log: [] };
  if (credentials === 'wrong') return { result: 'AUTH-TICKET', log: [`407 ${asking}`] };
  const passed = protocol === 'http' ? ['200 HEAD', '200 GET'] : ['200 CONNECT'];
  const asked = authentication === 'auto' ? [`407 ${asking}`] : [];
  return { result: 'passed', log: [...asked, ...passed.map((line) => `${line} svc_update@CORP.TEST`)] };
}
