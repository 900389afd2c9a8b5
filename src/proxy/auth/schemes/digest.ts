// Digest (RFC 7616): proves the password by a hash over a nonce of the proxy and the request line.
//
// Guarantees: of several challenges, the one with the strongest algorithm is answered. `stale=true` is answered once
// with the new nonce, because it says that the proof itself was correct. If the proxy calls that nonce stale as well,
// requests wait before the next try. Any other challenge after a proof is a rejection. `auth-int` (a body would have to
// be read twice) and hashed user names are never sent. Every proof is registered for masking.

import { createHash, randomBytes } from 'node:crypto';
import { type CodedError, coded } from '#errors/coded-error.ts';
import type { Hop } from '#errors/hop.ts';
import type { Account } from '#proxy/account.ts';
import { Secret } from '#redaction/secret.ts';
import type { Challenge } from './challenge.ts';
import type { Authenticator, Reply, RequestLine, SecretRegistry } from './scheme.ts';

/** Algorithm names as in Node, from the weakest to the strongest. */
const HASHES: Readonly<Record<string, string>> = { MD5: 'md5', 'SHA-256': 'sha256', 'SHA-512-256': 'sha512-256' };
const CNONCE_BYTES = 16;
/**
 * Minimum wait before the next request to a proxy whose new nonces are stale at once, in milliseconds, so that it is
 * not flooded.
 */
const STALE_WAIT_MS = 30_000;

export interface DigestParts {
  readonly account: Account;
  readonly known: SecretRegistry;
  /** The hop and the proxy's name, for failures. */
  readonly proxy: string;
  readonly hop: Hop;
  /** False in FIPS mode. */
  readonly weakHashes: boolean;
}

export function digestAuthenticator(parts: DigestParts): Authenticator {
  const { account, known, proxy, hop } = parts;
  let current: Challenge | null = null;
  let nc = 0;
  let sent = false;
  let renewed = false;
  const headerFor = (line: RequestLine): Secret | null => {
    if (current === null) return null;
    nc += 1;
    sent = true;
    const cnonce = randomBytes(CNONCE_BYTES).toString('base64url');
    const proof = { user: account.shown, password: account.password, line, nc, cnonce };
    const { header, response } = digestValue(current.params, proof);
    known.add(new Secret(response), 'once');
    return new Secret(header);
  };
  const prepare = (challenge: Challenge): CodedError | null => {
    const missing = unanswerable(challenge);
    if (missing !== null) return coded('AUTH-ALGORITHM', { proxy, missing, hop });
    if (!canAnswer(challenge, parts.weakHashes)) return coded('AUTH-FIPS', { proxy, scheme: 'Digest with MD5', hop });
    current = challenge;
    nc = 0;
    return null;
  };
  const answer = (challenge: Challenge, line: RequestLine): Reply => {
    if (sent && !isStale(challenge)) return { kind: 'refused' };
    if (sent && renewed) return { kind: 'failed', error: staleNonces(parts, 'a nonce that it had just issued') };
    renewed = sent;
    const error = prepare(challenge);
    if (error !== null) return { kind: 'failed', error };
    const authorization = headerFor(line) as Secret;
    return { kind: 'send', authorization, proves: true, sameConnection: false };
  };
  return {
    scheme: 'Digest',
    connectionBound: false,
    begin: () => Promise.resolve(null),
    next: (challenge, line) => Promise.resolve(answer(challenge, line)),
    prepare,
    headerFor,
  };
}

/**
 * The proof is correct, but its nonce is not accepted: it expired, the clock of the proxy is wrong, or several proxies share
 * an address but no nonces.
 */
export function staleNonces({ proxy, hop }: { readonly proxy: string; readonly hop: Hop }, nonce: string): CodedError {
  return coded('AUTH-STALE', { proxy, hop, nonce, pauseMs: STALE_WAIT_MS });
}

/** RFC 7616, 3.3: the proof was right, only its nonce is too old. */
export function isStale({ params }: Challenge): boolean {
  return params.get('stale')?.toLowerCase() === 'true';
}

/** The Digest challenge with the strongest algorithm that can be answered, else the first one. */
export function strongestDigest(challenges: readonly Challenge[], weakHashes: boolean): Challenge | null {
  const rank = (challenge: Challenge) => Object.keys(HASHES).indexOf(algorithmOf(challenge.params).name);
  const usable = challenges.filter((challenge) => canAnswer(challenge, weakHashes));
  return usable.toSorted((a, b) => rank(b) - rank(a))[0] ?? challenges[0] ?? null;
}

/** Whether a challenge can be answered at all. */
export function canAnswer(challenge: Challenge, weakHashes: boolean): boolean {
  return unanswerable(challenge) === null && (weakHashes || algorithmOf(challenge.params).name !== 'MD5');
}

/** Why a challenge cannot be answered with any hash; null when it can. */
function unanswerable({ params }: Challenge): string | null {
  if (!params.has('nonce')) return 'it has no nonce';
  if (HASHES[algorithmOf(params).name] === undefined) return `its algorithm is ${params.get('algorithm')}`;
  const qops = qopsOf(params);
  return qops.length === 0 || qops.includes('auth') ? null : `its qop is ${qops.join(', ')}`;
}

export interface DigestProof {
  readonly user: string;
  readonly password: Secret;
  readonly line: RequestLine;
  /** Number of uses of this nonce, including this one. */
  readonly nc: number;
  readonly cnonce: string;
}

/** The header for a challenge (RFC 7616, 3.4), and the response that it contains. */
export function digestValue(
  params: ReadonlyMap<string, string>,
  proof: DigestProof,
): { readonly header: string; readonly response: string } {
  const algorithm = algorithmOf(params);
  // Latin-1 throughout, as in headers: the bytes of a realm are hashed as received, whatever their encoding.
  const hash = (text: string) =>
    createHash(HASHES[algorithm.name] ?? 'sha256')
      .update(text, 'latin1')
      .digest('hex');
  const [realm, nonce] = [params.get('realm') ?? '', params.get('nonce') ?? ''];
  const { cnonce } = proof;
  const user = utf8(proof.user);
  const secret = hash(`${user}:${realm}:${utf8(proof.password.reveal())}`);
  const a1 = algorithm.session ? hash(`${secret}:${nonce}:${cnonce}`) : secret;
  const a2 = hash(`${proof.line.method}:${proof.line.target}`);
  const nc = proof.nc.toString(16).padStart(8, '0');
  const withQop = qopsOf(params).length > 0;
  const response = hash(withQop ? `${a1}:${nonce}:${nc}:${cnonce}:auth:${a2}` : `${a1}:${nonce}:${a2}`);
  const opaque = params.get('opaque');
  const given = params.get('algorithm');
  const fields = [
    // RFC 7616, 3.4.4 has `username*` for what quoting cannot carry; Squid and others read UTF-8 bytes instead.
    `username=${quoted(user)}`,
    `realm=${quoted(realm)}`,
    `nonce=${quoted(nonce)}`,
    `uri=${quoted(proof.line.target)}`,
    `response=${quoted(response)}`,
    ...(given === undefined ? [] : [`algorithm=${given}`]),
    // RFC 7616, 3.4: qop and nc are never quoted.
    ...(withQop ? ['qop=auth', `nc=${nc}`] : []),
    ...(withQop || algorithm.session ? [`cnonce=${quoted(cnonce)}`] : []),
    ...(opaque === undefined ? [] : [`opaque=${quoted(opaque)}`]),
  ];
  return { header: `Digest ${fields.join(', ')}`, response };
}

function utf8(text: string): string {
  return Buffer.from(text, 'utf8').toString('latin1');
}

function algorithmOf(params: ReadonlyMap<string, string>): { readonly name: string; readonly session: boolean } {
  const given = (params.get('algorithm') ?? 'MD5').toUpperCase();
  const session = given.endsWith('-SESS');
  return { name: session ? given.slice(0, -'-SESS'.length) : given, session };
}

/** RFC 7616, 3.3: one or more names. An empty list, as in `qop=""`, counts as no qop (RFC 2069), as in curl. */
function qopsOf(params: ReadonlyMap<string, string>): string[] {
  return (params.get('qop') ?? '').split(/[\s,]+/).flatMap((name) => (name === '' ? [] : [name.toLowerCase()]));
}

function quoted(text: string): string {
  return `"${text.replaceAll(/["\\]/g, '\\$&')}"`;
}
