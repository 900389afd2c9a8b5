// Where a failure says that it happened: every fault of content and protocol, over each kind of route.

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { CodedError } from '#errors/coded-error.ts';
import { systemClock } from '#system/clock.ts';
import { CrashingFiles } from '#test/support/crashing-files.ts';
import { feedOf, itemFor, makeJar } from '#test/support/jars.ts';
import { readingAt } from '#test/support/reading-at.ts';
import { openRig } from '#test/support/round-rig.ts';
import { scaledClock } from '#test/support/scaled-clock.ts';
import { ROUTE_NAMES, type RouteName, startTestRoutes, type TestRoutes } from '#test/support/test-routes.ts';
import { testSettings } from '#test/support/test-settings.ts';
import { parseFeed } from '#updates/feed/feed-document.ts';
import { download } from '#updates/package/download.ts';
import { PackageTurn } from '#updates/package/turn.ts';
import { requestUpdates } from '#updates/request.ts';

const jar = makeJar('1', 3_000);
const item = itemFor('u1', jar);
const ok = (body: string | Buffer, more = '') =>
  Buffer.concat([Buffer.from(`HTTP/1.1 200 OK\r\n${more}Content-Length: ${body.length}\r\n\r\n`), Buffer.from(body)]);
const head = (text: string) => Buffer.from(`${text}\r\n\r\n`, 'latin1');
const chunked = (body: Buffer) =>
  Buffer.concat([
    Buffer.from(`HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${body.length.toString(16)}\r\n`),
    body,
    Buffer.from('\r\n0\r\n\r\n'),
  ]);

/** `bytes`: their sender. `cut`: the peer that fell silent or cut. `server`: the host of the URL. */
type At = 'bytes' | 'cut' | 'server' | 'unless forwarded';
type End = 'closes' | 'open' | 'cut';
type Fault = readonly [code: string, at: At, said: Buffer, end: End];

const wrong = Buffer.from(jar);
wrong[jar.length >> 1] = (wrong[jar.length >> 1] ?? 0) ^ 1;

/** A fault without an end closes the connection after its bytes. */
function rows(faults: readonly (readonly [string, At, Buffer, End?])[]): Fault[] {
  return faults.map(([code, at, said, end = 'closes']) => [code, at, said, end]);
}

const PROTOCOL = rows([
  ['BAD-RESPONSE', 'bytes', Buffer.from('SSH-2.0-OpenSSH_9.2\r\n')],
  ['BAD-RESPONSE', 'bytes', head('HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2')],
  ['BAD-RESPONSE', 'bytes', head('HTTP/1.1 200 OK\r\nno colon')],
  ['BAD-RESPONSE', 'bytes', head(`HTTP/1.1 200 OK\r\nX: ${'x'.repeat(270_000)}`)],
  ['TOO-MANY-INTERIM', 'bytes', head(`HTTP/1.1 103 E${'\r\n\r\nHTTP/1.1 103 E'.repeat(40)}`)],
  ['CONTENT-ENCODED', 'bytes', ok(jar, 'Content-Encoding: br\r\n')],
  ['ORIGIN-407', 'unless forwarded', head('HTTP/1.1 407 No\r\nVia: 1.1 x (squid/5.7)\r\nContent-Length: 0')],
  ['ORIGIN-STATUS', 'server', head('HTTP/1.1 500 Oops\r\nContent-Length: 0')],
  ['ORIGIN-REFUSED', 'server', head('HTTP/1.1 404 None\r\nContent-Length: 0')],
  ['CONNECTION-LOST', 'cut', Buffer.alloc(0)],
  ['CONNECTION-LOST', 'cut', head(`HTTP/1.1 200 OK\r\nContent-Length: ${jar.length}`), 'cut'],
  [
    'CONNECTION-LOST',
    'cut',
    Buffer.concat([head(`HTTP/1.1 200 OK\r\nContent-Length: ${jar.length}`), jar.subarray(0, 100)]),
  ],
  ['RESPONSE-TIMEOUT', 'cut', Buffer.alloc(0), 'open'],
  ['RESPONSE-TIMEOUT', 'cut', Buffer.from('HTTP/1.1 200 OK\r\n'), 'open'],
]);

const PACKAGE = rows([
  ['NOT-THE-PACKAGE', 'bytes', ok('<title>Blocked</title>', 'Content-Type: text/html\r\n')],
  ['NOT-A-JAR', 'bytes', ok(Buffer.alloc(jar.length, 0x20))],
  ['DIGEST-MISMATCH', 'bytes', ok(wrong)],
  ['LENGTH-MISMATCH', 'bytes', ok(jar.subarray(1))],
  ['BODY-SHORT', 'bytes', chunked(jar.subarray(0, -1))],
  ['BODY-TOO-LONG', 'bytes', chunked(Buffer.concat([jar, jar]))],
  ['RANGE-INVALID', 'bytes', head('HTTP/1.1 416 No\r\nContent-Range: bytes */1\r\nContent-Length: 0')],
  ['RANGE-INVALID', 'bytes', head(`HTTP/1.1 206 Part\r\nContent-Range: bytes 5-9/${jar.length}\r\nContent-Length: 5`)],
  ['LENGTH-MISMATCH', 'bytes', head('HTTP/1.1 206 Part\r\nContent-Range: bytes 0-9/10\r\nContent-Length: 10')],
  ['REDIRECT-INVALID', 'server', head('HTTP/1.1 302 Found\r\nContent-Length: 0')],
  ['URL-FOREIGN', 'server', head('HTTP/1.1 302 Found\r\nLocation: https://elsewhere.test/\r\nContent-Length: 0')],
]);

const DOCUMENT = rows([['DOCUMENT-TOO-LARGE', 'bytes', ok('x'.repeat(2_000))]]);

const FEED = rows([
  ['FEED-NOT-JSON', 'bytes', ok('<title>Blocked</title>', 'Content-Type: text/html\r\n')],
  ['FEED-INVALID', 'bytes', ok('{"format":1}')],
  ['FEED-NEWER', 'bytes', ok('{"format":2}')],
]);

let routes: TestRoutes;
beforeAll(async () => {
  routes = await startTestRoutes();
});
afterAll(() => routes.close());

/** The pause of a second before the next attempt for a package takes 50 ms, except where the clock ends a silence. */
function clocksFor(code: string) {
  return code === 'RESPONSE-TIMEOUT' ? {} : { clock: scaledClock(20), routerClock: systemClock };
}

async function rigFor(way: RouteName, code: string) {
  const files = new CrashingFiles();
  await files.makeDirectory('/data/packages/.staging', 0o700);
  const { proxies, base } = routes.settings(way);
  const settings = testSettings('/data', {
    proxies,
    updates: { feed_url: `${base}feed.json` },
    response_timeout: { mode: 'fixed' },
  });
  // The schema allows no base_ms below a second, and the table of silences must not take minutes.
  const short = {
    ...settings,
    response_timeout: { ...settings.response_timeout, base_ms: code === 'RESPONSE-TIMEOUT' ? 60 : 300_000 },
  };
  return {
    base,
    rig: await openRig({ files, dir: '/data', settings: short, updatesTls: routes.trust, ...clocksFor(code) }),
  };
}

function script(said: Buffer, end: End): void {
  routes.answer = (socket) => {
    if (end === 'closes') socket.end(said);
    else socket.write(said, () => (end === 'cut' ? socket.destroy() : undefined));
  };
}

function expected(way: RouteName, at: At, base: string): string | null {
  const { bytes, cut } = routes.hops(way);
  if (at === 'unless forwarded') return way === 'forward' ? null : bytes;
  if (at === 'server') return new URL(base).host;
  return at === 'cut' ? cut : bytes;
}

const signal = new AbortController().signal;

async function failure(work: Promise<unknown>): Promise<CodedError> {
  return await work.then(
    () => expect.fail('it succeeded'),
    (error: CodedError) => error,
  );
}

describe.each(ROUTE_NAMES)('failed at, %s:', (way) => {
  it.each([...PROTOCOL, ...PACKAGE])('a package that fails with %s names %s', async (code, at, said, end) => {
    script(said, end);
    const { base, rig } = await rigFor(way, code);
    const document = parseFeed(Buffer.from(feedOf([item])));
    const reading = readingAt(`${base}feed.json`, document);
    const [wanted] = document.items;
    const turn = new PackageTurn(rig.ports.clock);
    const error = await failure(download(rig.ports, { item: wanted ?? expect.fail('no item'), reading, turn }, signal));
    expect({ code: error.code, hop: error.hop }).toEqual({ code, hop: expected(way, at, base) });
  });

  it.each([...PROTOCOL, ...DOCUMENT])('a document that fails with %s names %s', async (code, at, said, end) => {
    script(said, end);
    const { base, rig } = await rigFor(way, code);
    const asked = { url: new URL(`${base}feed.json`), method: 'GET', credentials: false, headers: {} } as const;
    const error = await failure(requestUpdates(rig.ports, { ...asked, limitBytes: 1_000, signal }));
    // A document can be refused by its length before the rest arrives.
    if (code === 'CONNECTION-LOST' && said.length > 0)
      expect(['CONNECTION-LOST', 'DOCUMENT-TOO-LARGE']).toContain(error.code);
    else expect({ code: error.code, hop: error.hop }).toEqual({ code, hop: expected(way, at, base) });
  });
});

// An unsigned feed is not accepted over plain http.
describe.each(ROUTE_NAMES.filter((way) => way !== 'forward'))('failed at, a feed, %s:', (way) => {
  it.each(FEED)('a feed that fails with %s names %s', async (code, at, said, end) => {
    script(said, end);
    const { base, rig } = await rigFor(way, code);
    const error = await failure(rig.ports.feed.read({ revalidate: false, signal }));
    expect({ code: error.code, hop: error.hop }).toEqual({ code, hop: expected(way, at, base) });
  });
});
