// Publishes updates from a folder, a tar archive or a bundle. Metadata and packages are verified as if they came over the
// network.
//
// Guarantees: the signatures of everything that is published from a signed feed lead back to the trusted root, and
// versions of the metadata never go back. For an unsigned feed, the rules for its serial and expiry apply, and the
// admin has to trust the medium. Packages are staged first (`stage-package.ts`), which also says what a crash leaves.
// Expired metadata is refused, unless the request names a maximum age for it; this is logged. Receipts wait in the
// spool until the vendor can be reached.

import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { coded } from '#errors/coded-error.ts';
import type { Files } from '#system/files.ts';
import type { TrustStatus } from '#trust/tuf/types.ts';
import { requireNoDowngrade } from '#updates/chosen-feed.ts';
import type { Feed } from '#updates/feed/feed.ts';
import { withoutDownloadHours } from '#updates/hold/windows.ts';
import type { UpdatesPorts } from '#updates/ports.ts';
import { type RoundReport, runRound } from '#updates/round.ts';
import { type Medium, TufFeed } from '#updates/signed/tuf-feed.ts';
import { ArchiveFiles } from './archive-files.ts';
import { BundleFeed, feedName } from './bundle-feed.ts';
import { type MediumManifest, readManifest } from './manifest.ts';
import {
  FolderFiles,
  MEDIUM_MANIFEST,
  MEDIUM_METADATA,
  MEDIUM_TARGETS,
  type MediumFiles,
  openTarget,
} from './medium-files.ts';
import { MediumSource } from './medium-source.ts';
import { stagePackage } from './stage-package.ts';

/** What root sees and the service does not is usually in one of these folders. */
const INVISIBLE = 'it does not exist, or the service cannot see it. It cannot see /home, /root and /tmp';

export interface ImportRequest {
  /** A folder with `metadata/` and `targets/`, a tar archive with them, or a bundle. */
  readonly path: string;
  /** How long ago metadata may have expired, in milliseconds; 0 accepts no expired ones. */
  readonly maxAgeMs: number;
  /** Who requests it, for the log. */
  readonly by: string;
}

/**
 * @throws CodedError IMPORT-UNSIGNED, IMPORT-OTHER-FEED, IMPORT-ARCHIVE, IMPORT-BARE, TRUST-DOWNGRADE, FILE-*; failures of
 * the round are in its report
 */
export async function importUpdates(
  ports: UpdatesPorts,
  request: ImportRequest,
  signal: AbortSignal,
): Promise<RoundReport> {
  const { path, by } = request;
  const medium = await openMedium(ports.files, path, signal);
  try {
    const manifest = await readManifest(medium, path);
    const feed = feedOf(ports, medium, { manifest, request });
    ports.report({ name: 'importing', path, by });
    // A medium does not change while it is read, so nothing is tried again.
    const settings = () => ({ ...ports.settings(), retry: { ...ports.settings().retry, attempts: 1 } });
    const windows = withoutDownloadHours(ports.windows);
    return await runRound({ ...ports, feed, settings, windows }, signal);
  } finally {
    await medium.close();
  }
}

async function openMedium(files: Files, path: string, signal: AbortSignal): Promise<MediumFiles> {
  const nothing = () => coded('IMPORT-ARCHIVE', { path, reason: `it has no folder ${MEDIUM_METADATA}` });
  const facts = await files.facts(path);
  if (facts === null) throw coded('IMPORT-ARCHIVE', { path, reason: INVISIBLE });
  if (facts.kind !== 'file') {
    const found = [MEDIUM_METADATA, MEDIUM_MANIFEST].map((name) => files.facts(join(path, name)));
    if ((await Promise.all(found)).every((facts) => facts === null)) throw nothing();
    return new FolderFiles(files, path);
  }
  const archive = await ArchiveFiles.open(files, path, { signal });
  if (archive.has(MEDIUM_METADATA) || archive.has(MEDIUM_MANIFEST)) return archive;
  await archive.close();
  throw nothing();
}

/** The feed on the medium, if this host uses that feed. @throws CodedError as `importUpdates` */
function feedOf(
  ports: UpdatesPorts,
  medium: MediumFiles,
  { manifest, request }: { readonly manifest: MediumManifest | null; readonly request: ImportRequest },
): Feed {
  const { path } = request;
  const { trust } = ports.settings().updates;
  if (manifest?.feed.kind !== 'unsigned') {
    if (trust !== 'tuf') throw coded('IMPORT-UNSIGNED', { path });
    return new TufFeed(ports, signedMedium(ports, medium, { manifest, request }));
  }
  const found = `the unsigned feed ${manifest.feed.url}`;
  if (trust === 'tuf')
    throw coded('IMPORT-OTHER-FEED', { path, found, expected: 'a signed feed (updates.trust: tuf)' });
  requireNoDowngrade(ports);
  const expected = feedName(ports.settings());
  if (manifest.feed.url !== expected) throw coded('IMPORT-OTHER-FEED', { path, found, expected });
  return new BundleFeed(ports, medium, { ...request, ids: manifest.ids, sha256: manifest.feed.sha256 });
}

function signedMedium(
  ports: UpdatesPorts,
  medium: MediumFiles,
  { manifest, request }: { readonly manifest: MediumManifest | null; readonly request: ImportRequest },
): Medium {
  const folder = (name: string) => new URL(`${pathToFileURL(join(request.path, name)).href}/`);
  const bundle = manifest === null ? null : request.path;
  const ids = manifest === null ? null : new Set(manifest.ids);
  return {
    copy: { metadata: folder(MEDIUM_METADATA), targets: folder(MEDIUM_TARGETS), credentials: false, isMirror: false },
    source: new MediumSource(medium, bundle),
    expiryGraceMs: request.maxAgeMs,
    lacks: (id) => ids?.has(id) === false,
    refreshed: (status) => reportAge(ports, status, request),
    stage: async ({ target, ...wanted }) => {
      const found = await stagePackage(ports, await openTarget(medium, target.names, bundle), wanted);
      if (found === null) return;
      const { path: file, role } = target;
      const expected = wanted.item.sha256;
      const facts = { file, role, what: 'sha256', found, expected, clause: '5.7.3', listedBy: 'the metadata' };
      throw coded('TUF-MISMATCH', facts);
    },
  };
}

/** Says how long the metadata is valid, or since when it has been expired. */
function reportAge({ clock, report }: UpdatesPorts, { roles }: TrustStatus, { by, maxAgeMs }: ImportRequest): void {
  const now = clock.now();
  for (const { role, version, expiresMs } of roles) {
    if (role === 'timestamp') report({ name: 'import-read', version, at: expiresMs });
    if (expiresMs < now) report({ name: 'import-expired', role, version, age: now - expiresMs, by, limit: maxAgeMs });
  }
}
