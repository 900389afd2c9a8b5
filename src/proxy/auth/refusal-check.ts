// Whose a refusal in absolute form was, where the password has worked at this proxy before: a server behind the proxy can
// answer 401 or 407 with any mark. One CONNECT through the same proxy decides, because only a proxy answers that.
//
// Guarantees: a refusal of the CONNECT counts against the password, durably; a CONNECT that passes shows the server; any
// other end counts for nothing and keeps the password back from this origin for an hour. The attempt ends in every case.

import type { Code } from '#errors/catalogue.ts';
import { asCoded, type CodedError, coded } from '#errors/coded-error.ts';
import type { ResponseHead } from '#proxy/route.ts';
import type { AuthSession } from './auth-session.ts';

export interface RefusalToCheck {
  /** With the refused attempt. */
  readonly authSession: AuthSession;
  readonly head: ResponseHead;
  /** The URL that was asked for, and its `host:port`. */
  readonly url: string;
  readonly authority: string;
  readonly signal: AbortSignal;
  /** Opens a tunnel and closes it again. */
  connect(authSession: AuthSession): Promise<void>;
}

/** What the refusal was. @throws the reason of the signal */
export async function checkRefusal(check: RefusalToCheck): Promise<CodedError> {
  const { authSession, signal } = check;
  const byConnect = authSession.byConnect();
  try {
    await check.connect(byConnect);
    return ofTheServer(check);
  } catch (thrown) {
    signal.throwIfAborted();
    const found = asCoded(thrown);
    if (REFUSED.has(found.code)) return found;
    if (byConnect.accepted || found.code === 'PROXY-UPSTREAM') return ofTheServer(check);
    return await authSession.leaveInDoubt({ status: check.head.status, found: found.code });
  } finally {
    byConnect.unknown();
    await byConnect.settled();
  }
}

const REFUSED: ReadonlySet<Code> = new Set<Code>(['AUTH-REJECTED', 'AUTH-DOMAIN']);

function ofTheServer({ head: { status, reason }, url, authority: hop }: RefusalToCheck): CodedError {
  return status === 407 ? coded('ORIGIN-407', { url, hop }) : coded('ORIGIN-REFUSED', { url, status, reason, hop });
}
