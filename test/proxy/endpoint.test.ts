import { describe, expect, it } from 'vitest';
import { proxyAt } from '#errors/hop.ts';
import { connectModeThrough, endpointOf } from '#proxy/endpoint.ts';
import { makeHop, ownHop } from '#proxy/hop.ts';
import { profile } from '#test/support/test-router.ts';

describe('endpoint: a URL', () => {
  it.each([
    ['https://updates.example.com/feed', { host: 'updates.example.com', port: 443, tls: true, forwardable: false }],
    ['http://updates.example.com:8080/', { port: 8080, tls: false, forwardable: true }],
    ['ws://updates.example.com/', { port: 80, tls: false, forwardable: false }],
    ['wss://[2001:db8::1]/', { host: '2001:db8::1', authority: '[2001:db8::1]:443', tls: true }],
  ])('%s', (url, endpoint) => {
    expect(endpointOf(new URL(url))).toMatchObject(endpoint);
  });

  it('only HTTP proxies get absolute form', () => {
    const endpoint = endpointOf(new URL('http://updates.example.com/'));
    const how = (['http', 'https', 'socks4a', 'socks5h'] as const).map((scheme) =>
      connectModeThrough(profile(1), scheme, endpoint),
    );
    expect(how).toEqual(['forward', 'forward', 'tunnel', 'tunnel']);
  });
});

describe('endpoint: a hop', () => {
  it('has brackets in its name if its address is IPv6', () => {
    const hop = makeHop(profile(3128), { scheme: 'https', address: '2001:db8::1', port: 3128 });
    expect(hop).toMatchObject({ url: 'https://[2001:db8::1]:3128', place: proxyAt('corp', '[2001:db8::1]:3128') });
  });

  it('is bound to itself, unless another name is given', () => {
    const at = { scheme: 'http', address: 'p.example', port: 3128 } as const;
    expect(makeHop(profile(3128), at).boundTo).toBe('http://p.example:3128');
    expect(makeHop(profile(3128), { ...at, boundTo: 'pac:corp' }).boundTo).toBe('pac:corp');
  });

  it.each(['pac', 'environment'] as const)('is not the profile itself if scheme is %s', (scheme) => {
    expect(ownHop({ ...profile(3128), scheme })).toBeNull();
  });
});
