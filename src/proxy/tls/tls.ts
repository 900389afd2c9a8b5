// TLS over an open socket: to the target (directly or through a tunnel), or to a proxy that uses TLS.
//
// Guarantees: on every connection, the certificate and then the pins are verified, whatever the environment says. Every
// connection makes a full handshake, because a resumed session would skip the pins. The TLS version is at least 1.2,
// and ALPN selects HTTP/1.1. A failure comes within the deadline or at the abort, is coded and names the issuer, and
// both sockets are closed. No byte of a request is sent before the verification.

import type { X509Certificate } from 'node:crypto';
import { isIP, type Socket } from 'node:net';
import { connect, type DetailedPeerCertificate, type SecureContext, type TLSSocket } from 'node:tls';
import { boundedStep } from '#proxy/bounded-step.ts';
import type { Clock } from '#system/clock.ts';
import { interceptorOf } from './interception.ts';
import type { ObservedTime } from './observed-time.ts';
import { issuedChain, pinOf, readChain } from './pins.ts';
import {
  iso,
  oneLine,
  pinMismatch,
  silentPeer,
  type TlsPeer,
  tlsAborted,
  tlsFailure,
  tlsTimeout,
} from './tls-failure.ts';

export interface TlsOptions {
  readonly context: SecureContext;
  /** What the context trusts, in words. */
  readonly expected: string;
  /** The chain must contain one of these; an empty list requires none. */
  readonly pins?: readonly string[] | undefined;
  /** The CAs of a proxy that may decrypt this connection. */
  readonly interceptors?: readonly X509Certificate[];
  /** The time that another clock on this route showed, if any. */
  readonly observedTime?: ObservedTime | null;
  readonly timeoutMs: number;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/**
 * Starts TLS over `socket`.
 * @throws CodedError TLS-*; for a proxy itself PROXY-TLS-*, PROXY-SCHEME
 */
export function startTls(socket: Socket, peer: TlsPeer, options: TlsOptions): Promise<TLSSocket> {
  const { clock, expected, pins = [], interceptors = [], observedTime = null } = options;
  const late = (elapsed: number) => tlsTimeout(silentPeer(peer), elapsed);
  return boundedStep<TLSSocket>({ ...options, late }, ({ done, fail }) => {
    // RFC 6066, 3: an IP address is not a server name. A trailing dot is DNS notation, not part of the name.
    const name = peer.host.replace(/\.$/, '');
    const before = socket.bytesRead;
    const wrapped = connect({
      socket,
      host: name,
      ...(isIP(name) === 0 ? { servername: name } : {}),
      secureContext: options.context,
      // Set explicitly, because otherwise NODE_TLS_REJECT_UNAUTHORIZED=0 would apply.
      rejectUnauthorized: true,
      ALPNProtocols: ['http/1.1'],
    });
    let shown: DetailedPeerCertificate | undefined;
    // The handshake is over and its result is not yet handled: the last moment at which the certificate can be read. In
    // Node 24 getPeerX509Certificate() removes it from the chain, and the later check of the name then finds none.
    wrapped.prependOnceListener('secure', () => {
      shown = wrapped.getPeerCertificate(true);
    });
    const onError = (error: Error) => {
      const times = { nowMs: clock.now(), monotonicMs: clock.monotonic(), observed: observedTime };
      const received = socket.bytesRead - before;
      fail(tlsFailure(error, peer, { chain: readChain(shown), expected, times, received }));
    };
    const onClose = () => fail(tlsAborted(silentPeer(peer), 'the connection was closed'));
    const onSecure = () => {
      if (pins.length === 0 && interceptors.length === 0) return done(wrapped);
      const chain = issuedChain(readChain(shown));
      const interceptor = interceptorOf(chain, interceptors);
      if (interceptor !== null) INTERCEPTED.set(wrapped, interceptor);
      // Pins hold where no proxy decrypts the connection.
      if (interceptor !== null || pins.length === 0) done(wrapped);
      else if (chain.some((certificate) => pins.includes(pinOf(certificate)))) done(wrapped);
      else fail(pinMismatch(peer, chain, pins));
    };
    wrapped.on('error', ignore);
    wrapped.once('error', onError);
    wrapped.once('close', onClose);
    wrapped.once('secureConnect', onSecure);
    return (succeeded) => {
      wrapped.off('error', onError);
      wrapped.off('close', onClose);
      wrapped.off('secureConnect', onSecure);
      if (succeeded) return;
      wrapped.destroy();
      socket.destroy();
    };
  });
}

/** Connections that a proxy decrypts with permission, and its CA. */
const INTERCEPTED = new WeakMap<TLSSocket, X509Certificate>();

/** The CA of the proxy that decrypts this connection, in one line; null if it is not decrypted. */
export function interceptedBy(socket: TLSSocket): string | null {
  return oneLine(INTERCEPTED.get(socket)?.subject);
}

/** The version, the cipher suite, and whether that lacks authenticated encryption. */
export function tlsStrengthOf(socket: TLSSocket): { version: string | null; suite: string; weak: boolean } {
  const suite = socket.getCipher().name;
  return { version: socket.getProtocol(), suite, weak: !/GCM|CCM|CHACHA20/.test(suite) };
}

/** The issuer of the peer's certificate, and the end of its validity. */
export function certificateOf(socket: TLSSocket): { issuer: string | null; expires: string | null } {
  const certificate = socket.getPeerX509Certificate();
  return { issuer: oneLine(certificate?.issuer), expires: iso(certificate?.validTo) };
}

function ignore(): void {}
