import { describe, expect, it } from 'vitest';
import { type FormatHistory, isReadable, modernise } from '#config/reading/renamed.ts';

/** A format whose version 2 moved a key, a section and the secret of a section. */
const HISTORY: FormatHistory = {
  version: 2,
  renamed: [
    { from: ['updates', 'interval'], to: ['updates', 'schedule'], since: 2 },
    { from: ['certificate'], to: ['updates', 'client_certificate'], since: 2 },
  ],
};

describe('an old file', () => {
  const old = { version: 1, updates: { interval: '0 3 * * *', channel: 'beta' }, certificate: { key_file: 'k' } };

  it('means the same under the current names', () => {
    expect(modernise(old, HISTORY).value).toEqual({
      version: 2,
      updates: { schedule: '0 3 * * *', channel: 'beta', client_certificate: { key_file: 'k' } },
    });
  });

  it('has a notice for each old name with the new one and the end of support', () => {
    expect(modernise(old, HISTORY).findings).toMatchObject([
      { path: ['updates', 'interval'], severity: 'warning', message: expect.stringContaining('updates.schedule') },
      {
        path: ['certificate'],
        severity: 'warning',
        message: expect.stringMatching(/version 3 will not read.*sallyport config upgrade/),
      },
    ]);
  });

  it('has one notice for its version if it has no old name', () => {
    expect(modernise({ version: 1, updates: {} }, HISTORY).findings).toMatchObject([
      { path: ['version'], severity: 'warning', message: expect.stringContaining('sallyport config upgrade') },
    ]);
  });

  it('loses a section that becomes empty', () => {
    const old = { version: 1, updates: { interval: 'a' }, retry: {} };
    const history = { version: 2, renamed: [{ from: ['updates', 'interval'], to: ['schedule'], since: 2 }] };

    expect(modernise(old, history).value).toEqual({ version: 2, schedule: 'a', retry: {} });
    expect(modernise({ version: 1, updates: null }, history).value).toEqual({ version: 2 });
  });

  it('keeps the position of each key, also inside moved sections', () => {
    const { keyInFile } = modernise(old, HISTORY);

    expect(keyInFile('updates.schedule')).toBe('updates.interval');
    expect(keyInFile('updates.client_certificate.key_file')).toBe('certificate.key_file');
    expect(keyInFile('updates.channel')).toBe('updates.channel');
    expect(keyInFile('updates.schedule_more')).toBe('updates.schedule_more');
  });

  it('must not have both names of a key', () => {
    const both = { version: 1, updates: { interval: 'a', schedule: 'b' } };

    expect(modernise(both, HISTORY).findings).toMatchObject([
      {
        path: ['updates', 'interval'],
        severity: 'error',
        message: expect.stringContaining('old name of updates.schedule'),
      },
    ]);
  });
});

describe('a current file', () => {
  it('is read unchanged, so old names are unknown keys', () => {
    const now = { version: 2, updates: { interval: 'a' } };

    expect(modernise(now, HISTORY)).toMatchObject({ value: now, findings: [] });
  });
});

describe('supported versions', () => {
  it('are the current and the previous one', () => {
    expect([0, 1, 2, 3, 4, '2', null].filter((version) => isReadable(version, { version: 3, renamed: [] }))).toEqual([
      2, 3,
    ]);
    expect(isReadable(0, { version: 1, renamed: [] })).toBe(false);
  });
});
