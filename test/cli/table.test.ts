import { describe, expect, it } from 'vitest';
import { layTable } from '#cli/table.ts';

describe('a table', () => {
  it('is as wide as its widest cells, numbers to the right, without space at the end', () => {
    const rows = [
      ['long name', 1, ''],
      ['x', 1000, 'note'],
    ];
    expect(layTable(['A', 'N', 'C'], rows)).toEqual(['A          N     C', 'long name     1', 'x          1000  note']);
  });

  it('is its heads when there is no row', () => {
    expect(layTable(['A', 'B'], [])).toEqual(['A  B']);
  });
});
