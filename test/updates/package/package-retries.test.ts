// The retry of each package: by its own count, over restarts, whatever the clock does.

import { beforeEach, describe, expect, it } from 'vitest';
import { type CodedError, coded } from '#errors/coded-error.ts';
import { CrashingFiles } from '#test/support/crashing-files.ts';
import { FakeClock } from '#test/support/fake-clock.ts';
import { PackageRetries } from '#updates/package/package-retries.ts';

const MINUTE_MS = 60_000;
const U1 = { id: 'u1', sha256: 'a' };
const U2 = { id: 'u2', sha256: 'b' };
const lost = coded('CONNECTION-LOST', { received: 0, expected: 1, reason: 'x', hop: 'h' });
const refused = coded('ORIGIN-REFUSED', { url: 'x', status: 403, reason: 'Forbidden', hop: 'h' });
const drip = coded('RESPONSE-TRICKLES', { received: 1, expected: 2, elapsed: 1, seen: 'x', hop: 'h' });

let clock: FakeClock;
let files: CrashingFiles;
let retries: PackageRetries;

async function open(): Promise<PackageRetries> {
  const made = new PackageRetries({ files, clock, report: () => undefined }, '/s/retries.json');
  expect(await made.load()).toBeNull();
  return made;
}

beforeEach(async () => {
  clock = new FakeClock();
  files = new CrashingFiles();
  files.plantFolder('/s');
  retries = await open();
});

function fail(known = U1, error: CodedError = lost, over: { madeProgress?: boolean; yielded?: boolean } = {}) {
  const turn = { error, madeProgress: false, yielded: false, maxDelaySeconds: 21_600, ...over };
  const at = retries.failed(known, turn);
  return at === null ? null : (at - clock.now()) / MINUTE_MS;
}

describe('package retries', () => {
  it('grow from a minute to an hour, each package by its own count', () => {
    expect(Array.from({ length: 8 }, () => fail())).toEqual([1, 2, 4, 8, 16, 32, 60, 60]);
    expect(fail(U2)).toBe(1);
    expect(retries.nextAt()).toBe(clock.now() + MINUTE_MS);
  });

  it('package retries: the count restarts after new bytes, for another file and after a success', () => {
    fail();
    fail();
    expect(fail(U1, lost, { madeProgress: true })).toBe(1);
    expect(fail()).toBe(2);
    expect(fail({ id: 'u1', sha256: 'c' })).toBe(1);
    retries.forget('u1');
    expect(fail()).toBe(1);
  });

  it('are for temporary failures; all others wait for the next slot', () => {
    expect(fail(U1, refused)).toBeNull();
    expect(fail(U1, drip)).toBe(1);
    expect(fail(U1, refused)).toBeNull();
    expect(retries.nextFor('u1')).toBeNull();
  });

  it('wait as long as the server asked, up to retry.max_delay_seconds', () => {
    const asked = (retryAfterMs: number) =>
      coded('ORIGIN-STATUS', { url: 'x', status: 503, reason: '', hop: 'h', retryAfterMs });
    expect(fail(U1, asked(10 * MINUTE_MS))).toBe(10);
    expect(fail(U1, asked(1e30))).toBe(360);
  });

  it('keep a package out of a round until it is due, and only this exact file', () => {
    fail();
    expect(retries.waiting(U1)).toMatchObject({ error: lost });
    expect(retries.waiting({ id: 'u1', sha256: 'other' })).toBeNull();
    expect(retries.waiting(U2)).toBeNull();
    clock.advance(MINUTE_MS);
    expect(retries.waiting(U1)).toBeNull();
  });

  it('survive a restart, and a clock that was years ahead', async () => {
    fail();
    fail(U2, lost, { yielded: true, madeProgress: true });
    await retries.save();
    const nextAt = retries.nextAt();

    retries = await open();
    expect(retries.nextAt()).toBe(nextAt);
    expect([retries.isSlow(U1), retries.isSlow(U2)]).toEqual([false, true]);
    clock.stepWall(-3 * 365 * 24 * 60 * MINUTE_MS);
    expect(retries.waiting(U1)).toBeNull();
  });

  it('forget what the feed no longer wants', () => {
    fail();
    fail(U2);
    retries.keepOnly(new Set(['u2']));
    expect([retries.nextFor('u1'), retries.nextFor('u2')]).toEqual([null, clock.now() + MINUTE_MS]);
  });

  it('are used even if the file cannot be written', async () => {
    fail();
    files.arm({ fullAfterBytes: 0 });
    await retries.save();
    expect(retries.nextFor('u1')).not.toBeNull();
  });
});
