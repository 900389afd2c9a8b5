// Control for the group of the control socket: everything that the agent does, but no secret goes where the settings in
// force do not send it. Whoever may do more asks over the socket of the admin.

import type { Control } from '#control/control.ts';
import { coded } from '#errors/coded-error.ts';
import type { Agent } from './agent.ts';

/** The agent as a member of the group may use it. */
export function groupControl(agent: Agent): Control {
  const authority = 'group';
  return {
    status: () => agent.status(),
    check: (onEvent, signal) => agent.check(onEvent, signal),
    retryCredentials: (profile) => agent.retryCredentials(profile, authority),
    listUpdates: () => agent.listUpdates(),
    verifyUpdates: (onEvent, signal) => agent.verifyUpdates(onEvent, signal),
    runHook: (id, onEvent, signal) => agent.runHook(id, onEvent, signal),
    // An older feed is taken after it: what protects from a replay is not the group's to give up.
    forgetSerial: () => Promise.reject(coded('CONTROL-ADMIN', { what: 'forget the serial of the feed' })),
    explainTimeout: (size) => agent.explainTimeout(size),
    seedTimeout: (seeds) => agent.seedTimeout(seeds),
    tryChange: (request, onEvent, signal) => agent.tryChange({ ...request, authority }, onEvent, signal),
    confirmChange: () => agent.confirmChange(),
    diagnose: (request, signal) => agent.diagnose({ ...request, authority }, signal),
    endpoints: () => agent.endpoints(),
    close: () => agent.close(),
  };
}
