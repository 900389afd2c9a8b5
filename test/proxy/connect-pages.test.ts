// What a proxy sends in place of a tunnel: a page after a 200, or a redirect to a portal.

import { afterEach, describe, expect, it } from 'vitest';
import type { CodedError } from '#errors/coded-error.ts';
import { type FaultProxy, type Script, says, startFaultProxy } from '#test/support/fault-proxy.ts';
import { profile, testRouter } from '#test/support/test-router.ts';

const TARGET = new URL('https://updates.example.com/feed.json');
const PAGE = '<!DOCTYPE html><html><head><title>Welcome to Guest WiFi</title></head></html>';

let proxy: FaultProxy;
afterEach(() => proxy.close());

async function failureThrough(script: Script): Promise<CodedError> {
  proxy = await startFaultProxy(script);
  const route = testRouter({ proxies: [profile(proxy.port)] }).route('updates', TARGET);
  return await route.open({ bulk: false, signal: new AbortController().signal }).then(
    () => Promise.reject(new Error('it was opened')),
    (error: CodedError) => error,
  );
}

describe('a page in place of a tunnel', () => {
  it.each([
    ['its head says so', `HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: ${PAGE.length}\r\n\r\n${PAGE}`],
    ['it is glued behind the head', `HTTP/1.1 200 Connection established\r\n\r\n${PAGE}`],
    [
      'it is chunked',
      `HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nTransfer-Encoding: chunked\r\n\r\n4d\r\n${PAGE}\r\n0\r\n\r\n`,
    ],
  ])('is reported as such, with its title: %s', async (_what, answer) => {
    const error = await failureThrough(says(answer));
    expect(error.message).toBe(
      '[TUNNEL-PAGE] Proxy corp answered CONNECT updates.example.com:443 with 200, but sent a web page instead of ' +
        'opening a tunnel (title: "Welcome to Guest WiFi").',
    );
    expect(error.trace?.phase).toBe('tunnel');
  });

  it('a page in place of a tunnel: it is recognized even if it arrives after its head', async () => {
    const error = await failureThrough((client) => {
      client.write('HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n');
      setImmediate(() => client.end(PAGE));
    });
    expect([error.code, error.facts['title']]).toEqual(['TUNNEL-PAGE', 'Welcome to Guest WiFi']);
  });
});

it.each([302, 307, 303])('a page in place of a tunnel: a %i names its target without the query', async (status) => {
  const location = 'http://portal.example.com/login?session=secret&to=x';
  const error = await failureThrough(
    says(`HTTP/1.1 ${status} Found\r\nLocation: ${location}\r\nContent-Length: 0\r\n\r\n`),
  );
  expect(error.message).toBe(
    `[PROXY-REDIRECT] Proxy corp answered CONNECT updates.example.com:443 with a redirect (${status}) to http://portal.example.com/login?***.`,
  );
});
