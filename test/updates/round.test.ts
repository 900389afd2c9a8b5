// A whole round over a real loopback network and an in-memory disk: what a healthy one does, and that no fault of the
// server, the route or the disk publishes anything or affects anything else.

import { gzipSync } from 'node:zlib';
import { zipSync } from 'fflate';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { coded } from '#errors/coded-error.ts';
import { classicLine } from '#logging/classic.ts';
import { toRecord } from '#logging/record.ts';
import { KnownSecrets } from '#redaction/known-secrets.ts';
import { systemClock } from '#system/clock.ts';
import { CrashingFiles } from '#test/support/crashing-files.ts';
import { FakeClock } from '#test/support/fake-clock.ts';
import { feedOf, itemFor, makeJar, sha256 } from '#test/support/jars.ts';
import { startRawServer } from '#test/support/raw-server.ts';
import { openRig, type Rig } from '#test/support/round-rig.ts';
import { scaledClock } from '#test/support/scaled-clock.ts';
import { type ScriptedOrigin, startScriptedOrigin } from '#test/support/scripted-origin.ts';
import { profile } from '#test/support/test-router.ts';
import { testSettings } from '#test/support/test-settings.ts';

const DIR = '/data';
/** The pause of a second before the next attempt for a package then takes 50 ms. */
const FASTER = 20;
const jar = makeJar('1602503', 40_000);
let origin: ScriptedOrigin;
let files: CrashingFiles;

beforeEach(async () => {
  origin = await startScriptedOrigin();
  files = new CrashingFiles();
});
afterEach(() => origin.close());

function offer(items: readonly unknown[], fields: Record<string, unknown> = {}): void {
  origin.serve('/feed.json', feedOf(items, fields), 'application/json');
}

function rig(updates: Record<string, unknown> = {}, over: Record<string, unknown> = {}): Promise<Rig> {
  const settings = testSettings(DIR, {
    updates: { feed_url: `${origin.url}/feed.json`, acknowledge_url: `${origin.url}/acknowledge`, ...updates },
    ...over,
  });
  return openRig({ files, dir: DIR, settings, clock: scaledClock(FASTER), routerClock: systemClock });
}

const published = () => files.names().filter((name) => name.endsWith('.jar'));
const lines = ({ events }: Rig) =>
  events
    .map((event) => toRecord(event, 0, new KnownSecrets()))
    .filter(({ level }) => level !== 'debug')
    .map((record) => classicLine(record).replace(/^\S+ /, ''));

describe('round: the observed hosts', () => {
  it('are remembered, allowed or not; of a URL only the origin', async () => {
    const url = 'https://user:secret@cdn.example.com/x.jar?token=1';
    const far = { ...itemFor('1602504', jar), package: 'far', file: undefined, url };
    offer([itemFor('1602503', jar), far]);
    origin.on('/1602503.jar', (_request, response) => {
      response.writeHead(302, { location: 'http://elsewhere.example.com:8080/y?token=2' }).end();
    });
    const open = await rig();

    await open.round();
    const kept = await rig();

    const seen = kept.ports.habits.hosts().map(({ purpose, origin: host, by }) => [purpose, host, by]);
    expect(seen).toEqual([
      ['updates', 'http://elsewhere.example.com:8080', 'redirect'],
      ['updates', 'https://cdn.example.com', 'feed'],
      ['updates', origin.url, 'feed'],
    ]);
    expect(String(files.content(`${DIR}/state/paths.json`))).not.toMatch(/secret|token|x\.jar/);
  });
});

describe('round: a healthy one', () => {
  it('downloads, verifies, publishes and acknowledges as in the manual', async () => {
    offer([itemFor('1602503', jar)]);
    origin.serve('/1602503.jar', jar);

    const { ports, events, ...run } = await rig();
    const report = await run.round();

    expect(report).toMatchObject({ error: null, published: ['1602503'], failed: [] });
    expect(files.content(`${DIR}/packages/1602503.jar`)?.equals(jar)).toBe(true);
    const found = await ports.store.find('1602503');
    expect(found?.sidecar).toMatchObject({ trust: 'loopback', item: { sha256: sha256(jar), length: jar.length } });
    expect(origin.receipts).toMatchObject([{ id: '1602503', outcome: 'published' }]);
    const told = lines({ events } as Rig).join('\n');
    expect(told).toContain('[INFO] [Thread: Updater] Downloading update ID 1602503.');
    expect(told).toContain('[INFO] [Thread: Updater] Acknowledging receipt of update ID 1602503.');
    expect(files.names().filter((name) => name.includes('.staging/'))).toEqual([]);
  });

  it('requests only the feed if everything is published', async () => {
    offer([itemFor('1602503', jar)]);
    origin.serve('/1602503.jar', jar);
    await (await rig()).round();
    origin.asked.length = 0;

    for (let n = 0; n < 3; n += 1) await (await rig()).round();

    expect(origin.asked).toEqual(Array.from({ length: 3 }, () => 'GET /feed.json'));
    expect(origin.receipts).toHaveLength(1);
  });

  it('makes no package request in three rounds after pruning', async () => {
    const jars = ['u1', 'u2', 'u3'].map((id) => ({ id, bytes: makeJar(id, 2_000) }));
    for (const [at, { id, bytes }] of jars.entries()) {
      offer(
        jars.slice(0, at + 1).map((one) => itemFor(one.id, one.bytes)),
        { serial: at + 1 },
      );
      origin.serve(`/${id}.jar`, bytes);
      await (await rig({ keep_versions: 1 })).round();
    }
    expect(published()).toEqual([`${DIR}/packages/u3.jar`]);
    origin.asked.length = 0;

    for (let n = 0; n < 3; n += 1) await (await rig({ keep_versions: 1 })).round();

    expect(origin.asked.filter((asked) => asked.includes('.jar'))).toEqual([]);
    expect(published()).toEqual([`${DIR}/packages/u3.jar`]);
  });

  it('moves a withdrawn package aside and reports it to the vendor once', async () => {
    offer([itemFor('1602503', jar)]);
    origin.serve('/1602503.jar', jar);
    await (await rig()).round();
    offer([itemFor('1602503', jar, { withdrawn: true })], { serial: 2 });

    for (let n = 0; n < 2; n += 1) await (await rig()).round();

    expect(published()).toEqual([`${DIR}/packages/withdrawn/1602503.jar`]);
    expect(origin.receipts.map(({ outcome }) => outcome)).toEqual(['published', 'withdrawn']);
  });

  it('keeps the receipt next to the package if there is no endpoint', async () => {
    offer([itemFor('1602503', jar)]);
    origin.serve('/1602503.jar', jar);

    const made = await rig({ acknowledge_url: undefined });
    await made.round();

    expect(JSON.parse(files.content(`${DIR}/packages/1602503.receipt.json`)?.toString() ?? '')).toMatchObject({
      id: '1602503',
      outcome: 'published',
    });
    expect(lines(made).filter((line) => line.includes('Acknowledging'))).toHaveLength(1);
    expect(made.ports.spool.size).toBe(0);
  });

  it('resumes after a cut where it stopped, and the bytes are right', async () => {
    offer([itemFor('1602503', jar)]);
    origin.on('/1602503.jar', (_request, response) => {
      response.writeHead(200, {
        'content-type': 'application/java-archive',
        'content-length': jar.length,
        etag: '"v1"',
      });
      response.write(jar.subarray(0, 10_000), () => response.destroy());
    });
    const first = await rig();
    await first.round();
    expect(first.codes()).toContain('CONNECTION-LOST');
    origin.serve('/1602503.jar', jar);

    const second = await rig();
    await second.round();

    expect(lines(second).join('\n')).toMatch(/Resuming update ID 1602503 at [1-9]\d* of \d+ bytes\./);
    expect(files.content(`${DIR}/packages/1602503.jar`)?.equals(jar)).toBe(true);
  });

  it('round: a whole file in reply to a resume starts the download over, with a log line', async () => {
    offer([itemFor('1602503', jar)]);
    origin.on('/1602503.jar', (_request, response) => {
      response.writeHead(200, { 'content-length': jar.length });
      response.write(jar.subarray(0, 10_000), () => response.destroy());
    });
    await (await rig()).round();
    origin.on('/1602503.jar', (_request, response) => {
      response.writeHead(200, { 'content-length': jar.length });
      response.end(jar);
    });

    const second = await rig();
    await second.round();

    const told = lines(second);
    expect(told.findIndex((line) => line.includes('starts over from zero'))).toBeGreaterThan(0);
    expect(told.filter((line) => line.includes('Downloading update ID 1602503.'))).toHaveLength(1);
    expect(files.content(`${DIR}/packages/1602503.jar`)?.equals(jar)).toBe(true);
  });

  it('retries a damaged resume once from zero, with a fresh copy', async () => {
    offer([itemFor('1602503', jar)]);
    const asked: (string | undefined)[] = [];
    origin.on('/1602503.jar', (request, response) => {
      asked.push(request.headers['cache-control']);
      response.writeHead(200, { 'content-length': jar.length });
      response.end(asked.length === 1 ? Buffer.alloc(jar.length, jar.subarray(0, 100)) : jar);
    });

    const made = await rig({}, { retry: { attempts: 2 } });
    await made.round();

    expect(asked).toEqual([undefined, 'no-cache']);
    expect(files.content(`${DIR}/packages/1602503.jar`)?.equals(jar)).toBe(true);
  });

  it('publishes a zip bomb with the right digest unchanged', async () => {
    const bomb = Buffer.from(zipSync({ bomb: new Uint8Array(5_000_000) }, { level: 9 }));
    offer([itemFor('1602503', bomb)]);
    origin.serve('/1602503.jar', bomb);

    await (await rig()).round();

    expect(files.content(`${DIR}/packages/1602503.jar`)?.equals(bomb)).toBe(true);
  });

  it('never publishes what requires a failed package', async () => {
    const second = makeJar('1602504', 3_000);
    offer([itemFor('1602503', jar), itemFor('1602504', second, { requires: ['1602503'] })]);
    origin.serve('/1602503.jar', jar.subarray(0, 100));
    origin.serve('/1602504.jar', second);

    const report = await (await rig()).round();

    expect(report.published).toEqual([]);
    expect(published()).toEqual([]);
  });

  it('round: a changed or missing package is fetched again, a changed one is moved aside', async () => {
    offer([itemFor('1602503', jar)]);
    origin.serve('/1602503.jar', jar);
    await (await rig()).round();
    await files.remove(`${DIR}/packages/1602503.jar`);
    files.plantFile(`${DIR}/packages/1602503.jar`, Buffer.alloc(jar.length));

    const made = await rig();
    await made.round();

    expect(made.codes()).toContain('PACKAGE-DAMAGED');
    expect(files.content(`${DIR}/packages/1602503.jar`)?.equals(jar)).toBe(true);
    expect(files.names()).toContain(`${DIR}/packages/damaged/1602503.jar`);
    expect(origin.receipts).toHaveLength(1);
  });

  it('round: a receipt for a missing endpoint is sent once a day and never dropped', async () => {
    offer([itemFor('1602503', jar)]);
    origin.serve('/1602503.jar', jar);
    origin.on('/acknowledge', (_request, response) => void response.writeHead(404).end());
    const clock = new FakeClock();
    const settings = testSettings(DIR, {
      updates: { feed_url: `${origin.url}/feed.json`, acknowledge_url: `${origin.url}/acknowledge` },
    });

    const made = await openRig({ files, dir: DIR, settings, clock });
    await made.round();
    await made.round();

    expect(made.codes().filter((code) => code === 'ACKNOWLEDGE-REFUSED')).toHaveLength(1);
    expect(made.ports.spool.nextDueAt()).toBe(clock.now() + 86_400_000);
    await clock.advanceAsync(86_400_000);
    await made.round();
    expect(origin.asked.filter((asked) => asked === 'POST /acknowledge')).toHaveLength(2);
    expect(made.ports.spool.size).toBe(1);
  });
});

describe('round: its report', () => {
  it('says that a connection for the feed was made, even if no feed arrived', async () => {
    offer([]);
    expect(await (await rig()).round()).toMatchObject({ error: null, connected: true });

    origin.on('/feed.json', (_request, response) => response.writeHead(500).end());
    expect(await (await rig()).round()).toMatchObject({ error: { code: 'ORIGIN-STATUS' }, connected: true });
  });

  it('does not count the connection of a receipt as one for the feed', async () => {
    offer([itemFor('1602503', jar)]);
    origin.serve('/1602503.jar', jar);
    origin.on('/acknowledge', (_request, response) => response.writeHead(503, { 'retry-after': '1' }).end());
    await (await rig()).round();
    origin.forget('/acknowledge');
    const clock = new FakeClock(Date.now() + 86_400_000);
    const settings = testSettings(DIR, {
      updates: { feed_url: 'http://127.0.0.1:1/feed.json', acknowledge_url: `${origin.url}/acknowledge` },
    });
    const report = await (await openRig({ files, dir: DIR, settings, clock, routerClock: systemClock })).round();

    expect(origin.receipts.map(({ outcome }) => outcome)).toEqual(['published']);
    expect(report).toMatchObject({ error: { code: 'TCP-REFUSED' }, connected: false });
  });

  it('receipts: a round leaves unknown kinds and foreign names in the outbox alone', async () => {
    offer([itemFor('1602503', jar)]);
    origin.serve('/1602503.jar', jar);
    const outbox = `${DIR}/state/outbox`;
    const foreign = ['tomorrow/000000000001.json', 'tomorrow/000000000002.attachment', 'receipt/notes.txt', 'README'];
    files.plantFolder(outbox, { mode: 0o700 });
    files.plantFolder(`${outbox}/receipt`, { mode: 0o700 });
    for (const name of foreign) files.plantFile(`${outbox}/${name}`, 'mine');
    files.arm({});
    await (await rig()).round();

    expect(origin.receipts).toHaveLength(1);
    expect(files.trace.filter(({ path }) => foreign.some((name) => path.endsWith(name)))).toEqual([]);
    for (const name of foreign) expect(String(files.content(`${outbox}/${name}`))).toBe('mine');
  });

  it('receipts: a failure of the endpoint holds up all of them, and a delivery releases them', async () => {
    const clock = new FakeClock();
    const waitMs = async () => {
      const made = await openRig({ files, dir: DIR, settings: receiptSettings(), clock, routerClock: systemClock });
      await made.round();
      return made.ports.spool.waitMs();
    };
    const receiptSettings = () =>
      testSettings(DIR, {
        updates: { feed_url: `${origin.url}/feed.json`, acknowledge_url: `${origin.url}/acknowledge` },
      });
    offer([]);
    expect(await waitMs()).toBeNull();

    offer([itemFor('1602503', jar)], { serial: 2 });
    origin.serve('/1602503.jar', jar);
    origin.on('/acknowledge', (_request, response) => response.writeHead(503, { 'retry-after': '60' }).end());
    expect(await waitMs()).toBe(60_000);

    clock.stepWall(-3.65e10);
    origin.forget('/acknowledge');
    const other = makeJar('1602504', 500);
    offer([itemFor('1602504', other)], { serial: 3 });
    origin.serve('/1602504.jar', other);
    expect(await waitMs()).toBeNull();
  });
});

describe('round: periodic work', () => {
  const DAY_MS = 86_400_000;
  const timed = (clock: FakeClock) =>
    openRig({
      files,
      dir: DIR,
      clock,
      settings: testSettings(DIR, { updates: { feed_url: `${origin.url}/feed.json` } }),
    });

  it('asks caches for a fresh feed once a day', async () => {
    const clock = new FakeClock();
    const asked: (string | undefined)[] = [];
    origin.on('/feed.json', (request, response) => {
      asked.push(request.headers['cache-control']);
      response.writeHead(200, { 'content-type': 'application/json' }).end(feedOf([]));
    });
    const made = await timed(clock);

    for (const waitMs of [0, DAY_MS / 4, DAY_MS]) {
      clock.advance(waitMs);
      await made.round();
    }

    expect(asked).toEqual(['no-cache', undefined, 'no-cache']);
  });

  it('reads every published package once a week, and only then', async () => {
    const clock = new FakeClock();
    offer([itemFor('1602503', jar)]);
    origin.serve('/1602503.jar', jar);
    const made = await timed(clock);
    await made.round();
    const reads: number[] = [];

    for (const waitMs of [DAY_MS, DAY_MS, 6 * DAY_MS]) {
      clock.advance(waitMs);
      files.arm({});
      await made.round();
      const path = `${DIR}/packages/1602503.jar`;
      reads.push(files.trace.filter((one) => one.path === path && /^open/.test(one.operation)).length);
    }

    expect(reads).toEqual([0, 0, 1]);
  });
});

describe('round: a failed package', () => {
  const MINUTE_MS = 60_000;
  const never = new AbortController().signal;
  const other = makeJar('1602504', 3_000);

  async function withOneBroken() {
    const clock = new FakeClock();
    const settings = testSettings(DIR, { updates: { feed_url: `${origin.url}/feed.json` } });
    offer([itemFor('1602503', jar), itemFor('1602504', other, { package: 'other', requires: ['1602503'] })]);
    origin.serve('/1602504.jar', other);
    origin.on('/1602503.jar', (_request, response) => void response.writeHead(503).end());
    const made = await openRig({ files, dir: DIR, clock, settings });
    const asked = () => origin.asked.filter((one) => one === 'GET /1602503.jar').length;
    return { ...made, clock, asked };
  }

  it('round: a failed package waits for its own retry, and still counts as failed', async () => {
    const { round, clock, asked, events } = await withOneBroken();

    const first = await round();
    expect(first.packageRetryAtMs).toBe(clock.now() + MINUTE_MS);
    expect(events).toContainEqual({ name: 'package-next-try', id: '1602503', at: clock.now() + MINUTE_MS });

    const early = await round(never, 'due');
    expect(early.failed.map(({ id, error }) => [id, error.code])).toEqual([['1602503', 'ORIGIN-STATUS']]);
    expect([early.published, early.packageRetryAtMs, asked()]).toEqual([[], first.packageRetryAtMs, 1]);

    clock.advance(MINUTE_MS);
    const second = await round(never, 'due');
    expect([asked(), second.packageRetryAtMs]).toEqual([2, clock.now() + 2 * MINUTE_MS]);

    origin.serve('/1602503.jar', jar);
    clock.advance(2 * MINUTE_MS);
    expect(await round(never, 'due')).toMatchObject({
      published: ['1602503', '1602504'],
      failed: [],
      packageRetryAtMs: null,
    });
  });

  it('round: a slot or a manual check tries a failed package before its own retry', async () => {
    const { round, asked } = await withOneBroken();
    await round();
    await round();
    expect(asked()).toBe(2);
  });

  it('keeps its retry after a restart', async () => {
    const { round, clock } = await withOneBroken();
    const { packageRetryAtMs } = await round();

    const next = await openRig({ files, dir: DIR, clock, settings: testSettings(DIR) });

    expect(next.ports.retries.nextAt()).toBe(packageRetryAtMs);
  });
});

describe('round: a package that arrives in small parts', () => {
  it('round: a slow package yields after 15 minutes, keeps its bytes, and goes last next time', async () => {
    const big = makeJar('1602503', 400_000);
    const other = makeJar('1602504', 500_000);
    offer([itemFor('1602503', big), itemFor('1602504', other, { package: 'other' })]);
    const order: string[] = [];
    const clock = new FakeClock();
    origin.on('/1602504.jar', (_request, response) => {
      order.push('other');
      response.writeHead(503).end();
    });
    origin.on('/1602503.jar', (request, response) => {
      order.push('big');
      const from = Number(/^bytes=(\d+)-/.exec(request.headers.range ?? '')?.[1] ?? 0);
      const range = { 'content-range': `bytes ${from}-${big.length - 1}/${big.length}` };
      const length = { 'content-length': big.length - from, etag: '"v1"' };
      response.writeHead(from === 0 ? 200 : 206, from === 0 ? length : { ...length, ...range });
      // Each part takes long; the connection is closed after it.
      response.write(big.subarray(from, from + 100_000), () => {
        clock.advance(10 * 60_000);
        response.destroy();
      });
    });
    const settings = testSettings(DIR, {
      updates: { feed_url: `${origin.url}/feed.json` },
      response_timeout: { mode: 'fixed', base_ms: 3_600_000 },
    });
    const made = await openRig({ files, dir: DIR, clock, settings });
    const pass = setInterval(() => clock.advance(1_000), 5);
    try {
      const report = await made.round();
      expect(report).toMatchObject({ left: 1, published: [] });
      expect(report.failed.map(({ id }) => id)).toEqual(['1602504']);
      expect(made.events.map(({ name }) => name)).toContain('gave-way');
      expect(order).toEqual(['big', 'big', 'other']);

      order.length = 0;
      await made.round();
      expect(order[0]).toBe('other');
    } finally {
      clearInterval(pass);
    }
    expect(files.content(`${DIR}/packages/1602503.jar`)?.equals(big) ?? true).toBe(true);
  });
});

describe('round: an exception', () => {
  it('of an unreadable package keeps it published and continues', async () => {
    offer([itemFor('1602503', jar)]);
    origin.serve('/1602503.jar', jar);
    await (await rig()).round();
    const next = makeJar('1602504', 3_000);
    origin.serve('/1602504.jar', next);
    offer([itemFor('1602503', jar), itemFor('1602504', next)], { serial: 2 });

    const made = await rig();
    const broken = coded('FILE-FAILED', { operation: 'read', path: 'x.jar', reason: 'EIO' });
    made.ports.store.examine = () => Promise.reject(broken);
    const report = await made.round();

    expect(report).toMatchObject({ error: null, published: ['1602504'] });
    expect(made.codes()).toContain('FILE-FAILED');
    expect(published()).toHaveLength(2);
  });

  it('of a sidecar from a newer Sallyport keeps its package', async () => {
    offer([itemFor('1602503', jar)]);
    origin.serve('/1602503.jar', jar);
    await (await rig()).round();
    const path = `${DIR}/packages/1602503.json`;
    const newer = JSON.stringify({ format: 2, item: { id: '1602503', sha256: sha256(jar) } });
    await files.remove(path);
    files.plantFile(path, newer);
    await files.remove(`${DIR}/state/updates.json`);
    origin.asked.length = 0;

    const made = await rig();
    await made.round();

    expect(made.codes()).toContain('SIDECAR-NEWER');
    expect(origin.asked).toEqual(['GET /feed.json']);
    expect(files.content(path)?.toString()).toBe(newer);
  });

  it('of a captive portal that swallowed a receipt keeps the receipt', async () => {
    offer([itemFor('1602503', jar)]);
    origin.serve('/1602503.jar', jar);
    origin.on('/acknowledge', (_request, response) => {
      response.writeHead(200, { 'content-type': 'text/html' });
      response.end('<html><title>Please sign in</title></html>');
    });

    const made = await rig();
    await made.round();

    expect(made.codes()).toContain('FEED-NOT-JSON');
    expect(made.ports.spool.size).toBe(1);
  });

  it('of other letter case in a withdrawal still withdraws the package', async () => {
    const mixed = makeJar('Abc', 2_000);
    offer([itemFor('Abc', mixed)]);
    origin.serve('/Abc.jar', mixed);
    await (await rig()).round();
    offer([itemFor('abc', mixed, { withdrawn: true })], { serial: 2 });

    await (await rig()).round();

    expect(published()).toEqual([`${DIR}/packages/withdrawn/Abc.jar`]);
  });

  it('round: a failing receipt endpoint gets one request per round, not one per receipt', async () => {
    const jars = ['u1', 'u2', 'u3'].map((id) => ({ id, bytes: makeJar(id, 2_000) }));
    offer(jars.map(({ id, bytes }) => itemFor(id, bytes, { package: id })));
    for (const { id, bytes } of jars) origin.serve(`/${id}.jar`, bytes);
    origin.on('/acknowledge', (_request, response) => void response.writeHead(503).end());

    const made = await rig();
    await made.round();

    expect(origin.asked.filter((asked) => asked === 'POST /acknowledge')).toHaveLength(1);
    expect(made.ports.spool.size).toBe(3);
  });
});

describe('round: a fault of the server', () => {
  const page = '<html><head><title>Access Denied - Category Software Downloads</title></head></html>';
  const send = (headers: Record<string, string | number>, body: string | Uint8Array, status = 200) =>
    origin.on('/1602503.jar', (_request, response) => {
      response.writeHead(status, headers);
      response.end(body);
    });

  it.each<[string, string, () => void]>([
    ['a block page', 'NOT-THE-PACKAGE', () => send({ 'content-type': 'text/html' }, page)],
    ['a page that calls itself a package', 'LENGTH-MISMATCH', () => send({ 'content-length': page.length }, page)],
    [
      'a body that is cut',
      'CONNECTION-LOST',
      () =>
        origin.on('/1602503.jar', (_request, response) => {
          response.writeHead(200, { 'content-length': jar.length });
          response.write(jar.subarray(0, 5_000), () => response.destroy());
        }),
    ],
    ['a chunked body that ends early', 'BODY-SHORT', () => send({}, jar.subarray(0, 5_000))],
    [
      'other bytes of the same length',
      'DIGEST-MISMATCH',
      () => send({}, Buffer.concat([jar.subarray(0, 5_000), Buffer.alloc(1_000), jar.subarray(6_000)])),
    ],
    ['something else than an archive', 'NOT-A-JAR', () => send({}, Buffer.alloc(jar.length, 'x'))],
    [
      'a Content-Length of 2 GiB',
      'LENGTH-MISMATCH',
      () =>
        origin.on('/1602503.jar', (_request, response) => {
          response.writeHead(200, { 'content-length': 2 ** 31 });
          response.write(jar);
        }),
    ],
    ['more bytes than promised', 'BODY-TOO-LONG', () => send({}, Buffer.concat([jar, jar]))],
    ['a gzip bomb', 'CONTENT-ENCODED', () => send({ 'content-encoding': 'gzip' }, gzipSync(Buffer.alloc(5_000_000)))],
    ['a redirect to itself', 'REDIRECT-LOOP', () => send({ location: '/1602503.jar' }, '', 302)],
    [
      'a redirect to the metadata service',
      'URL-INTERNAL',
      () => send({ location: 'http://169.254.169.254/x' }, '', 302),
    ],
    ['a redirect to another loopback address', 'URL-INTERNAL', () => send({ location: 'http://[::1]:1/x' }, '', 302)],
    ['a redirect to a foreign host', 'URL-FOREIGN', () => send({ location: 'http://evil.example/x' }, '', 302)],
    ['a redirect without a Location', 'REDIRECT-INVALID', () => send({}, '', 302)],
    ['a package that is gone', 'ORIGIN-REFUSED', () => send({}, '', 404)],
    ['a server in trouble', 'ORIGIN-STATUS', () => send({}, '', 503)],
    ['an origin that asks for proxy credentials', 'ORIGIN-407', () => send({ 'proxy-authenticate': 'Basic' }, '', 407)],
  ])('%s is %s and publishes nothing', async (_what, code, arrange) => {
    offer([itemFor('1602503', jar)]);
    arrange();

    const made = await rig();
    const report = await made.round();

    expect(report.failed.map(({ error }) => error.code)).toEqual([code]);
    expect(published()).toEqual([]);
    expect(
      origin.asked.filter((asked) => !/^(?:GET \/feed.json|GET \/1602503.jar|POST \/acknowledge)$/.test(asked)),
    ).toEqual([]);
  });

  it.each([
    'text/plain',
    'text/html',
    'application/xml',
    'application/json',
    'application/problem+json',
    'image/png',
    'multipart/form-data; boundary=x',
  ])('with label %s does not prevent the publication', async (type) => {
    offer([itemFor('1602503', jar)]);
    origin.serve('/1602503.jar', jar, type);

    const report = await (await rig()).round();

    expect(report).toMatchObject({ published: ['1602503'], failed: [] });
  });

  it.each<[string, string, Record<string, string | number>, string]>([
    ['a page that is labelled as a package', 'NOT-THE-PACKAGE', { 'content-type': 'application/java-archive' }, page],
    ['a page as long as the package', 'NOT-THE-PACKAGE', { 'content-length': jar.length }, page.padEnd(jar.length)],
    ['JSON without a label', 'NOT-THE-PACKAGE', {}, '{"error": "blocked"}'],
    ['text that is labelled as text', 'NOT-THE-PACKAGE', { 'content-type': 'text/plain' }, 'blocked'],
    ['a few letters without a label', 'NOT-A-JAR', {}, 'no'],
    ['a gzip file without a label', 'NOT-A-JAR', {}, '\x1f\x8b\x08\x00 and so on'],
    ['no byte at all', 'BODY-SHORT', {}, ''],
  ])('%s is %s, and nothing of it is written', async (_what, code, headers, body) => {
    offer([itemFor('1602503', jar)]);
    send(headers, Buffer.from(body, 'latin1'));

    const report = await (await rig()).round();

    expect(report.failed.map(({ error }) => error.code)).toEqual([code]);
    expect(files.content(`${DIR}/packages/.staging/1602503.jar.unverified`)?.length).toBe(0);
  });

  it('says what a block page was: type, bytes, title', async () => {
    offer([itemFor('1602503', jar)]);
    send({ 'content-type': 'text/html; charset=utf-8' }, page);

    const made = await rig();
    await made.round();

    expect(lines(made).find((line) => line.includes('NOT-THE-PACKAGE'))).toContain(
      'with the title "Access Denied - Category Software Downloads"',
    );
  });

  it.each<[string, string, () => void]>([
    ['a feed that is a block page', 'FEED-NOT-JSON', () => origin.serve('/feed.json', page, 'text/html')],
    ['a feed that expired', 'FEED-STALE', () => offer([], { expires: '2020-01-01T00:00:00Z' })],
    ['10,000 bogus items', 'FEED-LIMIT', () => offer(Array.from({ length: 10_000 }, (_, n) => ({ id: `bogus${n}` })))],
    ['a feed of a newer format', 'FEED-NEWER', () => offer([], { format: 2 })],
    [
      'a feed that is gone',
      'ORIGIN-REFUSED',
      () => origin.on('/feed.json', (_request, response) => void response.writeHead(404).end()),
    ],
    [
      'a feed without an end',
      'DOCUMENT-TOO-LARGE',
      () =>
        origin.on('/feed.json', (_request, response) => {
          const pour = () => {
            while (response.write(' '.repeat(65_536)));
          };
          response.on('drain', pour);
          pour();
        }),
    ],
  ])('%s is %s and asks for nothing else', async (_what, code, arrange) => {
    arrange();

    const report = await (await rig()).round();

    expect(report.error?.code).toBe(code);
    expect(new Set(origin.asked)).toEqual(new Set(['GET /feed.json']));
    expect(published()).toEqual([]);
  });

  it.each<[string, string, object]>([
    ['an id that is a path', 'ID-INVALID', { id: '../../etc/x' }],
    ['a package at a foreign host', 'URL-FOREIGN', { file: undefined, url: 'http://evil.example/x.jar' }],
    ['a package at the metadata service', 'URL-INTERNAL', { file: undefined, url: 'http://169.254.169.254/x' }],
    ['a file name that leads to another host', 'URL-FOREIGN', { file: '//evil.example/x.jar' }],
  ])('%s is %s and opens no connection', async (_what, code, fields) => {
    offer([itemFor('1602503', jar, fields as Record<string, unknown>)]);

    const made = await rig();
    await made.round();

    expect(made.codes()).toContain(code);
    expect(origin.asked.filter((asked) => asked !== 'POST /acknowledge')).toEqual(['GET /feed.json']);
  });

  it('round: a feed that went back or changed under its serial is refused', async () => {
    offer([], { serial: 7 });
    await (await rig()).round();

    offer([], { serial: 6 });
    expect((await (await rig()).round()).error?.code).toBe('FEED-ROLLBACK');
    offer([itemFor('1602503', jar)], { serial: 7 });
    expect((await (await rig()).round()).error?.code).toBe('FEED-FORKED');
  });

  it('round: an id with another digest is refused, and the published package stays', async () => {
    offer([itemFor('1602503', jar)]);
    origin.serve('/1602503.jar', jar);
    await (await rig()).round();
    offer([itemFor('1602503', makeJar('other', 10))], { serial: 2 });

    const made = await rig();
    await made.round();

    expect(made.codes()).toContain('ID-REUSED');
    expect(files.content(`${DIR}/packages/1602503.jar`)?.equals(jar)).toBe(true);
  });

  it('round: an unsigned feed over remote plain http is refused without a connection', async () => {
    const report = await (await rig({ feed_url: 'http://updates.example.com/feed.json' })).round();

    expect(report.error?.code).toBe('FEED-UNSIGNED');
    expect(origin.asked).toEqual([]);
  });

  it('is reported with the code and key that ended the silence', async () => {
    offer([itemFor('1602503', jar)]);
    origin.on('/1602503.jar', () => undefined);
    const settings = testSettings(DIR, { updates: { feed_url: `${origin.url}/feed.json` } });
    const section = { ...settings.response_timeout, mode: 'fixed', base_ms: 60 } as const;
    const quick = { ...settings, response_timeout: section };

    const report = await (await openRig({ files, dir: DIR, settings: quick })).round();

    expect(report.failed[0]?.error.message).toMatch(/\[RESPONSE-TIMEOUT\] .*response_timeout\.base_ms/);
  });
});

describe('round: a planted object in staging', () => {
  const staged = `${DIR}/packages/.staging/1602503.jar.unverified`;

  it.each<[string, string, () => void]>([
    ['a symbolic link', 'FILE-SYMLINK', () => files.plantSymlink(staged, '/outside/secret')],
    ['a FIFO', 'FILE-SPECIAL', () => files.plantFifo(staged)],
    ['a hard link', 'FILE-LINKED', () => files.plantLink(staged, '/outside/secret')],
  ])('%s is %s and nothing outside is touched', async (_what, code, plant) => {
    offer([itemFor('1602503', jar)]);
    origin.serve('/1602503.jar', jar);
    files.plantFolder('/outside');
    files.plantFile('/outside/secret', 'untouched');
    files.plantFolder(`${DIR}/packages/.staging`, { mode: 0o700 });
    plant();

    const made = await rig();
    const report = await made.round();

    expect(report.failed.map(({ error }) => error.code)).toEqual([code]);
    expect(published()).toEqual([]);
    expect(files.content('/outside/secret')?.toString()).toBe('untouched');
  });
});

describe('round: state of a newer format', () => {
  it('is moved aside and named, and the round continues', async () => {
    offer([itemFor('1602503', jar)]);
    origin.serve('/1602503.jar', jar);
    files.plantFolder(`${DIR}/state`);
    files.plantFile(`${DIR}/state/updates.json`, JSON.stringify({ format: 99 }));

    const report = await (await rig()).round();

    expect(report.published).toEqual(['1602503']);
    expect(files.names()).toContain(`${DIR}/state/updates.json.format-99`);
  });
});

describe('round: several downloads at a time', () => {
  const made = (id: string, length: number, over = {}) => ({ id, bytes: makeJar(id, length), over });

  /** Serves these packages. Returns which requests were open together, and lets each answer wait for `opens` others. */
  function serveTogether(packages: readonly ReturnType<typeof made>[], opens: number) {
    offer(packages.map(({ id, bytes, over }) => itemFor(id, bytes, { package: id, ...over })));
    const open = new Set<string>();
    const together: string[][] = [];
    const held: (() => void)[] = [];
    for (const { id, bytes } of packages) {
      origin.on(`/${id}.jar`, (_request, response) => {
        open.add(id);
        together.push([...open].toSorted());
        held.push(() => {
          open.delete(id);
          response.writeHead(200, { 'content-length': bytes.length }).end(bytes);
        });
        if (held.length >= opens || together.length > opens) for (const answer of held.splice(0)) answer();
      });
    }
    return together;
  }

  it('run smallest first, each after what it requires', async () => {
    const packages = [made('u1', 9_000), made('u2', 2_000), made('u3', 5_000, { requires: ['u1'] }), made('u4', 4_000)];
    const together = serveTogether(packages, 2);
    const { ports, events, ...run } = await rig({ parallel: 2 });

    const report = await run.round();

    expect(report.published.toSorted()).toEqual(['u1', 'u2', 'u3', 'u4']);
    expect(report.published.indexOf('u3')).toBeGreaterThan(report.published.indexOf('u1'));
    expect(Math.max(...together.map(({ length }) => length))).toBe(2);
    expect(together[1]).toEqual(['u2', 'u4']);
    expect(ports.running.begin().atOnce).toBe(1);
  });

  it('send a refused password once each and once more', async () => {
    const ids = Array.from({ length: 12 }, (_none, n) => `u${n}`);
    const jars = new Map(ids.map((id) => [id, makeJar(id, 2_000)]));
    const feed = feedOf(ids.map((id) => itemFor(id, jars.get(id) ?? jar, { package: id })));
    const clock = new FakeClock();
    const held: (() => void)[] = [];
    let refused = 0;
    const proxy = await startRawServer({
      onRequest: (socket, head) => {
        const respond = (body: Buffer | string) =>
          socket.end(
            Buffer.concat([
              Buffer.from(`HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n`),
              Buffer.from(body),
            ]),
          );
        const isAuthorized = /^proxy-authorization: /im.test(head);
        if (isAuthorized && held.length >= 4) refused += 1;
        if (!isAuthorized || held.length >= 4) {
          socket.end('HTTP/1.1 407 X\r\nProxy-Authenticate: Basic realm="x"\r\nContent-Length: 0\r\n\r\n');
          return;
        }
        const id = /\/(u\d+)\.jar/.exec(head)?.[1];
        if (id === undefined) respond(feed);
        else held.push(() => respond(jars.get(id) ?? jar));
        if (held.length < 4) return;
        for (const answer of held) answer();
      },
    });
    const settings = testSettings(DIR, {
      updates: { feed_url: 'http://127.0.0.1:9/feed.json', parallel: 4 },
      response_timeout: { mode: 'fixed', base_ms: 3_600_000 },
    });
    Object.assign(settings, { proxies: [profile(proxy.port, { password: 'old' })] });
    const { round } = await openRig({ files, dir: DIR, clock, settings, routerClock: systemClock });
    const report = await round();
    await proxy.close();

    expect(report.published).toHaveLength(4);
    expect(new Set(report.failed.map(({ error }) => error.entry.class))).toEqual(new Set(['auth']));
    // The other downloads are not started, and one CONNECT decides for all.
    expect(report.failed).toHaveLength(4);
    expect(refused).toBe(5);
  });

  it('keep their bytes when the round is stopped', async () => {
    const packages = [made('u1', 200_000), made('u2', 200_000)];
    serveTogether(packages, 99);
    let answered = 0;
    const stop = new AbortController();
    for (const { id, bytes } of packages) {
      origin.on(`/${id}.jar`, (_request, response) => {
        response.writeHead(200, { 'content-length': bytes.length, etag: '"v1"' });
        response.write(bytes.subarray(0, 100_000), () => {
          answered += 1;
          if (answered === 2) setTimeout(() => stop.abort(coded('INTERRUPTED', { reason: 'test' })), 50);
        });
      });
    }
    const open = await rig({ parallel: 2 });

    await expect(open.round(stop.signal)).rejects.toMatchObject({ code: 'INTERRUPTED' });
    for (const id of ['u1', 'u2']) {
      expect(files.content(`${DIR}/packages/.staging/${id}.jar.unverified`)?.length).toBeGreaterThan(50_000);
    }
  });
});

describe('round: more than fifty updates', () => {
  it('are downloaded in batches that each read the feed', async () => {
    const ids = Array.from({ length: 60 }, (_none, n) => `u${String(n).padStart(2, '0')}`);
    const small = makeJar('u', 500);
    // The last one is in the second batch and requires one of the first batch, which fails.
    const requires = (id: string) => (id === 'u59' ? { requires: ['u00'] } : {});
    offer(ids.map((id) => itemFor(id, small, { package: id, ...requires(id) })));
    for (const id of ids) if (id !== 'u00') origin.serve(`/${id}.jar`, small);
    const { round, events } = await rig({ acknowledge_url: undefined });
    const report = await round();

    expect(report.published).toHaveLength(58);
    expect(report).toMatchObject({ error: null, left: 0, failed: [{ id: 'u00' }] });
    expect(origin.asked.filter((path) => path === 'GET /u00.jar')).toHaveLength(1);
    expect(origin.asked.filter((path) => path === 'GET /feed.json')).toHaveLength(2);
    expect(events).toContainEqual({ name: 'more-wanted', count: 10 });
    expect(events).toContainEqual(expect.objectContaining({ name: 'item-deferred', id: 'u59' }));
  });

  it('end with the first batch if it brings nothing', async () => {
    const ids = Array.from({ length: 60 }, (_none, n) => `u${n}`);
    offer(ids.map((id) => itemFor(id, jar, { package: id })));
    const { round } = await rig();
    expect(await round()).toMatchObject({ left: 10, published: [] });
    expect(origin.asked.filter((path) => path === 'GET /feed.json')).toHaveLength(1);
  });
});
