// Collects the facts of a report to the platform from the parts of a running Sallyport.

import { PURPOSES } from '#config/purposes.ts';
import type { Parts } from '#daemon/parts.ts';
import { describeTrust } from '#daemon/updates/trust-status.ts';
import type { PlatformReport } from '#platform/messages.ts';
import { makeReport, type ReportFacts } from '#platform/report/report.ts';
import { isOpaqueOrigin } from '#updates/request.ts';

/** The next report; null if the settings allow none. Root can forbid every upload, and a report is one. */
export async function nextReport(parts: Parts): Promise<PlatformReport | null> {
  const { ports, outcomes, startedAtMs } = parts;
  const { platform, uploads_allowed: isAllowed } = ports.settings();
  const { report: level } = platform;
  if (level === 'none' || !isAllowed) return null;
  const { id, version } = ports.agent;
  return makeReport({
    level,
    agent: { id, version },
    startedAt: startedAtMs,
    purposes: Object.fromEntries(
      PURPOSES.map((purpose) => {
        const { succeeded_at: succeededAt, failed, open } = outcomes.of(purpose);
        return [
          purpose,
          { succeededAt, failed: failed !== null && open ? { at: failed.at, code: failed.failure.code } : null },
        ];
      }),
    ),
    full: level === 'full' ? await fullFacts(parts) : null,
  });
}

async function fullFacts(parts: Parts): Promise<ReportFacts['full']> {
  const { ports, uploads, clock } = parts;
  const trust = await describeTrust(parts);
  return {
    queues: uploads.kinds.map((kind) => {
      const { items: waiting, bytes } = kind.usage();
      return { name: kind.name, waiting, bytes };
    }),
    trust: { kind: trust.kind, isSigned: trust.signed, roles: trust.roles },
    timeouts: ports.model.routes().map((route) => ({
      route: `${route.proxy} ${route.origin}`,
      ms: ports.model.plan({ ...route, isOpaque: isOpaqueOrigin(ports.settings(), route.origin) }, 1, clock.now())
        .firstByteMs,
    })),
  };
}
