/**
 * Reads what a source file imports: static imports, `export ... from`, `import()` and `process.getBuiltinModule()`.
 * Comments are removed first, so a name in prose does not count. A computed specifier cannot be checked and is reported
 * as `<computed>`, which no rule allows.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { SRC } from './layers.ts';

export interface Import {
  readonly specifier: string;
  /** `import type`: gone at run time. */
  readonly typeOnly: boolean;
  /** `import()`, `require()` or `getBuiltinModule()`: loaded when that line runs. */
  readonly lazy: boolean;
}

export const COMPUTED = '<computed>';

const STATIC = /^\s*(import|export)\s+(type\s+)?(?:[\w$*\s{},]|\bfrom\b)*?\bfrom\s*(['"])([^'"]+)\3/gm;
const SIDE_EFFECT = /^\s*import\s*(['"])([^'"]+)\1/gm;
const DYNAMIC = /\b(?:import|require|getBuiltinModule)\s*\(\s*(?:(['"`])([^'"`$]+)\1|[^)])/g;

export function importsOf(code: string): readonly Import[] {
  const bare = withoutComments(code);
  const found: Import[] = [];
  for (const [, , type, , specifier] of bare.matchAll(STATIC)) {
    found.push({ specifier: specifier ?? COMPUTED, typeOnly: type !== undefined, lazy: false });
  }
  for (const [, , specifier] of bare.matchAll(SIDE_EFFECT)) {
    found.push({ specifier: specifier ?? COMPUTED, typeOnly: false, lazy: false });
  }
  for (const [, , specifier] of bare.matchAll(DYNAMIC)) {
    found.push({ specifier: specifier ?? COMPUTED, typeOnly: false, lazy: true });
  }
  return found;
}

export function readSource(file: string): string {
  return readFileSync(join(SRC, file), 'utf8');
}

/** The code with comments blanked. Strings and templates stay; a `//` inside one does not start a comment. */
export function withoutComments(code: string): string {
  const token = /(\/\*[\s\S]*?\*\/|\/\/[^\n]*)|'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|`(?:\\.|[^`\\])*`/g;
  return code.replaceAll(token, (text, comment: string | undefined) =>
    comment === undefined ? text : comment.replaceAll(/[^\n]/g, ' '),
  );
}
