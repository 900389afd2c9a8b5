// Finds out whether the proxy or the server refused a password that has worked at this proxy before. With the absolute
// form, a server behind the proxy can send a 401 or 407 that looks like the proxy's own. One CONNECT through the same
// proxy decides, because only a proxy responds to CONNECT.
//
// Guarantees: refusals of the same password for the same origin share one CONNECT, because each one sends the password
// again. If the CONNECT is rejected, the password is recorded as rejected. If it succeeds, the server sent the
// refusal. After any other result, the password does not count as rejected, but it is not sent to this origin for an
// hour. The attempt is always recorded as ended, even after an error.

import type { Code } from '#errors/catalogue.ts';
import { asCoded, type CodedError, coded } from '#errors/coded-error.ts';
import type { ResponseHead } from '#proxy/route.ts';
import { onAbort } from '#system/abort.ts';
import type { AuthSession } from './auth-session.ts';
import type { RefusedBy } from './unclear-refusals.ts';

export interface RefusalToCheck {
  /** The session with the refused attempt. */
  readonly authSession: AuthSession;
  readonly head: ResponseHead;
  /** The requested URL, and its `host:port`. */
  readonly url: string;
  readonly authority: string;
  readonly signal: AbortSignal;
  /** The running checks, and the key of this one. */
  readonly checks: Map<string, Promise<RefusedBy | null>>;
  readonly key: string;
  /** Opens a tunnel and closes it again. */
  connect(authSession: AuthSession): Promise<void>;
}

/**
 * Returns the failure that the refusal means.
 * @throws the reason of the signal
 */
export async function checkRefusal(check: RefusalToCheck): Promise<CodedError> {
  const { checks, key, signal } = check;
  for (let other = checks.get(key); other !== undefined; other = checks.get(key)) {
    const by = await orAborted(other, signal);
    if (by !== null) return await sameAs(by, check);
  }
  const checked = checkOne(check);
  const shared = checked.then(
    ({ by }) => by,
    () => null,
  );
  checks.set(key, shared);
  try {
    return (await checked).error;
  } finally {
    checks.delete(key);
  }
}

/** The failure of a refusal whose sender another check has found. The password is not sent again. */
async function sameAs(by: RefusedBy, check: RefusalToCheck): Promise<CodedError> {
  const { authSession, head } = check;
  if (by === 'proxy') return await authSession.refused();
  const ended = authSession.byConnect();
  ended.unknown();
  await ended.settled();
  if (by === 'server') return refusedByServer(check);
  return await authSession.recordUnclear({ status: head.status, found: 'another check showed nothing' });
}

async function checkOne(check: RefusalToCheck): Promise<{ readonly error: CodedError; readonly by: RefusedBy }> {
  const { authSession, signal } = check;
  const byConnect = authSession.byConnect();
  try {
    await check.connect(byConnect);
    return { error: refusedByServer(check), by: 'server' };
  } catch (thrown) {
    signal.throwIfAborted();
    const found = asCoded(thrown);
    if (REFUSED.has(found.code)) return { error: found, by: 'proxy' };
    if (byConnect.accepted || found.code === 'PROXY-UPSTREAM') return { error: refusedByServer(check), by: 'server' };
    const error = await authSession.recordUnclear({ status: check.head.status, found: found.code });
    return { error, by: 'unknown' };
  } finally {
    byConnect.unknown();
    await byConnect.settled();
  }
}

async function orAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const stopListening = onAbort(signal, () => reject(signal.reason as Error));
  try {
    return await Promise.race([work, aborted]);
  } finally {
    stopListening();
  }
}

const REFUSED: ReadonlySet<Code> = new Set<Code>(['AUTH-REJECTED', 'AUTH-DOMAIN']);

function refusedByServer({ head: { status, reason }, url, authority: hop }: RefusalToCheck): CodedError {
  return status === 407 ? coded('ORIGIN-407', { url, hop }) : coded('ORIGIN-REFUSED', { url, status, reason, hop });
}
