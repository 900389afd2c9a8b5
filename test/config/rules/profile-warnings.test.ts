import { describe, expect, it } from 'vitest';
import { warningsFor } from '#config/rules/profile-warnings.ts';
import { ConfigFolder } from '#test/support/config-file.ts';

const folder = await ConfigFolder.make();
const { settings } = await folder.accept('version: 2\nupdates: {feed_url: https://updates.example.com/feed.json}\n');
const withPlatform = (await folder.accept('version: 2\nplatform: {url: wss://platform.example.com/}\n')).settings;
await folder.remove();

describe('warnings about a proxy address', () => {
  it('are absent for an ordinary address', () => {
    expect(warningsFor('proxy.example.com', { settings, gateways: ['10.0.0.1'] })).toEqual([]);
    expect(warningsFor('10.0.0.5', { settings, gateways: ['10.0.0.1'] })).toEqual([]);
  });

  it('suggest a direct connection for the update server itself', () => {
    expect(warningsFor('Updates.example.com', { settings, gateways: [] })).toEqual([
      'updates.example.com is also the host of updates.feed_url. If it is the update server and not a proxy, choose a direct connection: ' +
        'sallyport route set updates none',
    ]);
  });

  it.each([
    ['10.0.0.1', '10.0.0.1'],
    ['fe80:0:0::1', 'fe80::1'],
  ])('point out the default gateway: %s', (address, gateway) => {
    expect(warningsFor(address, { settings, gateways: [gateway] })[0]).toContain('default gateway');
  });

  it.each(['10.1.2.3', '172.31.0.1', '192.168.1.1', '127.0.0.1', '::1', 'fd00::1', 'proxy', 'proxy.local'])(
    'point out that the platform cannot reach it: %s',
    (address) => {
      expect(warningsFor(address, { settings: withPlatform, gateways: [] })[0]).toContain('internet');
      expect(warningsFor(address, { settings, gateways: [] })).toEqual([]);
    },
  );

  it.each(['proxy.example.com', '203.0.113.5', '2001:db8::1', '172.32.0.1'])(
    'are absent if the platform can reach it: %s',
    (address) => {
      expect(warningsFor(address, { settings: withPlatform, gateways: [] })).toEqual([]);
    },
  );
});
