// A resumed request may get any answer: if a plain GET delivers the package, it is complete after one round.

import type { Socket } from 'node:net';
import { afterEach, expect, it } from 'vitest';
import { systemClock } from '#system/clock.ts';
import { CrashingFiles } from '#test/support/crashing-files.ts';
import { feedOf, itemFor, makeJar } from '#test/support/jars.ts';
import { type RawServer, startRawServer } from '#test/support/raw-server.ts';
import { openRig } from '#test/support/round-rig.ts';
import { scaledClock } from '#test/support/scaled-clock.ts';
import { testSettings } from '#test/support/test-settings.ts';

const JAR = makeJar('u1', 40_000);
const KEPT = 25_000;
const REST = JAR.subarray(KEPT);
const FEED = feedOf([itemFor('u1', JAR)]);
const STAGING = '/d/packages/.staging';

let server: RawServer;
afterEach(() => server.close());

interface Answer {
  readonly head: string;
  readonly body?: Uint8Array | string;
  /** What happens after the body; by default the connection is closed. */
  readonly ending?: 'reset' | 'silence';
}

const status = (line: string, headers = ''): Answer => ({
  head: `HTTP/1.1 ${line}\r\n${headers}Content-Length: 4\r\n\r\n`,
  body: 'nope',
});
const ok = (headers: string, body: Uint8Array | string, ending?: Answer['ending']): Answer => ({
  head: `HTTP/1.1 200 OK\r\n${headers}\r\n`,
  body,
  ...(ending === undefined ? {} : { ending }),
});
const part = (headers: string, body: Uint8Array | string = REST, ending?: Answer['ending']): Answer => ({
  ...ok(headers, body, ending),
  head: `HTTP/1.1 206 Partial Content\r\n${headers}\r\n`,
});
const chunked = (body: Uint8Array) =>
  Buffer.concat([Buffer.from(`${body.length.toString(16)}\r\n`), body, Buffer.from('\r\n0\r\n\r\n')]);
const page = '<html><head><title>Ranges are blocked</title></head></html>';
const FITTING = `Content-Range: bytes ${KEPT}-${JAR.length - 1}/${JAR.length}\r\n`;
const LENGTH = `Content-Length: ${REST.length}\r\n`;

const ANSWERS: readonly (readonly [string, Answer])[] = [
  ['204', { head: 'HTTP/1.1 204 No Content\r\n\r\n' }],
  ['205', status('205 Reset Content')],
  ['302 to nowhere', { head: 'HTTP/1.1 302 Found\r\nLocation: /gone\r\nContent-Length: 0\r\n\r\n' }],
  ['302 to itself', { head: 'HTTP/1.1 302 Found\r\nLocation: /u1.jar\r\nContent-Length: 0\r\n\r\n' }],
  ['304', { head: 'HTTP/1.1 304 Not Modified\r\n\r\n' }],
  ['400', status('400 Bad Request')],
  ['401', status('401 Unauthorized', 'WWW-Authenticate: Basic realm="x"\r\n')],
  ['403', status('403 Forbidden')],
  ['404', status('404 Not Found')],
  ['405', status('405 Method Not Allowed')],
  ['406', status('406 Not Acceptable')],
  ['407 of the server', status('407 Proxy Authentication Required', 'Proxy-Authenticate: Basic\r\n')],
  ['410', status('410 Gone')],
  ['412', status('412 Precondition Failed')],
  ['416', status('416 Range Not Satisfiable', `Content-Range: bytes */${JAR.length}\r\n`)],
  ['416 without a length', status('416 Range Not Satisfiable')],
  ['429 with Retry-After', status('429 Too Many Requests', 'Retry-After: 1\r\n')],
  ['431', status('431 Request Header Fields Too Large')],
  ['500', status('500 Internal Server Error')],
  ['501', status('501 Not Implemented')],
  ['502', status('502 Bad Gateway')],
  ['503', status('503 Service Unavailable')],
  ['a page with 200', ok(`Content-Type: text/html\r\nContent-Length: ${page.length}\r\n`, page)],
  ['a page that is as long as the package', ok(`Content-Length: ${JAR.length}\r\n`, page.padEnd(JAR.length))],
  ['200 with only the rest', ok(LENGTH, REST)],
  ['200 with only the rest, without a length', ok('Connection: close\r\n', REST)],
  ['200 with only the rest, chunked', ok('Transfer-Encoding: chunked\r\n', chunked(REST))],
  ['200 without a body', ok('Content-Length: 0\r\n', '')],
  ['200 with the whole, cut after a part', ok(`Content-Length: ${JAR.length}\r\n`, JAR.subarray(0, 9_000), 'reset')],
  ['multipart', part('Content-Type: multipart/byteranges; boundary=x\r\nContent-Length: 5\r\n', '--x--')],
  ['206 with a page', part(`Content-Type: text/html\r\nContent-Length: ${page.length}\r\n`, page)],
  ['206 without Content-Range', part(LENGTH)],
  ['206 from an earlier byte', part(`Content-Range: bytes 0-${JAR.length - 1}/${JAR.length}\r\n`, JAR)],
  ['206 of another length', part(`Content-Range: bytes ${KEPT}-99999/100000\r\n`)],
  ['206 with other bytes', part(`${FITTING}${LENGTH}`, Buffer.alloc(REST.length))],
  ['206 with too many bytes', part(`${FITTING}Transfer-Encoding: chunked\r\n`, chunked(Buffer.concat([REST, REST])))],
  ['206 without a byte', part(`${FITTING}Transfer-Encoding: chunked\r\n`, '0\r\n\r\n')],
  ['206 in gzip', part(`${FITTING}${LENGTH}Content-Encoding: gzip\r\n`)],
  ['206, and a reset after the head', part(`${FITTING}${LENGTH}`, '', 'reset')],
  ['206, and silence after the head', part(`${FITTING}${LENGTH}`, '', 'silence')],
  ['a reset', { head: '', ending: 'reset' }],
  ['an end without a byte', { head: '' }],
  ['silence', { head: '', ending: 'silence' }],
  ['what is not HTTP', { head: 'SSH-2.0-OpenSSH_9.2\r\n' }],
  ['a head without an end', { head: 'HTTP/1.1 206 Partial Content\r\nContent-', ending: 'reset' }],
];

function say(socket: Socket, { head, body = '', ending }: Answer): void {
  socket.on('error', () => undefined);
  const all = Buffer.concat([Buffer.from(head, 'latin1'), Buffer.from(body)]);
  socket.write(all, () => {
    if (ending === 'reset') setTimeout(() => socket.resetAndDestroy(), 20);
    else if (ending !== 'silence') socket.end();
  });
}

/** Answers the feed, a plain GET correctly, and every request for the rest as the test says. */
async function serve(answer: Answer): Promise<void> {
  server = await startRawServer({
    onRequest: (socket, head) => {
      if (head.startsWith('GET /feed.json'))
        say(socket, ok(`Content-Type: application/json\r\nContent-Length: ${FEED.length}\r\n`, FEED));
      else if (!head.startsWith('GET /u1.jar')) say(socket, status('404 Not Found'));
      else say(socket, /^range:/im.test(head) ? answer : whole);
    },
  });
}

const whole = ok(`Content-Length: ${JAR.length}\r\nETag: "v1"\r\n`, JAR);

function open(files: CrashingFiles) {
  const settings = testSettings('/d', {
    updates: { feed_url: `http://127.0.0.1:${server.port}/feed.json` },
    retry: { attempts: 2 },
    response_timeout: { mode: 'fixed', base_ms: 10_000 },
  });
  // The waits between attempts are skipped.
  return openRig({ files, dir: '/d', settings, clock: scaledClock(20), routerClock: systemClock });
}

/** A disk with a partial download, as an earlier version left it. */
function withPart(): CrashingFiles {
  const files = new CrashingFiles();
  const item = itemFor('u1', JAR);
  const note = { item, trust: 'loopback', feed: `http://127.0.0.1:${server.port}/feed.json`, started_at: 0 };
  const { length, sha256 } = item as { length: number; sha256: string };
  const url = `http://127.0.0.1:${server.port}/u1.jar`;
  const journal = { format: 1, name: 'u1', url, length, sha256, validator: '"v1"', note };
  files.plantFolder('/d/packages');
  files.plantFolder(STAGING, { mode: 0o700 });
  files.plantFile(`${STAGING}/u1.journal`, JSON.stringify(journal));
  files.plantFile(`${STAGING}/u1.jar.unverified`, JAR.subarray(0, KEPT));
  return files;
}

it.each(ANSWERS)('transfer: a partial download heals in one round after %s', async (_what, answer) => {
  await serve(answer);
  const files = withPart();
  const rig = await open(files);

  const report = await rig.round();

  expect(report).toMatchObject({ published: ['u1'], failed: [] });
  expect(files.content('/d/packages/u1.jar')?.equals(JAR)).toBe(true);
  expect(files.names().filter((name) => name.includes('.staging/'))).toEqual([]);
  const asked = server.requests.filter((head) => head.startsWith('GET /u1.jar'));
  expect(asked[0]).toMatch(new RegExp(`^range: bytes=${KEPT}-`, 'im'));
  expect(asked.at(-1)).not.toMatch(/^range:/im);
});
