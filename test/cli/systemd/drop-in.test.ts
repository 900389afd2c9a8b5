import { describe, expect, it } from 'vitest';
import { type DropInFacts, dropInLines, nameServersIn } from '#cli/systemd/drop-in.ts';
import type { EndpointCandidate, EndpointProxy, EndpointRow } from '#control/endpoints.ts';

const THROUGH: EndpointCandidate = { proxy: 'corp', how: 'connect', methods: ['CONNECT'], stands_in: false };
const DIRECT: EndpointCandidate = { proxy: null, how: 'direct', methods: [], stands_in: true };
const row = (...ways: readonly EndpointCandidate[]): EndpointRow => ({
  purpose: 'updates',
  use: 'feed',
  scheme: 'https',
  host: 'updates.example.com',
  port: 443,
  requests: ['GET'],
  websocket: false,
  tls_end_to_end: true,
  ways: [...ways],
  refused: null,
  from: [],
  why: [],
  seen: null,
});
const CORP: EndpointProxy = {
  name: 'corp',
  scheme: 'http',
  address: 'proxy.example.com',
  port: 3128,
  authentication: 'basic',
};

const facts = (changed: Partial<DropInFacts> = {}): DropInFacts => ({
  file: '/etc/sallyport/sallyport.yaml',
  secretsFolder: '/etc/sallyport/secrets',
  credentials: ['proxy-password'],
  endpoints: { endpoints: [row(THROUGH)], proxies: [CORP] },
  addresses: new Map([['corp', ['192.0.2.1', '2001:db8::1']]]),
  nameServers: ['192.0.2.53'],
  usersNeeded: [],
  privateUsers: false,
  ...changed,
});
/** Without comments. */
const directives = (changed: Partial<DropInFacts> = {}) =>
  dropInLines(facts(changed)).filter((line) => !line.startsWith('#'));
const LIMITED = 'IPAddressDeny=any';

describe('drop-in', () => {
  it('drop-in: proxies with addresses, name servers and localhost are all that is allowed', () => {
    expect(directives()).toEqual([
      '[Service]',
      'LoadCredential=proxy-password:/etc/sallyport/secrets/proxy-password',
      LIMITED,
      'IPAddressAllow=localhost',
      'IPAddressAllow=192.0.2.1',
      'IPAddressAllow=2001:db8::1',
      'IPAddressAllow=192.0.2.53',
    ]);
    const lines = dropInLines(facts());
    expect(lines).toContain(
      '# Proxy corp: proxy.example.com has these addresses now. If they change, make this file again.',
    );
    const literal = { ...CORP, address: '192.0.2.1' };
    const fixed = {
      endpoints: { endpoints: [row(THROUGH)], proxies: [literal] },
      addresses: new Map([['corp', ['192.0.2.1']]]),
    };
    expect(dropInLines(facts(fixed))).toContain('# Proxy corp');
  });

  it.each([
    [
      'a direct connection in place of a proxy',
      { endpoints: [row(THROUGH, DIRECT)], proxies: [CORP] },
      'updates can connect',
    ],
    [
      'a PAC file',
      { endpoints: [row(THROUGH)], proxies: [{ ...CORP, scheme: 'pac', address: null }] },
      'corp is a PAC file',
    ],
    [
      'the environment',
      { endpoints: [row(THROUGH)], proxies: [{ ...CORP, scheme: 'environment', address: null }] },
      'variable',
    ],
    ['Kerberos', { endpoints: [row(THROUGH)], proxies: [{ ...CORP, authentication: 'negotiate' }] }, 'Kerberos'],
    [
      'a name without an address',
      { endpoints: [row(THROUGH)], proxies: [{ ...CORP, name: 'b' }] },
      'cannot be looked up',
    ],
    ['no server', { endpoints: [], proxies: [] }, 'no server'],
  ])('drop-in: with %s nothing is blocked, and a comment says why', (_, endpoints, reason) => {
    expect(directives({ endpoints })).not.toContain(LIMITED);
    const lines = dropInLines(facts({ endpoints }));
    expect(lines[lines.indexOf('# IPAddressDeny=any is left out:') + 1]).toContain(reason);
  });

  it('drop-in: text of the configuration cannot add a line or a specifier', () => {
    const hostile = 'corp\nExecStart=/bin/sh';
    const proxies = [{ ...CORP, name: hostile, address: hostile }];
    const lines = dropInLines(
      facts({
        file: `/etc/${hostile}`,
        secretsFolder: '/etc/100%n',
        endpoints: { endpoints: [row({ ...THROUGH, proxy: hostile })], proxies },
        addresses: new Map([[hostile, ['192.0.2.1']]]),
      }),
    );
    expect(lines.filter((line) => line.includes('\n') || line.startsWith('ExecStart'))).toEqual([]);
    expect(lines).toContain('LoadCredential=proxy-password:/etc/100%%n/proxy-password');
  });

  it('drop-in: PrivateUsers= is printed on request, never if users of the host are needed', () => {
    expect(directives()).not.toContain('PrivateUsers=yes');
    expect(directives({ privateUsers: true })).toContain('PrivateUsers=yes');
    const needed = { privateUsers: true, usersNeeded: ['Programs of other users submit exposure analytics.'] };
    expect(directives(needed)).not.toContain('PrivateUsers=yes');
    expect(dropInLines(facts(needed))).toContain('# PrivateUsers=yes is left out:');
  });

  it('drop-in: name servers are read from resolv.conf, each once', () => {
    const text =
      '# nameserver 1.1.1.1\nsearch example.com\nnameserver 192.0.2.53\n\tnameserver fe80::1%eth0\nnameserver 192.0.2.53\n';
    expect(nameServersIn(text)).toEqual(['192.0.2.53', 'fe80::1']);
    expect(nameServersIn('')).toEqual([]);
  });
});
