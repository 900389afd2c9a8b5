// Attacks on rounds with a signed feed from the network, a proxy or a mirror: forged packages, changed channels, old
// metadata, silence and endless data. Nothing is published that the vendor has not signed.

import type { ServerResponse } from 'node:http';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Clock } from '#system/clock.ts';
import { CrashingFiles } from '#test/support/crashing-files.ts';
import { feedOf, itemFor, makeJar } from '#test/support/jars.ts';
import { openRig, type Rig } from '#test/support/round-rig.ts';
import { scaledClock } from '#test/support/scaled-clock.ts';
import { SIGNED_CLOCK, SignedOrigin } from '#test/support/signed-origin.ts';
import { testSettings } from '#test/support/test-settings.ts';
import { NOW_MS } from '#test/tuf/support/simulated-repository.ts';

const DIR = '/data';
const ROOT = '/etc/root.json';
const DAY_MS = 86_400_000;
const JAR = makeJar('1602503', 4_000);
const OTHER = makeJar('other', 4_000);
let origin: SignedOrigin;
let mirror: SignedOrigin;
let files: CrashingFiles;

beforeEach(async () => {
  [origin, mirror] = await Promise.all([SignedOrigin.start(), SignedOrigin.start()]);
  mirror.repository.metadata = (request) => origin.repository.metadata(request);
  mirror.repository.target = (request) => origin.repository.target(request);
  origin.offer([{ item: itemFor('1602503', JAR, { channel: 'beta' }), bytes: JAR }]);
  files = new CrashingFiles();
  files.plantFile(ROOT, origin.repository.initialRoot);
});
afterEach(async () => {
  await Promise.all([origin.close(), mirror.close()]);
});

function rig(updates: Record<string, unknown> = {}, baseMs = 30_000, clock: Clock = SIGNED_CLOCK): Promise<Rig> {
  const settings = testSettings(DIR, { updates: { ...origin.settings(ROOT), channel: 'beta', ...updates } });
  // The schema allows no base_ms below a second. A faster clock must leave time to connect.
  const times = { base_ms: baseMs, connect_timeout_ms: 900_000 };
  const section = { ...settings.response_timeout, mode: 'fixed', ...times } as const;
  return openRig({ files, dir: DIR, settings: { ...settings, response_timeout: section }, clock });
}

const viaMirror = () => origin.settings(ROOT, { mirrors: [{ metadata_url: `${mirror.url}/metadata/` }] });
const published = () => files.names().filter((name) => name.endsWith('.jar'));
const skipped = ({ events }: Rig) =>
  events.flatMap((event) => (event.name === 'mirror-skipped' ? [(event.error as { code?: string }).code] : []));

/** Sends until the client closes the connection. */
function sendEndlessly(response: ServerResponse, start: Uint8Array = Buffer.from('{')): true {
  const more = () => {
    while (!response.destroyed && response.write(Buffer.alloc(65_536, ' ')));
  };
  response.writeHead(200, { 'content-type': 'application/octet-stream' }).on('drain', more);
  response.write(start);
  more();
  return true;
}

/** Sends a byte every few milliseconds until the client closes the connection. */
function sendSlowly(response: ServerResponse): true {
  response.writeHead(200, { 'content-type': 'application/octet-stream' });
  const timer = setInterval(() => response.write(' '), 5);
  response.on('close', () => clearInterval(timer));
  return true;
}

describe('attacks on a signed feed', () => {
  it('attacks: a changed channel in the feed is refused', async () => {
    const feed = feedOf([itemFor('1602503', JAR, { channel: 'prod' })]);
    origin.repository.artifacts.set('feed.json', Buffer.from(feed));
    const run = await rig({ channel: 'prod' });

    expect((await run.round()).error?.code).toBe('TUF-MISMATCH');
    expect(published()).toEqual([]);
  });

  it('attacks: a signed package of another channel is not published', async () => {
    expect((await (await rig({ channel: 'prod' })).round()).published).toEqual([]);
    expect((await (await rig()).round()).published).toEqual(['1602503']);
  });

  it.each(['timestamp.json', '.feed.json', '.jar'])(
    'attacks: silence instead of %s ends at its deadline',
    async (file) => {
      origin.intercept = (request) => (request.url ?? '').endsWith(file);
      const report = await (await rig({}, 60)).round();

      expect([report.error?.code, ...report.failed.map(({ error }) => error.code)]).toContain('RESPONSE-TIMEOUT');
      expect(published()).toEqual([]);
    },
  );

  it.each(['timestamp.json', '.feed.json'])(
    'attacks: bytes that trickle instead of %s end at the total deadline',
    async (file) => {
      origin.intercept = (request, response) => (request.url ?? '').endsWith(file) && sendSlowly(response);
      // A quarter of an hour passes in half a second.
      const clock = { ...scaledClock(1_800), now: SIGNED_CLOCK.now };

      expect((await (await rig({}, 900_000, clock)).round()).error?.code).toBe('DOCUMENT-TIMEOUT');
    },
  );

  it('attacks: an endless package is read up to its signed length only', async () => {
    origin.intercept = (request, response) => (request.url ?? '').endsWith('.jar') && sendEndlessly(response, JAR);
    const report = await (await rig()).round();

    expect(report.failed.map(({ error }) => error.code)).toEqual(['BODY-TOO-LONG']);
    expect(published()).toEqual([]);
  });

  it('attacks: an endless timestamp is read up to its limit only', async () => {
    origin.intercept = (request, response) => (request.url ?? '').endsWith('timestamp.json') && sendEndlessly(response);

    const { error } = await (await rig()).round();
    expect(error).toMatchObject({ code: 'TUF-LIMIT', facts: { file: 'timestamp.json', limit: 16_384 } });
    expect(error?.place).not.toBeNull();
  });
});

describe('attacks of a mirror', () => {
  it('attacks: a forged package of a mirror is replaced by that of the vendor', async () => {
    mirror.repository.target = (request) =>
      request.names.some((name) => name.endsWith('.jar')) ? Promise.resolve(OTHER) : origin.repository.target(request);

    expect((await (await rig(viaMirror())).round()).published).toEqual(['1602503']);
    expect(files.content(`${DIR}/packages/1602503.jar`)?.equals(JAR)).toBe(true);
    expect(mirror.asked.some((line) => line.endsWith('.jar'))).toBe(true);
  });

  it('attacks: a mirror with expired metadata is skipped', async () => {
    origin.repository.expire('timestamp', NOW_MS - DAY_MS).publish('timestamp');
    const old = origin.repository.last('timestamp');
    origin.repository.expire('timestamp', NOW_MS + DAY_MS).publish('timestamp');
    mirror.repository.metadata = (request) =>
      request.name === 'timestamp.json'
        ? Promise.resolve({ kind: 'found', bytes: old })
        : origin.repository.metadata(request);
    const run = await rig(viaMirror());

    expect((await run.round()).published).toEqual(['1602503']);
    expect(skipped(run)).toEqual(['MIRROR-STALE']);
  });

  it('attacks: a mirror that mixes versions is skipped', async () => {
    const old = origin.repository.last('snapshot');
    origin.offer([{ item: itemFor('1602503', JAR, { channel: 'beta' }), bytes: JAR }]);
    mirror.repository.metadata = (request) =>
      request.name.endsWith('.snapshot.json')
        ? Promise.resolve({ kind: 'found', bytes: old })
        : origin.repository.metadata(request);
    const run = await rig(viaMirror());

    expect((await run.round()).published).toEqual(['1602503']);
    expect(skipped(run)).toEqual(['MIRROR-STALE']);
  });

  it.each([
    ['silent', 300],
    ['endless', 30_000],
  ])('attacks: a mirror whose package is %s is followed by the vendor', async (what, baseMs) => {
    mirror.intercept = (request, response) =>
      (request.url ?? '').endsWith('.jar') && (what === 'silent' || sendEndlessly(response, JAR));

    expect((await (await rig(viaMirror(), baseMs)).round()).published).toEqual(['1602503']);
    expect(mirror.asked.some((line) => line.endsWith('.jar'))).toBe(true);
  });

  it('attacks: a mirror that changes the channel in the feed is skipped', async () => {
    const feed = Buffer.from(feedOf([itemFor('1602503', JAR, { channel: 'prod' })]));
    mirror.repository.target = (request) =>
      request.names.some((name) => name.endsWith('feed.json'))
        ? Promise.resolve(feed)
        : origin.repository.target(request);
    const run = await rig({ ...viaMirror(), channel: 'prod' });

    expect(await run.round()).toMatchObject({ error: null, published: [] });
    expect(skipped(run)).toEqual(['MIRROR-STALE']);
  });

  it.each([
    ['silent', 60, 'RESPONSE-TIMEOUT'],
    ['endless', 30_000, 'TUF-LIMIT'],
  ])('attacks: a mirror whose timestamp is %s is skipped', async (what, baseMs, code) => {
    mirror.intercept = (request, response) =>
      (request.url ?? '').endsWith('timestamp.json') && (what === 'silent' || sendEndlessly(response));
    const run = await rig(viaMirror(), baseMs);

    expect((await run.round()).published).toEqual(['1602503']);
    expect(skipped(run)).toEqual([code]);
  });
});
