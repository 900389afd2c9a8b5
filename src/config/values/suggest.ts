// "Did you mean": the nearest of the words that would have been right, if it is near enough to be meant.

import { closest, distance } from 'fastest-levenshtein';

/** Longer words are no slip of a finger, and the comparison takes their length squared. */
const MAX_WORD_LENGTH = 64;

/** The nearest candidate, whatever the case; undefined when none is near. */
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
