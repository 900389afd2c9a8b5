import { describe, expect, it } from 'vitest';
import { noteActiveProfiles, noteProfile, readProfileDates } from '#config/editing/profile-dates.ts';
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

  describe('when settings become active', () => {
    const at = (minute: number) => ({ now: NOW + minute * 60_000, text: `2026-11-25T10:0${minute}:00.000Z` });
    const profile = (name: string, port = 80) => ({ name, server: `http proxy.example ${port}` });
    const becomes = async (files: CrashingFiles, minute: number, ...profiles: ReturnType<typeof profile>[]) => {
      await noteActiveProfiles(files, DIR, { profiles, now: at(minute).now, isFirstStart: true });
      return Object.fromEntries(await readProfileDates(files, DIR));
    };

    it('profile date: a profile written by hand has the time at which it became active', async () => {
      const files = new CrashingFiles();
      expect(await becomes(files, 0, profile('a'))).toEqual({ a: at(0).text });
      expect(await becomes(files, 1, profile('a'), profile('b', 81))).toEqual({ a: at(0).text, b: at(1).text });
    });

    it('profile date: it stays unknown if the profile was active before dates were stored', async () => {
      const files = new CrashingFiles();
      await noteActiveProfiles(files, DIR, { profiles: [profile('a')], now: NOW, isFirstStart: false });
      expect(await becomes(files, 1, profile('a'), profile('b', 81))).toEqual({ b: at(1).text });
      // The new name of a profile without a date has none.
      expect(await becomes(files, 2, profile('c'), profile('b', 81))).toEqual({ b: at(1).text });
    });

    it('profile date: it follows a profile that gets another name, and not one at another server', async () => {
      const files = new CrashingFiles();
      await becomes(files, 0, profile('a'), profile('b', 81));
      expect(await becomes(files, 1, profile('c'), profile('d', 82))).toMatchObject({ c: at(0).text, d: at(1).text });
    });

    it('profile date: a profile that comes back later is a new one', async () => {
      const files = new CrashingFiles();
      await becomes(files, 0, profile('a'));
      await becomes(files, 1);
      await becomes(files, 2);
      expect(await becomes(files, 3, profile('a'))).toEqual({ a: at(3).text });
    });

    it('profile date: that of a command is kept, also if the daemon is first', async () => {
      const files = new CrashingFiles();
      await becomes(files, 0, profile('a'));
      await noteProfile(files, DIR, { from: null, to: 'b', now: at(1).now });
      expect(await becomes(files, 2, profile('a'), profile('b', 81))).toEqual({ a: at(0).text, b: at(1).text });
      // The profile also gets another port, so the daemon takes it for a new one until the command stores the date.
      expect(await becomes(files, 3, profile('c', 83), profile('b', 81))).toMatchObject({ c: at(3).text });
      await noteProfile(files, DIR, { from: 'a', to: 'c', now: at(4).now });
      expect(Object.fromEntries(await readProfileDates(files, DIR))).toEqual({ c: at(0).text, b: at(1).text });
    });

    it('profile date: unchanged profiles write nothing', async () => {
      const files = new CrashingFiles();
      await becomes(files, 0, profile('a'));
      const before = files.trace.length;
      await noteActiveProfiles(files, DIR, { profiles: [profile('a')], now: NOW, isFirstStart: false });
      expect(files.trace.slice(before).filter(({ operation }) => operation === 'write')).toEqual([]);
    });
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
