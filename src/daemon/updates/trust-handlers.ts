// Answers the requests of `sallyport trust`. Secrets are masked in every response.

import type { Verbs } from '#control/control.ts';
import type { TRUST_VERBS } from '#control/updates/trust.ts';
import type { HandlersOf } from '#control/verb.ts';
import type { Agent } from '#daemon/agent.ts';
import type { Parts } from '#daemon/parts.ts';
import { redactDeep } from '#redaction/redact.ts';
import { requesterOf } from './requester.ts';
import { describeTrust } from './trust-status.ts';

const NEVER = new AbortController().signal;

type TrustVerbs = Pick<Verbs, keyof typeof TRUST_VERBS>;

export function trustHandlers(agent: Agent, parts: Parts): HandlersOf<TrustVerbs> {
  const { ports, redactor, report } = parts;
  const between = <T>(name: string, work: () => Promise<T>) =>
    agent.exclusively(name, { onEvent: () => undefined, signal: NEVER }, work);
  return {
    showTrust: async () => redactDeep(await describeTrust(parts), redactor),
    importRoot: async ({ request, ...caller }) => {
      const { by } = await requesterOf(parts, caller);
      const { importRoot } = await import('#updates/signed/trust-state.ts');
      const { root, ...rest } = request;
      return await between('importing a root', async () => {
        const { version, sha256, replaced } = await importRoot(ports, { ...rest, by, bytes: Buffer.from(root) });
        if (replaced === null) report({ name: 'root-imported', version, fingerprint: sha256, by });
        else report({ name: 'root-replaced', from: replaced.from, to: sha256, version, by });
        return { version, sha256, replaced: replaced?.from ?? null };
      });
    },
    forgetTrust: async (caller) => {
      const { by } = await requesterOf(parts, caller);
      await between('forgetting signed metadata', () => ports.trust.forget());
      report({ name: 'trust-forgotten', by });
    },
  };
}
