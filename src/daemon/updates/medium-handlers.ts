// The handlers of the verbs about media and mirrors. They mask secrets in every response.

import type { Verbs } from '#control/control.ts';
import type { MEDIUM_VERBS } from '#control/updates/medium.ts';
import type { HandlersOf } from '#control/verb.ts';
import type { Agent } from '#daemon/agent.ts';
import type { Parts } from '#daemon/parts.ts';
import { redactDeep } from '#redaction/redact.ts';
import { requesterOf } from './requester.ts';
import { toResult } from './round-result.ts';

/** The verbs of this file. */
type MediumVerbs = Pick<Verbs, keyof typeof MEDIUM_VERBS>;

export function mediumHandlers(agent: Agent, parts: Parts): HandlersOf<MediumVerbs> {
  const { ports, redactor } = parts;
  return {
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
