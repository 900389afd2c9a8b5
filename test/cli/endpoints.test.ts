import { describe, expect, it } from 'vitest';
import { endpointsCommand } from '#cli/endpoints.ts';
import type { EndpointList, EndpointRow } from '#control/endpoints.ts';
import { squidLines } from '#control/text/endpoints-squid.ts';
import { endpointLines } from '#control/text/endpoints-text.ts';
import { anEndpointList } from '#test/support/fake-control.ts';
import { fakeTerminal } from '#test/support/fake-terminal.ts';

const [FEED] = anEndpointList().endpoints as [EndpointRow];
const at = (over: Partial<EndpointRow>): EndpointRow => ({ ...FEED, ...over });
const plain = (host: string, ...methods: string[]): EndpointRow =>
  at({
    host,
    port: 80,
    scheme: 'http',
    tls_end_to_end: false,
    ways: [{ proxy: 'corp', how: 'plain', methods, stands_in: false }],
  });
const direct = (over: Partial<EndpointRow>): EndpointRow =>
  at({ ways: [{ proxy: null, how: 'direct', methods: ['GET'], stands_in: false }], ...over });

const text = (endpoints: readonly EndpointRow[], over: Partial<EndpointList> = {}) =>
  endpointLines(anEndpointList({ endpoints: [...endpoints], ...over }));
const acl = (endpoints: readonly EndpointRow[], over: Partial<EndpointList> = {}) =>
  squidLines(anEndpointList({ endpoints: [...endpoints], ...over }));
/** The lines that Squid evaluates. */
const rules = (lines: readonly string[]) => lines.filter((line) => line !== '' && !line.startsWith('#'));

describe('endpoints as text', () => {
  it('separates CONNECT and plain HTTP, and says not to intercept TLS', () => {
    const post = at({ use: 'receipts', requests: ['POST'] });
    const link = at({ purpose: 'platform', use: 'platform', host: 'p.example.com', scheme: 'wss', websocket: true });
    const lines = text([link, FEED, post, plain('old.example.com', 'GET', 'HEAD')]);
    expect(lines).toEqual([
      'Endpoints that Sallyport 0.1.0 needs, from /etc/sallyport/sallyport.yaml (active settings of the running daemon)',
      '',
      'Through proxy corp (http, proxy.example.com:3128):',
      '  CONNECT. Do not intercept TLS for these hosts: Sallyport rejects the certificate of an intercepting device, unless allow_interception_by names its CA.',
      '    HOST                     INSIDE     FOR                       LAST SEEN',
      '    p.example.com:443        WebSocket  platform                  -',
      '    updates.example.com:443  GET, POST  updates (feed, receipts)  -',
      '  Plain HTTP',
      '    HOST                METHODS    FOR             LAST SEEN',
      '    old.example.com:80  GET, HEAD  updates (feed)  -',
    ]);
  });

  it('separates direct connections, including the PAC file', () => {
    const file = direct({ purpose: null, use: 'pac_file', host: 'wpad.example.com', port: 80, tls_end_to_end: false });
    const lines = text([direct({}), file], { proxies: [] });
    expect(lines.slice(2)).toEqual([
      'Direct, without a proxy:',
      '  TLS. Do not intercept TLS for these hosts: Sallyport rejects the certificate of an intercepting device, unless allow_interception_by names its CA.',
      '    HOST                     INSIDE  FOR             LAST SEEN',
      '    updates.example.com:443  GET     updates (feed)  -',
      '  Plain HTTP',
      '    HOST                 METHODS  FOR           LAST SEEN',
      '    wpad.example.com:80  GET      the PAC file  -',
    ]);
  });

  it('lists hosts that only feeds and redirects named last', () => {
    const seen = { purpose: 'updates', scheme: 'https', host: 'new.example.com', port: 443 } as const;
    const lines = text([FEED], {
      seen_only: [{ ...seen, by: 'feed', at: '2026-11-19T23:00:00.000Z', code: 'URL-FOREIGN' }],
    });
    expect(lines.slice(-3)).toEqual([
      'Named by a feed or a redirect, but not allowed. Ask the vendor before you allow one in updates.allowed_origins and at the proxy:',
      '    HOST                 SCHEME  LAST SEEN               REFUSED',
      '    new.example.com:443  https   2026-11-19 in the feed  [URL-FOREIGN]',
    ]);
    expect(text([FEED], { seen_only: null }).at(-1)).toContain('are unknown');
  });

  it('shows the day of the last mention, and what the settings refuse', () => {
    const seen = at({ use: 'packages', seen: { by: 'redirect', at: '2026-11-19T23:00:00.000Z' } });
    expect(text([seen]).at(-1)).toMatch(/updates \(packages\) {2}2026-11-19 in a redirect$/);
    const refused = at({ ways: [], refused: { code: 'POLICY-DIRECT', message: 'It would go direct.' } });
    expect(text([refused], { proxies: [] }).slice(-3)).toEqual([
      'Refused by the settings; Sallyport never connects to these:',
      '    HOST                     FOR      WHY',
      '    updates.example.com:443  updates  [POLICY-DIRECT] It would go direct.',
    ]);
  });

  it('marks a fallback proxy, and proxies that a PAC file names', () => {
    const ways: EndpointRow['ways'] = [{ proxy: 'corp', how: 'connect', methods: ['CONNECT'], stands_in: true }];
    expect(text([at({ ways })])[2]).toBe(
      'Through proxy corp (http, proxy.example.com:3128), if another proxy cannot be reached:',
    );
    const pac = { name: 'corp', scheme: 'pac', address: null, port: null, authentication: 'transparent' };
    expect(text([FEED], { proxies: [pac] })[2]).toBe('Through the proxies that the PAC file of corp names:');
  });

  it('lets no foreign text begin a line', () => {
    const lines = text([at({ host: 'a\nAcknowledging' })], { notes: [] });
    expect(lines.join('\n')).not.toMatch(/^Acknowledging/m);
  });
});

describe('endpoints as Squid ACL', () => {
  it('allows each tunnel, and says what not to intercept', () => {
    const other = at({ host: 'cdn.example.com', port: 8_443 });
    const lines = acl([other, FEED]);
    expect(rules(lines)).toEqual([
      'acl sallyport_connect method CONNECT',
      'acl sallyport_443_port port 443',
      'acl sallyport_443_hosts dstdomain -n updates.example.com',
      'http_access allow sallyport_connect sallyport_443_port sallyport_443_hosts',
      'acl sallyport_8443_port port 8443',
      'acl sallyport_8443_hosts dstdomain -n cdn.example.com',
      'http_access allow sallyport_connect sallyport_8443_port sallyport_8443_hosts',
    ]);
    expect(lines).toContain('#   ssl_bump splice sallyport_443_hosts');
    expect(lines.join('\n')).toContain('Do not intercept TLS for these hosts');
  });

  it('allows each host only its own methods for plain HTTP', () => {
    const both = [plain('a.example.com', 'GET'), plain('a.example.com', 'POST'), plain('b.example.com', 'GET', 'HEAD')];
    expect(rules(acl(both))).toEqual([
      'acl sallyport_http proto HTTP',
      'acl sallyport_plain1_port port 80',
      'acl sallyport_plain1_methods method GET HEAD',
      'acl sallyport_plain1_hosts dstdomain -n b.example.com',
      'http_access allow sallyport_http sallyport_plain1_methods sallyport_plain1_port sallyport_plain1_hosts',
      'acl sallyport_plain2_port port 80',
      'acl sallyport_plain2_methods method GET POST',
      'acl sallyport_plain2_hosts dstdomain -n a.example.com',
      'http_access allow sallyport_http sallyport_plain2_methods sallyport_plain2_port sallyport_plain2_hosts',
    ]);
  });

  it('has a section for each HTTP proxy, but not for others', () => {
    const proxies = ['corp', 'far', 'old'].map((name, index) => ({
      name,
      scheme: index === 2 ? 'socks5' : 'http',
      address: `${name}.example.com`,
      port: 3_128,
      authentication: 'transparent',
    }));
    const over = (proxy: string, how: 'connect' | 'socks') => ({ proxy, how, methods: [], stands_in: false });
    const lines = acl(
      [
        at({ ways: [over('corp', 'connect')] }),
        at({ ways: [over('far', 'connect'), over('old', 'socks')] }),
        direct({}),
      ],
      { proxies },
    );
    expect(rules(lines).filter((line) => line.startsWith('http_access'))).toEqual([
      'http_access allow sallyport1_connect sallyport1_443_port sallyport1_443_hosts',
      'http_access allow sallyport2_connect sallyport2_443_port sallyport2_443_hosts',
    ]);
    expect(lines).toContain('# Not listed, because it is not an HTTP proxy: proxy old (socks5, old.example.com:3128)');
  });

  it.each(['.example.com', '"/etc/passwd"', '-n', 'a b', 'x\nhttp_access allow all', "a'b", 'a..b', '*'])(
    'leaves out a name that means something else in squid.conf, and says so: %j',
    (host) => {
      const lines = acl([at({ host })]);
      expect(rules(lines)).toEqual([]);
      expect(lines.filter((line) => line.startsWith('# Left out'))).toHaveLength(1);
    },
  );

  it('keeps addresses as they are, and removes the final dot of a name', () => {
    const lines = acl([at({ host: '2001:db8::1' }), at({ host: '192.0.2.7' }), at({ host: 'a.example.com.' })]);
    const hosts = rules(lines).filter((line) => line.includes('dstdomain'));
    expect(hosts.map((line) => line.split(' -n ')[1])).toEqual(['[2001:db8::1]', '192.0.2.7', 'a.example.com']);
  });

  it('allows no host that only a feed or redirect named', () => {
    const seen = { purpose: 'updates', scheme: 'https', host: 'new.example.com', port: 443 } as const;
    const lines = acl([FEED], {
      seen_only: [{ ...seen, by: 'feed', at: '2026-11-19T23:00:00Z', code: 'URL-FOREIGN' }],
    });
    expect(lines.join('\n')).not.toContain('new.example.com');
  });

  it('does not depend on the time, and may have no rules', () => {
    expect(acl([FEED], { at: '2027-01-01T00:00:00.000Z' })).toEqual(acl([FEED]));
    expect(rules(acl([direct({})], { proxies: [] }))).toEqual([]);
  });
});

describe('endpoints command', () => {
  it('prints each form', () => {
    for (const form of ['text', 'json', 'squid'] as const) {
      const terminal = fakeTerminal();
      expect(endpointsCommand(anEndpointList(), terminal, form)).toBe(0);
      const said = terminal.printed.join('\n');
      if (form === 'json') expect(JSON.parse(said)).toEqual(anEndpointList());
      else expect(said.split('\n')).toEqual(form === 'text' ? text([FEED]) : acl([FEED]));
    }
  });
});

describe('endpoints: the text about uploads', () => {
  it('endpoints: has the size and the types that must pass', () => {
    const body = {
      purpose: 'exposure_analytics' as const,
      scheme: 'https' as const,
      host: 'analytics.example.com',
      port: 443,
      methods: ['POST'],
      types: ['application/x-ndjson'],
      largest: 4_194_304,
    };
    const lines = endpointLines(anEndpointList({ bodies: [body] }));
    const from = lines.indexOf('Uploads; request bodies of this size and these types must pass:');
    expect(lines.slice(from + 1, from + 3)).toEqual([
      '    HOST                       FOR                 METHODS  LARGEST  TYPES',
      '    analytics.example.com:443  exposure_analytics  POST     4.2 MB   application/x-ndjson',
    ]);
  });
});
