// What a failure of a response says about the route: no scanner and no resume where none is possible.

import { afterEach, describe, expect, it } from 'vitest';
import { holderOf } from '#http/deadlines.ts';
import { exchange } from '#http/exchange.ts';
import { systemClock } from '#system/clock.ts';
import { type FaultProxy, says, startFaultProxy } from '#test/support/fault-proxy.ts';
import { testRouter } from '#test/support/test-router.ts';

it.each([
  ['forward', 'http', true],
  ['tunnel', 'http', true],
  ['tunnel', 'https', false],
  ['direct', 'http', false],
  ['direct', 'https', false],
] as const)('what holds an answer back, %s over %s: a scanning proxy is possible: %s', (how, scheme, scans) => {
  expect(holderOf({ how }, new URL(`${scheme}://updates.example.com/`)).includes('scanning')).toBe(scans);
});

it('what holds an answer back: a proxy that decrypts https may scan', () => {
  const decrypted = { how: 'tunnel', decryptedBy: 'CN=Example Inspection CA' } as const;
  expect(holderOf(decrypted, new URL('https://updates.example.com/'))).toContain('scanning');
});

describe('failure words: a connection that is cut', () => {
  let server: FaultProxy;
  afterEach(() => server.close());

  const head = (fields: string) => `HTTP/1.1 200 OK\r\n${fields}Content-Length: 10\r\n\r\nhalf`;
  it.each([
    ['bytes', head('Accept-Ranges: bytes\r\n'), 'the bytes are kept, and the next attempt continues from there'],
    [
      'none',
      head('Accept-Ranges: none\r\n'),
      'the server does not support range requests, so the next attempt starts over',
    ],
    ['nothing', head(''), 'the bytes are kept, and the next attempt tries to continue from there'],
    ['no head', '', 'it is tried again'],
  ])('has the advice for %s about ranges', async (_what, answer, words) => {
    server = await startFaultProxy(says(answer));
    const url = new URL(`http://127.0.0.1:${server.port}/x.jar`);
    const { signal } = new AbortController();
    const connection = await testRouter().route('updates', url).open({ bulk: true, signal });
    const result = await exchange({
      connection,
      request: { method: 'GET', url, headers: {} },
      deadlines: { firstByteMs: 15_000, silenceMs: 15_000, totalMs: 15_000, key: 'a test' },
      clock: systemClock,
      signal,
      expectedBytes: 10,
      onHead: () => ({ write: () => undefined }),
    });
    if (result.ended !== 'failed') throw new Error('it was complete');
    expect([result.error.code, result.error.check]).toEqual([
      'CONNECTION-LOST',
      expect.stringContaining(`The proxy or the server cut the connection; ${words}.`),
    ]);
  });
});
