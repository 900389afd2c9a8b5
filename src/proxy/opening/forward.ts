// Makes a connection to a proxy ready for absolute-form requests, where they cannot carry their proof from the first on.
//
// The caller writes its request once and expects it to go through, so whatever the proxy has to be told before is told by
// HEAD for the same URL: it has no body in either direction, and it passes wherever GET does. OPTIONS with Max-Forwards: 0
// would not leave the proxy, but Squid answers it before it asks who we are. A scheme that is bound to the connection is
// carried through to its end (the last HEAD reaches the origin); for Digest the first 407 is enough, since it has the nonce.

import type { Socket } from 'node:net';
import { type CodedError, coded } from '#errors/coded-error.ts';
import { checkForward, requiresAuthentication } from '#proxy/auth/verdict.ts';
import type { ResponseHead } from '#proxy/route.ts';
import { type HandshakeOptions, shakeHands } from './handshake.ts';

export interface ForwardOptions extends Omit<HandshakeOptions, 'line'> {
  /** Finds out whose a refusal is that leaves the login in doubt. */
  checkRefusal(refused: ResponseHead, url: string): Promise<CodedError>;
}

/**
 * Readies `socket`, or another one in its place, for requests to `url`. On a failure no socket is left.
 * @throws CodedError as `openTunnel`
 */
export async function openForward(socket: Socket, url: URL, options: ForwardOptions): Promise<Socket> {
  const { authSession } = options;
  const line = { method: 'HEAD', target: `${url.origin}${url.pathname}${url.search}` };
  const answered = await shakeHands(socket, { ...options, line, isForward: true }).catch(async (error: unknown) => {
    if (authSession.doubted === null) throw error;
    throw await options.checkRefusal(authSession.doubted, `${url.origin}${url.pathname}`);
  });
  const isChallenged = requiresAuthentication(answered.head, line.method);
  // What the proxy says of the target it says to the request itself as well.
  if (!isChallenged)
    authSession.settle(
      checkForward(answered.head, authSession.peer, { target: line.target, proved: authSession.proved }),
    );
  if (answered.reusable) return answered.socket;
  answered.socket.destroy();
  if (!authSession.connectionBound) return await options.redial();
  const reason = 'it closed the connection that it had just authenticated';
  throw coded('NTLM-CONN', { proxy: authSession.peer.name, reason, hop: authSession.peer.hop });
}
