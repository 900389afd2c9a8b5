// `manifest.json`, the first file of every bundle: which files the bundle has, what was left out and why, and what was
// masked. docs/bundles.md describes it for vendors.
//
// Each text from outside is redacted on its own, so that masking never breaks the JSON.

import { z } from 'zod';
import { utcTime } from '#system/moment.ts';

const MANIFEST_FORMAT = 1;
export const MANIFEST_NAME = 'manifest.json';

const maskedSchema = z.object({ rule: z.string(), count: z.number() });

const fileSchema = z.object({
  name: z.string(),
  bytes: z.number(),
  sha256: z.string(),
  modified_at: z.string(),
  /** Bytes at the beginning of the original that were not read. */
  skipped_bytes: z.number(),
  /** Null for a file that was not packed. */
  unpacked_from: z.enum(['gzip', 'zstd']).nullable(),
  masked: z.array(maskedSchema),
});

const leftOutSchema = z.object({ name: z.string(), reason: z.string() });

export const manifestSchema = z.object({
  format: z.literal(MANIFEST_FORMAT),
  job: z.string(),
  case: z.string().nullable(),
  note: z.string().nullable(),
  asked_by: z.string(),
  created_at: z.string(),
  sallyport: z.string(),
  host: z.string(),
  /** Whether names of hosts and users, and addresses, were replaced. */
  pseudonyms: z.boolean(),
  /** Part of each pseudonym if the list of this host was lost once; null otherwise. */
  pseudonym_generation: z.string().nullable().default(null),
  since: z.string().nullable(),
  sources: z.array(z.string()),
  rules: z.array(z.object({ name: z.string(), version: z.number() })),
  files: z.array(fileSchema),
  left_out: z.array(leftOutSchema),
});

/** What a bundle contains. */
export type Manifest = z.infer<typeof manifestSchema>;
/** One file of a bundle. */
export type ManifestFile = z.infer<typeof fileSchema>;

/** A count by rule, in the order of the names. */
export function maskedOf(counts: ReadonlyMap<string, number>): ManifestFile['masked'] {
  return [...counts].map(([rule, count]) => ({ rule, count })).sort((one, other) => (one.rule < other.rule ? -1 : 1));
}

/** The head of a manifest. */
export type ManifestHead = Omit<Manifest, 'format' | 'created_at' | 'since' | 'files' | 'left_out'> & {
  readonly createdMs: number;
  readonly sinceMs: number | null;
};

/** Puts a manifest together. Pure. */
export function manifestOf(
  { createdMs, sinceMs, ...head }: ManifestHead,
  { files, leftOut }: { files: readonly ManifestFile[]; leftOut: readonly { name: string; reason: string }[] },
): Manifest {
  return {
    format: MANIFEST_FORMAT,
    job: head.job,
    case: head.case,
    note: head.note,
    asked_by: head.asked_by,
    created_at: utcTime(createdMs),
    sallyport: head.sallyport,
    host: head.host,
    pseudonyms: head.pseudonyms,
    pseudonym_generation: head.pseudonym_generation,
    since: sinceMs === null ? null : utcTime(sinceMs),
    sources: head.sources,
    rules: head.rules,
    files: [...files],
    left_out: leftOut.map(({ name, reason }) => ({ name, reason })),
  };
}

/** The bytes in the archive. */
export function renderManifest(manifest: Manifest): Buffer {
  return Buffer.from(`${JSON.stringify(manifest, null, 2)}\n`);
}
