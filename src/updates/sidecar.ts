// The sidecar `<id>.json` next to `<id>.jar`. It says what the package is, where it came from and how its feed was
// protected.
//
// It is written durably right after the JAR got its final name, or from the journal after a crash. A JAR without a
// sidecar is therefore either being published or not ours. The application that uses the packages may read the sidecar;
// docs/protocol.md describes it.

import { z } from 'zod';
import { type CodedError, coded } from '#errors/coded-error.ts';
import { type Content, readWhole, writeDurably } from '#system/durable.ts';
import type { Files } from '#system/files.ts';
import { feedItemSchema } from './feed/feed-document.ts';

const SIDECAR_FORMAT = 1;
/** An item, its URL, that of the feed, and Via each have their own limit when they are read. */
const LIMIT_BYTES = 262_144;

/**
 * How far the feed can be trusted: by the signatures of the vendor, over TLS, from this host only, or as far as the
 * admin trusts the medium with an unsigned feed.
 */
export const trustSchema = z.enum(['tls', 'loopback', 'signed', 'medium']);
export type Trust = z.infer<typeof trustSchema>;

const sidecarSchema = z.object({
  format: z.literal(SIDECAR_FORMAT),
  item: feedItemSchema,
  trust: trustSchema,
  feed: z.string(),
  /** The path of its signed feed among the targets; missing for an unsigned feed. */
  feed_target: z.string().optional(),
  url: z.string(),
  via: z.string().nullable(),
  published_at: z.iso.datetime({ offset: true }),
  /** The file's state when its digest was last verified; if it differs, the digest is verified again. */
  file: z.object({ modified_ms: z.number(), inode: z.string() }),
});

/** The content of a sidecar. */
export type Sidecar = z.infer<typeof sidecarSchema>;

/** Writes a sidecar durably; it is readable by all users, like the package. */
export async function writeSidecar(files: Files, path: string, sidecar: Sidecar): Promise<void> {
  const { bytes, mode } = sidecarContent(path, sidecar);
  await writeDurably(files, path, bytes, mode);
}

/** What a sidecar is written as. */
export function sidecarContent(path: string, sidecar: Sidecar): Content {
  return { path, bytes: Buffer.from(`${JSON.stringify(sidecar, null, 2)}\n`), mode: 0o644 };
}

/** The result of reading a sidecar. */
export type ReadSidecar =
  | { readonly kind: 'ours'; readonly sidecar: Sidecar }
  /** Written after an upgrade that was rolled back: the package is published, and must be left alone. */
  | { readonly kind: 'newer'; readonly sha256: string | null; readonly error: CodedError }
  | { readonly kind: 'foreign' };

/** Reads a sidecar; never throws because of its content. */
export async function readSidecar(files: Files, path: string): Promise<ReadSidecar> {
  try {
    const raw: unknown = JSON.parse(Buffer.from(await readWhole(files, path, LIMIT_BYTES)).toString('utf8'));
    const parsed = sidecarSchema.safeParse(raw);
    if (parsed.success) return { kind: 'ours', sidecar: parsed.data };
    const head = newerSchema.safeParse(raw);
    if (!head.success || head.data.format <= SIDECAR_FORMAT) return { kind: 'foreign' };
    const facts = { path, found: head.data.format, known: SIDECAR_FORMAT };
    return { kind: 'newer', sha256: head.data.item?.sha256 ?? null, error: coded('SIDECAR-NEWER', facts) };
  } catch {
    return { kind: 'foreign' };
  }
}

/** The fields that every later format keeps, as far as can be foreseen. */
const newerSchema = z.looseObject({
  format: z.int(),
  item: z.looseObject({ sha256: z.string() }).optional().catch(undefined),
});
