// The note in the journal of a download. It has all that is needed to complete the download or publication after a
// crash, without the feed.

import { z } from 'zod';
import { momentSchema } from '#system/moment-schema.ts';
import type { Journal } from '#transfer/journal.ts';
import { feedItemSchema } from '#updates/feed/feed-document.ts';
import { trustSchema } from '#updates/sidecar.ts';

const noteSchema = z.object({
  item: feedItemSchema,
  trust: trustSchema,
  /** The configured feed URL. */
  feed: z.string(),
  /** The path of its signed feed among the targets; missing for an unsigned feed. */
  feed_target: z.string().optional(),
  /** Wall time, ms since the epoch. */
  started_at: momentSchema,
  /** Present when the staged file is complete and was verified, but could not be published yet. */
  ready: z
    .object({
      /** When it was verified. */
      at: momentSchema,
      /** How long the download took. */
      elapsed_ms: z.number(),
      /** Via of the response that brought it. */
      via: z.string().nullable(),
    })
    .optional(),
});

export type JournalNote = z.infer<typeof noteSchema>;

/** The note of a journal; null when it is not ours, or describes another file than the journal itself. */
export function readNote({ name, length, sha256, note }: Journal): JournalNote | null {
  const parsed = noteSchema.safeParse(note);
  if (!parsed.success) return null;
  const { item } = parsed.data;
  return item.id === name && item.length === length && item.sha256 === sha256 ? parsed.data : null;
}
