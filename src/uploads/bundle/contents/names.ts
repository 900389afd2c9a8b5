// Prepares names and short texts for a bundle: redacts them, replaces unprintable characters, and makes file names
// unique.

import type { BundleRedactor } from '#uploads/redaction/redactor.ts';
import type { RuleCounts } from '#uploads/redaction/windows.ts';

/** Control characters and what has a meaning in paths of other systems. */
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\\:]/gu;

export interface Names {
  /** A name that no file of the archive has yet. The counts get what was masked in it. */
  forFile(name: string, counts: RuleCounts): string;
  /** Records that a file got its name. */
  taken(name: string): void;
  /** A name that is only shown. */
  shown(name: string): string;
  /** A short text. */
  text(text: string): Promise<string>;
}

export function namesFor(redactor: BundleRedactor): Names {
  const taken = new Set<string>();
  const clean = (name: string, counts: RuleCounts) => redactor.redactName(name, counts).replace(UNPRINTABLE, '_');
  return {
    forFile: (name, counts) => unused(clean(name, counts), taken),
    taken: (name) => void taken.add(name),
    shown: (name) => clean(name, new Map()),
    text: (text) => redactText(redactor, text),
  };
}

/** A text of one line or more. @throws CodedError REDACTION-NOT-TEXT */
export async function redactText(redactor: BundleRedactor, text: string): Promise<string> {
  const parts: Uint8Array[] = [];
  const source = async function* () {
    yield await Promise.resolve(Buffer.from(text));
  };
  for await (const part of redactor.redactLines(source(), new Map())) parts.push(part);
  return Buffer.concat(parts).toString();
}

/** Two names can become equal when they are redacted. */
function unused(name: string, taken: ReadonlySet<string>): string {
  if (!taken.has(name)) return name;
  const dot = name.indexOf('.', name.lastIndexOf('/') + 2);
  const [stem, ending] = dot === -1 ? [name, ''] : [name.slice(0, dot), name.slice(dot)];
  for (let number = 2; ; number += 1) {
    const other = `${stem}~${number}${ending}`;
    if (!taken.has(other)) return other;
  }
}
