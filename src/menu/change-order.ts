// Converts the answers that the user confirmed in the menu to a change of the configuration. Pure.

import { disableChange, enableChange, type ProfileValues } from '#changes/proxy/profile-change.ts';
import type { Change } from '#config/editing/apply-change.ts';
import { Secret } from '#redaction/secret.ts';
import type { ProxyDraft } from './model/screens.ts';
import type { ChangeOrder } from './ports.ts';

/** The change, with the same edits as `proxy change`, `proxy enable` and `proxy disable`. */
export function changeOfOrder({ direction, facts, draft }: Omit<ChangeOrder, 'saveAnyway'>): Change {
  return direction === 'disable' ? disableChange(facts) : enableChange(facts, draft === null ? {} : valuesOf(draft));
}

function valuesOf({ answers, inClear }: ProxyDraft): ProfileValues {
  const { host, port, user, password } = answers;
  return {
    ...(host === null ? {} : { address: host.toLowerCase() }),
    ...(port === null ? {} : { port }),
    ...(user === null ? {} : { user }),
    ...(password.kind === 'kept' ? {} : { password: password.kind === 'none' ? null : new Secret(password.text) }),
    ...(inClear ? { authentication: 'basic' } : {}),
  };
}
