import { describe, expect, it } from 'vitest';
import type { LimitedReading } from '#http/exchange.ts';
import { FakeClock } from '#test/support/fake-clock.ts';
import { SharedThrottle } from '#transfer/throttle/shared-throttle.ts';

const CHUNK = 16_384;

/** A reader of a line that always has more bytes. */
class Reader {
  bytes = 0;
  isPaused = false;
  readonly reading: LimitedReading;

  constructor(throttle: SharedThrottle) {
    this.reading = throttle.limit({
      pause: () => {
        this.isPaused = true;
      },
      resume: () => {
        this.isPaused = false;
        queueMicrotask(() => this.read());
      },
    });
  }

  read(): void {
    while (!this.isPaused) {
      this.bytes += CHUNK;
      this.reading.took(CHUNK);
    }
  }
}

function setUp(first: number | null) {
  const limit = { rate: first };
  const clock = new FakeClock();
  const throttle = new SharedThrottle(clock, () => limit.rate);
  return { limit, clock, throttle };
}

/** The distance from a rate, as a share of it. */
const off = (bytes: number, ms: number, rate: number) => Math.abs((bytes * 1_000) / ms / rate - 1);

describe('shared throttle', () => {
  it.each([20_000, 250_000, 40_000_000])('keeps %i bytes a second to 5 percent, for one reader', async (rate) => {
    const { clock, throttle } = setUp(rate);
    const reader = new Reader(throttle);
    reader.read();
    await clock.advanceAsync(20_000);
    expect(off(reader.bytes, 20_000, rate)).toBeLessThan(0.05);
  });

  it('shares one limit between three readers, in equal parts', async () => {
    const { clock, throttle } = setUp(300_000);
    const readers = [new Reader(throttle), new Reader(throttle), new Reader(throttle)];
    for (const reader of readers) reader.read();
    await clock.advanceAsync(20_000);
    expect(
      off(
        readers.reduce((sum, { bytes }) => sum + bytes, 0),
        20_000,
        300_000,
      ),
    ).toBeLessThan(0.05);
    for (const { bytes } of readers) expect(off(bytes, 20_000, 100_000)).toBeLessThan(0.1);
  });

  it('applies a lower, a higher and no limit to a body that is being read', async () => {
    const { limit, clock, throttle } = setUp(1_000_000);
    const reader = new Reader(throttle);
    reader.read();
    await clock.advanceAsync(10_000);
    limit.rate = 10_000;
    await clock.advanceAsync(2_000);
    const before = reader.bytes;
    await clock.advanceAsync(20_000);
    expect(off(reader.bytes - before, 20_000, 10_000)).toBeLessThan(0.1);
    limit.rate = 2_000_000;
    await clock.advanceAsync(1_000);
    const faster = reader.bytes;
    await clock.advanceAsync(10_000);
    expect(off(reader.bytes - faster, 10_000, 2_000_000)).toBeLessThan(0.05);
    limit.rate = null;
    reader.reading.end();
    expect(clock.pending).toBe(0);
  });

  it('ends a long pause within a second after the limit is removed', async () => {
    const { limit, clock, throttle } = setUp(1_000);
    let resumedAt: number | null = null;
    const reading = throttle.limit({ pause: () => undefined, resume: () => (resumedAt = clock.monotonic()) });
    reading.took(65_536);
    await clock.advanceAsync(5_000);
    expect(resumedAt).toBeNull();
    limit.rate = null;
    await clock.advanceAsync(1_000);
    expect(resumedAt).not.toBeNull();
  });

  it('makes the next request wait for a body that came in one piece', async () => {
    const { clock, throttle } = setUp(10_000);
    const reading = throttle.limit({ pause: () => undefined, resume: () => undefined });
    reading.took(20_000);
    reading.end();
    let readyAt: number | null = null;
    void throttle.ready(new AbortController().signal).then(() => (readyAt = clock.monotonic()));
    await clock.advanceAsync(1_900);
    expect(readyAt).toBeNull();
    await clock.advanceAsync(200);
    expect(readyAt).toBe(2_000);
  });

  it('stops waiting when its signal is aborted', async () => {
    const { throttle } = setUp(10);
    throttle.limit({ pause: () => undefined, resume: () => undefined }).took(65_536);
    const ending = new AbortController();
    const ready = throttle.ready(ending.signal);
    ending.abort(new Error('stopped'));
    await expect(ready).rejects.toThrow('stopped');
  });

  it('pauses nothing and sets no timer without a limit', async () => {
    const { clock, throttle } = setUp(null);
    throttle.limit({ pause: () => expect.unreachable(), resume: () => expect.unreachable() }).took(1_000_000_000);
    await throttle.ready(new AbortController().signal);
    expect(clock.pending).toBe(0);
  });
});
