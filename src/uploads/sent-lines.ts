// The lines of the record of what left this host (`sent.jsonl`), and a reader that returns them from the newest to the
// oldest.
//
// Guarantees: a damaged line, or a line of an unknown form, is skipped, and the other lines are read. Memory does not
// grow with the file.

import { z } from 'zod';
import type { Files, OpenFile } from '#system/files.ts';

/** A longer line cannot be ours: the files of a bundle are listed up to MAX_LISTED_FILES. */
const MAX_LINE_BYTES = 1_048_576;
export const MAX_LISTED_FILES = 1_000;
const CHUNK_BYTES = 65_536;
const NEWLINE = 0x0a;

/** Who requested a bundle. */
export const requesterSchema = z.object({
  how: z.enum(['command', 'schedule', 'platform']),
  /** The user as the kernel reports it, such as `root` or `user 1000`; null for a schedule. */
  user: z.string().nullable(),
  /** The id of the platform's request. */
  request: z.string().nullable(),
});
export type Requester = z.infer<typeof requesterSchema>;

/** A bundle that the server has confirmed. Times are RFC 3339. */
const sentBundleSchema = z.object({
  kind: z.literal('bundle'),
  /** When the receipt arrived. */
  at: z.string(),
  job: z.string(),
  requested_by: requesterSchema,
  /** Who approved exactly these bytes; null without an approval. */
  approved_by: z.string().nullable(),
  case: z.string().nullable(),
  url: z.string(),
  /** The last connection in words: `proxy corp`, or `no proxy`. */
  via: z.string(),
  file: z.string(),
  length: z.number(),
  sha256: z.string(),
  /** The collected files, at most 1,000 of them. */
  files: z.array(z.object({ name: z.string(), bytes: z.number() })),
  /** Files that are not listed here, because there are too many. */
  more_files: z.number(),
  /** How often each rule of redaction masked something. */
  masked: z.record(z.string(), z.number()),
  receipt: z.string(),
});
export type SentBundle = z.infer<typeof sentBundleSchema>;

/** The documents of exposure analytics that one URL has confirmed on one day. */
export const sentDaySchema = z.object({
  kind: z.literal('analytics'),
  /** When the last batch was confirmed. */
  at: z.string(),
  /** When the first batch was confirmed. */
  since: z.string(),
  /** In UTC: `2026-11-30`. */
  day: z.string(),
  url: z.string(),
  via: z.array(z.string()),
  batches: z.number(),
  documents: z.number(),
  rejected: z.number(),
  bytes: z.number(),
  /** After compression. */
  wire_bytes: z.number(),
});
export type SentDay = z.infer<typeof sentDaySchema>;

export const sentLineSchema = z.discriminatedUnion('kind', [sentBundleSchema, sentDaySchema]);
export type SentLine = z.infer<typeof sentLineSchema>;

/** The line, or null if this version does not know it. */
function parseSentLine(text: string): SentLine | null {
  try {
    return sentLineSchema.parse(JSON.parse(text));
  } catch {
    return null;
  }
}

/** When a line was written, in ms since the epoch; null if that is unknown. */
export function momentOf(text: string): number | null {
  try {
    const { at } = z.object({ at: z.string() }).parse(JSON.parse(text));
    const ms = Date.parse(at);
    return Number.isNaN(ms) ? null : ms;
  } catch {
    return null;
  }
}

/** The known lines of a record, newest first. @throws CodedError FILE-* */
export async function* readSentLines(files: Files, path: string): AsyncGenerator<SentLine> {
  if ((await files.facts(path)) === null) return;
  const file = await files.openToRead(path);
  try {
    for (const text of linesBackwards(file)) {
      const line = parseSentLine(text);
      if (line !== null) yield line;
    }
  } finally {
    await file.close();
  }
}

/** Complete lines from the end of the file to its start, without those that are too long. */
function* linesBackwards(file: OpenFile): Generator<string> {
  const chunk = Buffer.alloc(CHUNK_BYTES);
  /** The bytes of the line that is being collected, and of its newline; null until the first newline. */
  let rest: Buffer | null = null;
  for (let at = file.facts().size; at > 0; ) {
    const length = Math.min(CHUNK_BYTES, at);
    at -= length;
    const part = chunk.subarray(0, readFully(file, chunk.subarray(0, length), at));
    let end = part.length;
    for (let newline = part.lastIndexOf(NEWLINE); newline >= 0; newline = before(part, newline)) {
      if (rest !== null) yield Buffer.concat([part.subarray(newline + 1, end), rest]).toString('utf8');
      rest = Buffer.alloc(0);
      end = newline;
    }
    if (rest === null) continue;
    rest =
      rest.length > MAX_LINE_BYTES ? rest.subarray(0, MAX_LINE_BYTES) : Buffer.concat([part.subarray(0, end), rest]);
  }
  if (rest !== null) yield rest.toString('utf8');
}

function before(part: Buffer, newline: number): number {
  return newline === 0 ? -1 : part.lastIndexOf(NEWLINE, newline - 1);
}

/** The bytes read; fewer only if the file became shorter. */
export function readFully(file: OpenFile, into: Buffer, position: number): number {
  let length = 0;
  while (length < into.length) {
    const got = file.read(into.subarray(length), position + length);
    if (got === 0) break;
    length += got;
  }
  return length;
}
