// Makes a `Connection` from an open socket: describes its hop, adds the headers that the hop needs, and checks its
// responses.
//
// Guarantees: `release` leaves no socket and no pending credential. If the headers for the proxy cannot be made, for
// example because authentication fails, the connection is released at once. Only a forward connection puts a credential
// into headers, and only that of its own proxy.

import type { Duplex } from 'node:stream';
import { asCoded, type CodedError } from '#errors/coded-error.ts';
import type { AuthSession } from '#proxy/auth/auth-session.ts';
import { checkForward, isTlsRecord, requiresAuthentication, TLS_RECORD, wrongScheme } from '#proxy/auth/verdict.ts';
import type { HopMemory } from '#proxy/hop-memory.ts';
import type { BulkReader, Connection, HopFacts, ProxyProbes, ResponseHead } from '#proxy/route.ts';

/** A connection on which the origin itself responds: direct, or through a tunnel. `under` is the socket beneath TLS. */
export function originConnection(
  facts: HopFacts,
  parts: {
    readonly socket: Duplex;
    readonly under: Duplex;
    readonly bulk: BulkReader | null;
    /** Records every response. */
    readonly memory: HopMemory;
    readonly probes?: ProxyProbes | undefined;
  },
): Connection {
  return {
    socket: parts.socket,
    form: 'origin',
    facts,
    headersFor: () => ({}),
    bulk: parts.bulk,
    validateResponse: (head) => parts.memory.noteHead(head),
    classifyNoise: () => null,
    settled: () => Promise.resolve(null),
    probes: parts.probes,
    release() {
      parts.socket.destroy();
      parts.under.destroy();
    },
  };
}

/** A connection to a proxy that forwards absolute-form requests and may respond to them itself. */
export function forwardConnection(
  facts: HopFacts,
  parts: {
    readonly socket: Duplex;
    readonly bulk: BulkReader | null;
    readonly authSession: AuthSession;
    /** Called with whether the proxy responded, or the connection ended without a response. */
    readonly onAnswered: (answered: boolean) => void;
    readonly memory: HopMemory;
    readonly probes?: ProxyProbes | undefined;
    /** Determines the sender of a refusal that leaves the credential verdict unclear. */
    readonly checkRefusal: (refused: ResponseHead, url: string) => Promise<CodedError>;
  },
): Connection {
  const { socket, authSession } = parts;
  let waiting = false;
  let hasAnswered = false;
  let checking: Promise<CodedError | null> = Promise.resolve(null);
  const refused = (head: ResponseHead, url: string): CodedError => {
    const error = authSession.classifyRefusal(head);
    // Only an abort rejects, and the caller that aborts already knows it.
    if (authSession.unclearHead !== null) checking = parts.checkRefusal(head, url).catch(() => null);
    return error;
  };
  const release = () => {
    authSession.unknown();
    // The other end closed it; if our side gives up, the socket is still open here. A proxy may close a connection
    // between two requests after it has responded, which is not a failure.
    if (waiting && !hasAnswered && (socket.readableEnded || socket.errored !== null)) parts.onAnswered(false);
    waiting = false;
    socket.destroy();
  };
  const orRelease = <T>(work: () => T): T => {
    try {
      return work();
    } catch (thrown) {
      release();
      throw asCoded(thrown);
    }
  };
  return {
    socket,
    form: 'absolute',
    facts,
    headersFor: (method, target) =>
      orRelease((): Readonly<Record<string, string>> => {
        const authorization = authSession.headerFor({ method, target });
        waiting = true;
        return authorization === null ? {} : { 'Proxy-Authorization': authorization.reveal() };
      }),
    bulk: parts.bulk,
    validateResponse(head, url) {
      waiting = false;
      hasAnswered = true;
      parts.onAnswered(true);
      parts.memory.noteHead(head);
      if (requiresAuthentication(head, 'GET')) throw refused(head, url);
      const error = checkForward(head, authSession.peer, { target: url, proved: authSession.proved });
      authSession.settle(error);
      if (error !== null) throw error;
    },
    classifyNoise: (firstBytes) =>
      authSession.peer.scheme === 'http' && isTlsRecord(firstBytes) ? wrongScheme(authSession.peer, TLS_RECORD) : null,
    async settled() {
      const checked = await checking;
      await authSession.settled();
      return checked;
    },
    release,
    probes: parts.probes,
  };
}
