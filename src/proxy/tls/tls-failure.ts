// Decides which failure of TLS occurred, either to the target or to the proxy itself. Pure.
//
// Guarantees: the two have different codes (principle 6). Interception is reported only with evidence: behind a proxy,
// a complete chain with an unknown root, or an issuer that is known for interception. A chain with a missing
// certificate is `TLS-CHAIN`, because servers may also forget to send their intermediate certificate.

import type { X509Certificate } from 'node:crypto';
import { PURPOSES, type Purpose, purposeRow } from '#config/purposes.ts';
import { type CodedError, coded, type FactsOf } from '#errors/coded-error.ts';
import type { Hop } from '#errors/hop.ts';
import { utcTime } from '#system/moment.ts';
import { isInterceptor } from './interceptors.ts';
import { compareClocks, type ObservedTime, remoteTime } from './observed-time.ts';
import { pinOf } from './pins.ts';

/** The peer of a TLS connection. */
export interface TlsPeer {
  readonly side: 'target' | 'proxy';
  /** DNS name or address, without brackets. */
  readonly host: string;
  readonly port: number;
  /** Name of the proxy that is the peer or is in between; null when the target is reached without one. */
  readonly proxy: string | null;
  /** The hop that failures name; null if it is unknown which of two ends it is. */
  readonly hop: Hop | null;
  /** The purpose of the connection; by default the first of the table. */
  readonly purpose?: Purpose | undefined;
  /** How to make the target's own CA trusted, if not by the `ca_file` of the purpose. */
  readonly remedy?: string | undefined;
}

/** What is known in addition to the error. */
interface TlsFailureContext {
  /** The server's own certificate first; empty when none came. */
  readonly chain: readonly X509Certificate[];
  /** What is trusted, in words. */
  readonly expected: string;
  /** Bytes received since the handshake began. */
  readonly received?: number;
  readonly times: { readonly nowMs: number; readonly monotonicMs: number; readonly observed: ObservedTime | null };
}

const TLS_KEY = 'response_timeout.tls_timeout_ms';

const NOT_YET_VALID = 'CERT_NOT_YET_VALID';
const EXPIRED = 'CERT_HAS_EXPIRED';
const WRONG_NAME = 'ERR_TLS_CERT_ALTNAME_INVALID';
/** OpenSSL's errors for first bytes that are not a TLS record. */
const NO_TLS = new Set(['ERR_SSL_WRONG_VERSION_NUMBER', 'ERR_SSL_PACKET_LENGTH_TOO_LONG', 'ERR_SSL_HTTP_REQUEST']);

/** Errors and alerts that show an old version of TLS. */
const OLD_VERSION = new Set(['ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION', 'ERR_SSL_UNSUPPORTED_PROTOCOL']);
/**
 * An alert that is the first response to our offer, and nothing else, means that nothing offered is accepted (RFC 8446,
 * 6.2).
 */
const NO_COMMON_PARAMETERS = new Set([
  'ERR_SSL_SSL/TLS_ALERT_HANDSHAKE_FAILURE',
  'ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE',
]);
/** Size of a record with one alert, in bytes (RFC 8446, 5.1 and 6). */
const ALERT_BYTES = 7;
const OFFERED = 'AES-GCM, AES-CCM and ChaCha20-Poly1305 of TLS 1.2 and 1.3';

/** Node's X509_V_ERR_* names for a chain without a trusted root, in plain words. */
const UNTRUSTED = {
  UNABLE_TO_GET_ISSUER_CERT: 'its issuer is unknown',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'its issuer is unknown',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'its issuer is unknown and was not sent',
  SELF_SIGNED_CERT_IN_CHAIN: 'its root is not trusted here',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'it is self-signed',
  CERT_SIGNATURE_FAILURE: 'a signature in its chain is wrong',
  CERT_CHAIN_TOO_LONG: 'its chain is too long',
  CERT_REVOKED: 'it was revoked',
  INVALID_CA: 'a certificate in its chain may not issue others',
  PATH_LENGTH_EXCEEDED: 'its chain is longer than its issuer allows',
  INVALID_PURPOSE: 'it is not meant for servers',
  CERT_UNTRUSTED: 'its root is not trusted for servers',
  CERT_REJECTED: 'its root is rejected for servers',
} as const;
type ChainCode = keyof typeof UNTRUSTED;
/** Subset: a certificate is missing, so the chain is incomplete. */
const INCOMPLETE: ReadonlySet<ChainCode> = new Set<ChainCode>([
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
]);
/** Subset: the chain is complete and its root is unknown. */
const UNKNOWN_ROOT: ChainCode = 'SELF_SIGNED_CERT_IN_CHAIN';

/** The failure of a handshake, or of the verification after it. */
export function tlsFailure(error: Error, peer: TlsPeer, about: TlsFailureContext): CodedError {
  const code = (error as NodeJS.ErrnoException).code ?? '';
  const [own] = about.chain;
  const facts = { ...peer, issuer: oneLine(own?.issuer), expected: about.expected };
  if (code === WRONG_NAME) {
    const names = own?.subjectAltName ?? oneLine(own?.subject);
    return coded(peer.side === 'proxy' ? 'PROXY-TLS-NAME' : 'TLS-NAME', { ...facts, names }, error);
  }
  if (code === NOT_YET_VALID || code === EXPIRED) return outOfTime(error, peer, about);
  const old = tooOld(code, about.received ?? 0);
  if (old !== null) return coded(peer.side === 'proxy' ? 'PROXY-TLS-OLD' : 'TLS-OLD', { ...peer, ...old }, error);
  if (!isChainCode(code))
    return (
      notTls(error, code, peer) ??
      tlsAborted(code.startsWith('ERR_') ? peer : silentPeer(peer), plainReason(error, code), error)
    );
  const reason = UNTRUSTED[code];
  if (peer.side === 'proxy') return coded('PROXY-TLS-UNTRUSTED', { ...facts, reason }, error);
  const advice = { remedy: remedyFor(peer), otherwise: withoutBypass(peer), target: authorityOf(peer) };
  return untrustedTarget(code, { ...facts, ...advice, reason }, about.chain);
}

/** Whether the chain failed. Property names that every object has, such as `constructor`, are not codes. */
function isChainCode(code: string): code is ChainCode {
  return Object.hasOwn(UNTRUSTED, code);
}

function untrustedTarget(
  code: ChainCode,
  facts: FactsOf<'TLS-INTERCEPTED'> & FactsOf<'TLS-UNTRUSTED'>,
  chain: readonly X509Certificate[],
): CodedError {
  const intercepts = chain.some(({ issuer }) => isInterceptor(issuer));
  const last = chain.at(-1);
  if (INCOMPLETE.has(code) && !intercepts) {
    return coded('TLS-CHAIN', { ...facts, end: oneLine(last?.issuer), aia: placeOfIssuer(last) });
  }
  const isInTransit = INCOMPLETE.has(code) || code === UNKNOWN_ROOT;
  return coded(facts['proxy'] !== null && isInTransit ? 'TLS-INTERCEPTED' : 'TLS-UNTRUSTED', facts);
}

/** How to make a server's own CA trusted. */
function remedyFor(peer: TlsPeer): string {
  return peer.remedy ?? `set ${purposeOf(peer)}.ca_file`;
}

/** What to do about interception if the proxy team grants no bypass. */
function withoutBypass(peer: TlsPeer): string {
  const purpose = purposeOf(peer);
  if (peer.remedy !== undefined) return 'this connection cannot be used';
  const { mayBeIntercepted, title } = purposeRow(purpose);
  return mayBeIntercepted ? `see ${purpose}.allow_interception_by` : `${title} cannot be used`;
}

function purposeOf({ purpose = PURPOSES[0] }: TlsPeer): Purpose {
  return purpose;
}

/**
 * Where a certificate says that its issuer's certificate is (RFC 5280, 4.2.2.1). The URL is reported but never fetched.
 */
function placeOfIssuer(certificate: X509Certificate | undefined): string {
  const place = /^CA Issuers - URI:(\S{1,200})$/m.exec(certificate?.infoAccess ?? '')?.[1];
  return place === undefined ? 'no address for it is known' : `available at ${place}, which is not used`;
}

/** What is too old in the peer; null when nothing is. */
function tooOld(code: string, received: number): { reason: string; version: string | null; suites: string } | null {
  if (OLD_VERSION.has(code)) {
    return { reason: 'it has no version newer than TLS 1.1', version: 'TLS 1.1 or older', suites: 'none' };
  }
  // An alert after a certificate means something else, for example that ours is missing. One that came before we sent
  // anything is not a response.
  if (!NO_COMMON_PARAMETERS.has(code) || received === 0 || received > ALERT_BYTES) return null;
  return { reason: `it accepts none of the cipher suites offered (${OFFERED})`, version: null, suites: OFFERED };
}

/** A handshake that ended without a verdict. */
export function tlsAborted(peer: TlsPeer, reason: string, cause?: Error): CodedError {
  return coded(peer.side === 'proxy' ? 'PROXY-TLS-FAILED' : 'TLS-FAILED', { ...peer, reason }, cause);
}

/** The peer that is silent or closes. Behind a proxy either of the two ends may be the cause. */
export function silentPeer(peer: TlsPeer): TlsPeer {
  return peer.side === 'target' && peer.proxy !== null ? { ...peer, hop: null } : peer;
}

/** The handshake timed out. */
export function tlsTimeout(peer: TlsPeer, elapsed: number): CodedError {
  const code = peer.side === 'proxy' ? 'PROXY-TLS-TIMEOUT' : 'TLS-TIMEOUT';
  return coded(code, { ...peer, elapsed, key: TLS_KEY });
}

/** A valid chain that contains none of the pinned keys. */
export function pinMismatch(peer: TlsPeer, chain: readonly X509Certificate[], pins: readonly string[]): CodedError {
  const issuer = oneLine(chain[0]?.issuer);
  const found = chain.map(pinOf);
  return coded('TLS-PIN', {
    ...peer,
    issuer,
    expected: pins,
    found,
    key: `${purposeOf(peer)}.pins`,
    otherwise: withoutBypass(peer),
    target: authorityOf(peer),
  });
}

/** Decides between a wrong local clock and a bad certificate by the time that another source showed, if any. */
function outOfTime(error: Error, peer: TlsPeer, { chain, times }: TlsFailureContext): CodedError {
  const { nowMs, monotonicMs, observed } = times;
  const wrong = outsideItsTime(chain, nowMs);
  const reason = (error as NodeJS.ErrnoException).code === EXPIRED ? 'expired' : 'not yet valid';
  const facts = {
    ...peer,
    reason,
    from: iso(wrong?.validFrom),
    to: iso(wrong?.validTo),
    now: nowMs,
    issuer: oneLine(chain[0]?.issuer),
    others: compareClocks(observed, times),
    other_clock: observed?.by ?? null,
  };
  const alsoThere = observed !== null && wrong !== undefined && !isInTime(wrong, remoteTime(observed, monotonicMs));
  if (peer.side === 'proxy') return coded(alsoThere ? 'PROXY-TLS-EXPIRED' : 'PROXY-TLS-CLOCK', facts, error);
  return coded(alsoThere ? 'TLS-EXPIRED' : 'TLS-CLOCK', facts, error);
}

/** A proxy port that does not speak TLS although its scheme requires it; null when it is something else. */
function notTls(error: Error, code: string, peer: TlsPeer): CodedError | null {
  if (peer.side !== 'proxy' || !NO_TLS.has(code)) return null;
  const answer = plainReason(error, code);
  const remedy = `scheme: http for proxy ${peer.proxy}`;
  return coded('PROXY-SCHEME', { ...peer, speaks: 'no TLS', scheme: 'https', wanted: 'http', answer, remedy }, error);
}

/** OpenSSL's own words, for example `wrong version number`, else the code. */
function plainReason(error: Error, code: string): string {
  const reason = (error as { reason?: unknown }).reason;
  if (typeof reason === 'string') return reason;
  return code === '' ? error.message : code;
}

/** The certificate of the chain that is outside its validity; the server's own if none is. */
function outsideItsTime(chain: readonly X509Certificate[], nowMs: number): X509Certificate | undefined {
  return chain.find((certificate) => !isInTime(certificate, nowMs)) ?? chain[0];
}

function isInTime({ validFrom, validTo }: X509Certificate, atMs: number): boolean {
  return Date.parse(validFrom) <= atMs && atMs <= Date.parse(validTo);
}

export function iso(date: string | undefined): string | null {
  const at = Date.parse(date ?? '');
  return Number.isNaN(at) ? null : utcTime(at);
}

/** Joins the lines of a distinguished name; Node writes one line per part. */
export function oneLine(name: string | undefined): string | null {
  return name === undefined ? null : name.split('\n').join(', ');
}

function authorityOf({ host, port }: TlsPeer): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`;
}
