import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { startOrigin } from '#origin/server.ts';
import type { Clock } from '#system/clock.ts';
import { startBankProxy } from '#test/support/bank-proxy.ts';
import { composeIn } from '#test/support/composed.ts';
import { scaledClock } from '#test/support/scaled-clock.ts';

const USER = { user: 'svc-sallyport', domain: 'BANK', password: 'of today' };
const OLD_PASSWORD = 'of yesterday';
const MAX_BYTES = 1_000_000;
const BLOCKED_CASE = 'C-666';
/** How much faster the time of the daemon passes. */
const FACTOR = 20;
const HOUR_MS = 3_600_000;

const base64 = (text: string) => Buffer.from(text).toString('base64');

it('bank: NTLM, no PATCH, bodies cut at 1 MB and one blocked bundle: the rest arrives', {
  timeout: 60_000,
}, async () => {
  const dir = await mkdtemp(join(tmpdir(), 'sallyport-bank-'));
  const origin = await startOrigin({ dir });
  const finds = (metadata: string) => metadata.includes(`case ${base64(BLOCKED_CASE)}`);
  const bank = await startBankProxy(USER, new URL(origin.url), { maxBytes: MAX_BYTES, finds });
  const caFile = join(dir, 'ca.pem');
  await writeFile(caFile, bank.ca);
  // Random, so that it stays larger than what the proxy passes.
  await writeFile(join(dir, 'app.log'), `${randomBytes(2_500_000).toString('hex')}\n`);
  const { user, domain, password } = USER;
  const sections = (now: string) => ({
    proxies: [
      {
        name: 'bank',
        address: '127.0.0.1',
        port: bank.login.port,
        default: true,
        authentication: 'ntlm',
        user,
        domain,
        password: now,
      },
    ],
    exposure_analytics: {
      enabled: true,
      url: bank.url(origin.analyticsUrl),
      ca_file: caFile,
      batch_max_age_seconds: 1,
    },
    retry: { attempts: 8, max_delay_seconds: 5 },
    response_timeout: {
      connect_timeout_ms: 200_000,
      tunnel_timeout_ms: 200_000,
      tls_timeout_ms: 200_000,
      base_ms: 600_000,
    },
    support_logs: {
      enabled: true,
      url: bank.url(origin.supportLogsUrl),
      ca_file: caFile,
      sources: [join(dir, 'app.log'), 'versions'],
    },
  });
  const scaled = scaledClock(FACTOR);
  let later = 0;
  const clock: Clock = { ...scaled, now: () => scaled.now() + later };
  const composed = await composeIn(sections(OLD_PASSWORD), 'daemon', { clock });
  onTestFinished(async () => {
    await composed.remove();
    await bank.close();
    await origin.close();
    await rm(dir, { recursive: true, force: true, maxRetries: 3 });
  });
  const { uploads } = composed.parts;
  await uploads.start();
  const named = (name: string) => composed.events.filter((event) => event.name === name);
  const request = async (number: string) => {
    const { jobs } = await uploads.bundles.require();
    const requestedBy = { how: 'command', user: 'root', request: null } as const;
    return (await jobs.request({ requestedBy, case: number, note: null, sinceMs: null, prepare: false })).job.id;
  };

  // In the morning the password has changed. The old one is refused once, and not sent again.
  const documents = Array.from({ length: 300 }, (_, n) => Buffer.from(JSON.stringify({ n, text: 'x'.repeat(5_000) })));
  await uploads.documents.store?.append({ documents });
  const blocked = await request(BLOCKED_CASE);
  await expect.poll(() => named('batch-failed').length, { timeout: 10_000 }).toBeGreaterThan(0);
  expect([bank.login.counted.refused, origin.record.requests]).toEqual([1, []]);

  await composed.reload(sections(password));
  await expect.poll(() => origin.record.documents, { timeout: 20_000 }).toBe(300);
  const waiting = () => uploads.kinds.flatMap(({ name, spool }) => spool.list().map(({ head }) => ({ name, ...head })));
  await expect
    .poll(waiting, { timeout: 20_000 })
    .toMatchObject([{ key: blocked, attempts: 1, postponed: { error: 'CONTENT-BLOCKED' } }]);
  // Blocked content is sent once more after an hour. The next look at the wall clock is after two minutes at most.
  later = HOUR_MS;
  await expect.poll(() => named('upload-held'), { timeout: 20_000 }).toHaveLength(1);
  const passed = await request('C-7');
  await expect.poll(() => origin.record.bundles.map(({ job }) => job), { timeout: 20_000 }).toEqual([passed]);

  // What waits names its reason, and the scanner stopped it twice.
  const held = { name: 'bundle', key: blocked, held: true, postponed: { error: 'CONTENT-BLOCKED' } };
  await expect.poll(waiting, { timeout: 5_000 }).toMatchObject([held]);
  expect(bank.counted.found).toBe(2);
  expect(bank.counted.cut).toBeGreaterThan(0);
  expect(bank.login.counted.refused).toBe(1);
  const creations = origin.record.requests.filter(
    ({ target, method }) => method === 'POST' && target === '/support-logs',
  );
  expect(creations).toHaveLength(2);
});
