// PATHPATTERN of TUF 4.5: shell patterns, of which each segment matches one segment of a path. Pure.
//
// `*` is any text without `/`. `?` is one character except `/`. `[abc]`, `[a-z]` and `[!a]` are one character of a set.
// All other characters stand for themselves: `! { + ( #`, a backslash, and a `[` that is never closed. A name that
// begins with a dot is matched like any other name. python-tuf does the same. Minimatch is not used, because it reads
// `!secret` as "everything except secret".

/** A part of a pattern: one character, `?`, `*`, or a set. */
type Part =
  | { readonly kind: 'character'; readonly value: string }
  | { readonly kind: 'any' }
  | { readonly kind: 'many' }
  | { readonly kind: 'set'; readonly negated: boolean; readonly ranges: readonly (readonly [string, string])[] };

/** Whether the pattern covers this path. Takes time proportional to the product of their lengths, never more. */
export function matchesPattern(path: string, pattern: string): boolean {
  const names = path.split('/');
  const patterns = pattern.split('/');
  return names.length === patterns.length && names.every((name, index) => matchesSegment(name, patterns[index] ?? ''));
}

/** Matches greedily and returns to the last `*` only: an earlier one never has to take more. */
function matchesSegment(name: string, pattern: string): boolean {
  const characters = [...name];
  const parts = readParts([...pattern]);
  let at = 0;
  let part = 0;
  let retry: { at: number; part: number } | null = null;
  while (at < characters.length) {
    const current = parts[part];
    if (current?.kind === 'many') {
      retry = { at, part };
      part += 1;
    } else if (current !== undefined && matchesOne(characters[at] ?? '', current)) {
      at += 1;
      part += 1;
    } else if (retry !== null) {
      retry = { at: retry.at + 1, part: retry.part };
      at = retry.at;
      part = retry.part + 1;
    } else {
      return false;
    }
  }
  return parts.slice(part).every(({ kind }) => kind === 'many');
}

function matchesOne(character: string, part: Part): boolean {
  if (part.kind === 'character') return part.value === character;
  if (part.kind !== 'set') return part.kind === 'any';
  const point = character.codePointAt(0) ?? 0;
  const isIn = part.ranges.some(
    ([from, to]) => (from.codePointAt(0) ?? 0) <= point && point <= (to.codePointAt(0) ?? 0),
  );
  return isIn !== part.negated;
}

function readParts(characters: readonly string[]): readonly Part[] {
  const parts: Part[] = [];
  for (let at = 0; at < characters.length; at += 1) {
    const value = characters[at] ?? '';
    if (value === '*') parts.push({ kind: 'many' });
    else if (value === '?') parts.push({ kind: 'any' });
    else if (value === '[') {
      const end = endOfSet(characters, at);
      parts.push(end === -1 ? { kind: 'character', value } : readSet(characters.slice(at + 1, end)));
      at = end === -1 ? at : end;
    } else parts.push({ kind: 'character', value });
  }
  return parts;
}

/** Index of the `]` that closes the set, or -1. A `]` right after `[` or `[!` is a member of the set (POSIX 2.13.1). */
function endOfSet(characters: readonly string[], start: number): number {
  const first = characters[start + 1] === '!' ? start + 2 : start + 1;
  return characters.indexOf(']', first + 1);
}

function readSet(inside: readonly string[]): Part {
  const negated = inside[0] === '!';
  const members = negated ? inside.slice(1) : inside;
  const ranges: [string, string][] = [];
  for (let at = 0; at < members.length; at += 1) {
    const from = members[at] ?? '';
    const to = members[at + 2];
    if (members[at + 1] === '-' && to !== undefined) {
      ranges.push([from, to]);
      at += 2;
    } else ranges.push([from, from]);
  }
  return { kind: 'set', negated, ranges };
}
