// The section of `status` about trust: the settings, and the stored metadata of a signed feed.

import type { TrustRow } from '#control/updates/trust.ts';
import { toFailure } from '#daemon/failure.ts';
import type { Parts } from '#daemon/parts.ts';
import { asCoded } from '#errors/coded-error.ts';
import { utcTime } from '#system/moment.ts';
import type { TrustStatus } from '#trust/tuf/types.ts';
import { configuredFeed } from '#updates/request.ts';
import type { StoredTrust } from '#updates/signed/trust-state.ts';

/** How long `status` says that root replaced the trusted root. */
const REPLACED_SHOWN_MS = 30 * 86_400_000;

/** What is trusted now, by the settings and the stored metadata. Requests nothing. */
export async function describeTrust({ ports, redactor, outcomes, clock }: Parts): Promise<TrustRow> {
  const { trust: kind } = ports.settings().updates;
  const { replaced, isSigned: signed } = ports.trust;
  const nowMs = clock.now();
  const shown = replaced !== null && Math.abs(nowMs - replaced.at) < REPLACED_SHOWN_MS;
  const common = {
    kind,
    signed,
    replaced: replaced === null || !shown ? null : { ...replaced, at: utcTime(replaced.at) },
  };
  if (kind === 'tls') return { ...common, root: null, roles: [], warnings: [], problem: null };
  try {
    const { readStoredTrust } = await import('#updates/signed/trust-state.ts');
    const stored = await readStoredTrust(ports);
    const { trustWarnings } = await import('#updates/signed/trust-warnings.ts');
    const feed = configuredFeed(ports.settings());
    const succeededMs = feed === null ? null : (ports.memory.feed(feed.href)?.accepted_at ?? null);
    const { open: hasFailed } = outcomes.of('updates');
    const warnings = trustWarnings({ roles: stored.status.roles, nowMs, succeededMs, hasFailed });
    return { ...common, ...rowsOf(stored), warnings, problem: null };
  } catch (thrown) {
    return { ...common, root: null, roles: [], warnings: [], problem: toFailure(asCoded(thrown), redactor) };
  }
}

function rowsOf({ status, rootFile }: StoredTrust): Pick<TrustRow, 'root' | 'roles'> {
  const { lastRotation, rootCheckedMs } = status;
  return {
    root: {
      version: status.roles.find(({ role }) => role === 'root')?.version ?? 0,
      sha256: status.rootSha256,
      file: rootFile,
      checked_at: rootCheckedMs === null ? null : utcTime(rootCheckedMs),
      rotated:
        lastRotation === null ? null : { from: lastRotation.from, to: lastRotation.to, at: utcTime(lastRotation.atMs) },
    },
    roles: status.roles.map(roleRow),
  };
}

function roleRow({ role, version, expiresMs, threshold, signers }: TrustStatus['roles'][number]) {
  return {
    role,
    version,
    expires: utcTime(expiresMs),
    threshold,
    signers: signers.map(({ keyId, scheme }) => ({ key: keyId, scheme })),
  };
}
