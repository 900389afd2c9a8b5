// One entry of the spool: what it is in memory, in its file, and when it is due. Pure.
//
// The file is `<digits>.json`, at least twelve of them; the digits give the order of acceptance. Format 1 is one JSON object:
// {format, key, kind, body, accepted_at, attempts, postponed_at, not_before, error}, times in ms since the epoch.

import { z } from 'zod';
import { momentSchema } from '#system/moment.ts';

export const ENTRY_FORMAT = 1;
/** A receipt has some hundred bytes; what is larger than this is nothing that we wrote. */
export const ENTRY_LIMIT_BYTES = 262_144;
/** The longest wait between two attempts: the greatest retry.max_delay_seconds. What says more was made by a wrong clock. */
const LONGEST_POSTPONE_MS = 604_800_000;
/** A step back of the wall clock up to this is NTP at work and only makes the wait that much longer. */
const SMALL_STEP_MS = 60_000;
const FILE_NAME = /^(\d{12,15})\.json$/;
/** Keys stand in file content, log lines and headers: plain, short, without spaces. */
const KEY = /^[A-Za-z0-9._:-]{1,128}$/;

/** One thing that was accepted and is not yet settled. A snapshot: `postpone` makes a new one. */
export interface SpoolEntry {
  readonly key: string;
  readonly kind: string;
  /** What was accepted, as JSON has it. */
  readonly body: unknown;
  readonly acceptedAtMs: number;
  /** Attempts that failed. */
  readonly attempts: number;
  /** Null until it was postponed. */
  readonly postponed: { readonly atMs: number; readonly untilMs: number; readonly error: string } | null;
}

const fileSchema = z.strictObject({
  key: z.string().regex(KEY),
  kind: z.string().min(1).max(64),
  body: z.unknown(),
  accepted_at: momentSchema,
  attempts: z.int().nonnegative(),
  postponed_at: momentSchema.nullable(),
  not_before: momentSchema.nullable(),
  error: z.string().max(64).nullable(),
});

/** Name of the file of the entry with this number. */
export function entryFileName(sequence: number): string {
  return `${String(sequence).padStart(12, '0')}.json`;
}

/** The number in the name of an entry's file; null for any other name. */
export function sequenceOf(fileName: string): number | null {
  const digits = FILE_NAME.exec(fileName)?.[1];
  if (digits === undefined) return null;
  return entryFileName(Number(digits)) === fileName ? Number(digits) : null;
}

export function isKey(text: string): boolean {
  return KEY.test(text);
}

export function encodeEntry(entry: SpoolEntry): Uint8Array {
  const { key, kind, body, acceptedAtMs, attempts, postponed } = entry;
  const text = JSON.stringify({
    format: ENTRY_FORMAT,
    key,
    kind,
    body,
    accepted_at: acceptedAtMs,
    attempts,
    postponed_at: postponed?.atMs ?? null,
    not_before: postponed?.untilMs ?? null,
    error: postponed?.error ?? null,
  });
  return Buffer.from(`${text}\n`);
}

/** What the content of an entry's file is worth. */
export type DecodedEntry =
  | { readonly kind: 'entry'; readonly entry: SpoolEntry }
  | { readonly kind: 'newer'; readonly format: number }
  | { readonly kind: 'damaged'; readonly reason: string };

export function decodeEntry(bytes: Uint8Array): DecodedEntry {
  let content: unknown;
  try {
    content = JSON.parse(Buffer.from(bytes).toString('utf8'));
  } catch {
    return { kind: 'damaged', reason: bytes.length === 0 ? 'it is empty' : 'it is not JSON' };
  }
  if (typeof content !== 'object' || content === null || Array.isArray(content)) {
    return { kind: 'damaged', reason: 'it is not a JSON object' };
  }
  const { format, ...fields } = content as Record<string, unknown>;
  if (typeof format !== 'number' || !Number.isSafeInteger(format) || format < 1) {
    return { kind: 'damaged', reason: 'it names no format' };
  }
  if (format > ENTRY_FORMAT) return { kind: 'newer', format };
  const parsed = fileSchema.safeParse(fields);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    return { kind: 'damaged', reason: `${issue?.path.map(String).join('.')}: ${issue?.message}` };
  }
  const { key, kind, body, accepted_at: acceptedAtMs, attempts, postponed_at, not_before, error } = parsed.data;
  const postponed =
    postponed_at === null ? null : { atMs: postponed_at, untilMs: not_before ?? postponed_at, error: error ?? '-' };
  return { kind: 'entry', entry: { key, kind, body, acceptedAtMs, attempts, postponed } };
}

/**
 * When an entry is due, on the wall clock that says `nowMs`; null for at once. A wait that the clock can't have begun
 * (it stood later then than now) is over: no step of the clock keeps an entry here for years.
 */
export function dueAt(entry: SpoolEntry, nowMs: number): number | null {
  if (entry.postponed === null) return null;
  const { atMs, untilMs } = entry.postponed;
  if (nowMs < atMs - SMALL_STEP_MS) return null;
  const until = Math.min(untilMs, atMs + LONGEST_POSTPONE_MS);
  return until <= nowMs ? null : until;
}
