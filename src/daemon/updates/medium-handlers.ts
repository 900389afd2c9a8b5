// Answers the requests of `sallyport updates export`, `updates import` and `mirror`. Secrets are masked in every
// response.

import { createHash } from 'node:crypto';
import type { Verbs } from '#control/control.ts';
import type { BundleContent, MEDIUM_VERBS } from '#control/updates/medium.ts';
import type { HandlersOf } from '#control/verb.ts';
import type { Agent } from '#daemon/agent.ts';
import type { Parts } from '#daemon/parts.ts';
import { redactDeep } from '#redaction/redact.ts';
import { utcTime } from '#system/moment.ts';
import type { ExportPlan } from '#updates/medium/export.ts';
import { requesterOf } from './requester.ts';
import { toResult } from './round-result.ts';

/** The verbs of this file. */
type MediumVerbs = Pick<Verbs, keyof typeof MEDIUM_VERBS>;

export function mediumHandlers(agent: Agent, parts: Parts): HandlersOf<MediumVerbs> {
  const { ports, redactor } = parts;
  return {
    exportUpdates: async ({ request: ids, onEvent, signal }) => {
      const { planExport } = await import('#updates/medium/export.ts');
      const plan = await agent.exclusively('exporting updates', { onEvent, signal }, (ending) =>
        planExport(ports, ids, ending),
      );
      return toBundleContent(plan);
    },
    importUpdates: async ({ request, onEvent, signal, ...caller }) => {
      const { by } = await requesterOf(parts, caller);
      const { importUpdates } = await import('#updates/medium/import.ts');
      const order = { path: request.path, maxAgeMs: request.max_age_ms, by };
      const report = await agent.exclusively('importing updates', { onEvent, signal }, (ending) =>
        importUpdates(ports, order, ending),
      );
      agent.waitFor(report.waitsFor);
      // After the command has ended, no process would run the hook.
      if (parts.mode === 'command') await agent.hooksSettled();
      return redactDeep(toResult(report, redactor), redactor);
    },
    mirror: async ({ request: dir, onEvent, signal }) => {
      const { mirrorRepository } = await import('#updates/medium/mirror.ts');
      return await agent.exclusively('mirroring the repository', { onEvent, signal }, (ending) =>
        mirrorRepository(ports, dir, ending),
      );
    },
  };
}

/** The plan as the answer of a verb. */
export function toBundleContent({ documents, packages, requires, expiresMs }: ExportPlan): BundleContent {
  return {
    documents: documents.map(({ name, bytes }) => ({
      name,
      data: Buffer.from(bytes).toString('base64'),
      sha256: createHash('sha256').update(bytes).digest('hex'),
    })),
    packages: [...packages],
    requires: [...requires],
    expires: utcTime(expiresMs),
  };
}
