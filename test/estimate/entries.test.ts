import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { EntryJoiner, type LogEntry } from '#estimate/entries.ts';

function join(lines: readonly string[]): LogEntry[] {
  const joiner = new EntryJoiner();
  return [...lines.map((line) => joiner.next(line)), joiner.end()].filter((entry) => entry !== null);
}

describe('entries of an old log', () => {
  it('begin with a time; wrapped lines belong to the previous entry', () => {
    expect(join(['2013-06-05T00:04:10 [INFO] Downloading update ID', '1602503.', '2013-06-05T00:04:12 next'])).toEqual([
      { stamp: '2013-06-05T00:04:10', text: ' [INFO] Downloading update ID 1602503.' },
      { stamp: '2013-06-05T00:04:12', text: ' next' },
    ]);
  });

  it.each([
    '1602503.',
    '',
    '2013-13-05T00:00:00 x',
    '2013-06-05T25:00:00 x',
    '0013-06-05T00:00:00 x',
    ' 2013-06-05T00:00:00 x',
  ])('do not begin with %j', (line) => {
    expect(join([line])).toEqual([]);
  });

  it('keep the first part of an endless entry', () => {
    const lines = ['2013-06-05T00:04:10 Downloading', ...Array.from({ length: 5_000 }, () => 'x'.repeat(100))];
    const [entry] = join(lines);
    expect(entry?.text.length).toBeLessThan(5_000);
  });

  it('are the same however lines wrap at spaces', () => {
    const words = fc.array(fc.stringMatching(/^[A-Za-z.]{1,12}$/), { minLength: 1, maxLength: 20 });
    fc.assert(
      fc.property(words, fc.array(fc.boolean()), (message, breaks) => {
        const wrapped = message.map((word, index) => `${breaks[index] === true ? '\n' : ' '}${word}`).join('');
        const [entry] = join(`2013-06-05T00:04:10 [INFO]${wrapped}`.split('\n'));
        expect(entry?.text).toBe(` [INFO] ${message.join(' ')}`);
      }),
    );
  });
});
