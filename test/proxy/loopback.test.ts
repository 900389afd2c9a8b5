import { once } from 'node:events';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { proxyAt } from '#errors/hop.ts';
import { refuseElsewhere } from '#proxy/loopback.ts';
import { isLoopbackAddress } from '#system/network/addresses.ts';
import { profile, testRouter } from '#test/support/test-router.ts';

/** Where the other end of each connection claims to be; every connection really goes to loopback. */
let claimed: string | null = null;
vi.mock('#proxy/opening/dial.ts', async (original) => {
  const real = await original<typeof import('#proxy/opening/dial.ts')>();
  return {
    ...real,
    dial: async (...args: Parameters<typeof real.dial>) => {
      const dialled = await real.dial(...args);
      if (claimed !== null) Object.defineProperty(dialled.socket, 'remoteAddress', { value: claimed });
      return dialled;
    },
  };
});

let server: Server;
let port: number;
let received = '';
beforeEach(async () => {
  [claimed, received] = [null, ''];
  server = createServer((socket) => socket.on('data', (chunk) => (received += chunk.toString('latin1'))));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  port = (server.address() as AddressInfo).port;
});
afterEach(() => server.close());

/** `open`, or the code of the failure; whatever was opened is let go. */
async function open(url: string, through: 'proxy' | 'direct', authentication: 'basic' | 'digest' = 'basic') {
  const proxies = through === 'proxy' ? [profile(port, { password: 'right', authentication })] : [];
  try {
    const route = testRouter({ proxies }).route('updates', new URL(url.replace('PORT', String(port))));
    const connection = await route.open({ bulk: false, signal: new AbortController().signal });
    connection.release();
    return 'open';
  } catch (error) {
    return (error as { code?: string }).code ?? String(error);
  }
}

describe('a plain URL of this host', () => {
  it.each([
    ['direct', 'http://localhost:PORT/feed.json'],
    ['direct', 'http://127.0.0.1:PORT/feed.json'],
    ['proxy', 'http://localhost/feed.json'],
    ['proxy', 'http://[::1]:8080/feed.json'],
  ] as const)('%s: %s is reached over a connection that ends here', async (through, url) => {
    expect(await open(url, through)).toBe('open');
  });

  it.each([
    ['direct', 'http://localhost:PORT/feed.json', 'basic'],
    ['proxy', 'http://localhost/feed.json', 'basic'],
    ['proxy', 'http://LOCALHOST/feed.json', 'digest'],
    ['proxy', 'http://127.1/feed.json', 'basic'],
    ['proxy', 'http://0x7f000001:81/feed.json', 'basic'],
    ['proxy', 'http://[::1]:8080/feed.json', 'basic'],
    ['proxy', 'ws://localhost/socket', 'basic'],
  ] as const)('%s: %s (%s) goes to no other machine, and nothing is sent', async (through, url, authentication) => {
    claimed = '192.0.2.7';
    expect(await open(url, through, authentication)).toBe('LOOPBACK-ELSEWHERE');
    expect(received).toBe('');
  });

  it('has the proxy and its place named', () => {
    const at = { address: '192.0.2.7', proxy: 'corp', hop: proxyAt('corp', 'proxy.example.com:3128') };
    expect(() => refuseElsewhere(new URL('http://localhost:8080/feed.json?token=x'), at)).toThrow(
      '[LOOPBACK-ELSEWHERE] http://localhost:8080 names this host, but proxy corp is at 192.0.2.7, which is another host. ' +
        'Nothing was sent.',
    );
  });
});

it('loopback: a URL of another host uses its route', async () => {
  claimed = '192.0.2.7';
  expect(await open('http://updates.example.com/feed.json', 'proxy')).toBe('open');
});

describe('loopback: an address', () => {
  it.each(['127.0.0.1', '127.8.9.10', '::1', '::ffff:127.0.0.1'])('%s is a loopback address', (address) => {
    expect(isLoopbackAddress(address)).toBe(true);
  });
  it.each(['10.0.0.1', '128.0.0.1', '::', '::ffff:10.0.0.1', '127.example', 'fe80::1', ''])(
    '%s is not a loopback address',
    (address) => {
      expect(isLoopbackAddress(address)).toBe(false);
    },
  );
});
