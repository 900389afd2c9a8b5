// Answers all requests to Sallyport (verbs), for a daemon over its sockets, and for a command that runs without a
// daemon. `control/control.ts` declares the requests.

import type { Authority, Verbs } from '#control/control.ts';
import type { HandlersOf } from '#control/verb.ts';
import type { Agent } from './agent.ts';
import type { Followers } from './answers/followers.ts';
import { listSettings } from './answers/list-settings.ts';
import { queueHandlers } from './answers/queue-handlers.ts';
import { sendLogsHandlers } from './logs/send-logs-handlers.ts';
import type { MetricsSource } from './metrics/metrics-source.ts';
import type { Parts } from './parts.ts';
import { activationHandlers } from './platform/activation-handlers.ts';
import { platformHandlers } from './platform/platform-handlers.ts';
import type { DiagnosisCall } from './trial/diagnosis.ts';
import { holdHandlers } from './updates/hold-handlers.ts';
import { mediumHandlers } from './updates/medium-handlers.ts';
import { trustHandlers } from './updates/trust-handlers.ts';

/** What watches the work and answers with what it saw. */
export interface Watchers {
  readonly followers: Followers;
  readonly metrics: MetricsSource;
}

/** The handlers over this work. */
export function handlersOf(agent: Agent, parts: Parts, { followers, metrics }: Watchers): HandlersOf<Verbs> {
  return {
    status: () => agent.status(),
    settings: () => listSettings(parts),
    follow: ({ request, onEvent, signal }) => followers.follow(request, onEvent, signal),
    metrics: async ({ request }) => ({ text: await metrics.text(request) }),
    endpoints: () => agent.endpoints(),
    listUpdates: () => agent.listUpdates(),
    explainTimeout: ({ request }) => agent.explainTimeout(request),
    check: ({ onEvent, signal }) => agent.check(onEvent, signal),
    retryCredentials: ({ request, authority }) => agent.retryCredentials(request, authority),
    verifyUpdates: ({ onEvent, signal }) => agent.verifyUpdates(onEvent, signal),
    seedTimeout: ({ request }) => agent.seedTimeout(request),
    confirmChange: () => agent.confirmChange(),
    diagnose: ({ request, authority, onEvent, signal }) => {
      const onStage: NonNullable<DiagnosisCall['onStage']> = (purpose, { stage, target, elapsedMs, error }) =>
        onEvent({
          name: 'diagnosis-stage',
          ...{
            purpose,
            stage,
            target,
            elapsed: Math.round(elapsedMs ?? 0),
            result: error === null ? 'ok' : error.code,
          },
        });
      return agent.diagnose({ ...request, onStage, authority: boundBy(request, authority) }, signal);
    },
    runHook: ({ request, onEvent, signal }) => agent.runHook(request, onEvent, signal),
    forgetSerial: () => agent.forgetSerial(),
    tryChange: ({ request, authority, onEvent, signal }) =>
      agent.tryChange({ ...request, authority: boundBy(request, authority) }, onEvent, signal),
    ...platformHandlers(parts),
    ...holdHandlers(agent, parts),
    ...trustHandlers(agent, parts),
    ...mediumHandlers(agent, parts),
    ...queueHandlers(parts, agent.failures),
    ...sendLogsHandlers(parts),
    ...activationHandlers(parts),
  };
}

/** An admin may make a request for a user who may not use the service's secrets in new places. */
function boundBy({ secrets }: { readonly secrets?: 'in_force' | undefined }, authority: Authority): Authority {
  return secrets === 'in_force' ? 'operate' : authority;
}
