import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { MoreTime } from '#http/deadlines.ts';
import { ResponseWatch, type TimedOut } from '#http/watch.ts';
import { FakeClock } from '#test/support/fake-clock.ts';

function setUp(deadlines = {}) {
  const clock = new FakeClock();
  const ended: [TimedOut, number][] = [];
  const watch = new ResponseWatch({
    clock,
    deadlines: { firstByteMs: 100, silenceMs: 50, totalMs: 1_000, key: 'k', ...deadlines },
    onTimeout: (which) => {
      ended.push([which, clock.monotonic()]);
      watch.end(false);
    },
  });
  return { clock, ended, watch };
}

describe('watch: limits while sending', () => {
  it('apply to pauses; the limit of the response starts later', async () => {
    const clock = new FakeClock();
    const ended: [TimedOut, number][] = [];
    let isSending = true;
    const deadlines = { firstByteMs: 500, silenceMs: 50, totalMs: 5_000, key: 'k', sending: { ms: 100, key: 's' } };
    const watch = new ResponseWatch({
      clock,
      deadlines,
      isSending: () => isSending,
      onTimeout: (which) => ended.push([which, clock.monotonic()]),
    });

    await clock.advanceAsync(90);
    watch.requestMoved();
    await clock.advanceAsync(90);
    isSending = false;
    watch.requestMoved();
    await clock.advanceAsync(490);
    expect(ended).toEqual([]);
    await clock.advanceAsync(20);
    expect(ended).toEqual([['first_byte', 680]]);
    watch.end(false);
  });

  it('end at the total limit even if bytes are still sent', async () => {
    const clock = new FakeClock();
    const ended: TimedOut[] = [];
    const deadlines = { firstByteMs: 500, silenceMs: 50, totalMs: 200, key: 'k', sending: { ms: 100, key: 's' } };
    const watch = new ResponseWatch({
      clock,
      deadlines,
      isSending: () => true,
      onTimeout: (which) => ended.push(which),
    });

    for (let step = 0; step < 5; step += 1) {
      await clock.advanceAsync(45);
      watch.requestMoved();
    }
    expect(ended).toEqual(['total']);
    watch.end(false);
  });
});

describe('watch: asking for more time when a limit expired', () => {
  const asking = (answer: boolean | null, counted = { times: 0 }) => ({
    askForMore: () => {
      counted.times += 1;
      return answer === null ? null : Promise.resolve({ times: answer ? 2 : 1 });
    },
  });

  it.each([
    [true, 200],
    [false, 100],
    [null, 100],
  ])('watch: the answer %s ends the wait after %i ms', async (answer, ms) => {
    const counted = { times: 0 };
    const { clock, ended, watch } = setUp(asking(answer, counted));
    watch.requestSent();
    await clock.advanceAsync(500);
    expect([ended, counted.times]).toEqual([[['first_byte', ms]], 1]);
    expect(watch.factor).toBe(answer === true ? 2 : 1);
  });

  it('watch: silence and total are doubled as well', async () => {
    const { clock, ended, watch } = setUp({ ...asking(true), totalMs: 120 });
    watch.requestSent();
    for (let n = 0; n < 12; n += 1) {
      await clock.advanceAsync(15);
      watch.bodyBytes(1);
    }
    await clock.advanceAsync(500);
    expect(ended).toEqual([['total', 240]]);
  });

  it('watch: a byte while it asks continues the response', async () => {
    const { promise, resolve } = Promise.withResolvers<MoreTime>();
    const askForMore = () => promise;
    const { clock, ended, watch } = setUp({ askForMore });
    watch.requestSent();
    await clock.advanceAsync(110);
    watch.bodyBytes(1);
    resolve({ times: 1 });
    await clock.advanceAsync(40);
    expect(ended).toEqual([]);
    await clock.advanceAsync(20);
    expect(ended).toEqual([['silence', 160]]);
  });

  it.each([
    [300, 300],
    [150, 200],
  ])('watch: limits are five times as long until %i ms, and then twice', async (untilMs, endsMs) => {
    const { promise, resolve } = Promise.withResolvers<void>();
    const askForMore = () => Promise.resolve({ times: 2, longer: { times: 5, while: promise } });
    const { clock, ended, watch } = setUp({ askForMore });
    watch.requestSent();
    clock.after(untilMs, resolve);
    await clock.advanceAsync(1_000);
    expect(ended).toEqual([['first_byte', endsMs]]);
  });

  it('watch: the longest extension ends as well', async () => {
    const askForMore = () => Promise.resolve({ times: 2, longer: { times: 5, while: new Promise<never>(() => {}) } });
    const { clock, ended, watch } = setUp({ askForMore });
    watch.requestSent();
    await clock.advanceAsync(1_000);
    expect(ended).toEqual([['first_byte', 500]]);
  });

  it('watch: a shorter extension during a pause ends nothing before reading continues', async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    const askForMore = () => Promise.resolve({ times: 2, longer: { times: 5, while: promise } });
    const { clock, ended, watch } = setUp({ askForMore });
    watch.requestSent();
    await clock.advanceAsync(150);
    watch.paused();
    resolve();
    await clock.advanceAsync(1_000);
    expect(ended).toEqual([]);
    watch.resumed();
    await clock.advanceAsync(51);
    expect(ended).toEqual([['first_byte', 1_200]]);
  });
});

describe('watch: limits', () => {
  it('start for the first byte at the end of the request', async () => {
    const { clock, ended, watch } = setUp();

    clock.advance(30);
    watch.requestSent();
    await clock.advanceAsync(200);

    expect(ended).toEqual([['first_byte', 130]]);
    expect(watch.measured).toEqual({
      firstByteMs: null,
      longestSilenceMs: null,
      totalMs: 130,
      pausedMs: 0,
      timedOut: 'first_byte',
    });
  });

  it('apply to silences after it, with a limit of their own that may end first', async () => {
    const { clock, ended, watch } = setUp();

    await clock.advanceAsync(40);
    watch.bodyBytes(1);
    await clock.advanceAsync(45);
    watch.bodyBytes(1);
    await clock.advanceAsync(200);

    expect(ended).toEqual([['silence', 135]]);
    expect(watch.measured).toEqual({
      firstByteMs: 40,
      longestSilenceMs: 50,
      totalMs: 135,
      pausedMs: 0,
      timedOut: 'silence',
    });
  });

  it('can be extended at the total limit, by the bytes received so far', async () => {
    const asked: [number, number][] = [];
    const extend = (elapsedMs: number, bytes: number) => {
      asked.push([elapsedMs, bytes]);
      return elapsedMs < 150 ? elapsedMs + 60 : 0;
    };
    const { clock, ended, watch } = setUp({ totalMs: 95, extend });

    for (let step = 0; step < 40; step += 1) {
      watch.bodyBytes(2);
      await clock.advanceAsync(10);
    }

    expect(asked).toEqual([
      [95, 20],
      [155, 32],
    ]);
    expect(ended).toEqual([['total', 155]]);
  });

  it('are not extended for a silent peer', async () => {
    const extend = () => {
      throw new Error('nobody asked');
    };
    const { clock, ended } = setUp({ totalMs: 100, extend });
    await clock.advanceAsync(200);
    expect(ended).toEqual([['first_byte', 100]]);
  });

  it('of the whole run from its start, even if bytes keep coming', async () => {
    const { clock, ended, watch } = setUp({ totalMs: 95 });

    for (let step = 0; step < 20; step += 1) {
      watch.bodyBytes(1);
      await clock.advanceAsync(10);
    }

    expect(ended).toEqual([['total', 95]]);
  });

  it('leave no timer and report nothing after the end', async () => {
    const { clock, ended, watch } = setUp();

    await clock.advanceAsync(10);
    watch.end(true);
    watch.end(false);
    await clock.advanceAsync(5_000);

    expect(clock.pending).toBe(0);
    expect(ended).toEqual([]);
    expect(watch.measured).toEqual({ firstByteMs: 10, longestSilenceMs: 0, totalMs: 10, pausedMs: 0, timedOut: null });
  });

  it('ignore a busy loop: bytes that wait in the socket are read first', async () => {
    const { clock, ended, watch } = setUp();

    clock.advance(150);
    watch.bodyBytes(1);
    await clock.advanceAsync(0);

    expect(ended).toEqual([]);
  });

  it('never move with the wall clock', async () => {
    const { clock, ended } = setUp();

    clock.stepWall(86_400_000);
    await clock.advanceAsync(99);

    expect(ended).toEqual([]);
  });

  it('end exactly where the plain rule says, for any arrival of bytes', async () => {
    const limits = fc.record({
      firstByteMs: fc.integer({ min: 1, max: 60 }),
      silenceMs: fc.integer({ min: 1, max: 60 }),
      totalMs: fc.integer({ min: 1, max: 400 }),
    });

    await fc.assert(
      fc.asyncProperty(
        limits,
        fc.array(fc.integer({ min: 1, max: 70 }), { maxLength: 10 }),
        async (deadlines, gaps) => {
          const { clock, ended, watch } = setUp(deadlines);
          for (const gap of gaps) {
            await clock.advanceAsync(gap);
            if (ended.length > 0) break;
            watch.bodyBytes(1);
          }
          await clock.advanceAsync(1_000);
          expect(ended).toEqual([plainRule(deadlines, gaps)]);
          expect(clock.pending).toBe(0);
        },
      ),
      { numRuns: 200 },
    );
  });
});

/** The rule in its simplest form: iterate over the arrivals and find the limit that is reached first. */
function plainRule(
  limits: { firstByteMs: number; silenceMs: number; totalMs: number },
  gaps: readonly number[],
): [TimedOut, number] {
  let now = 0;
  for (let at = 0; ; at += 1) {
    const phase = now + (at === 0 ? limits.firstByteMs : limits.silenceMs);
    const due = Math.min(phase, limits.totalMs);
    const next = gaps[at] === undefined ? Number.POSITIVE_INFINITY : now + (gaps[at] ?? 0);
    if (next < due) now = next;
    else if (limits.totalMs < phase && at > 0) return ['total', limits.totalMs];
    else return [at === 0 ? 'first_byte' : 'silence', due];
  }
}

describe('watch: paused reading', () => {
  it('lets no limit pass, and is in no measured time but its own', async () => {
    const { clock, ended, watch } = setUp({ totalMs: 200 });
    await clock.advanceAsync(40);
    watch.bodyBytes(1);
    await clock.advanceAsync(30);
    watch.paused();
    await clock.advanceAsync(10_000);
    watch.resumed();
    await clock.advanceAsync(15);
    watch.bodyBytes(1);
    expect(ended).toEqual([]);
    watch.end(true);

    const expected = { firstByteMs: 40, longestSilenceMs: 45, totalMs: 85, pausedMs: 10_000, timedOut: null };
    expect(watch.measured).toEqual(expected);
    expect(clock.pending).toBe(0);
  });

  it('continues each limit where it was', async () => {
    const { clock, ended, watch } = setUp();
    watch.bodyBytes(1);
    await clock.advanceAsync(40);
    watch.paused();
    await clock.advanceAsync(500);
    watch.resumed();
    await clock.advanceAsync(9);
    expect(ended).toEqual([]);
    await clock.advanceAsync(1);
    expect(ended).toEqual([['silence', 550]]);
  });

  it('cancels a decision that was due', async () => {
    const { clock, ended, watch } = setUp();
    clock.advance(100);
    watch.paused();
    await clock.advanceAsync(500);
    expect(ended).toEqual([]);
    watch.resumed();
    await clock.advanceAsync(0);
    expect(ended).toEqual([['first_byte', 600]]);
    expect(watch.measured.pausedMs).toBe(500);
  });
});
