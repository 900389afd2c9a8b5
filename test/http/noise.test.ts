// A proxy whose port speaks TLS gets an absolute-form request without TLS: every caller gets the right failure.

import { afterEach, expect, it } from 'vitest';
import { exchange } from '#http/exchange.ts';
import { requestDocument } from '#http/session/document.ts';
import type { Connection } from '#proxy/route.ts';
import { systemClock } from '#system/clock.ts';
import { type FaultProxy, says, startFaultProxy } from '#test/support/fault-proxy.ts';
import { profile, testRouter } from '#test/support/test-router.ts';

const url = new URL('http://updates.example.com/feed.json');
const { signal } = new AbortController();
const deadlines = { firstByteMs: 15_000, silenceMs: 15_000, totalMs: 15_000, key: 'response_timeout.base_ms' };
const common = { request: { method: 'GET' as const, url, headers: {} }, deadlines, clock: systemClock, signal };

let proxy: FaultProxy;
afterEach(() => proxy.close());

const asking: Readonly<Record<string, (bulk: boolean, connection: Connection) => Promise<unknown>>> = {
  document: (_bulk, connection) => requestDocument({ ...common, connection, limitBytes: 1_000 }),
  exchange: async (_bulk, connection) => {
    const result = await exchange({ ...common, connection, expectedBytes: null, onHead: () => null });
    if (result.ended === 'failed') throw result.error;
  },
};

async function failureOf(answer: string, how: string, bulk: boolean): Promise<unknown> {
  proxy = await startFaultProxy(says(answer));
  const connection = await testRouter({ proxies: [profile(proxy.port)] })
    .route('updates', url)
    .open({ bulk, signal });
  return await asking[how]?.(bulk, connection).then(
    () => null,
    (error: unknown) => error,
  );
}

const ALERT = '\u0015\u0003\u0001\u0000\u0002\u0002\u0046';

it.each([
  ['document', false],
  ['exchange', false],
  ['exchange', true],
] as const)('%s (bulk %s): a TLS record is PROXY-SCHEME, any other noise is BAD-RESPONSE', async (how, bulk) => {
  expect(await failureOf(ALERT, how, bulk)).toMatchObject({
    code: 'PROXY-SCHEME',
    facts: { proxy: 'corp', speaks: 'TLS', wanted: 'https', answer: 'a TLS record' },
    trace: { phase: 'response' },
  });
  await proxy.close();
  expect(await failureOf('SSH-2.0-OpenSSH_9.2\r\n', how, bulk)).toMatchObject({ code: 'BAD-RESPONSE' });
});
