// Finds out whether the proxy or the server refused a password that has worked at this proxy before. With the absolute
// form, a server behind the proxy can send a 401 or 407 that looks like the proxy's own. One CONNECT through the same
// proxy decides, because only a proxy responds to CONNECT.
//
// Guarantees: if the CONNECT is rejected, the password is recorded as rejected. If it succeeds, the server sent the
// refusal. After any other result, the password does not count as rejected, but it is not sent to this origin for an
// hour. The attempt is always recorded as ended, even after an error.

import type { Code } from '#errors/catalogue.ts';
import { asCoded, type CodedError, coded } from '#errors/coded-error.ts';
import type { ResponseHead } from '#proxy/route.ts';
import type { AuthSession } from './auth-session.ts';

export interface RefusalToCheck {
  /** The session with the refused attempt. */
  readonly authSession: AuthSession;
  readonly head: ResponseHead;
  /** The requested URL, and its `host:port`. */
  readonly url: string;
  readonly authority: string;
  readonly signal: AbortSignal;
  /** Opens a tunnel and closes it again. */
  connect(authSession: AuthSession): Promise<void>;
}

/**
 * Returns the failure that the refusal means.
 * @throws the reason of the signal
 */
export async function checkRefusal(check: RefusalToCheck): Promise<CodedError> {
  const { authSession, signal } = check;
  const byConnect = authSession.byConnect();
  try {
    await check.connect(byConnect);
    return refusedByServer(check);
  } catch (thrown) {
    signal.throwIfAborted();
    const found = asCoded(thrown);
    if (REFUSED.has(found.code)) return found;
    if (byConnect.accepted || found.code === 'PROXY-UPSTREAM') return refusedByServer(check);
    return await authSession.recordUnclear({ status: check.head.status, found: found.code });
  } finally {
    byConnect.unknown();
    await byConnect.settled();
  }
}

const REFUSED: ReadonlySet<Code> = new Set<Code>(['AUTH-REJECTED', 'AUTH-DOMAIN']);

function refusedByServer({ head: { status, reason }, url, authority: hop }: RefusalToCheck): CodedError {
  return status === 407 ? coded('ORIGIN-407', { url, hop }) : coded('ORIGIN-REFUSED', { url, status, reason, hop });
}
