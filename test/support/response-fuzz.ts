// Fuzzes the client over loopback sockets with responses: packages, feeds, responses to CONNECT with challenges, and results of
// PAC files. A seed and a round always give the same bytes.
//
// Checked in each round: a failure has a code other than INTERNAL, `failed at` names only a hop that answered, and nothing uses
// more than 200 ms of CPU time of this thread. Success is not checked, because the digest decides it.

import type { Socket } from 'node:net';
import { CodedError } from '#errors/coded-error.ts';
import { readPacAnswer } from '#proxy/pac/directives.ts';
import { parseFeed } from '#updates/feed/feed-document.ts';
import { download } from '#updates/package/download.ts';
import { PackageTurn } from '#updates/package/turn.ts';
import { CrashingFiles } from './crashing-files.ts';
import { type FaultProxy, startFaultProxy } from './fault-proxy.ts';
import { feedOf, itemFor, makeJar } from './jars.ts';
import { readingAt } from './reading-at.ts';
import { openRig, type Rig } from './round-rig.ts';
import { profile, testRouter } from './test-router.ts';
import { ROUTE_NAMES, type RouteName, startTestRoutes, type TestRoutes } from './test-routes.ts';
import { testSettings } from './test-settings.ts';

interface FuzzOptions {
  readonly seed: number;
  readonly rounds: number;
  /** The first round, to run one of them again. */
  readonly from?: number;
}

interface FuzzReport {
  readonly seed: number;
  readonly rounds: number;
  /** What was wrong, with the round that it was in. */
  readonly faults: readonly string[];
  /** How often each code came; `ok` where it succeeded. */
  readonly codes: ReadonlyMap<string, number>;
  /** The longest time of this thread between two looks, in milliseconds. */
  readonly longestPauseMs: number;
}

const MAX_PAUSE_MS = 200;
const LOOK_EVERY_MS = 5;
/** Silences end soon: that an answer never comes is one of the things that are tried. */
const SHORT_MS = 25;

const JAR = makeJar('1', 3_000);
const FEED = feedOf([itemFor('u1', JAR)]);
/** Above the limit of a feed. Sent unchanged, because this thread also makes the bytes of the server. */
const TOO_LARGE = Buffer.alloc(4_200_000, 0x20);
const DOCUMENT = parseFeed(Buffer.from(FEED));

/** A generator of numbers that are the same for the same seed (mulberry32). */
class Dice {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** From 0 to `below` - 1. */
  number(below: number): number {
    this.#state = (this.#state + 0x6d_2b_79_f5) >>> 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  }

  isOneIn(times: number): boolean {
    return this.number(times) === 0;
  }

  of<T>(things: readonly T[]): T {
    return things[this.number(things.length)] as T;
  }
}

export async function fuzzResponses({ seed, rounds, from = 0 }: FuzzOptions): Promise<FuzzReport> {
  const faults: string[] = [];
  const codes = new Map<string, number>();
  const routes = await startTestRoutes();
  // Code that is loaded and compiled at the first use is not caused by a response.
  for (const way of ROUTE_NAMES) await warmUp(way, routes);
  const pauses = new Pauses();
  try {
    for (let round = from; round < from + rounds; round += 1) {
      const dice = new Dice(seed + round * 7_919);
      pauses.reset();
      const { code, fault } = await playRound(dice, routes, () => pauses.reset()).catch((thrown: unknown) => ({
        code: 'thrown',
        fault: `${String(thrown)} is no failure of ours`,
      }));
      codes.set(code, (codes.get(code) ?? 0) + 1);
      if (fault !== null) faults.push(`seed ${seed}, round ${round}: ${fault}`);
      const pauseMs = pauses.longestMs;
      if (pauseMs > MAX_PAUSE_MS)
        faults.push(`seed ${seed}, round ${round}: ${Math.round(pauseMs)} ms without a pause`);
    }
  } finally {
    pauses.stop();
    await routes.close();
  }
  return { seed, rounds, faults, codes, longestPauseMs: pauses.longestOfAllMs };
}

async function warmUp(way: RouteName, routes: TestRoutes): Promise<void> {
  const { proxies, base } = routes.settings(way);
  for (const body of [JAR, Buffer.from(FEED)]) {
    routes.answer = (socket) => {
      socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n`);
      socket.end(body);
    };
    const rig = await rigFor({ proxies, base, routes });
    await failureOf(body === JAR ? fetchPackage(rig, base) : readFeed(rig));
  }
}

/** Time that this thread worked between two turns of the timer: neither another process nor another thread counts. */
class Pauses {
  longestMs = 0;
  longestOfAllMs = 0;
  #before = process.threadCpuUsage();
  readonly #timer = setInterval(() => this.#look(), LOOK_EVERY_MS);

  reset(): void {
    this.longestMs = 0;
    this.#before = process.threadCpuUsage();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #look(): void {
    const { user, system } = process.threadCpuUsage(this.#before);
    this.#before = process.threadCpuUsage();
    this.longestMs = Math.max(this.longestMs, (user + system) / 1_000);
    this.longestOfAllMs = Math.max(this.longestOfAllMs, this.longestMs);
  }
}

interface Played {
  readonly code: string;
  readonly fault: string | null;
}

/** `begin` is called once the bytes are made. */
async function playRound(dice: Dice, routes: TestRoutes, begin: () => void): Promise<Played> {
  const kind = dice.of(['package', 'package', 'feed', 'connect', 'connect', 'pac'] as const);
  if (kind === 'pac') return playPac(dice);
  if (kind === 'connect') return await playConnect(dice, routes);
  const way = dice.of(kind === 'feed' ? ROUTE_NAMES.filter((one) => one !== 'forward') : ROUTE_NAMES);
  const { proxies, base } = routes.settings(way);
  const rig = await rigFor({ proxies, base, routes });
  routes.answer = answerOf(dice, kind === 'feed' ? feedBody(dice) : packageBody(dice));
  begin();
  const error = await failureOf(kind === 'feed' ? readFeed(rig) : fetchPackage(rig, base));
  if (error === null) return { code: 'ok', fault: null };
  return judged(error, allowedHops(way, routes, base));
}

async function rigFor({
  proxies,
  base,
  routes,
}: {
  proxies: readonly object[];
  base: string;
  routes: TestRoutes;
}): Promise<Rig> {
  const files = new CrashingFiles();
  await files.makeDirectory('/data/packages/.staging', 0o700);
  const settings = testSettings('/data', { proxies, updates: { feed_url: `${base}feed.json` } });
  const response_timeout = { ...settings.response_timeout, mode: 'fixed' as const, base_ms: SHORT_MS };
  return await openRig({ files, dir: '/data', settings: { ...settings, response_timeout }, updatesTls: routes.trust });
}

const NEVER = new AbortController().signal;

function readFeed({ ports }: Rig): Promise<unknown> {
  return ports.feed.read({ revalidate: false, signal: NEVER });
}

function fetchPackage({ ports }: Rig, base: string): Promise<unknown> {
  const reading = readingAt(`${base}feed.json`, DOCUMENT);
  const [item] = DOCUMENT.items;
  if (item === undefined) throw new Error('the feed of the fuzz has no item');
  return download(ports, { item, reading, turn: new PackageTurn(ports.clock) }, NEVER);
}

/** The hops that may be named: the sender of the bytes, or none. An earlier failure names the proxy or the target as usual. */
function allowedHops(way: RouteName, routes: TestRoutes, base: string): readonly (string | null)[] {
  const { bytes, cut } = routes.hops(way);
  // ORIGIN-407 behind a forwarding proxy names no hop.
  return [bytes, cut, new URL(base).host, ...(way === 'forward' ? [null] : [])];
}

function judged(error: unknown, allowed: readonly (string | null)[]): Played {
  if (!(error instanceof CodedError)) return { code: 'thrown', fault: `${String(error)} is no failure of ours` };
  const { code, hop } = error;
  if (code === 'INTERNAL') return { code, fault: error.message };
  return {
    code,
    fault: allowed.includes(hop) ? null : `${code} failed at ${hop}, and only ${allowed.join(', ')} answered`,
  };
}

async function failureOf(work: Promise<unknown>): Promise<unknown> {
  return await work.then(
    () => null,
    (error: unknown) => error,
  );
}

/** CONNECT with a user: heads, challenges and what is glued behind them. */
async function playConnect(dice: Dice, routes: TestRoutes): Promise<Played> {
  const { base } = routes.settings('direct');
  const target = new URL(base);
  const proxy: FaultProxy = await startFaultProxy((client) => {
    answerOf(dice, dice.isOneIn(3) ? packageBody(dice) : Buffer.alloc(0), challengeFields(dice))(client);
  });
  const authentication = dice.of(['auto', 'basic', 'digest', 'ntlm', 'transparent'] as const);
  const account = { password: 'a secret', authentication, domain: 'CORP' };
  const router = testRouter({
    proxies: [authentication === 'transparent' ? profile(proxy.port) : profile(proxy.port, account)],
    trust: routes.trust,
    timeouts: { tunnel_timeout_ms: SHORT_MS, tls_timeout_ms: SHORT_MS },
  });
  try {
    const opening = router.route('updates', target).open({ bulk: false, signal: NEVER });
    const error = await failureOf(opening.then((connection) => connection.release()));
    if (error === null) return { code: 'ok', fault: null };
    const words = `proxy corp (127.0.0.1:${proxy.port})`;
    const inTls = error instanceof CodedError && error.trace?.phase === 'tls';
    return judged(error, inTls ? [target.host, null] : [words]);
  } finally {
    await proxy.close();
  }
}

function playPac(dice: Dice): Played {
  const parts = [
    'PROXY',
    'SOCKS5',
    'HTTPS',
    'DIRECT',
    ';',
    ' ',
    ':',
    'a.test:1',
    '[::1]:2',
    '\0',
    'ä',
    '"',
    'x'.repeat(300),
  ];
  const text = Array.from({ length: dice.number(dice.isOneIn(20) ? 5_000 : 30) }, () => dice.of(parts)).join('');
  const { directives, leftOut } = readPacAnswer(text);
  const wrong = directives.find((one) => one.kind !== 'direct' && !(one.port >= 1 && one.port <= 65_535));
  if (wrong !== undefined) return { code: 'pac', fault: `${JSON.stringify(wrong)} was taken from a PAC file` };
  return { code: directives.length > 0 ? 'pac' : 'pac-nothing', fault: leftOut.length > 10_000 ? 'unbounded' : null };
}

const STATUS = [
  200, 200, 200, 200, 200, 200, 206, 206, 407, 407, 302, 416, 403, 404, 500, 503, 401, 204, 304, 101, 103, 999, 429,
];
const GOOD_LINES = ['HTTP/1.1 ', 'HTTP/1.0 ', 'HTTP/1.1  ', '\r\nHTTP/1.1 '];
const BAD_LINES = ['HTTP/2.0 ', 'ICY ', 'HTTP/1.1', 'HTTP/1.1\t', 'http/1.1 '];
const LINE_ENDS = ['\r\n', '\r\n', '\r\n', '\r\n', '\n', '\r\r\n', '\r', ''];

/** Says a response, more or less well formed, in pieces, and then closes, cuts, or says no more. */
function answerOf(dice: Dice, body: Buffer, fields: readonly string[] = []): (socket: Socket) => void {
  const interim = dice.isOneIn(10)
    ? Array.from({ length: dice.number(40) }, () => headOf(dice, 100 + dice.number(4), []))
    : [];
  const chunked = body !== TOO_LARGE && dice.isOneIn(4);
  const framing = chunked ? ['Transfer-Encoding: chunked'] : lengthFields(dice, body.length);
  const head = headOf(dice, dice.of(STATUS), [...framing, ...fields]);
  const sent = chunked ? chunksOf(dice, body) : body;
  const whole = mutated(dice, Buffer.concat([...interim, head, sent].map((part) => Buffer.from(part))));
  const end = dice.of(['closes', 'closes', 'closes', 'cuts', 'open'] as const);
  const cuts = Array.from({ length: dice.number(5) }, () => dice.number(whole.length + 1)).sort((a, b) => a - b);
  return (socket) => {
    socket.on('error', () => {});
    let at = 0;
    const sayNext = () => {
      const next = cuts.shift() ?? whole.length;
      const piece = whole.subarray(at, next);
      at = next;
      socket.write(piece, () => {
        if (at < whole.length) setImmediate(sayNext);
        else if (end === 'closes') socket.end();
        else if (end === 'cuts') socket.destroy();
      });
    };
    sayNext();
  };
}

function headOf(dice: Dice, status: number, fields: readonly string[]): Buffer {
  const eol = dice.isOneIn(8) ? dice.of(LINE_ENDS) : '\r\n';
  const all = [...fields, ...Array.from({ length: dice.number(6) }, () => fieldOf(dice))];
  const shuffled = all.toSorted(() => dice.number(3) - 1);
  const line = dice.of(dice.isOneIn(15) ? BAD_LINES : GOOD_LINES);
  const reason = dice.of(['OK', '', 'Connection established', 'ä', 'x'.repeat(200)]);
  return Buffer.from(
    `${line}${status} ${reason}${eol}${shuffled.map((one) => `${one}${eol}`).join('')}${eol}`,
    'latin1',
  );
}

function lengthFields(dice: Dice, length: number): string[] {
  const right = `Content-Length: ${length}`;
  if (!dice.isOneIn(6)) return [right];
  return dice.of([
    [],
    [right, right],
    [`Content-Length: ${length}, ${length}`],
    [right, `Content-Length: ${length + 1}`],
    [`Content-Length : ${length}`],
    [`Content-Length: ${dice.of(['-1', 'x', '', '99999999999999999999', '0x10', `${length + 100}`])}`],
    [right, 'Transfer-Encoding: chunked'],
  ]);
}

function fieldOf(dice: Dice): string {
  return dice.isOneIn(40) ? badFieldOf(dice) : goodFieldOf(dice);
}

/** What a parser has to refuse, or a limit. */
function badFieldOf(dice: Dice): string {
  return dice.of([
    'X Bad: y',
    'no colon at all',
    ': nameless',
    '\u0000: \u0001',
    'Transfer-Encoding: gzip, chunked',
    'Content-Encoding: gzip',
    `X-Long: ${'x'.repeat(300_000)}`,
    `${'a:\r\n'.repeat(3_000)}X: y`,
  ]);
}

const LOCATIONS = [
  '/other.jar',
  'https://elsewhere.test/',
  'http://127.0.0.1/',
  '\u00e4',
  '',
  `/${'x'.repeat(20_000)}`,
  '//',
];
const DATES = ['Sun, 29 Nov 2026 18:00:00 GMT', 'x', 'Sun, 29 Nov 275761 18:00:00 GMT'];
const RETRIES = ['1', '99999999999999999999', '-1', 'Fri, 31 Dec 9999 23:59:59 GMT', 'x'];

function goodFieldOf(dice: Dice): string {
  return dice.of([
    'Via: 1.1 proxy.test (squid/5.7)',
    'Server: squid/5.7',
    'X-Squid-Error: ERR_ACCESS_DENIED 0',
    'Content-Type: text/html; charset=utf-8',
    'Content-Type: application/java-archive',
    'Content-Range: bytes 0-2999/3000',
    `Content-Range: BYTES  0-${JAR.length - 1}/${JAR.length}`,
    'Content-Range: bytes */9',
    `Location: ${dice.of(LOCATIONS)}`,
    `Retry-After: ${dice.of(RETRIES)}`,
    `Date: ${dice.of(DATES)}`,
    'Age: 99999999999999999999999',
    'ETag: "x"',
    'ETag: W/"y"',
    'Connection: close',
    'X-Folded: a\r\n b\r\n\tc',
    'X-Blank : y',
    `X-Long: ${'x'.repeat(dice.of([100, 40_000]))}`,
  ]);
}

function challengeFields(dice: Dice): string[] {
  const one = () =>
    dice.of([
      'Basic realm="x"',
      'Basic',
      'Digest realm="r", nonce="n", qop="auth"',
      'Digest realm=r nonce=a/b== qop="" algorithm=MD5',
      'Digest realm="r", nonce="n", algorithm=SHA-256-sess, stale=true',
      'Digest nonce="n", qop="auth-int"',
      'Digest realm="',
      'NTLM',
      'NTLM TlRMTVNTUAACAAAAAAAAADgAAAABAoECAAAAAAAAAAA=',
      'NTLM TlRMTVNTUAACAAAA',
      'Negotiate',
      'Negotiate oRQwEqADCgEB',
      `Digest ${'a=b '.repeat(dice.number(5_000))}`,
      '"'.repeat(dice.number(1_000)),
      ',,,=,',
    ]);
  return Array.from({ length: dice.number(4) }, () => `Proxy-Authenticate: ${one()}`);
}

function packageBody(dice: Dice): Buffer {
  return dice.of([
    JAR,
    JAR,
    JAR.subarray(0, dice.number(JAR.length)),
    Buffer.concat([JAR, JAR]),
    Buffer.from('<html><title>Blocked</title></html>'),
    Buffer.alloc(JAR.length),
    Buffer.alloc(0),
  ]);
}

function feedBody(dice: Dice): Buffer {
  return dice.of([
    Buffer.from(FEED),
    mutated(dice, Buffer.from(FEED)),
    Buffer.from('{"format":2}'),
    Buffer.from('['.repeat(100_000)),
    Buffer.from(`{"format":1,"items":[${'{},'.repeat(2_500)}{}]}`),
    Buffer.from('<html>'),
    Buffer.from('null'),
    Buffer.alloc(0),
    TOO_LARGE,
  ]);
}

function chunksOf(dice: Dice, body: Buffer): Buffer {
  const parts: Buffer[] = [];
  for (let at = 0; at < body.length; ) {
    const chunk = body.subarray(at, at + 1 + dice.number(2_000));
    const size = dice.isOneIn(20) ? dice.of(['zz', '-1', 'ffffffffffffffff', '']) : chunk.length.toString(16);
    const extension = dice.isOneIn(10) ? ';x="y"' : '';
    parts.push(Buffer.from(`${size}${extension}\r\n`), chunk, Buffer.from(dice.isOneIn(30) ? '\n' : '\r\n'));
    at += chunk.length;
  }
  return Buffer.concat([...parts, Buffer.from(dice.of(['0\r\n\r\n', '0\r\n\r\n', '0\r\nT: x\r\n\r\n', '0\n\n', '']))]);
}

/** The same bytes, or some of them changed, left out, doubled or put in. */
function mutated(dice: Dice, bytes: Buffer): Buffer {
  if (!dice.isOneIn(5) || bytes.length === 0 || bytes.length >= TOO_LARGE.length) return bytes;
  let result = Buffer.from(bytes);
  for (let left = 1 + dice.number(4); left > 0; left -= 1) {
    // The head is where most of it is decided.
    const at = dice.number(Math.min(result.length, dice.isOneIn(2) ? 200 : result.length) || 1);
    const kind = dice.number(4);
    if (kind === 0) result[at] = dice.number(256);
    else if (kind === 1) result = Buffer.concat([result.subarray(0, at), result.subarray(at + 1 + dice.number(8))]);
    else if (kind === 2)
      result = Buffer.concat([result.subarray(0, at), result.subarray(Math.max(0, at - dice.number(60)))]);
    else
      result = Buffer.concat([
        result.subarray(0, at),
        Buffer.from(dice.of(['\r\n', '\n', ' ', '\0', ':', '\xff'])),
        result.subarray(at),
      ]);
    if (result.length === 0) return result;
  }
  return result;
}
