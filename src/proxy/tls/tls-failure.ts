// What went wrong with TLS: to the target, or to the proxy itself. Pure.
//
// Guarantees: the two are never confused, and each has its own codes (principle 6). Interception is reported only on
// evidence: behind a proxy, a complete chain with an unknown root, or an issuer that is known for interception. A chain
// with a missing certificate is `TLS-CHAIN`, because servers also forget to send their intermediate certificate.

import type { X509Certificate } from 'node:crypto';
import { PURPOSES, type Purpose } from '#config/purposes.ts';
import { type CodedError, coded, type FactsOf } from '#errors/coded-error.ts';
import type { Hop } from '#errors/hop.ts';
import { utcTime } from '#system/moment.ts';
import { isInterceptor } from './interceptors.ts';
import { compareClocks, type ObservedTime, timeThere } from './observed-time.ts';
import { pinOf } from './pins.ts';

/** Who is spoken to. */
export interface TlsPeer {
  readonly side: 'target' | 'proxy';
  /** DNS name or address, without brackets. */
  readonly host: string;
  readonly port: number;
  /** Name of the proxy that is spoken to, or that stands between; null when the target is reached without one. */
  readonly proxy: string | null;
  /** For failures; null where it is unknown which of two ends it is. */
  readonly hop: Hop | null;
  /** What the connection is for; the first of the table where nothing is said. */
  readonly purpose?: Purpose | undefined;
  /** How to have the target's own CA trusted, where that is not the `ca_file` of the purpose. */
  readonly remedy?: string | undefined;
}

/** What is known beside the error. */
interface TlsFailureContext {
  /** The server's own first; empty when none came. */
  readonly chain: readonly X509Certificate[];
  /** Whom we trust, in words. */
  readonly expected: string;
  /** Bytes that came since the handshake began. */
  readonly received?: number;
  readonly times: { readonly nowMs: number; readonly monotonicMs: number; readonly seen: ObservedTime | null };
}

const TLS_KEY = 'response_timeout.tls_timeout_ms';

const NOT_YET = 'CERT_NOT_YET_VALID';
const EXPIRED = 'CERT_HAS_EXPIRED';
const WRONG_NAME = 'ERR_TLS_CERT_ALTNAME_INVALID';
/** What OpenSSL says when the first bytes of the answer are no TLS record at all. */
const NO_TLS = new Set(['ERR_SSL_WRONG_VERSION_NUMBER', 'ERR_SSL_PACKET_LENGTH_TOO_LONG', 'ERR_SSL_HTTP_REQUEST']);

/** Alerts and refusals by which an old version of TLS is known. */
const OLD_VERSION = new Set(['ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION', 'ERR_SSL_UNSUPPORTED_PROTOCOL']);
/** The first answer to what is offered: this and nothing else means that nothing of it is taken (RFC 8446, 6.2). */
const NOTHING_TAKEN = new Set(['ERR_SSL_SSL/TLS_ALERT_HANDSHAKE_FAILURE', 'ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE']);
/** A record with one alert, in bytes (RFC 8446, 5.1 and 6). */
const ALERT_BYTES = 7;
const OFFERED = 'AES-GCM, AES-CCM and ChaCha20-Poly1305 of TLS 1.2 and 1.3';

/** The X509_V_ERR_* names that Node gives to a chain that does not lead to a trusted root, in plain words. */
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
/** Of these: a certificate of the chain is missing, and the chain leads nowhere. */
const INCOMPLETE: ReadonlySet<ChainCode> = new Set<ChainCode>([
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
]);
/** Of these: the chain is complete, and its root is unknown. */
const UNKNOWN_ROOT: ChainCode = 'SELF_SIGNED_CERT_IN_CHAIN';

/** The failure of a handshake, or of the verification behind it. */
export function tlsFailure(error: Error, peer: TlsPeer, about: TlsFailureContext): CodedError {
  const code = (error as NodeJS.ErrnoException).code ?? '';
  const [own] = about.chain;
  const facts = { ...peer, issuer: oneLine(own?.issuer), expected: about.expected };
  if (code === WRONG_NAME) {
    const names = own?.subjectAltName ?? oneLine(own?.subject);
    return coded(peer.side === 'proxy' ? 'PROXY-TLS-NAME' : 'TLS-NAME', { ...facts, names }, error);
  }
  if (code === NOT_YET || code === EXPIRED) return outOfTime(error, peer, about);
  const old = tooOld(code, about.received ?? 0);
  if (old !== null) return coded(peer.side === 'proxy' ? 'PROXY-TLS-OLD' : 'TLS-OLD', { ...peer, ...old }, error);
  if (!isChainCode(code))
    return (
      notTls(error, code, peer) ??
      tlsBroken(code.startsWith('ERR_') ? peer : silentPeer(peer), plainReason(error, code), error)
    );
  const reason = UNTRUSTED[code];
  if (peer.side === 'proxy') return coded('PROXY-TLS-UNTRUSTED', { ...facts, reason }, error);
  return untrustedTarget(code, { ...facts, reason, remedy: remedyFor(peer), target: authorityOf(peer) }, about.chain);
}

/** Whether the chain is what failed. Names that every object has, such as `constructor`, are not codes. */
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

/** What makes a server's own authority trusted. */
function remedyFor(peer: TlsPeer): string {
  return peer.remedy ?? `set ${purposeOf(peer)}.ca_file`;
}

function purposeOf({ purpose = PURPOSES[0] }: TlsPeer): Purpose {
  return purpose;
}

/** Where a certificate says that the one of its issuer is (RFC 5280, 4.2.2.1). It is told, and never fetched. */
function placeOfIssuer(certificate: X509Certificate | undefined): string {
  const place = /^CA Issuers - URI:(\S{1,200})$/m.exec(certificate?.infoAccess ?? '')?.[1];
  return place === undefined ? 'its certificate does not say where that is' : `available at ${place}, not fetched`;
}

/** What the other end is too old in; null when it is not. */
function tooOld(code: string, received: number): { reason: string; version: string | null; suites: string } | null {
  if (OLD_VERSION.has(code)) {
    return { reason: 'it has no version newer than TLS 1.1', version: 'TLS 1.1 or older', suites: 'none' };
  }
  // An alert behind a certificate means something else, such as that ours is missing; one that was there before we said
  // anything answers nothing.
  if (!NOTHING_TAKEN.has(code) || received === 0 || received > ALERT_BYTES) return null;
  return { reason: `it accepts none of the cipher suites offered (${OFFERED})`, version: null, suites: OFFERED };
}

/** A handshake that ended in no verdict. */
export function tlsBroken(peer: TlsPeer, reason: string, cause?: Error): CodedError {
  return coded(peer.side === 'proxy' ? 'PROXY-TLS-FAILED' : 'TLS-FAILED', { ...peer, reason }, cause);
}

/** Whoever stays silent or closes: the other end, and behind a proxy nobody knows which of the two ends. */
export function silentPeer(peer: TlsPeer): TlsPeer {
  return peer.side === 'target' && peer.proxy !== null ? { ...peer, hop: null } : peer;
}

/** A handshake that took too long. */
export function tlsLate(peer: TlsPeer, elapsed: number): CodedError {
  const code = peer.side === 'proxy' ? 'PROXY-TLS-TIMEOUT' : 'TLS-TIMEOUT';
  return coded(code, { ...peer, elapsed, key: TLS_KEY });
}

/** A chain that is valid and that rests on none of the pinned keys. */
export function unpinned(peer: TlsPeer, chain: readonly X509Certificate[], pins: readonly string[]): CodedError {
  const issuer = oneLine(chain[0]?.issuer);
  const found = chain.map(pinOf);
  return coded('TLS-PIN', {
    ...peer,
    issuer,
    expected: pins,
    found,
    key: `${purposeOf(peer)}.pins`,
    target: authorityOf(peer),
  });
}

/** The clock here, or the certificate: the time that somebody else told decides, where there is one. */
function outOfTime(error: Error, peer: TlsPeer, { chain, times }: TlsFailureContext): CodedError {
  const { nowMs, monotonicMs, seen } = times;
  const wrong = outsideItsTime(chain, nowMs);
  const reason = (error as NodeJS.ErrnoException).code === EXPIRED ? 'expired' : 'not yet valid';
  const facts = {
    ...peer,
    reason,
    from: iso(wrong?.validFrom),
    to: iso(wrong?.validTo),
    now: nowMs,
    issuer: oneLine(chain[0]?.issuer),
    others: compareClocks(seen, times),
  };
  const alsoThere = seen !== null && wrong !== undefined && !isInTime(wrong, timeThere(seen, monotonicMs));
  if (peer.side === 'proxy') return coded(alsoThere ? 'PROXY-TLS-EXPIRED' : 'PROXY-TLS-CLOCK', facts, error);
  return coded(alsoThere ? 'TLS-EXPIRED' : 'TLS-CLOCK', facts, error);
}

/** A port of the proxy that speaks no TLS though its scheme says so; null when it is something else. */
function notTls(error: Error, code: string, peer: TlsPeer): CodedError | null {
  if (peer.side !== 'proxy' || !NO_TLS.has(code)) return null;
  const answer = plainReason(error, code);
  const remedy = `scheme: http for proxy ${peer.proxy}`;
  return coded('PROXY-SCHEME', { ...peer, speaks: 'no TLS', scheme: 'https', wanted: 'http', answer, remedy }, error);
}

/** OpenSSL's own words, such as `wrong version number`, or else the code. */
function plainReason(error: Error, code: string): string {
  const reason = (error as { reason?: unknown }).reason;
  if (typeof reason === 'string') return reason;
  return code === '' ? error.message : code;
}

/** Which certificate of the chain the clock does not agree with; the server's own when none stands out. */
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

/** Node writes a distinguished name with a line per part. */
export function oneLine(name: string | undefined): string | null {
  return name === undefined ? null : name.split('\n').join(', ');
}

function authorityOf({ host, port }: TlsPeer): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`;
}
