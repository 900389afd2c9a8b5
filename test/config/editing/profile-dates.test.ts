import { describe, expect, it } from 'vitest';
import { noteProfile, readProfileDates } from '#config/editing/profile-dates.ts';
import { CrashingFiles } from '#test/support/crashing-files.ts';
import { everyCrash } from '#test/support/every-crash.ts';

const DIR = '/state';
const NOW = Date.parse('2026-11-25T10:00:00Z');

describe('the date of a profile', () => {
  it('is kept by name, follows a rename and is deleted with the profile', async () => {
    const files = new CrashingFiles();
    await noteProfile(files, DIR, { from: null, to: 'a', now: NOW });
    await noteProfile(files, DIR, { from: null, to: 'b', now: NOW + 1_000 });
    await noteProfile(files, DIR, { from: 'a', to: 'c', now: NOW + 2_000 });
    await noteProfile(files, DIR, { from: 'b', to: null, now: NOW + 3_000 });
    expect([...(await readProfileDates(files, DIR))]).toEqual([['c', '2026-11-25T10:00:00.000Z']]);
  });

  it('is unknown for profiles written by hand and if state is damaged', async () => {
    const files = new CrashingFiles();
    expect([...(await readProfileDates(files, DIR))]).toEqual([]);
    files.plantFile(`${DIR}/profiles.json`, 'no JSON');
    expect([...(await readProfileDates(files, DIR))]).toEqual([]);
    await noteProfile(files, DIR, { from: 'by-hand', to: 'other', now: NOW });
    expect([...(await readProfileDates(files, DIR))]).toEqual([]);
  });

  it('does not fail a change if it cannot be saved', async () => {
    const files = new CrashingFiles();
    files.plantFile(DIR, 'a file where the folder should be');
    await noteProfile(files, DIR, { from: null, to: 'a', now: NOW });
    expect([...(await readProfileDates(files, DIR))]).toEqual([]);
  });

  it('is the old or the new one after a crash', async () => {
    await everyCrash({
      prepare: async () => new CrashingFiles(),
      act: (files) =>
        noteProfile(files, DIR, { from: null, to: 'a', now: NOW }).then(() => {
          if (files.crashed) throw new Error('crashed');
        }),
      check: async ({ files }) => {
        const dates = await readProfileDates(files, DIR);
        expect([undefined, '2026-11-25T10:00:00.000Z']).toContain(dates.get('a'));
      },
    });
  });
});
