import { posix } from 'node:path';
import { describe, expect, it } from 'vitest';
import { DIRECTORIES, MAX_FLAT_FILES, MODULES, sourceFiles } from './layers.ts';

/** How many files lie flat in each directory. */
function counts(files: readonly string[]): ReadonlyMap<string, number> {
  const found = new Map<string, number>();
  for (const directory of files.map((file) => posix.dirname(file))) {
    found.set(directory, (found.get(directory) ?? 0) + 1);
  }
  return found;
}

const crowded = (files: readonly string[]) =>
  [...counts(files)].filter(([, count]) => count > MAX_FLAT_FILES).map(([directory]) => directory);

describe('directories of src', () => {
  it(`directories: none holds more than ${MAX_FLAT_FILES} files`, () => {
    expect(crowded(sourceFiles())).toEqual([]);
  });

  it('directories: one file more than allowed is noticed', () => {
    const files = Array.from({ length: MAX_FLAT_FILES + 1 }, (_, index) => `a/f${index}.ts`);

    expect(crowded(files)).toEqual(['a']);
    expect(crowded(files.slice(1))).toEqual([]);
  });

  it('directories: each one inside a module has its sentence, and no sentence is left over', () => {
    const modules = ['.', ...MODULES.map(({ name }) => name)];
    const inner = [...counts(sourceFiles()).keys()].filter((directory) => !modules.includes(directory));

    expect(inner.sort()).toEqual(Object.keys(DIRECTORIES).sort());
  });
});
