import { closeSync, fstatSync, openSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { isJournal } from '#system/process/journal.ts';

let descriptor = -1;
let named = '';
beforeEach(() => {
  descriptor = openSync('/dev/null', 'r');
  const { dev, ino } = fstatSync(descriptor, { bigint: true });
  named = `${dev}:${ino}`;
});
afterEach(() => {
  closeSync(descriptor);
});

describe('a stream and the journal', () => {
  it('journal: a stream with device and inode of JOURNAL_STREAM is connected to it', () => {
    expect(isJournal(descriptor, named)).toBe(true);
  });

  it.each([undefined, '', '8:', ':10', '8:10', 'x:y', '08:1 '])(
    'journal: a stream is not connected to it when JOURNAL_STREAM is %j',
    (variable) => {
      expect(isJournal(descriptor, variable)).toBe(false);
    },
  );

  it('journal: a closed stream is not connected to it', () => {
    expect(isJournal(2_000_000, named)).toBe(false);
  });
});
