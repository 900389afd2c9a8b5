// CONNECT through an HTTP proxy: makes a tunnel of an open connection to it (RFC 9110, 9.3.6).
//
// Guarantees: the socket that is returned is a raw pipe to the target, with every byte that came behind the 200 still in
// it; on a failure the error is the proxy's own, with what the proxy said, and no socket is left. The verdict on the
// credential reaches the credential guard as soon as it is known.

import type { Socket } from 'node:net';
import { checkConnect, pageForTunnel } from '#proxy/auth/verdict.ts';
import { type HandshakeOptions, shakeHands } from './handshake.ts';

export type TunnelOptions = Omit<HandshakeOptions, 'line'>;

/**
 * Asks the proxy at the other end of `socket` for a tunnel to `authority`.
 * @throws CodedError TUNNEL-TIMEOUT, TUNNEL-CLOSED, NOT-A-PROXY, TOO-MANY-INTERIM, AUTH-*, NTLM-CONN, POLICY-DENIED, PROXY-*, TUNNEL-PAGE
 */
export async function openTunnel(socket: Socket, options: TunnelOptions): Promise<Socket> {
  const { authSession, memory, authority: target } = options;
  const line = { method: 'CONNECT', target };
  const answered = await shakeHands(socket, { ...options, line, isForward: false });
  const about = { target, page: answered.page, proved: authSession.proved, passes443: memory.passes443 };
  const isPage = answered.pageForTunnel === true;
  const error = isPage
    ? pageForTunnel(authSession.peer, target, answered.page)
    : checkConnect(answered.head, authSession.peer, about);
  authSession.settle(error);
  await authSession.settled();
  if (error === null) {
    memory.noteTunnel(target);
    return answered.socket;
  }
  answered.socket.destroy();
  throw error;
}
