// Watching files without notifications: too many watches, or a file system without events.

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ConfigWatch } from '#config/following/watch.ts';
import { FakeClock } from '#test/support/fake-clock.ts';

vi.mock('chokidar', () => ({
  watch: () => {
    throw new Error('ENOSPC: no watches left');
  },
}));

let dir: string;
let file: string;
let clock: FakeClock;
let deaf: string[];
let reads: string[];
let watch: ConfigWatch;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'sallyport-watch-'));
  file = join(dir, 'sallyport.yaml');
  await writeFile(file, 'one');
  clock = new FakeClock();
  [deaf, reads] = [[], []];
  watch = new ConfigWatch([file], {
    clock,
    read: ({ cause }) => {
      reads.push(cause);
      return Promise.resolve([file]);
    },
    onDeaf: (reason) => deaf.push(reason),
    onRestless: () => undefined,
  });
});
afterEach(async () => {
  await watch.stop();
  await rm(dir, { recursive: true, force: true });
});

/** Advances the clock until the files were read `count` times; returns the ms that took. */
async function untilRead(count: number): Promise<number> {
  let passedMs = 0;
  while (reads.length < count && passedMs < 60_000) {
    const ms = clock.untilNext;
    // No timer runs while it reads files.
    if (ms === null) {
      await turn();
      continue;
    }
    clock.advance(ms);
    passedMs += ms;
  }
  return passedMs;
}

describe('a watch without file events', () => {
  it('compares every ten seconds and reports this once', async () => {
    watch.start();
    await untilRead(1);
    for (const content of ['two', 'three']) {
      await writeFile(file, content);
      expect(await untilRead(reads.length + 1)).toBeLessThanOrEqual(15_000);
    }

    expect(reads).toEqual(['changed', 'changed', 'changed']);
    expect(deaf).toEqual(['ENOSPC: no watches left']);
  });

  it('reads nothing while nothing changes', async () => {
    await watch.readNow();
    expect(await untilRead(2)).toBe(60_000);
    expect(reads).toEqual(['asked']);
  });

  it('leaves no timer when stopped, even while writes settle', async () => {
    watch.start();
    await turn();
    await watch.stop();

    expect(clock.pending).toBe(0);
    expect(reads).toEqual([]);
  });
});
