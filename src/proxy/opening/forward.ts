// Prepares a connection to a proxy for absolute-form requests if the scheme cannot authenticate in the first request.
//
// The caller sends its request only once, so HEAD for the same URL authenticates the connection before that. HEAD has
// no body in either direction, and is allowed wherever GET is allowed. OPTIONS with Max-Forwards: 0 would not leave the
// proxy, but Squid answers it before it requests authentication. A scheme that authenticates the connection makes all
// its steps here; the last HEAD reaches the origin. For Digest, the first 407 is enough, because it contains the nonce.

import type { Socket } from 'node:net';
import { type CodedError, coded } from '#errors/coded-error.ts';
import { checkForward, requiresAuthentication } from '#proxy/auth/verdict.ts';
import type { ResponseHead } from '#proxy/route.ts';
import { type HandshakeOptions, performHandshake } from './handshake.ts';

export interface ForwardOptions extends Omit<HandshakeOptions, 'line'> {
  /** Determines the sender of a refusal that leaves the credential verdict unclear. */
  checkRefusal(refused: ResponseHead, url: string): Promise<CodedError>;
}

/**
 * Prepares `socket`, or a new one in its place, for requests to `url`. On a failure no socket is left.
 * @throws CodedError as `openTunnel`
 */
export async function openForward(socket: Socket, url: URL, options: ForwardOptions): Promise<Socket> {
  const { authSession } = options;
  const line = { method: 'HEAD', target: `${url.origin}${url.pathname}${url.search}` };
  const answered = await performHandshake(socket, { ...options, line, isForward: true }).catch(
    async (error: unknown) => {
      if (authSession.unclearHead === null) throw error;
      throw await options.checkRefusal(authSession.unclearHead, `${url.origin}${url.pathname}`);
    },
  );
  const isChallenged = requiresAuthentication(answered.head, line.method);
  // The proxy repeats any other verdict about the target in its response to the request itself.
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
