// Makes a tunnel from an open connection to an HTTP proxy, by CONNECT (RFC 9110, 9.3.6).
//
// Guarantees: the returned socket is a raw connection to the target and still has every byte that came after the 200.
// After a failure, the error is that of the proxy with the text that it sent, and no socket is left. The credential
// guard gets the result of the credential as soon as it is known.

import type { Socket } from 'node:net';
import { checkConnect, pageForTunnel } from '#proxy/auth/verdict.ts';
import { type HandshakeOptions, performHandshake } from './handshake.ts';

export type TunnelOptions = Omit<HandshakeOptions, 'line'>;

/**
 * Requests a tunnel to `authority` from the proxy at the other end of `socket`.
 * @throws CodedError TUNNEL-TIMEOUT, TUNNEL-CLOSED, NOT-A-PROXY, TOO-MANY-INTERIM, AUTH-*, NTLM-CONN, POLICY-DENIED,
 * PROXY-*, TUNNEL-PAGE
 */
export async function openTunnel(socket: Socket, options: TunnelOptions): Promise<Socket> {
  const { authSession, memory, authority: target } = options;
  const line = { method: 'CONNECT', target };
  const answered = await performHandshake(socket, { ...options, line, isForward: false });
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
