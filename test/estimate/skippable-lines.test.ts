import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SkippableLines } from '#estimate/skippable-lines.ts';
import { estimateFrom, MANUAL_LINES } from '#test/support/old-log.ts';

const skips = (line: string, lines = new SkippableLines()) => {
  const bytes = Buffer.from(`before\n${line}\nbehind`);
  return lines.skips(bytes, 7, 7 + line.length);
};

describe('a line that can be skipped', () => {
  it.each([
    '2013-06-05T00:04:10 [INFO] [Thread: Scan default:5] Looking at a port.',
    '2013-06-05T00:04:10 [INFO] [Thread: Scan] [Site: Lab] looking',
    '2013-06-05T00:04:10.123 [WARN] x',
    '2013-06-05T00:04:10 without a level',
  ])('is a line such as %j', (line) => {
    expect(skips(line)).toBe(true);
  });

  it.each([
    '2013-06-05T00:04:10 [INFO] [Thread: Security Console] Downloading update ID',
    '2013-06-05T00:04:10 [INFO] [Thread: Security Console] Response via 1.1',
    '2013-06-05T00:04:10 [INFO] [Thread: Security Console] Acknowledging receipt',
    '2013-06-05T00:04:10 [WARN] [Thread: Updater] Update ID 7 failed at this host: x',
    '2013-06-05T00:04:10 [INFO] [Thread: Security',
    '2013-06-05T00:04:10 [INFO] [Thread: Security Console]',
    '2013-06-05T00:04:10',
    '2013-06-05T00:04:1x [INFO] x',
    '1602503.',
    '',
  ])('is not a line such as %j', (line) => {
    expect(skips(line)).toBe(false);
  });

  it('is not one that goes back in time', () => {
    const lines = new SkippableLines();
    expect(skips('2013-06-05T00:04:10 a', lines)).toBe(true);
    expect(skips('2013-06-05T00:04:09 a', lines)).toBe(false);
    lines.note('2013-06-05T00:04:09');
    expect(skips('2013-06-05T00:04:09 a', lines)).toBe(true);
  });

  it('keeps its time', () => {
    const lines = new SkippableLines();
    expect(lines.latest()).toBeNull();
    skips('2013-06-05T00:04:10 a', lines);
    expect(lines.latest()).toBe('2013-06-05T00:04:10');
    expect(lines.latest()).toBeNull();
  });
});

describe('a log full of lines that can be skipped', () => {
  it('has the same result as without them', async () => {
    const plain = await estimateFrom({ log: MANUAL_LINES });
    const entries = MANUAL_LINES.split(/(?<=\n)(?=2013)/);
    const noise = fc.array(fc.constantFrom('looking', '[Site: x] at', 'a\n\tat b.c(D.java)\nDownloading update ID 9.'));
    await fc.assert(
      fc.asyncProperty(fc.array(noise, { minLength: 4, maxLength: 4 }), async (before) => {
        const lines = entries.map((entry, index) => {
          const stamp = entry.slice(0, 19);
          return (before[index] ?? []).map((text) => `${stamp} [INFO] [Thread: x] ${text}\n`).join('') + entry;
        });
        const { packages, tally, clockSteps } = await estimateFrom({ log: lines.join('') });
        expect({ packages, tally, clockSteps }).toEqual({
          packages: plain.packages,
          tally: plain.tally,
          clockSteps: 0,
        });
      }),
      { numRuns: 40 },
    );
  });

  it('still shows where the clock was set back', async () => {
    const other = (stamp: string) => `${stamp} [INFO] [Thread: x] looking\n`;
    const [began = '', ...others] = MANUAL_LINES.split(/(?<=\n)(?=2013)/);
    const text =
      began +
      other('2013-06-05T00:04:11') +
      other('2013-06-05T00:59:00') +
      other('2013-06-05T00:04:11') +
      others.join('');
    await expect(estimateFrom({ log: text })).rejects.toMatchObject({ code: 'ESTIMATE-NOTHING' });
  });
});
