// Answers the requests of `sallyport platform`. Secrets are masked in every response.

import type { Verbs } from '#control/control.ts';
import type { PLATFORM_VERBS } from '#control/platform/link.ts';
import type { AdviceRow } from '#control/platform/link-status.ts';
import type { HandlersOf } from '#control/verb.ts';
import type { Parts } from '#daemon/parts.ts';
import { redactDeep } from '#redaction/redact.ts';
import { utcTime } from '#system/moment.ts';

/** The verbs of this file. */
type PlatformVerbs = Pick<Verbs, keyof typeof PLATFORM_VERBS>;

export function platformHandlers(parts: Parts): HandlersOf<PlatformVerbs> {
  return {
    previewReport: async () => {
      const { nextReport } = await import('./report-facts.ts');
      const report = await nextReport(parts);
      // Not redacted: it has no text from outside, and must be exactly what is sent.
      if (report !== null) return { report: JSON.stringify(report), off: null };
      const { uploads_allowed: isAllowed } = parts.ports.settings();
      return { report: null, off: isAllowed ? 'platform.report' : 'uploads_allowed' };
    },
    listAdvice: async () => redactDeep(await adviceRows(parts), parts.redactor),
  };
}

/** Newest first; read from the disk if the link is not kept. @throws CodedError STATE-UNREADABLE */
async function adviceRows({ platform, files, config }: Parts): Promise<AdviceRow[]> {
  const { AdviceStore } = await import('#platform/inbox/advice.ts');
  const { state_dir: stateDir } = config.loaded.settings.daemon;
  const store = platform.running?.advice ?? (await AdviceStore.open(files, stateDir)).store;
  return store.all.map(({ at, ...rest }) => ({ ...rest, at: utcTime(at) }));
}
