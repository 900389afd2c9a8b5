// Finds the digest of a file in a list of checksums. Pure.
//
// Accepts what sha256sum writes (`DIGEST  NAME`, `DIGEST *NAME`, `SHA256 (NAME) = DIGEST`), and a digest alone.

const LINE = /^\\?([0-9a-f]{64})(?:[ \t]+\*?(.*))?$/i;
const TAGGED = /^SHA256 \((.*)\) = ([0-9a-f]{64})$/i;

export type FoundDigest =
  | { readonly ok: true; readonly sha256: string }
  | { readonly ok: false; readonly reason: string };

/** The digest of the file with one of these names. A digest alone belongs to any file. */
export function findDigest(text: string, names: readonly string[]): FoundDigest {
  const rows = text.split(/\r?\n/).flatMap(readLine);
  const matching = rows.filter(({ name }) => name !== null && names.includes(name));
  const alone = rows.length === 1 ? rows.filter(({ name }) => name === null) : [];
  const chosen = matching.length > 0 ? matching : alone;
  const digests = new Set(chosen.map(({ sha256 }) => sha256));
  const [sha256] = digests;
  if (sha256 === undefined) return { ok: false, reason: rows.length === 0 ? 'it has no SHA-256' : 'no line names it' };
  if (digests.size > 1) return { ok: false, reason: 'several lines name it, with different digests' };
  return { ok: true, sha256 };
}

function readLine(line: string): { readonly name: string | null; readonly sha256: string }[] {
  const trimmed = line.trim();
  const tagged = TAGGED.exec(trimmed);
  if (tagged !== null) return [{ name: baseOf(tagged[1]), sha256: (tagged[2] ?? '').toLowerCase() }];
  const plain = LINE.exec(trimmed);
  return plain === null ? [] : [{ name: baseOf(plain[2]), sha256: (plain[1] ?? '').toLowerCase() }];
}

function baseOf(name: string | undefined): string | null {
  return name === undefined || name === '' ? null : (name.split('/').at(-1) ?? name);
}
