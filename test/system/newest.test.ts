import { describe, expect, it } from 'vitest';
import { NewestMap, NewestSet } from '#system/newest.ts';

describe('newest: Map', () => {
  const filled = (onDrop?: (value: number) => void) => {
    const map = new NewestMap<string, number>(2, onDrop);
    return map.set('a', 1).set('b', 2);
  };

  it('newest: a full Map drops its oldest entry and reports its value', () => {
    const dropped: number[] = [];
    const map = filled((value) => dropped.push(value)).set('c', 3);

    expect([...map]).toEqual([
      ['b', 2],
      ['c', 3],
    ]);
    expect(dropped).toEqual([1]);
  });

  it('newest: writing an entry again makes it the newest and drops nothing', () => {
    const dropped: number[] = [];
    const map = filled((value) => dropped.push(value)).set('a', 4);

    expect([...map.keys()]).toEqual(['b', 'a']);
    expect(map.get('a')).toBe(4);
    expect(dropped).toEqual([]);
  });

  it('newest: reading an entry does not keep it', () => {
    const map = filled();
    map.get('a');
    map.has('a');

    expect([...map.set('c', 3).keys()]).toEqual(['b', 'c']);
  });

  it('newest: a deleted entry makes room without a report', () => {
    const dropped: number[] = [];
    const map = filled((value) => dropped.push(value));
    map.delete('b');

    expect([...map.set('c', 3).keys()]).toEqual(['a', 'c']);
    expect(dropped).toEqual([]);
  });
});

describe('newest: Set', () => {
  it('newest: a full Set drops its oldest value; adding a value again makes it the newest', () => {
    const dropped: string[] = [];
    const set = new NewestSet<string>(2, (value) => dropped.push(value));
    set.add('a').add('b').add('a');
    expect([...set]).toEqual(['b', 'a']);

    expect([...set.add('c')]).toEqual(['a', 'c']);
    expect(dropped).toEqual(['b']);
  });
});
