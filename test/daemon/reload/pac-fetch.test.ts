import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { pacFetch } from '#daemon/reload/pac-fetch.ts';
import { systemClock } from '#system/clock.ts';
import { testRouter } from '#test/support/test-router.ts';

const signal = new AbortController().signal;

let server: Server;
let asked: IncomingMessage[];
beforeAll(async () => {
  server = createServer((request, response) => {
    asked.push(request);
    if (request.url === '/moved.pac') response.writeHead(302, { location: '/proxy.pac' }).end();
    else if (request.url === '/gone.pac') response.writeHead(404).end();
    else if (request.headers['if-none-match'] === '"one"') response.writeHead(304, { etag: '"one"' }).end();
    else response.setHeader('etag', '"one"').end('function FindProxyForURL() {}');
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
});
afterAll(() => server.close());
beforeEach(() => {
  asked = [];
});

function fetchFrom(path: string, etag: string | null = null, limitBytes = 1_000) {
  const router = testRouter({ settings: { proxy_enabled: false } });
  const fetch = pacFetch({ clock: systemClock, userAgent: 'Sallyport/test', router: () => router });
  return fetch(new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}${path}`), {
    purpose: 'platform',
    etag,
    limitBytes,
    signal,
  });
}

describe('PAC fetch', () => {
  it('comes with its ETag, requested with our user agent and without a credential', async () => {
    const answer = await fetchFrom('/proxy.pac');

    expect(answer).toMatchObject({ kind: 'text', etag: '"one"' });
    expect(answer.kind === 'text' && Buffer.from(answer.body).toString()).toBe('function FindProxyForURL() {}');
    expect(asked[0]?.headers).toMatchObject({ 'user-agent': 'Sallyport/test' });
    expect(Object.keys(asked[0]?.headers ?? {})).not.toContain('authorization');
  });

  it('is not sent again if it has not changed', async () => {
    expect(await fetchFrom('/proxy.pac', '"one"')).toEqual({ kind: 'unchanged' });
  });

  it.each([
    ['/gone.pac', 'ORIGIN-REFUSED'],
    ['/moved.pac', 'ORIGIN-REFUSED'],
  ])('from %s is refused, and no other URL is requested', async (path, code) => {
    await expect(fetchFrom(path)).rejects.toMatchObject({ code });
    expect(asked).toHaveLength(1);
  });

  it('is refused if it is too large', async () => {
    await expect(fetchFrom('/proxy.pac', null, 10)).rejects.toMatchObject({ code: 'DOCUMENT-TOO-LARGE' });
  });
});
