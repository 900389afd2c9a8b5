// Refuses edits that use the new name of a key in a file that uses the old name, or the reverse. Such an edit would
// leave both names in the file, or have no effect. Pure.

import { isDeepStrictEqual } from 'node:util';
import { type KeyPath, keyName } from '#config/problem.ts';
import { readDocument } from '#config/reading/document.ts';
import { FORMAT_HISTORY, type FormatHistory, type Renamed } from '#config/reading/renamed.ts';
import { coded } from '#errors/coded-error.ts';
import { type Edit, parsePath, partAt } from './edit.ts';
import type { Plain } from './edit-render.ts';

/** Refuses an edit of a renamed key for which this text has the old name. @throws CodedError CONFIG-RENAMED */
export function requireNewNames(text: string, edits: readonly Edit[], history: FormatHistory = FORMAT_HISTORY): void {
  const document = readDocument(text);
  const root = (document.value ?? null) as Plain;
  for (const renamed of history.renamed) {
    const { from, to } = renamed;
    const paths = edits.map(({ path }) => parsePath(path));
    if (paths.some((path) => startsWith(path, from))) throw refuse(renamed, 'the change uses the old name');
    const hasOld = partAt(root, from) !== undefined;
    if (!hasOld || !paths.some((path) => startsWith(path, to) || startsWith(to, path))) continue;
    const line = document.keyAt(keyName(from))?.line;
    const where = line === undefined ? '' : ` on line ${line}`;
    throw refuse(renamed, `the configuration file has the old name${where}`);
  }
}

function startsWith(path: KeyPath, start: KeyPath): boolean {
  return isDeepStrictEqual(path.slice(0, start.length), [...start]);
}

function refuse({ from, to, since }: Renamed, reason: string) {
  return coded('CONFIG-RENAMED', { old: keyName(from), key: keyName(to), since, reason });
}
