import { describe, expect, it } from 'vitest';
import { layRows, layTable } from '#cli/terminal/table.ts';
import { wrapHelp, wrapWords } from '#cli/terminal/wrap.ts';

describe('a table', () => {
  it('is as wide as its widest cells, numbers to the right, without space at the end', () => {
    const rows = [
      ['long name', 1, ''],
      ['x', 1000, 'note'],
    ];
    expect(layTable(['A', 'N', 'C'], rows)).toEqual(['A          N     C', 'long name     1', 'x          1000  note']);
  });

  it('wraps its last column below itself where the window is narrow', () => {
    const rows = [['1602503', 'it was held back until it was scanned']];
    expect(layTable(['ID', 'NOTES'], rows, 32)).toEqual([
      'ID       NOTES',
      '1602503  it was held back until',
      '         it was scanned',
    ]);
  });

  it('leaves out columns that say nothing, and puts the last one below its row, where the window is narrow', () => {
    const heads = ['ID', 'PUBLISHED', 'EMPTY', 'NOTES'];
    const row = ['1602503', '2026-11-20T00:05:07Z', ''];
    expect(layTable(heads, [[...row, '']], 40)).toEqual(['ID       PUBLISHED', '1602503  2026-11-20T00:05:07Z']);
    expect(layTable(heads, [[...row, 'one two three four five']], 30)).toEqual([
      'ID       PUBLISHED',
      '1602503  2026-11-20T00:05:07Z',
      '  NOTES  one two three four',
      '         five',
    ]);
  });

  it('becomes a block for each row where even that does not fit, without what says nothing', () => {
    const rows = [
      ['updates', 'default', 'https://updates.example.com/feed.json'],
      ['platform', 'default', '-'],
    ];
    expect(layTable(['PURPOSE', 'SET TO', 'TARGET'], rows, 15)).toEqual([
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

  it('is its heads when there is no row', () => {
    expect(layTable(['A', 'B'], [])).toEqual(['A  B']);
  });
});

describe('words', () => {
  it('stay whole, and those that are longer than the line get one of their own', () => {
    expect(wrapWords('at https://updates.example.com/feed.json since', 20, 2)).toEqual([
      'at',
      '  https://updates.example.com/feed.json',
      '  since',
    ]);
  });

  it('of help fill its paragraphs, and its lists keep their columns', () => {
    const help = '\nOne two three\nfour:\n  do it      when it is due and not before\n\nFive.';
    expect(wrapHelp(help, 24)).toBe(
      '\nOne two three four:\n  do it      when it is\n             due and not\n             before\n\nFive.',
    );
  });

  it('of rows stand below their value', () => {
    expect(layRows([['a', 'one two three four five six seven']], { width: 30 })).toEqual([
      '  a  one two three four five',
      '     six seven',
    ]);
  });
});
