// Whole rounds on a host whose clock is wrong for a while: nothing expired is published in 2099, and when the clock
// is right again, the next round works without help from an admin.

import { afterEach, beforeEach, expect, it } from 'vitest';
import { type Clock, systemClock } from '#system/clock.ts';
import { CrashingFiles } from '#test/support/crashing-files.ts';
import { itemFor, makeJar } from '#test/support/jars.ts';
import { openRig, type Rig } from '#test/support/round-rig.ts';
import { SignedOrigin } from '#test/support/signed-origin.ts';
import { testSettings } from '#test/support/test-settings.ts';
import { NOW_MS } from '#test/tuf/support/simulated-repository.ts';

const DIR = '/data';
const ROOT = '/etc/root.json';
const HOUR_MS = 3_600_000;
let origin: SignedOrigin;
let files: CrashingFiles;

beforeEach(async () => {
  origin = await SignedOrigin.start();
  files = new CrashingFiles();
  files.plantFile(ROOT, origin.repository.initialRoot);
});
afterEach(() => origin.close());

function offer(id: string): void {
  const jar = makeJar(id, 4_000);
  origin.offer([{ item: itemFor(id, jar), bytes: jar }]);
}

/** The program after a start at this time. */
function startAt(nowMs: number): Promise<Rig> {
  const clock: Clock = { ...systemClock, now: () => nowMs };
  return openRig({ files, dir: DIR, settings: testSettings(DIR, { updates: origin.settings(ROOT) }), clock });
}

const clockWarnings = (rig: Rig) => rig.codes().filter((code) => code === 'CLOCK-BACK');

it('round: a host that was in 2099 publishes again when its clock is right', async () => {
  offer('1');
  expect((await (await startAt(NOW_MS)).round()).published).toEqual(['1']);
  offer('2');
  const wrong = await (await startAt(Date.parse('2099-06-01T00:00:00Z'))).round();
  expect([wrong.error?.code, wrong.published]).toEqual(['TUF-EXPIRED', []]);

  const right = await startAt(NOW_MS + HOUR_MS);
  expect(await right.round()).toMatchObject({ error: null, published: ['2'] });
  expect(clockWarnings(right)).toEqual(['CLOCK-BACK']);
  offer('3');
  const later = await startAt(NOW_MS + 2 * HOUR_MS);
  expect(await later.round()).toMatchObject({ error: null, published: ['3'] });
  expect(clockWarnings(later)).toEqual([]);
});

it('round: a host that boots in 1970 publishes, also when its clock is right', async () => {
  offer('1');
  expect((await (await startAt(0)).round()).published).toEqual(['1']);
  offer('2');
  const right = await startAt(NOW_MS);
  expect(await right.round()).toMatchObject({ error: null, published: ['2'] });
  offer('3');
  const again = await startAt(0);
  expect(await again.round()).toMatchObject({ error: null, published: ['3'] });
  expect(clockWarnings(again)).toEqual(['CLOCK-BACK']);
  offer('4');
  expect(await (await startAt(NOW_MS + HOUR_MS)).round()).toMatchObject({ error: null, published: ['4'] });
});
