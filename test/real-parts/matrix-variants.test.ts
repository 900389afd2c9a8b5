// The matrix where a Squid is set up in a way that trips clients: nonces of Digest that are soon over, and a connection that
// is closed behind the first challenge of NTLM. The same cells with the same results, and the same lines in its log.

import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { account, type Cell, cells, type Expected, shortened, withPassword } from '#test/support/cells.ts';
import { createCa } from '#test/support/certificates.ts';
import { describeWith } from '#test/support/real-parts.ts';
import { startRecordingRelay } from '#test/support/recording-relay.ts';
import { type RunningSamba, SAMBA_USER, takeSamba } from '#test/support/samba.ts';
import { type RunningSquid, startSquid } from '#test/support/squid.ts';
import { PROTOCOLS, reach, startTargets, type Targets } from '#test/support/targets.ts';
import { profile, testRouter } from '#test/support/test-router.ts';

const proxyCa = createCa('Proxy CA');
const proxyTrust = { ca: { key: 'proxies[0].ca_file', path: '/ca.pem', pem: proxyCa.cert } };

const NONCE_MS = 1_000;

let targets: Targets;
beforeAll(async () => {
  targets = await startTargets(150);
});
afterAll(() => targets.close());

async function expectCell(cell: Cell, through: RunningSquid): Promise<void> {
  const url = targets.url(cell.protocol);
  const { result, log }: Expected = withPassword(cell);
  const port = cell.scheme === 'https' ? through.tlsPort : through.port;
  const proxies = [{ ...profile(port, account(cell)), scheme: cell.scheme }];
  expect(await reach(testRouter({ proxies, trust: targets.trust, proxyTrust }), url)).toBe(result);
  expect((await through.accessLog(log.length, `${url.hostname}:`)).map(shortened)).toEqual(log);
  expect(targets.seen(url)).toEqual({
    requests: log.filter((line) => line.startsWith('200')).length,
    proxyHeaders: [],
  });
}

describeWith(['squid'], 'Squid with short nonces', () => {
  let squid: RunningSquid;
  beforeAll(async () => {
    const extra = ['auth_param digest nonce_max_duration 1 second', 'auth_param digest nonce_max_count 1'];
    squid = await startSquid({ digest: SAMBA_USER, extra, hosts: targets.names, tls: proxyCa.issue() });
  });
  afterAll(() => squid.stop());

  describe.each(['right', 'wrong'] as const)('the %s password', (credentials) => {
    it.concurrent.each(cells(['digest'], [credentials]))('$scheme, $authentication, $protocol', async (cell) => {
      await expectCell(cell, squid);
    });
  });

  // If a nonce has expired, Squid 5 asks its helper again and accepts the proof; other versions answer `stale`. Both are one
  // attempt with the password.
  // All at the same time, because each waits until its nonce has expired.
  describe('the nonce expired', () => {
    const late = (['right', 'wrong'] as const).flatMap((credentials) =>
      PROTOCOLS.map((protocol) => ({ credentials, protocol })),
    );
    it.concurrent.each(late)('the $credentials password, $protocol', async ({ credentials, protocol }) => {
      let delayed = 0;
      const relay = await startRecordingRelay(squid.port, (bytes) => {
        if (delayed > 0 || !/^proxy-authorization: digest/im.test(bytes)) return undefined;
        delayed += 1;
        return delay(NONCE_MS + 1_100);
      });
      const cell = { scheme: 'http', authentication: 'digest', credentials, protocol } as const;
      const url = targets.url(protocol);
      const { result, log } = withPassword(cell);
      try {
        const router = testRouter({ proxies: [profile(relay.port, account(cell))], trust: targets.trust });
        expect(await reach(router, url)).toBe(result);
        expect(delayed).toBe(1);
        const lines = (await squid.accessLog(log.length, `${url.hostname}:`)).map(shortened);
        expect([lines.at(0), lines.at(-1)]).toEqual(log);
        expect(lines.length).toBeLessThanOrEqual(result === 'passed' ? log.length + 1 : log.length);
      } finally {
        await relay.close();
      }
    });
  });
});

describeWith(['squid', 'samba'], 'a Squid', () => {
  let samba: RunningSamba;
  beforeAll(async () => {
    samba = await takeSamba();
  });

  describe.each(['on', 'off'])('keep_alive %s for NTLM', (keepAlive) => {
    let squid: RunningSquid;
    beforeAll(async () => {
      const schemes = [...samba.squid.schemes, `auth_param ntlm keep_alive ${keepAlive}`];
      squid = await startSquid({ ...samba.squid, schemes, hosts: targets.names, tls: proxyCa.issue() });
    });
    afterAll(() => squid.stop());

    describe.each(['right', 'wrong'] as const)('the %s password', (credentials) => {
      it.concurrent.each(cells(['ntlm', 'auto'], [credentials]))(
        '$scheme, $authentication, $protocol',
        async (cell) => {
          await expectCell(cell, squid);
        },
      );
    });
  });
});
