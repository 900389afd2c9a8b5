// The file `bundle.json` of a bundle, which says what `updates export` put into it. Pure, except for reading the file.
//
// Nothing in it is trusted: signatures, or the feed, prove that a package is genuine. The manifest only says which
// packages to expect, and from which feed. The digest of an unsigned feed detects damage, but not a forged bundle.

import { z } from 'zod';
import { coded } from '#errors/coded-error.ts';
import { FEED_LIMITS, idSchema } from '#updates/feed/feed-document.ts';
import { MEDIUM_MANIFEST as MANIFEST, MEDIUM_UNSIGNED, type MediumFiles, readUpTo } from './medium-files.ts';

/** The path of an unsigned feed in a bundle. */
export const UNSIGNED_FEED = `${MEDIUM_UNSIGNED}/feed.json`;

const FORMAT = 1;
/** 2,000 ids have at most 140 KB. */
const LIMIT_BYTES = 1_048_576;

const manifestSchema = z.object({
  format: z.literal(FORMAT),
  feed: z.discriminatedUnion('kind', [
    z.object({ kind: z.literal('signed') }),
    z.object({
      kind: z.literal('unsigned'),
      url: z.string().max(FEED_LIMITS.url),
      sha256: z.string().regex(/^[0-9a-f]{64}$/),
    }),
  ]),
  /** The updates whose packages are in the bundle. */
  ids: z.array(idSchema).max(FEED_LIMITS.items),
});

export interface MediumManifest {
  readonly feed: z.infer<typeof manifestSchema>['feed'];
  readonly ids: readonly string[];
}

/** The manifest as a file; the same content gives the same bytes. */
export function manifestBytes({ feed, ids }: MediumManifest): Uint8Array {
  return Buffer.from(`${JSON.stringify({ format: FORMAT, feed, ids: ids.toSorted() }, null, 2)}\n`);
}

/** The manifest of a medium; null if it is a repository and no bundle. @throws CodedError IMPORT-ARCHIVE, FILE-* */
export async function readManifest(medium: MediumFiles, path: string): Promise<MediumManifest | null> {
  const file = await medium.open(MANIFEST);
  if (file === null) return null;
  const bytes = await readUpTo(file, LIMIT_BYTES);
  if (bytes === null) throw coded('IMPORT-ARCHIVE', { path, reason: `${MANIFEST} has more than ${LIMIT_BYTES} bytes` });
  let raw: unknown;
  try {
    raw = JSON.parse(Buffer.from(bytes).toString('utf8'));
  } catch (thrown) {
    throw coded('IMPORT-ARCHIVE', { path, reason: `${MANIFEST} is not JSON` }, thrown);
  }
  const format = z.looseObject({ format: z.int() }).safeParse(raw).data?.format ?? 0;
  if (format > FORMAT) {
    const reason = `it has format ${format}, which needs a newer Sallyport (this version reads format ${FORMAT})`;
    throw coded('IMPORT-ARCHIVE', { path, reason });
  }
  const { data, error } = manifestSchema.safeParse(raw);
  if (data !== undefined) return data;
  const where = error.issues[0]?.path.join('.') ?? '';
  throw coded('IMPORT-ARCHIVE', { path, reason: `${MANIFEST} has an invalid field${where === '' ? '' : ` ${where}`}` });
}

/** Where a package of an unsigned feed is in a bundle. */
export function unsignedPackagePath(id: string): string {
  return `${MEDIUM_UNSIGNED}/${id}.jar`;
}
