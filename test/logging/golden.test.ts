/** The log format that people and parsers have read since 2013, byte for byte, from events on a fake clock. */

import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openLog } from '#logging/log.ts';
import { KnownSecrets } from '#redaction/known-secrets.ts';
import { FakeClock } from '#test/support/fake-clock.ts';
import { UPDATER } from '#test/support/updater.ts';

const GOLDEN = `2013-06-05T00:04:10 [INFO] [Thread: Updater] Downloading update ID 1602503.
2013-06-05T00:04:12 [INFO] [Thread: Updater] Response via 1.1 proxy.example.com.
2013-06-05T00:05:05 [INFO] [Thread: Updater] Response via 1.1 proxy.example.com.
2013-06-05T00:05:07 [INFO] [Thread: Updater] Acknowledging receipt of update ID 1602503.
`;

describe("the manual's example", () => {
  const zone = process.env['TZ'];
  let dir = '';
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'sallyport-golden-'));
  });
  afterEach(async () => {
    if (zone === undefined) delete process.env['TZ'];
    else process.env['TZ'] = zone;
    await rm(dir, { recursive: true });
  });

  it.each([
    ['America/New_York', '2013-06-05T00:04:10-04:00'],
    ['Europe/Berlin', '2013-06-05T00:04:10+02:00'],
    ['UTC', '2013-06-05T00:04:10Z'],
  ])('golden log: it is written byte for byte in local time of %s', async (place, start) => {
    process.env['TZ'] = place;
    const clock = new FakeClock(Date.parse(start));
    const known = new KnownSecrets();
    const log = openLog({ dir, level: 'info', rotateBytes: 1_000_000, rotateKeep: 3, known, clock });

    log.report({ name: 'downloading', id: '1602503' });
    clock.advance(2_000);
    log.report({ name: 'response-via', ...UPDATER, via: '1.1 proxy.example.com' });
    log.report({ name: 'progress', id: '1602503', received: 1, length: 2 });
    clock.advance(53_000);
    log.report({ name: 'response-via', ...UPDATER, via: '1.1 proxy.example.com (squid/5.7)' });
    clock.advance(2_000);
    log.report({ name: 'acknowledging', id: '1602503' });
    log.close();

    expect(await readFile(log.file, 'utf8')).toBe(GOLDEN);
  });
});
