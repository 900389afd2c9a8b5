/** The source files that each source file imports, including imports of types only, and the cycles among them. */
import { posix } from 'node:path';
import { importsOf, readSource } from './imports.ts';
import { sourceFiles } from './layers.ts';

/** The files that each file imports. Paths are relative to src/. */
export type ImportGraph = ReadonlyMap<string, readonly string[]>;

export function importGraph(): ImportGraph {
  return new Map(sourceFiles().map((file) => [file, filesImportedBy(file, readSource(file))]));
}

/** The files of src/ that this code imports, each once. Packages and Node's modules are left out. */
export function filesImportedBy(file: string, code: string): readonly string[] {
  const paths = importsOf(code).flatMap(({ specifier }) => {
    if (specifier.startsWith('#')) return [specifier.slice(1)];
    return specifier.startsWith('.') ? [posix.join(posix.dirname(file), specifier)] : [];
  });
  return [...new Set(paths)];
}

/** Each group of files that import each other, directly or by way of others of the group (Tarjan, 1972). */
export function circlesOf(graph: ImportGraph): readonly (readonly string[])[] {
  const circles: string[][] = [];
  const indexes = new Map<string, number>();
  const open: string[] = [];
  // Returns the lowest index on the stack that can be reached from the file.
  const visit = (file: string): number => {
    const index = indexes.size;
    indexes.set(file, index);
    open.push(file);
    let lowest = index;
    for (const next of graph.get(file) ?? []) {
      const known = indexes.get(next);
      if (known === undefined) lowest = Math.min(lowest, visit(next));
      else if (open.includes(next)) lowest = Math.min(lowest, known);
    }
    if (lowest === index) {
      const group = open.splice(open.indexOf(file));
      if (group.length > 1 || graph.get(file)?.includes(file)) circles.push(group.sort());
    }
    return lowest;
  };
  for (const file of graph.keys()) if (!indexes.has(file)) visit(file);
  return circles;
}
