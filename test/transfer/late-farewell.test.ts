// A second request for a package whose first one is silent for too long: which of the two brings the bytes. Connections are
// streams in memory, and time is moved by hand.

import type { Duplex } from 'node:stream';
import { expect, it } from 'vitest';
import type { CodedError } from '#errors/coded-error.ts';
import { CRASH_MODES, CrashingFiles } from '#test/support/crashing-files.ts';
import { FakeClock } from '#test/support/fake-clock.ts';
import { attemptOver, STAGED } from '#test/support/fetch-rig.ts';
import { makeJar } from '#test/support/jars.ts';
import { memoryRouter } from '#test/support/memory-router.ts';
import type { PreviousAttempt } from '#timeout/model.ts';
import type { FetchPorts } from '#transfer/fetch-types.ts';
import type { LimitDecision } from '#transfer/hold-watch.ts';

const JAR = makeJar('u1', 200_000);
const LIMIT_MS = 60_000;
const PLAN = {
  size: JAR.length,
  firstByteMs: LIMIT_MS,
  silenceMs: LIMIT_MS,
  totalMs: 900_000,
  expectedMs: null,
  explanation: '',
};
const PROXY = 'http://proxy.example.com:3128';

interface Asked {
  readonly head: string;
  readonly socket: Duplex;
}

/** How the server answers HEAD of the feed, what is known of the proxy, and anything else that differs. */
interface Manner {
  readonly head?: string;
  readonly decision?: LimitDecision | Promise<LimitDecision>;
  readonly files?: CrashingFiles;
  readonly over?: Partial<FetchPorts>;
}

/** One attempt whose requests are answered by the test. */
async function begin({
  head = '200 OK',
  decision = 'ask-server',
  files = new CrashingFiles(),
  over = {},
}: Manner = {}) {
  const clock = new FakeClock();
  const asked: Asked[] = [];
  const answer = (socket: Duplex, request: string) => {
    if (request.startsWith('HEAD')) socket.write(`HTTP/1.1 ${head}\r\nContent-Length: 0\r\n\r\n`);
    else asked.push({ head: request, socket });
  };
  const stopping = new AbortController();
  const happened: string[] = [];
  const ending = new AbortController();
  const hold = {
    signal: ending.signal,
    bytes: () => {},
    connected: () => void happened.push('connected'),
    broke: () => void happened.push('broke'),
    reading: (isPaused: boolean) => void happened.push(isPaused ? 'reading paused' : 'reading continued'),
    atLimit: () => decision,
    serverMs: 8_000,
    ended: (how: string) => void happened.push(how),
  };
  const planned: (PreviousAttempt | undefined)[] = [];
  const extended: number[] = [];
  const done = attemptOver(files, {
    url: new URL('http://127.0.0.1/u1.jar'),
    router: memoryRouter(answer, PROXY),
    right: JAR,
    signal: stopping.signal,
    over: {
      clock,
      witnesses: { watch: () => hold },
      timeoutSession: {
        plan: (_route, _size, previous) => {
          planned.push(previous);
          return previous === undefined ? PLAN : { ...PLAN, firstByteMs: 2 * LIMIT_MS, silenceMs: 2 * LIMIT_MS };
        },
        words: () => ({ key: 'response_timeout.base_ms' }),
        extend: () => 0,
        observe: (_route, { firstByteMs, ok }) =>
          void happened.push(`${ok ? 'learned' : 'not learned'} ${firstByteMs}`),
      },
      watch: {
        began: () => undefined,
        startedOver: (reason) => void happened.push(reason),
        planned: () => undefined,
        inParts: () => undefined,
        progress: () => undefined,
        responded: () => undefined,
        failed: () => undefined,
        led: () => undefined,
        extended: ({ limitMs, again }) => void extended.push(again ? limitMs : -limitMs),
      },
      ...over,
    },
  });
  await clock.advanceAsync(0);
  return { clock, asked, done, files, happened, planned, extended, stopping, ending };
}

function whole(bytes: Uint8Array, etag = '"1"'): Buffer {
  return Buffer.concat([
    Buffer.from(`HTTP/1.1 200 OK\r\nContent-Length: ${bytes.length}\r\nETag: ${etag}\r\n\r\n`),
    bytes,
  ]);
}

function rest(from: number, etag = '"1"'): Buffer {
  const head = `HTTP/1.1 206 Partial Content\r\nContent-Range: bytes ${from}-${JAR.length - 1}/${JAR.length}\r\n`;
  const length = `Content-Length: ${JAR.length - from}\r\nETag: ${etag}\r\n\r\n`;
  return Buffer.concat([Buffer.from(head + length), JAR.subarray(from)]);
}

const isEnded = (one: Asked | undefined) => one?.socket.destroyed;

it('late farewell: the first request may be answered until the second one has ended', async () => {
  const { clock, asked, done, happened, extended } = await begin();
  await clock.advanceAsync(LIMIT_MS - 1);
  expect(asked.length).toBe(1);
  await clock.advanceAsync(4 * LIMIT_MS);
  expect([asked.length, isEnded(asked[0]), extended]).toEqual([2, false, [3 * LIMIT_MS]]);
  asked[0]?.socket.write(whole(JAR));
  await clock.advanceAsync(0);
  expect((await done).fetched?.length).toBe(JAR.length);
  expect([isEnded(asked[1]), clock.pending]).toEqual([true, 0]);
  expect(happened).toEqual(['connected', 'other', `learned ${5 * LIMIT_MS - 1}`]);
});

it('late farewell: the second request asks for the same, and wins if it is answered first', async () => {
  const { clock, asked, done, files, happened, planned } = await begin();
  await clock.advanceAsync(LIMIT_MS + 5_000);
  const [first, second] = asked;
  expect(second?.head).toBe(first?.head);
  expect(planned).toEqual([undefined, { plan: PLAN, timedOut: 'first_byte' }]);
  second?.socket.write(whole(JAR));
  await clock.advanceAsync(0);
  const { fetched } = await done;
  expect([fetched?.length, fetched?.longestSilenceMs, isEnded(first)]).toEqual([JAR.length, LIMIT_MS + 5_000, true]);
  expect(files.content(STAGED)?.equals(JAR)).toBe(true);
  expect([happened, clock.pending]).toEqual([['connected', 'other', 'learned 5000'], 0]);
});

it('late farewell: if both requests stay silent, the attempt ends once, and asks no third time', async () => {
  const { clock, asked, done, happened } = await begin();
  await clock.advanceAsync(5 * LIMIT_MS - 1);
  expect([isEnded(asked[0]), isEnded(asked[1])]).toEqual([false, false]);
  await clock.advanceAsync(1);
  const { error } = await done;
  expect([(error as CodedError).code, asked.length, clock.pending]).toEqual(['RESPONSE-TIMEOUT', 2, 0]);
  expect(happened).toEqual(['connected', 'other', 'not learned null']);
});

it('late farewell: a second request continues the bytes of the first one', async () => {
  const { clock, asked, done, files, happened } = await begin();
  asked[0]?.socket.write(whole(JAR).subarray(0, 90_000));
  await clock.advanceAsync(LIMIT_MS + 1);
  const size = files.content(STAGED)?.length ?? 0;
  expect(asked[1]?.head).toContain(`\r\nrange: bytes=${size}-\r\nif-range: "1"`);
  asked[1]?.socket.write(rest(size));
  await clock.advanceAsync(0);
  expect((await done).fetched?.keptBytes).toBe(0);
  expect([files.content(STAGED)?.equals(JAR), isEnded(asked[0])]).toEqual([true, true]);
  expect(happened).toEqual(['connected', 'other', 'not learned 1']);
});

it('late farewell: a whole file in place of the rest does not win', async () => {
  const { clock, asked, done, files } = await begin();
  const all = whole(JAR);
  asked[0]?.socket.write(all.subarray(0, 90_000));
  await clock.advanceAsync(LIMIT_MS + 1);
  asked[1]?.socket.write(whole(JAR, '"2"'));
  await clock.advanceAsync(1_000);
  expect([isEnded(asked[0]), isEnded(asked[1])]).toEqual([false, true]);
  asked[0]?.socket.write(all.subarray(90_000));
  await clock.advanceAsync(0);
  expect((await done).error).toBe(null);
  expect(files.content(STAGED)?.equals(JAR)).toBe(true);
});

it('late farewell: bytes of a file and of the one that replaced it are never mixed', async () => {
  const { clock, asked, done, files } = await begin();
  const old = Buffer.alloc(JAR.length, 7);
  asked[0]?.socket.write(whole(old, '"old"').subarray(0, -old.length));
  await clock.advanceAsync(LIMIT_MS + 1);
  asked[1]?.socket.write(whole(JAR, '"new"'));
  await clock.advanceAsync(0);
  expect((await done).fetched?.length).toBe(JAR.length);
  expect(files.content(STAGED)?.equals(JAR)).toBe(true);
});

it('late farewell: a second response that trickles neither wins nor is written', async () => {
  const { clock, asked, done, files } = await begin();
  await clock.advanceAsync(LIMIT_MS + 1);
  asked[1]?.socket.write(whole(JAR).subarray(0, 60_000));
  await clock.advanceAsync(1_000);
  expect([isEnded(asked[0]), files.content(STAGED)?.length]).toEqual([false, 0]);
  asked[0]?.socket.write(whole(JAR));
  await clock.advanceAsync(0);
  expect([(await done).fetched?.length, isEnded(asked[1])]).toEqual([JAR.length, true]);
});

it('late farewell: the second request continues alone if the first one breaks', async () => {
  const { clock, asked, done, happened } = await begin();
  await clock.advanceAsync(LIMIT_MS + 1);
  asked[0]?.socket.destroy();
  await clock.advanceAsync(LIMIT_MS);
  asked[1]?.socket.write(whole(JAR));
  await clock.advanceAsync(0);
  expect((await done).fetched?.length).toBe(JAR.length);
  expect(happened).toEqual(['connected', 'broke', 'other', `learned ${LIMIT_MS + 1}`]);
});

it('late farewell: an answer of the first request that is not the file ends both', async () => {
  const { clock, asked, done } = await begin();
  await clock.advanceAsync(LIMIT_MS + 1);
  asked[0]?.socket.write('HTTP/1.1 504 Gateway Timeout\r\nContent-Length: 0\r\n\r\n');
  await clock.advanceAsync(0);
  expect([((await done).error as CodedError).code, isEnded(asked[1]), clock.pending]).toEqual([
    'ORIGIN-STATUS',
    true,
    0,
  ]);
});

it('late farewell: an error as the second answer changes nothing', async () => {
  const { clock, asked, done } = await begin();
  await clock.advanceAsync(LIMIT_MS + 1);
  asked[1]?.socket.write('HTTP/1.1 503 Service Unavailable\r\nContent-Length: 4\r\n\r\nbusy');
  await clock.advanceAsync(30_000);
  expect([isEnded(asked[0]), isEnded(asked[1])]).toEqual([false, true]);
  asked[0]?.socket.write(whole(JAR));
  await clock.advanceAsync(0);
  expect((await done).fetched?.length).toBe(JAR.length);
});

it.each([30_000, 90_000])(
  'late farewell: if the second fails after %i ms, the first one gets twice its timeout',
  async (ms) => {
    const { clock, asked, done } = await begin();
    await clock.advanceAsync(LIMIT_MS + ms);
    asked[1]?.socket.destroy();
    await clock.advanceAsync(Math.max(0, LIMIT_MS - ms - 1));
    expect(isEnded(asked[0])).toBe(ms > LIMIT_MS);
    await clock.advanceAsync(1);
    expect([((await done).error as CodedError).code, asked.length, clock.pending]).toEqual(['RESPONSE-TIMEOUT', 2, 0]);
  },
);

it.each<[string, Manner, lasts: number]>([
  ['the proxy answered no probe', { decision: 'end' }, LIMIT_MS],
  ['the answer to a probe is waited for in vain', { decision: Promise.resolve('end' as const) }, LIMIT_MS],
  ['the server cannot be reached', { head: '503 Service Unavailable' }, 1.2 * LIMIT_MS],
  ['the proxy allows one connection', { decision: 'double' }, 2 * LIMIT_MS],
])('late farewell: no second request begins if %s', async (_why, manner, lasts) => {
  const { clock, asked, done, extended } = await begin(manner);
  await clock.advanceAsync(lasts - 1);
  expect(isEnded(asked[0])).toBe(false);
  await clock.advanceAsync(1);
  expect([((await done).error as CodedError).code, asked.length, extended]).toEqual([
    'RESPONSE-TIMEOUT',
    1,
    lasts === LIMIT_MS ? [] : [-lasts],
  ]);
});

it('late farewell: a second request begins as soon as a late probe is answered', async () => {
  const { promise, resolve } = Promise.withResolvers<LimitDecision>();
  const { clock, asked, done } = await begin({ decision: promise });
  await clock.advanceAsync(LIMIT_MS + 15_000);
  expect([asked.length, isEnded(asked[0])]).toEqual([1, false]);
  resolve('ask-server');
  await clock.advanceAsync(1);
  expect(asked.length).toBe(2);
  asked[0]?.socket.write(whole(JAR));
  await clock.advanceAsync(0);
  expect((await done).fetched?.length).toBe(JAR.length);
});

it('late farewell: a transfer that only trickles is extended without a second request', async () => {
  const { clock, asked, done, extended } = await begin();
  asked[0]?.socket.write(whole(JAR).subarray(0, 1_000));
  for (let n = 0; n < 45; n += 1) {
    await clock.advanceAsync(30_000);
    asked[0]?.socket.write(JAR.subarray(0, 1));
  }
  await clock.advanceAsync(30_000);
  expect([((await done).error as CodedError).code, asked.length, extended]).toEqual([
    'RESPONSE-TRICKLES',
    1,
    [-1_350_000],
  ]);
});

it('late farewell: a stop ends both requests', async () => {
  const { clock, asked, done, stopping } = await begin();
  await clock.advanceAsync(LIMIT_MS + 1);
  stopping.abort(new Error('stopped'));
  await clock.advanceAsync(0);
  expect((await done).error?.message).toBe('stopped');
  expect([isEnded(asked[0]), isEnded(asked[1]), clock.pending]).toEqual([true, true, 0]);
});

it('late farewell: a proxy that is found dead ends both requests', async () => {
  const { clock, asked, done, ending } = await begin();
  await clock.advanceAsync(LIMIT_MS + 1);
  ending.abort(new Error('gone'));
  await clock.advanceAsync(0);
  expect((await done).error?.message).toBe('gone');
  expect([isEnded(asked[0]), isEnded(asked[1]), clock.pending]).toEqual([true, true, 0]);
});

it('late farewell: a full disk ends the attempt, whichever request brings the bytes', async () => {
  const files = new CrashingFiles();
  const { clock, asked, done } = await begin({ files });
  await clock.advanceAsync(LIMIT_MS + 1);
  files.arm({ fullAfterBytes: 100_000 });
  asked[1]?.socket.write(whole(JAR));
  await clock.advanceAsync(0);
  expect([((await done).error as CodedError).code, isEnded(asked[0])]).toEqual(['DISK-FULL', true]);
});

it('late farewell: a reading that our own limit pauses is not silent', async () => {
  const paused: { pause(): void; resume(): void }[] = [];
  const throttle = {
    ready: async () => {},
    limit: (reading: { pause(): void; resume(): void }) => {
      paused.push(reading);
      return { took: () => reading.pause(), end: () => reading.resume() };
    },
  };
  const { clock, asked, done, happened } = await begin({ over: { throttle } });
  asked[0]?.socket.write(whole(JAR).subarray(0, 10_000));
  await clock.advanceAsync(10 * LIMIT_MS);
  expect(asked.length).toBe(1);
  expect(happened).toContain('reading paused');
  expect(happened).not.toContain('reading continued');
  paused[0]?.resume();
  asked[0]?.socket.write(whole(JAR).subarray(10_000));
  await clock.advanceAsync(0);
  for (let n = 0; n < 20; n += 1) {
    paused[0]?.resume();
    await clock.advanceAsync(0);
  }
  expect((await done).fetched?.length).toBe(JAR.length);
});

it.each([1, 2, 3, 5])(
  'late farewell: a crash at operation %i after the second request won keeps a right prefix',
  async (n) => {
    const files = new CrashingFiles();
    const { clock, asked, done } = await begin({ files });
    await clock.advanceAsync(LIMIT_MS + 1);
    files.arm({ crashAfter: n });
    asked[1]?.socket.write(whole(JAR));
    await clock.advanceAsync(0);
    expect((await done).error).toBeInstanceOf(Error);
    for (const mode of CRASH_MODES) {
      const left = files.afterCrash(mode);
      const kept = left.content(STAGED) ?? Buffer.alloc(0);
      expect(JAR.subarray(0, kept.length).equals(kept)).toBe(true);
      const next = await begin({ files: left });
      const range = /range: bytes=(\d+)-/.exec(next.asked[0]?.head ?? '');
      next.asked[0]?.socket.write(range === null ? whole(JAR) : rest(Number(range[1])));
      await next.clock.advanceAsync(0);
      expect((await next.done).fetched?.length).toBe(JAR.length);
    }
  },
);
