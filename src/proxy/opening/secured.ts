// Starts TLS over an open connection, either to a proxy or to the target. The modules for TLS are loaded with the first
// such connection.

import type { Socket } from 'node:net';
import type { ObservedTime } from '#proxy/tls/observed-time.ts';
import type { TlsPeer } from '#proxy/tls/tls-failure.ts';
import type { TrustContexts } from '#proxy/tls/trust.ts';
import type { Clock } from '#system/clock.ts';

/** TLS to be started over an open connection. */
export interface TlsUpgrade {
  readonly peer: TlsPeer;
  readonly trust: () => Promise<TrustContexts>;
  /** Decides whether our client certificate may be sent. */
  readonly origin: string;
  readonly observedTime: ObservedTime | null;
}

export interface TlsBounds {
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
  readonly clock: Clock;
}

/** TLS over a connection, and what the peer's certificate shows. */
export interface Secured {
  readonly socket: Socket;
  /** The CA of the proxy that decrypts the connection; null if none does. */
  readonly intercepted: string | null;
  certificate(): { readonly issuer: string | null; readonly expires: string | null };
  strength(): { readonly version: string | null; readonly suite: string; readonly weak: boolean };
}

export function shownBy(secured: Secured) {
  return { ...secured.certificate(), ...secured.strength(), intercepted: secured.intercepted };
}

/** @throws CodedError TLS-*, PROXY-TLS-*; the caller destroys the socket then */
export async function secure(socket: Socket, upgrade: TlsUpgrade, bounds: TlsBounds): Promise<Secured> {
  const [{ startTls, certificateOf, tlsStrengthOf, interceptedBy }, trust] = await Promise.all([
    import('#proxy/tls/tls.ts'),
    upgrade.trust(),
  ]);
  const { expected, pins, interceptors } = trust;
  const context = trust.contextFor(upgrade.origin);
  const { observedTime, peer } = upgrade;
  const secured = await startTls(socket, peer, { context, expected, pins, interceptors, observedTime, ...bounds });
  return {
    socket: secured,
    intercepted: interceptedBy(secured),
    certificate: () => certificateOf(secured),
    strength: () => tlsStrengthOf(secured),
  };
}
