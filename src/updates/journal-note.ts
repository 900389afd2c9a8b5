// What the updater keeps in the journal of a fetch, so that a crash at any point can be finished without the feed.

import { z } from 'zod';
import { feedItemSchema } from './feed-document.ts';
import { trustSchema } from './sidecar.ts';

const noteSchema = z.object({
  item: feedItemSchema,
  trust: trustSchema,
  /** The configured feed URL. */
  feed: z.string(),
  /** Wall time, ms since the epoch. */
  started_at: z.number(),
});

export type JournalNote = z.infer<typeof noteSchema>;

/** The note of a journal, or null when it is not one of ours. */
export function readNote(note: unknown): JournalNote | null {
  const parsed = noteSchema.safeParse(note);
  return parsed.success ? parsed.data : null;
}
