// Parses the feed, format 1 (docs/protocol.md): from bytes to typed items, with a limit on every field and on the
// document. Pure.
//
// An error of the document refuses the feed. An error of an item refuses only that item, by its id, unless it makes the
// document ambiguous.

import { z } from 'zod';
import { MAX_URL_LENGTH } from '#config/schema/values.ts';
import { type CodedError, coded } from '#errors/coded-error.ts';
import { validateId } from '#system/id.ts';
import { checkJsonShape, type JsonExcess } from '#system/json-shape.ts';

const FEED_FORMAT = 1;
/** Limits of format 1; docs/protocol.md names the same numbers. */
export const FEED_LIMITS = {
  documentBytes: 4 * 1_048_576,
  items: 2_000,
  /** Names and values of the whole document: 64 for each of the items, about twice what they use. */
  values: 128_000,
  /** Format 1 uses 4; unknown fields may nest deeper. */
  depth: 64,
  notes: 2_000,
  url: MAX_URL_LENGTH,
  requires: 16,
} as const;

/** A longer part of an invalid id would only cost memory, and time for redaction. */
const MAX_SHOWN_ID_LENGTH = 200;
const name = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/, 'must be 1 to 64 letters, digits, dots, dashes or underscores');
/** RFC 3339; more digits of a second have no use. */
const time = z.iso
  .datetime({ offset: true })
  .max(40)
  .refine((text) => !Number.isNaN(Date.parse(text)), 'must be a date that exists');
/** An id, from any source: the feed, a sidecar, a journal, a record of the hook. */
export const idSchema = z.string().check((context) => {
  const reason = validateId(context.value);
  if (reason !== null) context.issues.push({ code: 'custom', message: reason, input: context.value });
});
export const feedItemSchema = z.object({
  id: idSchema,
  package: name,
  sequence: z.int().nonnegative(),
  /** Relative to the feed's own URL. */
  file: z.string().min(1).max(FEED_LIMITS.url).optional(),
  url: z.string().min(1).max(FEED_LIMITS.url).optional(),
  /** The smallest zip has 22 bytes. */
  length: z.int().min(22),
  sha256: z.string().regex(/^[0-9a-f]{64}$/, 'must be 64 lower-case hex digits'),
  released: time,
  kind: z.enum(['content', 'product']),
  requires: z.array(name).max(FEED_LIMITS.requires).default([]),
  withdrawn: z.boolean().default(false),
  channel: name.optional(),
  rollout_percent: z.number().min(0).max(100).default(100),
  min_agent: z.string().max(64).optional(),
  notes: z.string().max(FEED_LIMITS.notes).optional(),
});
const documentSchema = z.object({
  format: z.literal(FEED_FORMAT),
  serial: z.int().nonnegative(),
  expires: time,
  items: z.array(z.unknown()),
});

/** One update as the feed describes it. */
export type FeedItem = z.infer<typeof feedItemSchema>;

/** An item that cannot be used, with the name to report it by. */
export interface RefusedItem {
  readonly id: string;
  readonly error: CodedError;
}

/** A feed that passed every check of its form. */
export interface FeedDocument {
  readonly serial: number;
  /** ms since the epoch. */
  readonly expiresMs: number;
  readonly items: readonly FeedItem[];
  readonly refused: readonly RefusedItem[];
}

/** @throws CodedError FEED-INVALID, FEED-NEWER, FEED-LIMIT */
export function parseFeed(bytes: Uint8Array): FeedDocument {
  if (bytes.length > FEED_LIMITS.documentBytes) throw overLimit('its size', bytes.length, FEED_LIMITS.documentBytes);
  const excess = checkJsonShape(bytes, FEED_LIMITS);
  if (excess !== null) throw overLimit(EXCESS[excess.what], excess.found, excess.limit);
  const raw = parseJson(bytes);
  const format: unknown = typeof raw === 'object' && raw !== null ? (raw as { format?: unknown }).format : undefined;
  if (typeof format === 'number' && format > FEED_FORMAT)
    throw coded('FEED-NEWER', { found: format, known: FEED_FORMAT });
  const parsed = documentSchema.safeParse(raw);
  if (!parsed.success) throw coded('FEED-INVALID', { reason: describe(parsed.error) });
  const { serial, expires, items: rows } = parsed.data;
  if (rows.length > FEED_LIMITS.items) throw overLimit('the number of items', rows.length, FEED_LIMITS.items);
  return { serial, expiresMs: Date.parse(expires), ...readItems(rows) };
}

const EXCESS: Readonly<Record<JsonExcess['what'], string>> = {
  values: 'the number of names and values',
  depth: 'the depth of its lists and objects',
};

function readItems(rows: readonly unknown[]): { items: FeedItem[]; refused: RefusedItem[] } {
  const items: FeedItem[] = [];
  const refused: RefusedItem[] = [];
  const seen = new Set<string>();
  for (const [index, row] of rows.entries()) {
    const read = readItem(row, index);
    if ('error' in read) {
      refused.push(read);
      continue;
    }
    const key = read.id.toLowerCase();
    if (seen.has(key)) refused.push({ id: read.id, error: coded('ID-DUPLICATE', { id: read.id }) });
    else items.push(read);
    seen.add(key);
  }
  const doubled = new Set(
    refused.filter(({ error }) => error.code === 'ID-DUPLICATE').map(({ id }) => id.toLowerCase()),
  );
  return { items: items.filter(({ id }) => !doubled.has(id.toLowerCase())), refused };
}

function readItem(row: unknown, index: number): FeedItem | RefusedItem {
  const rawId: unknown = typeof row === 'object' && row !== null ? (row as { id?: unknown }).id : undefined;
  const shown = typeof rawId === 'string' ? rawId.slice(0, MAX_SHOWN_ID_LENGTH) : `items[${index}]`;
  if (typeof rawId === 'string') {
    const reason = validateId(rawId);
    if (reason !== null) return { id: shown, error: coded('ID-INVALID', { id: shown, reason }) };
  }
  const parsed = feedItemSchema.safeParse(row);
  if (!parsed.success) {
    return { id: shown, error: coded('FEED-INVALID', { reason: `items[${index}]: ${describe(parsed.error)}` }) };
  }
  const { file, url } = parsed.data;
  if ((file === undefined) === (url === undefined)) {
    return { id: shown, error: coded('FEED-INVALID', { reason: `items[${index}]: needs either file or url` }) };
  }
  return parsed.data;
}

function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (thrown) {
    throw coded('FEED-INVALID', { reason: thrown instanceof Error ? thrown.message : 'not JSON' }, thrown);
  }
}

function describe(error: z.ZodError): string {
  const issue = error.issues[0];
  if (issue === undefined) return 'unknown';
  const path = issue.path.map(String).join('.');
  return path === '' ? issue.message : `${path}: ${issue.message}`;
}

function overLimit(what: string, found: number, limit: number): CodedError {
  return coded('FEED-LIMIT', { what, found, limit });
}
