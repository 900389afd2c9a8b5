import { describe, expect, it } from 'vitest';
import { type EndpointList, endpointListSchema } from '#control/endpoints.ts';
import { listEndpoints } from '#daemon/answers/endpoints.ts';
import type { ObservedHost } from '#path/observed-hosts.ts';
import { composeIn } from '#test/support/composed.ts';
import { testSettings } from '#test/support/test-settings.ts';

const NOW = Date.UTC(2026, 10, 20);
const CORP = { name: 'corp', address: 'proxy.example.com', port: 3_128, default: true };
const FEED = { feed_url: 'https://updates.example.com/feed.json' };

function list(sections: Record<string, unknown>, seen: readonly ObservedHost[] | null = []): EndpointList {
  return listEndpoints({
    settings: testSettings('/data', sections),
    observedHosts: seen,
    now: NOW,
    version: '0.1.0',
    config: '/etc/sallyport/sallyport.yaml',
    source: 'file',
    placeOf: (key) => (key === 'updates.feed_url' ? 'sallyport.yaml:3' : null),
  });
}

/** `updates feed GET https updates.example.com:443 corp=connect`, one per line. */
function rows({ endpoints }: EndpointList): string[] {
  return endpoints.map(({ purpose, use, requests, scheme, host, port, ways }) => {
    const over = ways.map(({ proxy, how, methods }) => `${proxy ?? 'none'}=${how}(${methods.join(' ')})`).join(' ');
    return `${purpose ?? '-'} ${use} ${requests.join(' ')} ${scheme} ${host}:${port} ${over}`;
  });
}

const sight = (origin: string, by: ObservedHost['by'] = 'feed'): ObservedHost => ({
  purpose: 'updates',
  origin,
  by,
  seen_at: NOW - 3_600_000,
});

describe('the endpoints', () => {
  it('are every host and port of the settings, with purpose, in a fixed order', () => {
    const updates = {
      ...FEED,
      acknowledge_url: 'https://receipts.example.com:8443/take',
      allowed_origins: ['https://cdn.example.com'],
    };
    const others = {
      support_logs: { url: 'https://support.example.com/in' },
      exposure_analytics: { url: 'https://analytics.example.com/' },
      platform: { url: 'wss://platform.example.com/link' },
    };
    const connect = 'corp=connect(CONNECT)';
    expect(rows(list({ updates, ...others, proxies: [CORP] }))).toEqual([
      `exposure_analytics exposure_analytics POST https analytics.example.com:443 ${connect}`,
      `updates packages GET https cdn.example.com:443 ${connect}`,
      `platform platform GET POST wss platform.example.com:443 ${connect}`,
      `updates receipts POST https receipts.example.com:8443 ${connect}`,
      `support_logs support_logs HEAD PATCH POST PUT https support.example.com:443 ${connect}`,
      `updates feed GET https updates.example.com:443 ${connect}`,
      `updates packages GET https updates.example.com:443 ${connect}`,
    ]);
  });

  it.each([
    ['wss', 'websocket', true],
    ['https', 'websocket', true],
    ['https', 'poll', false],
  ])('endpoints: a platform with %s in mode %s needs a WebSocket: %s', (scheme, mode, needed) => {
    const platform = { url: `${scheme}://platform.example.com/link`, mode };
    expect(list({ platform, proxies: [CORP] }).endpoints).toMatchObject([{ websocket: needed, tls_end_to_end: true }]);
  });

  it('endpoints: a platform over plain ws on this host is part of an answer that commands accept', () => {
    const { endpoints } = endpointListSchema.parse(list({ platform: { url: 'ws://127.0.0.1:8080/link' } }));
    expect(endpoints).toMatchObject([{ scheme: 'http', websocket: true, tls_end_to_end: false }]);
  });

  it('endpoints: https uses CONNECT, http is plain unless the profile tunnels it', () => {
    const updates = { feed_url: 'http://127.0.0.1:8000/feed.json', acknowledge_url: 'https://r.example.com/' };
    expect(rows(list({ updates, proxies: [CORP] })).map((row) => row.split(' ').slice(5).join(' '))).toEqual([
      'corp=plain(GET)',
      'corp=plain(GET)',
      'corp=connect(CONNECT)',
    ]);
    const tunnels = list({ updates, proxies: [{ ...CORP, tunnel_http: true }] });
    expect(tunnels.endpoints.map(({ ways }) => ways[0]?.how)).toEqual(['connect', 'connect', 'connect']);
    expect(tunnels.endpoints.map(({ tls_end_to_end: tls }) => tls)).toEqual([false, false, true]);
  });

  it.each(['digest', 'ntlm', 'negotiate', 'auto'])(
    'have HEAD in addition to GET and POST without TLS under %s',
    (way) => {
      const updates = { feed_url: 'http://127.0.0.1:8000/feed.json', acknowledge_url: 'http://127.0.0.1:8001/' };
      const corp = { ...CORP, authentication: way, user: 'svc', password: { env: 'X' } };
      const methods = list({ updates, proxies: [corp] }).endpoints.map(({ ways }) => ways[0]?.methods);
      expect(methods).toEqual([
        ['GET', 'HEAD'],
        ['GET', 'HEAD'],
        ['POST', 'HEAD'],
      ]);
    },
  );

  it('have each fallback with its connection mode; SOCKS proxies see no HTTP', () => {
    const spare = { name: 'spare', address: 'spare.example.com', port: 1_080, scheme: 'socks5h' };
    const found = list({ updates: FEED, proxies: [{ ...CORP, fallback: ['spare'] }, spare] });
    expect(found.endpoints[0]?.ways).toEqual([
      { proxy: 'corp', how: 'connect', methods: ['CONNECT'], stands_in: false },
      { proxy: 'spare', how: 'socks', methods: [], stands_in: true },
    ]);
    expect(found.proxies.map(({ name, scheme, address, port }) => `${name} ${scheme} ${address}:${port}`)).toEqual([
      'corp http proxy.example.com:3128',
      'spare socks5h spare.example.com:1080',
    ]);
  });

  it('endpoints: no_proxy, none and no proxies give direct routes, with the place of the reason', () => {
    const exempt = list({ updates: FEED, proxies: [{ ...CORP, no_proxy: '.example.com' }] });
    expect(exempt.endpoints[0]?.ways).toEqual([{ proxy: null, how: 'direct', methods: ['GET'], stands_in: false }]);
    expect(exempt.endpoints[0]?.why.at(-1)).toContain('proxies[0].no_proxy has the token .example.com');
    expect(exempt.proxies).toEqual([]);
    const none = list({ updates: FEED, proxies: [CORP], use_proxy_for: { updates: 'none' } });
    expect(none.endpoints[0]).toMatchObject({
      ways: [{ how: 'direct' }],
      from: ['updates.feed_url (sallyport.yaml:3)'],
    });
    expect(list({ updates: FEED }).endpoints[0]?.ways[0]?.how).toBe('direct');
  });

  it('have a reason instead of a route where the settings refuse one', () => {
    const found = list({ updates: FEED, proxy_required: true, proxies: [CORP], use_proxy_for: { updates: 'none' } });
    expect(found.endpoints[0]).toMatchObject({ ways: [], refused: { code: 'POLICY-DIRECT' } });
  });

  it('endpoints: a PAC file is listed once, directly, and only if its profile is used', () => {
    const wpad = { name: 'wpad', scheme: 'pac', pac: { url: 'http://wpad.example.com/proxy.pac?site=1' } };
    const used = list({ updates: FEED, proxies: [CORP, wpad], use_proxy_for: { updates: 'wpad', platform: 'wpad' } });
    expect(rows(used)).toContain('- pac_file GET http wpad.example.com:80 none=direct(GET)');
    expect(used.endpoints.filter(({ use }) => use === 'pac_file')).toHaveLength(1);
    expect(used.notes).toEqual([
      'The proxies of profile wpad come from a PAC file. Some targets may be reached directly.',
    ]);
    expect(used.proxies).toMatchObject([{ name: 'wpad', address: null, port: null }]);
    expect(rows(list({ updates: FEED, proxies: [CORP, wpad] })).join()).not.toContain('pac_file');
  });

  it('do not have an allowed origin that nothing can lead to, and say so', () => {
    const found = list({ updates: { ...FEED, allowed_origins: ['http://old.example.com'] } });
    expect(rows(found).join()).not.toContain('old.example.com');
    expect(found.notes.join()).toContain('http://old.example.com in updates.allowed_origins is never used');
  });

  it('have the hosts of a purpose that is disabled, and say that it is', () => {
    const url = 'https://support.example.com/in';
    const off = list({ support_logs: { url } });
    const on = list({ support_logs: { url, enabled: true } });

    expect([rows(off), rows(on)].map((found) => found.join())).toEqual(
      Array<unknown>(2).fill(expect.stringContaining('support.example.com:443')),
    );
    expect(off.notes.join()).toContain('support_logs is configured but not enabled');
    expect(on.notes).toEqual([]);
  });

  it('say so when nothing is configured', () => {
    expect(list({})).toMatchObject({ endpoints: [], proxies: [], notes: [expect.stringContaining('No URL is set')] });
  });

  it('have no user, path or query of any URL, configured or observed', () => {
    const updates = { feed_url: 'https://updates.example.com/secret-path?secret=1' };
    const found = list({ updates, proxies: [CORP] }, [sight('https://other.example.com')]);
    expect(JSON.stringify(found)).not.toMatch(/secret/);
  });
});

describe('observed endpoints', () => {
  it('have the time when they were observed, if the settings allow them', () => {
    const updates = { ...FEED, allowed_origins: ['https://cdn.example.com'] };
    const found = list({ updates }, [sight('https://cdn.example.com'), sight('https://updates.example.com', 'feed')]);
    const seen = found.endpoints.map(({ host, use, seen: at }) => `${host} ${use} ${at?.by ?? '-'} ${at?.at ?? '-'}`);
    expect(seen).toEqual([
      'cdn.example.com packages feed 2026-11-19T23:00:00.000Z',
      'updates.example.com feed - -',
      'updates.example.com packages feed 2026-11-19T23:00:00.000Z',
    ]);
    expect(found.seen_only).toEqual([]);
  });

  it('endpoints: an observed host that is not allowed is listed apart, with its code', () => {
    const found = list({ updates: FEED, proxies: [CORP] }, [
      sight('https://evil.example.com:8443', 'redirect'),
      sight('http://updates.example.com', 'redirect'),
      sight('http://169.254.169.254'),
    ]);
    expect(found.seen_only?.map(({ host, port, by, code }) => `${host}:${port} ${by} ${code}`)).toEqual([
      '169.254.169.254:80 feed URL-INTERNAL',
      'evil.example.com:8443 redirect URL-FOREIGN',
      'updates.example.com:80 redirect URL-DOWNGRADE',
    ]);
    expect(new Set(found.endpoints.map(({ host, port }) => `${host}:${port}`))).toEqual(
      new Set(['updates.example.com:443']),
    );
  });

  it('are reported as unknown if their file cannot be read', () => {
    expect(list({ updates: FEED }, null)).toMatchObject({
      seen_only: null,
      endpoints: [{ seen: null }, { seen: null }],
    });
  });
});

describe('a running daemon', () => {
  it('endpoints: a running daemon lists those of its active settings, with lines of the file', async () => {
    const composed = await composeIn({ updates: FEED, proxies: [CORP] });
    try {
      const { ports } = composed.parts;
      ports.habits.ledTo({ purpose: 'updates', by: 'feed', urls: [new URL('https://new.example.com/x')] });
      const found = await composed.agent.endpoints();
      expect(endpointListSchema.parse(found)).toEqual(found);
      expect(found).toMatchObject({ source: 'daemon', seen_only: [{ host: 'new.example.com', code: 'URL-FOREIGN' }] });
      expect(found.endpoints[0]?.from[0]).toMatch(/^updates\.feed_url \(sallyport\.yaml:\d+\)$/);
    } finally {
      await composed.remove();
    }
  });
});

describe('endpoints: bodies of uploads', () => {
  const logs = { url: 'https://support.example.com/in' };
  const analytics = { url: 'https://analytics.example.com/', batch_max_bytes: 2_097_152 };

  it('endpoints: each upload has its methods, types and largest body', () => {
    expect(list({ updates: FEED, support_logs: logs, exposure_analytics: analytics }).bodies).toEqual([
      {
        purpose: 'support_logs',
        scheme: 'https',
        host: 'support.example.com',
        port: 443,
        methods: ['HEAD', 'PATCH', 'POST', 'PUT'],
        types: ['application/offset+octet-stream', 'application/json'],
        largest: 8_388_608,
      },
      {
        purpose: 'exposure_analytics',
        scheme: 'https',
        host: 'analytics.example.com',
        port: 443,
        methods: ['POST'],
        types: ['application/x-ndjson'],
        largest: 2_097_152,
      },
    ]);
  });

  it.each([
    [{ protocol: 'put', max_bytes: 50_000_000 }, ['application/zstd'], 50_000_000],
    [{ protocol: 'put', archive: 'zip', max_bytes: 50_000_000 }, ['application/zip'], 50_000_000],
  ])('endpoints: support logs with %j send one body with the whole bundle', (section, types, largest) => {
    expect(list({ support_logs: { ...logs, ...section } }).bodies).toMatchObject([{ types, largest }]);
  });

  it('endpoints: a batch may exceed a small limit by a single document', () => {
    const [body] = list({ exposure_analytics: { ...analytics, batch_max_bytes: 65_536 } }).bodies;
    expect(body?.largest).toBe(1_048_576);
  });
});
