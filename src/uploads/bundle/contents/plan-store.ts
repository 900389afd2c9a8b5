// For `send-logs --dry-run`: receives the text that would be sent and discards it. Only its length and digest are kept.

import { createHash } from 'node:crypto';
import type { Store } from './collect.ts';

export const planStore: Store = async (_index, text) => {
  const hash = createHash('sha256');
  let length = 0;
  for await (const chunk of text) {
    hash.update(chunk);
    length += chunk.length;
  }
  return { length, sha256: hash.digest('hex') };
};
