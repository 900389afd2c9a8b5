// Shows and changes the stored trust in a signed feed: shows the roles, imports a root, and deletes the stored data.
//
// Guarantees: no request is sent. A root is imported only if it is valid. It replaces another root only if the caller
// allows this. A crash leaves the old root with its versions, or the new root (`trust-memory.ts`).

import { createHash } from 'node:crypto';
import { coded } from '#errors/coded-error.ts';
import { TufClient } from '#trust/tuf/client.ts';
import { readInitialRoot } from '#trust/tuf/root.ts';
import type { TufSource } from '#trust/tuf/source.ts';
import type { TrustStatus } from '#trust/tuf/types.ts';
import type { RootReplacement } from './trust-memory.ts';
import { loadTrustedRoot, minimumVersions, reportTuf, type SignedFeedPorts } from './tuf-feed.ts';

/** What is stored now, and the file that it is verified from. */
export interface StoredTrust {
  readonly status: TrustStatus;
  readonly rootFile: string;
}

/** Reads and verifies the stored metadata. @throws CodedError TUF-ROOT-FILE, CONFIG-INCOMPLETE, FILE-* */
export async function readStoredTrust(ports: SignedFeedPorts): Promise<StoredTrust> {
  const { files, clock, trust, report } = ports;
  const root = await loadTrustedRoot(ports);
  const client = await TufClient.open({
    files,
    dir: trust.metadataDir,
    source: NO_SOURCE,
    nowMs: clock.now(),
    ...root,
    minimumVersions: minimumVersions(trust),
    report: (event) => reportTuf(report, event),
  });
  return { status: client.status(), rootFile: root.rootFile };
}

const NO_SOURCE: TufSource = {
  metadata: () => Promise.reject(coded('INTERNAL', { reason: 'stored metadata is read without requests' })),
  target: () => Promise.reject(coded('INTERNAL', { reason: 'stored metadata is read without requests' })),
};

/** A root to import, and who asks for it. */
export interface RootImport {
  readonly bytes: Uint8Array;
  /** SHA-256 in hex, as the admin has it from the vendor. */
  readonly fingerprint: string;
  readonly replace: boolean;
  readonly by: string;
}

/** Trusts a root. Returns what it replaced. @throws CodedError TUF-ROOT-FILE, TRUST-OTHER-ROOT, FILE-*, DISK-FULL */
export async function importRoot(
  ports: SignedFeedPorts,
  { bytes, fingerprint, replace, by }: RootImport,
): Promise<{ version: number; sha256: string; replaced: RootReplacement | null }> {
  const path = 'the given file';
  const { content } = await readInitialRoot(bytes, path);
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  if (sha256 !== fingerprint.toLowerCase()) {
    throw coded('TUF-ROOT-FILE', { path, reason: `its fingerprint is ${sha256}, not the given one` });
  }
  const isTrusting = ports.trust.isSigned || (await ports.files.facts(ports.trust.importedRootPath)) !== null;
  const before = await readStoredTrust(ports).catch((thrown: unknown) => {
    // A root that was trusted can be unreadable now. Even then, only `replace` may put another one in its place.
    if (isTrusting && !replace) throw thrown;
    return null;
  });
  const known = before?.status.rootSha256 ?? null;
  const { version } = content;
  if (known === sha256) return { version, sha256, replaced: null };
  if (before !== null && !replace) {
    const trusted = before.status.roles.find(({ role }) => role === 'root')?.version ?? 0;
    throw coded('TRUST-OTHER-ROOT', { version: trusted, known: before.status.rootSha256, found: sha256 });
  }
  const replaced = before !== null || isTrusting ? { at: ports.clock.now(), from: known, to: sha256, by } : null;
  await ports.trust.importRoot(bytes, replaced);
  return { version, sha256, replaced };
}
