// Compares an unsigned feed with a signed feed. Pure.

import type { FeedDocument } from '#updates/feed/feed-document.ts';

/** One difference, in words that follow the id. */
export interface FeedDifference {
  readonly id: string;
  readonly what: string;
}

/** Every difference that would lead to another package. */
export function compareFeeds(signed: FeedDocument, unsigned: FeedDocument): FeedDifference[] {
  const listed = new Map(unsigned.items.map((item) => [item.id.toLowerCase(), item]));
  const differences: FeedDifference[] = [];
  for (const { id, sha256, withdrawn } of signed.items) {
    const other = listed.get(id.toLowerCase());
    listed.delete(id.toLowerCase());
    if (other === undefined) differences.push({ id, what: 'is only in the signed feed' });
    else if (other.sha256 !== sha256)
      differences.push({ id, what: `has sha256 ${other.sha256}, but sha256 ${sha256} in the signed feed` });
    else if (other.withdrawn !== withdrawn)
      differences.push({ id, what: `is withdrawn only in the ${withdrawn ? 'signed' : 'unsigned'} feed` });
  }
  return [...differences, ...[...listed.values()].map(({ id }) => ({ id, what: 'is not in the signed feed' }))];
}
