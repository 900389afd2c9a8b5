// One entry of a spool: its head in memory and on disk, and when it is due. Pure.
//
// The head file is one JSON object, with times in ms since the epoch. Format 1: {format, key, kind, body, accepted_at,
// attempts, postponed_at, not_before, error}. Format 2 adds {attachment, parts, rejected, held}. It is written only if
// one of these is needed, so that an older version can read all other heads.

import { z } from 'zod';
import { decodeFormattedJson } from '#system/formatted-json.ts';
import { momentSchema } from '#system/moment-schema.ts';

const ENTRY_FORMAT = 2;
/** A head is a few hundred bytes. Larger data belongs in the attachment. */
export const MAX_ENTRY_HEAD_BYTES = 262_144;
/**
 * The longest wait between two attempts: the maximum of retry.max_delay_seconds. A longer one comes from a wrong
 * clock.
 */
const MAX_POSTPONE_MS = 604_800_000;
/** If the wall clock steps back by up to this much, as NTP may do, the wait only gets longer by the step. */
const SMALL_STEP_MS = 60_000;
/** Keys are used in files, log lines and headers: plain, short, without spaces. */
const KEY = /^[A-Za-z0-9._:-]{1,128}$/;
const MAX_ERROR_LENGTH = 64;
/** A reason for a rejection may be a sentence of the server. */
const MAX_REASON_LENGTH = 1_000;

/** The facts about a frozen attachment. */
export interface Attachment {
  readonly length: number;
  /** In hex. */
  readonly sha256: string;
}

/** Everything about an entry except its body. A snapshot: `postpone` makes a new one. */
export interface EntryHead {
  readonly key: string;
  readonly kind: string;
  readonly acceptedAtMs: number;
  /** Attempts that failed. */
  readonly attempts: number;
  /** Null until it was postponed. */
  readonly postponed: { readonly atMs: number; readonly untilMs: number; readonly error: string } | null;
  /** Not due until an admin retries it, whatever `postponed` says. */
  readonly held: boolean;
  readonly attachment: Attachment | null;
}

/** An accepted entry that is not settled yet. */
export interface SpoolEntry<Body> extends EntryHead {
  readonly body: Body;
}

/** An entry that replaces part of one that was split. */
export interface SplitPart<Body = unknown> {
  readonly key: string;
  readonly body: Body;
}

/** The end of an entry that is not simply settled. It is durable before it is carried out. */
export type Ending =
  | { readonly does: 'split'; readonly parts: readonly SplitPart[] }
  | { readonly does: 'reject'; readonly reason: string };

/** The content of a head's file. */
export interface HeadRecord {
  readonly head: EntryHead;
  /** The accepted body, as JSON. */
  readonly body: unknown;
  readonly ending: Ending | null;
}

const formatOne = {
  key: z.string().regex(KEY),
  kind: z.string().min(1).max(64),
  body: z.unknown(),
  accepted_at: momentSchema,
  attempts: z.int().nonnegative(),
  postponed_at: momentSchema.nullable(),
  not_before: momentSchema.nullable(),
  error: z.string().max(MAX_ERROR_LENGTH).nullable(),
};
const schemas = {
  1: z.strictObject(formatOne),
  2: z.strictObject({
    ...formatOne,
    attachment: z
      .strictObject({ length: z.int().nonnegative(), sha256: z.string().regex(/^[0-9a-f]{64}$/) })
      .nullable(),
    parts: z.array(z.strictObject({ key: z.string().regex(KEY), body: z.unknown() })).nullable(),
    rejected: z.string().max(MAX_REASON_LENGTH).nullable(),
    held: z.boolean().default(false),
  }),
};

export function isKey(text: string): boolean {
  return KEY.test(text);
}

export function encodeHead({ head, body, ending }: HeadRecord): Uint8Array {
  const { key, kind, acceptedAtMs, attempts, postponed, attachment, held } = head;
  const isOld = attachment === null && ending === null && !held;
  const text = JSON.stringify({
    format: isOld ? 1 : ENTRY_FORMAT,
    key,
    kind,
    body,
    accepted_at: acceptedAtMs,
    attempts,
    postponed_at: postponed?.atMs ?? null,
    not_before: postponed?.untilMs ?? null,
    error: postponed?.error ?? null,
    ...(isOld
      ? {}
      : {
          attachment,
          parts: ending?.does === 'split' ? ending.parts : null,
          rejected: ending?.does === 'reject' ? ending.reason.slice(0, MAX_REASON_LENGTH) : null,
          held,
        }),
  });
  return Buffer.from(`${text}\n`);
}

/** The result of decoding a head's file. */
export type DecodedHead =
  | { readonly kind: 'head'; readonly record: HeadRecord }
  | { readonly kind: 'newer'; readonly format: number; readonly known: number }
  | { readonly kind: 'damaged'; readonly reason: string };

export function decodeHead(bytes: Uint8Array): DecodedHead {
  const decoded = decodeFormattedJson(bytes, ENTRY_FORMAT);
  if (decoded.kind === 'newer') return { ...decoded, known: ENTRY_FORMAT };
  if (decoded.kind === 'damaged') return decoded;
  const parsed = schemas[decoded.format as keyof typeof schemas].safeParse(decoded.fields);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    return { kind: 'damaged', reason: `${issue?.path.map(String).join('.')}: ${issue?.message}` };
  }
  return { kind: 'head', record: toRecord(parsed.data) };
}

type Parsed = z.infer<(typeof schemas)[1]> & Partial<z.infer<(typeof schemas)[2]>>;

function toRecord(found: Parsed): HeadRecord {
  const { key, kind, body, accepted_at: acceptedAtMs, attempts, postponed_at: atMs, not_before, error } = found;
  const postponed = atMs === null ? null : { atMs, untilMs: not_before ?? atMs, error: error ?? '-' };
  const { attachment = null, parts = null, rejected = null, held = false } = found;
  const head = { key, kind, acceptedAtMs, attempts, postponed, held, attachment };
  if (parts !== null) return { head, body, ending: { does: 'split', parts } };
  return { head, body, ending: rejected === null ? null : { does: 'reject', reason: rejected } };
}

/**
 * When an entry is due, by a wall clock that shows `nowMs`; null for at once, Infinity while it is held. A wait that
 * starts in the future of that clock is over: no step of the clock keeps an entry here for years.
 */
export function dueAt({ postponed, held }: Pick<EntryHead, 'postponed' | 'held'>, nowMs: number): number | null {
  if (held) return Number.POSITIVE_INFINITY;
  if (postponed === null) return null;
  const { atMs, untilMs } = postponed;
  if (nowMs < atMs - SMALL_STEP_MS) return null;
  const until = Math.min(untilMs, atMs + MAX_POSTPONE_MS);
  return until <= nowMs ? null : until;
}
