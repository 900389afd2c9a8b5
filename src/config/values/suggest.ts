// "Did you mean": finds the valid word that is most similar to a wrong one, if it is similar enough.

import { closest, distance } from 'fastest-levenshtein';

/** Longer words are not typing errors, and the comparison takes quadratic time. */
const MAX_WORD_LENGTH = 64;

/** The most similar candidate, ignoring case; undefined if none is similar enough. */
export function suggest(word: string, candidates: readonly string[]): string | undefined {
  if (candidates.length === 0 || word.length > MAX_WORD_LENGTH) return undefined;
  const folded = word.toLowerCase().replaceAll('-', '_');
  const nearest = closest(
    folded,
    candidates.map((candidate) => candidate.toLowerCase()),
  );
  const allowed = Math.max(1, Math.min(3, Math.floor(folded.length / 2)));
  if (distance(folded, nearest) > allowed) return undefined;
  return candidates.find((candidate) => candidate.toLowerCase() === nearest);
}
