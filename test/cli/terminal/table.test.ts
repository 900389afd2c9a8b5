import { describe, expect, it } from 'vitest';
import { wrapHelp } from '#cli/terminal/wrap.ts';
import { formatRows, formatTable } from '#control/text/table.ts';
import { wrapWords } from '#errors/template.ts';

describe('a table', () => {
  it('has columns as wide as their widest cell, numbers right, no trailing space', () => {
    const rows = [
      ['long name', 1, ''],
      ['x', 1000, 'note'],
    ];
    expect(formatTable(['A', 'N', 'C'], rows)).toEqual([
      'A          N     C',
      'long name     1',
      'x          1000  note',
    ]);
  });

  it('wraps its last column in a narrow window', () => {
    const rows = [['1602503', 'it was held back until it was scanned']];
    expect(formatTable(['ID', 'NOTES'], rows, 32)).toEqual([
      'ID       NOTES',
      '1602503  it was held back until',
      '         it was scanned',
    ]);
  });

  it('omits empty columns and puts the last one below its row in a narrow window', () => {
    const heads = ['ID', 'PUBLISHED', 'EMPTY', 'NOTES'];
    const row = ['1602503', '2026-11-20T00:05:07Z', ''];
    expect(formatTable(heads, [[...row, '']], 40)).toEqual(['ID       PUBLISHED', '1602503  2026-11-20T00:05:07Z']);
    expect(formatTable(heads, [[...row, 'one two three four five']], 30)).toEqual([
      'ID       PUBLISHED',
      '1602503  2026-11-20T00:05:07Z',
      '  NOTES  one two three four',
      '         five',
    ]);
  });

  it('becomes a block for each row if nothing else fits, without empty cells', () => {
    const rows = [
      ['updates', 'default', 'https://updates.example.com/feed.json'],
      ['platform', 'default', '-'],
    ];
    expect(formatTable(['PURPOSE', 'SET TO', 'TARGET'], rows, 15)).toEqual([
      'updates',
      '  SET TO',
      '    default',
      '  TARGET',
      '    https://updates.example.com/feed.json',
      'platform',
      '  SET TO',
      '    default',
    ]);
  });

  it('has only its heads if there are no rows', () => {
    expect(formatTable(['A', 'B'], [])).toEqual(['A  B']);
  });
});

describe('wrapping', () => {
  it('keeps words whole; a word longer than a line gets its own line', () => {
    expect(wrapWords('at https://updates.example.com/feed.json since', 20, 2)).toEqual([
      'at',
      '  https://updates.example.com/feed.json',
      '  since',
    ]);
  });

  it('fills the paragraphs of help, and keeps the columns of its lists', () => {
    const help = '\nOne two three\nfour:\n  do it      when it is due and not before\n\nFive.';
    expect(wrapHelp(help, 24)).toBe(
      '\nOne two three four:\n  do it      when it is\n             due and not\n             before\n\nFive.',
    );
  });

  it('wraps the values of rows within their column', () => {
    expect(formatRows([['a', 'one two three four five six seven']], { width: 30 })).toEqual([
      '  a  one two three four five',
      '     six seven',
    ]);
  });
});
