// Patterns of paths in `support_logs.sources`: `*` is any part of a name and `?` is one character. Pure.
//
// As in a shell, a name that begins with a dot matches only a pattern that also begins with one.

/** A pattern in its parts. */
export interface FilePattern {
  /** Names of the folders that are entered as they are. */
  readonly root: readonly string[];
  /** The rest; the last part is the name of the file. */
  readonly parts: readonly string[];
}

/** Splits an absolute path. The name of the file is never part of the root. */
export function parsePattern(pattern: string): FilePattern {
  const parts = pattern.split('/').filter((part) => part !== '');
  const wild = parts.findIndex(isWild);
  const at = wild === -1 ? parts.length - 1 : wild;
  return { root: parts.slice(0, at), parts: parts.slice(at) };
}

export function isWild(part: string): boolean {
  return /[*?]/.test(part);
}

/** Whether a name matches one part of a pattern. Linear in the name for each `*`. */
export function matchesPart(name: string, part: string): boolean {
  if (name.startsWith('.') && !part.startsWith('.')) return false;
  let [at, inPart] = [0, 0];
  let star = -1;
  let resumed = 0;
  while (at < name.length) {
    const one = part[inPart];
    if (one === '?' || (one === name[at] && one !== '*')) {
      at += 1;
      inPart += 1;
    } else if (one === '*') {
      star = inPart;
      resumed = at;
      inPart += 1;
    } else if (star === -1) {
      return false;
    } else {
      // The last star takes one more character.
      resumed += 1;
      at = resumed;
      inPart = star + 1;
    }
  }
  while (part[inPart] === '*') inPart += 1;
  return inPart === part.length;
}
