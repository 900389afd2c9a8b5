// The documents that the reference origin has stored, as they came.

import { existsSync, readFileSync } from 'node:fs';
import type { Origin } from '#origin/server.ts';

export interface NumberedDocument {
  readonly id: string;
  readonly document: { readonly n: number };
}

export function readDocuments({ documentsFile }: Pick<Origin, 'documentsFile'>): NumberedDocument[] {
  if (!existsSync(documentsFile)) return [];
  const lines = readFileSync(documentsFile, 'utf8').split('\n').slice(0, -1);
  return lines.map((line) => JSON.parse(line) as NumberedDocument);
}
