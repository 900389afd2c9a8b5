// TLS to the target, over a socket that reaches it (directly or through a tunnel).
//
// Guarantees: the certificate is verified on every connect, whatever the environment says; TLS 1.2 at least, HTTP/1.1
// by ALPN; ends within its deadline or at the abort with a coded failure that names the issuer, and then both sockets are
// gone. No byte of a request is sent before.

import { X509Certificate } from 'node:crypto';
import { isIP, type Socket } from 'node:net';
import { connect, type DetailedPeerCertificate, type SecureContext, type TLSSocket } from 'node:tls';
import { type CodedError, coded } from '#errors/coded-error.ts';
import type { Clock } from '#system/clock.ts';
import { boundedStep } from './bounded-step.ts';

export interface TlsTarget {
  /** DNS name or address, without brackets. */
  readonly host: string;
  readonly port: number;
}

export interface TlsOptions {
  readonly context: SecureContext;
  readonly timeoutMs: number;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

const TLS_KEY = 'response_timeout.tls_timeout_ms';
/** No real chain is longer; one that runs in a circle ends here. */
const LONGEST_CHAIN = 16;

const NOT_YET = 'CERT_NOT_YET_VALID';
const EXPIRED = 'CERT_HAS_EXPIRED';
const WRONG_NAME = 'ERR_TLS_CERT_ALTNAME_INVALID';

/** The X509_V_ERR_* names that Node gives to a chain that does not lead to a trusted root, in plain words. */
const UNTRUSTED: Readonly<Record<string, string>> = {
  UNABLE_TO_GET_ISSUER_CERT: 'its issuer is unknown',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'its issuer is unknown',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'its issuer is unknown and was not sent',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'it is self-signed',
  SELF_SIGNED_CERT_IN_CHAIN: 'its root is not trusted here',
  CERT_SIGNATURE_FAILURE: 'a signature in its chain is wrong',
  CERT_CHAIN_TOO_LONG: 'its chain is too long',
  CERT_REVOKED: 'it was revoked',
  INVALID_CA: 'a certificate in its chain may not issue others',
  PATH_LENGTH_EXCEEDED: 'its chain is longer than its issuer allows',
  INVALID_PURPOSE: 'it is not meant for servers',
  CERT_UNTRUSTED: 'its root is not trusted for servers',
  CERT_REJECTED: 'its root is rejected for servers',
};

/**
 * Speaks TLS over `socket`.
 * @throws CodedError TLS-UNTRUSTED, TLS-NAME, TLS-CLOCK, TLS-TIMEOUT, TLS-FAILED
 */
export function secure(socket: Socket, target: TlsTarget, options: TlsOptions): Promise<TLSSocket> {
  const hop = `${target.host}:${target.port}`;
  const late = (elapsed: number) => coded('TLS-TIMEOUT', { host: target.host, elapsed, key: TLS_KEY, hop });
  return boundedStep<TLSSocket>({ ...options, late }, ({ done, fail }) => {
    // RFC 6066, 3: a literal address is no server name. A trailing dot is DNS notation, not part of the name.
    const name = target.host.replace(/\.$/, '');
    const wrapped = connect({
      socket,
      host: name,
      ...(isIP(name) === 0 ? { servername: name } : {}),
      secureContext: options.context,
      // NODE_TLS_REJECT_UNAUTHORIZED=0 wins unless this stands here.
      rejectUnauthorized: true,
      ALPNProtocols: ['http/1.1'],
    });
    let peer: DetailedPeerCertificate | undefined;
    // The handshake is over, the verdict is not yet acted on: the last moment at which the certificate can be read.
    // getPeerX509Certificate() takes it out of the chain in Node 24, and the check of the name then finds none.
    wrapped.prependOnceListener('secure', () => {
      peer = wrapped.getPeerCertificate(true);
    });
    const onError = (error: Error) =>
      fail(tlsFailure(error, { target, chain: readChain(peer), nowMs: options.clock.now(), hop }));
    const onClose = () => fail(failed(target, hop, 'the connection was closed'));
    const onSecure = () => done(wrapped);
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

interface Circumstances {
  readonly target: TlsTarget;
  /** The server's own first; empty when none came. */
  readonly chain: readonly X509Certificate[];
  readonly nowMs: number;
  readonly hop: string;
}

function tlsFailure(error: Error, { target, chain, nowMs, hop }: Circumstances): CodedError {
  const [peer] = chain;
  const code = (error as NodeJS.ErrnoException).code ?? '';
  const { host } = target;
  const issuer = oneLine(peer?.issuer);
  if (code === WRONG_NAME) {
    return coded('TLS-NAME', { host, names: peer?.subjectAltName ?? oneLine(peer?.subject), issuer, hop }, error);
  }
  if (code === NOT_YET || code === EXPIRED) {
    const reason = code === EXPIRED ? 'expired' : 'not yet valid';
    const wrong = outsideItsTime(chain, nowMs);
    const facts = { host, reason, from: iso(wrong?.validFrom), to: iso(wrong?.validTo), now: nowMs, issuer, hop };
    return coded('TLS-CLOCK', facts, error);
  }
  const untrusted = UNTRUSTED[code];
  if (untrusted !== undefined) return coded('TLS-UNTRUSTED', { host, reason: untrusted, issuer, hop }, error);
  return failed(target, hop, plainReason(error) ?? (code === '' ? error.message : code), error);
}

function failed({ host }: TlsTarget, hop: string, reason: string, cause?: Error): CodedError {
  return coded('TLS-FAILED', { host, reason, hop }, cause);
}

/** OpenSSL's own words, such as `wrong version number`; null when the failure is not one of OpenSSL's. */
function plainReason(error: Error): string | null {
  const reason = (error as { reason?: unknown }).reason;
  return typeof reason === 'string' ? reason : null;
}

/** Without a certificate Node gives an empty object; a root is its own issuer. */
function readChain(peer: Partial<DetailedPeerCertificate> | undefined): readonly X509Certificate[] {
  const chain: X509Certificate[] = [];
  for (let at = peer; at?.raw !== undefined && chain.length < LONGEST_CHAIN; at = at.issuerCertificate) {
    chain.push(new X509Certificate(at.raw));
  }
  return chain;
}

/** Which certificate of the chain the clock does not agree with; the server's own when none stands out. */
function outsideItsTime(chain: readonly X509Certificate[], nowMs: number): X509Certificate | undefined {
  return (
    chain.find(({ validFrom, validTo }) => Date.parse(validFrom) > nowMs || Date.parse(validTo) < nowMs) ?? chain[0]
  );
}

function iso(date: string | undefined): string | null {
  const at = Date.parse(date ?? '');
  return Number.isNaN(at) ? null : new Date(at).toISOString();
}

/** Node writes a distinguished name with a line per part. */
function oneLine(name: string | undefined): string | null {
  return name === undefined ? null : name.split('\n').join(', ');
}

function ignore(): void {}
