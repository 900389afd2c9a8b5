// The sidecar: `<id>.json` beside `<id>.jar` says what the package is, where it came from and how it was trusted.
//
// Written durably right after the JAR got its final name, and redone from the journal after a crash, so a JAR without
// one is either in between or not ours. The application that uses the packages may read it; docs/protocol.md has it.

import { z } from 'zod';
import { type CodedError, coded } from '#errors/coded-error.ts';
import { readWhole, writeDurably } from '#system/durable.ts';
import type { Files } from '#system/files.ts';
import { feedItemSchema } from './feed/feed-document.ts';

const SIDECAR_FORMAT = 1;
/** An item, its URL, that of the feed, and Via are each bounded where they come in. */
const LIMIT_BYTES = 262_144;

/** How far the feed can be trusted: over TLS, or from this machine only. A `signed` one comes with signed feeds. */
export const trustSchema = z.enum(['tls', 'loopback']);
export type Trust = z.infer<typeof trustSchema>;

const sidecarSchema = z.object({
  format: z.literal(SIDECAR_FORMAT),
  item: feedItemSchema,
  trust: trustSchema,
  feed: z.string(),
  url: z.string(),
  via: z.string().nullable(),
  published_at: z.iso.datetime({ offset: true }),
  /** What the file looked like when it was last known to be right; a change asks for a look at its digest. */
  file: z.object({ modified_ms: z.number(), inode: z.string() }),
});

/** What is kept beside a published package. */
export type Sidecar = z.infer<typeof sidecarSchema>;

/** Writes a sidecar durably; readable for everybody, like the package. */
export async function writeSidecar(files: Files, path: string, sidecar: Sidecar): Promise<void> {
  await writeDurably(files, path, Buffer.from(`${JSON.stringify(sidecar, null, 2)}\n`), 0o644);
}

/** What lies beside a package. */
export type ReadSidecar =
  | { readonly kind: 'ours'; readonly sidecar: Sidecar }
  /** Written after an upgrade that was taken back: the package is published, and is to be left alone. */
  | { readonly kind: 'newer'; readonly sha256: string | null; readonly error: CodedError }
  | { readonly kind: 'foreign' };

/** Reads a sidecar; never throws for what it holds. */
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

/** What every later format will have kept, as far as it can be told. */
const newerSchema = z.looseObject({
  format: z.int(),
  item: z.looseObject({ sha256: z.string() }).optional().catch(undefined),
});
