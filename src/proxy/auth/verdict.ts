// Decides what a response of the proxy itself means (principle 6), from status and headers.
//
// Guarantees: a response to CONNECT never counts as a response of the origin. In absolute form, a response counts as
// one of the proxy only if it has a mark of the proxy itself. The proxy's text becomes a fact of the failure and is
// untrusted.

import { type CodedError, coded } from '#errors/coded-error.ts';
import type { Hop } from '#errors/hop.ts';
import { showLocalTime } from '#errors/template.ts';
import { type ErrorPage, isUninformative } from '#proxy/error-page.ts';
import { firstHeader, isPrivoxy, proxyMark } from '#proxy/proxy-mark.ts';
import type { ResponseHead } from '#proxy/route.ts';
import type { Refusal } from './refusal.ts';
import type { Challenge } from './schemes/challenge.ts';
import { isStale, staleNonces } from './schemes/digest.ts';
import { type Authentication, namedScheme, type SchemeName } from './schemes/scheme.ts';

/** The proxy that an `AuthSession` talks to, and the user that is sent to it. */
export interface AuthPeer {
  readonly name: string;
  /** The hop that failures name. */
  readonly hop: Hop;
  readonly scheme: string;
  readonly address: string;
  readonly port: number;
  readonly authentication: Authentication;
  /** Whether the profile has an account that this proxy must not receive. */
  readonly isAccountWithheld: boolean;
  /** The environment variable that names the proxy; null otherwise. */
  readonly variable: string | null;
  /** The user that is sent to it, with the domain; null when none is. */
  readonly user: string | null;
  readonly hasDomain: boolean;
}

/** The meaning of a 407: the credential was rejected, or something else. */
export type AuthenticationVerdict =
  | { readonly kind: 'refused' }
  | { readonly kind: 'failed'; readonly error: CodedError };

/** RFC 9110: the proxy could not reach the next server. */
const UPSTREAM = new Set([500, 502, 503, 504]);
/** How a web server responds to an unknown method, and 497 of nginx. */
const NO_SUCH_METHOD = new Set([400, 405, 497, 501]);
/** How servers respond to plain HTTP on a TLS port: nginx, Apache, Go. */
const WANTS_TLS =
  /plain HTTP request was sent to HTTPS port|plain HTTP to an SSL-enabled|HTTP request to an HTTPS server/i;

/** How failures name such bytes. */
export const TLS_RECORD = 'a TLS record';

const DAY_MS = 86_400_000;

const PROXY_AUTHENTICATION_REQUIRED = 407;
const UNAUTHORIZED = 401;

/**
 * Whether the proxy requests authentication or rejects the credential. For a wrong password tinyproxy sends 401, as web
 * servers do. After CONNECT only the proxy can have sent it; in absolute form the proxy's mark distinguishes it from
 * the origin's. No other proxy sends 401: with a Squid mark it comes from the origin, because Squid sends 407.
 */
export function requiresAuthentication(head: ResponseHead, method: string): boolean {
  if (head.status === PROXY_AUTHENTICATION_REQUIRED) return method === 'CONNECT' || !isPassedOn(head);
  return head.status === UNAUTHORIZED && (method === 'CONNECT' || isMadeByTinyproxy(head));
}

/** What is known in addition to the head of a response to CONNECT. */
export interface AboutConnect {
  /** `host:port` */
  readonly target: string;
  readonly page: ErrorPage;
  /** The scheme whose proof was sent; null without one. */
  readonly proved: SchemeName | null;
  /** Whether this proxy has opened tunnels to port 443 before. */
  readonly passes443: boolean;
}

/** Checks a response to CONNECT other than 407; null when the tunnel is open. */
export function checkConnect(head: ResponseHead, peer: AuthPeer, about: AboutConnect): CodedError | null {
  const { status } = head;
  const { target, page } = about;
  if (status >= 200 && status <= 299) return null;
  const mark = proxyMark(head);
  if (NO_SUCH_METHOD.has(status) && mark === null) {
    if (peer.scheme === 'http' && WANTS_TLS.test(page.words ?? '')) return wrongScheme(peer, page.title ?? page.words);
    const answer = `${status} ${head.reason}`.trim();
    return coded('NOT-A-PROXY', { proxy: peer.name, target, answer, status, ...pageFacts(page), hop: peer.hop });
  }
  const location = firstHeader(head, 'location');
  if (status >= 300 && status <= 399 && location !== null) {
    const facts = { proxy: peer.name, target, status, location: withoutQuery(location), hop: peer.hop };
    return coded('PROXY-REDIRECT', { ...facts, ...pageFacts(page) });
  }
  return refusal(head, peer, { ...about, said: reasonGiven(mark?.said ?? null, page.title) ?? head.reason });
}

/** The failure for a page in place of a tunnel: no target begins with such bytes. */
export function pageForTunnel(peer: AuthPeer, target: string, page: ErrorPage): CodedError {
  return coded('TUNNEL-PAGE', { proxy: peer.name, target, ...pageFacts(page), title: page.title, hop: peer.hop });
}

/**
 * Whether a proxy that sends 200 to CONNECT announces a page: a real tunnel has no body, and its target does not send
 * first.
 */
export function announcesPage(head: ResponseHead): boolean {
  return /^(?:text\/|application\/xhtml)/i.test(firstHeader(head, 'content-type') ?? '');
}

/** The mark of a proxy and the title of its page, if they are informative. */
function reasonGiven(mark: string | null, title: string | null): string | readonly string[] | null {
  if (mark === null || title === null || isUninformative(title)) return mark ?? title;
  return [mark, title];
}

/** A query may contain a token. */
function withoutQuery(location: string): string {
  const at = location.search(/[?#]/);
  return at === -1 ? location : `${location.slice(0, at)}?***`;
}

/** RFC 8446, 5.1: alert (21) or handshake (22), then the legacy version 3.x. */
export function isTlsRecord([type, version]: Uint8Array): boolean {
  return (type === 21 || type === 22) && version === 3;
}

/** The failure for a proxy whose scheme is http but whose port speaks TLS. */
export function wrongScheme(peer: AuthPeer, answer: string | null): CodedError {
  const { name: proxy, port, scheme, hop } = peer;
  const remedy = schemeRemedy(peer, ['https']);
  return coded('PROXY-SCHEME', { proxy, port, speaks: 'TLS', scheme, wanted: 'https', answer, remedy, hop });
}

/** Names in words what to configure to use another scheme for a proxy. */
export function schemeRemedy(
  { name, variable }: { readonly name: string; readonly variable: string | null },
  schemes: readonly string[],
): string {
  if (variable === null) return `scheme: ${schemes.join(' or ')} for proxy ${name}`;
  return `environment variable ${variable} to a URL that begins with ${schemes.map((scheme) => `${scheme}://`).join(' or ')}`;
}

/** Names in words what to configure to send a user to a proxy. */
export function userRemedy(peer: AuthPeer, offered: readonly string[]): string {
  const { name, address, port, isAccountWithheld, variable } = peer;
  if (isAccountWithheld)
    return `pac.credentials_for of proxy ${name} so that it includes ${address}:${port}; user and password are already set`;
  if (variable !== null) return `user and password in the environment variable ${variable}`;
  if (offered.length > 0 && offered.every((scheme) => scheme.toLowerCase() === 'negotiate')) {
    return `authentication: negotiate for proxy ${name}; it uses a ticket (kinit), not a password`;
  }
  return `authentication, user and password for proxy ${name}`;
}

/** Checks a response in absolute form other than 407; null when the origin sent it. */
export function checkForward(
  head: ResponseHead,
  peer: AuthPeer,
  about: Pick<AboutConnect, 'target' | 'proved'>,
): CodedError | null {
  if (head.status < 400 || (head.status === UNAUTHORIZED && !isMadeByTinyproxy(head))) return null;
  const mark = proxyMark(head);
  return mark === null ? null : refusal(head, peer, { ...about, page: null, passes443: false, said: mark.said });
}

/** Decides what a 407 means after this scheme was used; null when no credential was sent. */
export function classifyAuthentication(
  challenges: readonly Challenge[],
  peer: AuthPeer,
  shown: SchemeName | null,
): AuthenticationVerdict {
  const offered = [...new Set(challenges.map(({ scheme }) => scheme))];
  const facts = { proxy: peer.name, offered, hop: peer.hop };
  const failed = (error: CodedError) => ({ kind: 'failed', error }) as const;
  if (peer.authentication === 'transparent') {
    return failed(coded('AUTH-REQUIRED', { ...facts, realm: realmOf(challenges), remedy: userRemedy(peer, offered) }));
  }
  const own = challenges.filter(({ scheme }) => scheme.toLowerCase() === shown?.toLowerCase());
  if (shown === 'Digest' && own.some(isStale)) {
    return failed(staleNonces({ proxy: peer.name, hop: peer.hop }, 'the nonce of this request'));
  }
  // Without any challenge, the 407 can only mean the credential that was sent.
  if (shown !== null && (own.length > 0 || offered.length === 0)) return { kind: 'refused' };
  return failed(coded('AUTH-SCHEME', { ...facts, configured: peer.authentication }));
}

/** The failure for a credential that a proxy rejected, now or at an earlier attempt. */
export function rejection(
  peer: AuthPeer,
  refusal: Refusal | null,
  offered: { readonly scheme: SchemeName | null; readonly advertised: readonly string[] },
): CodedError {
  const facts = {
    proxy: peer.name,
    user: peer.user,
    scheme: offered.scheme ?? namedScheme(peer.authentication) ?? peer.authentication,
    since: refusal?.sinceMs ?? null,
    workedUntil: refusal?.workedUntilMs ?? null,
    retryAt: refusal?.retryAtMs ?? null,
    history: historyOf(refusal),
    retry: retryOf(refusal),
    hop: peer.hop,
  };
  if (refusal?.why === 'interrupted') return coded('AUTH-INTERRUPTED', facts);
  if (lacksDomain(peer, offered.advertised)) {
    return coded('AUTH-DOMAIN', { ...facts, advertised: offered.advertised, meant: `DOMAIN\\${peer.user}` });
  }
  return coded('AUTH-REJECTED', facts);
}

/** The failure for a refusal in absolute form that the proxy or a server behind it may have sent. */
export function unclearRefusal(
  peer: AuthPeer,
  about: {
    readonly origin: string;
    readonly status: number | null;
    /** The result of a CONNECT, in words. */
    readonly found: string;
    readonly sinceMs: number | null;
    readonly retryAtMs: number | null;
  },
): CodedError {
  const { origin, status, found, sinceMs: since, retryAtMs: retryAt } = about;
  return coded('AUTH-UNCLEAR', {
    proxy: peer.name,
    user: peer.user,
    origin,
    status,
    found,
    since,
    retryAt,
    hop: peer.hop,
  });
}

/** Windows directories identify users by domain; a proxy that offers NTLM or names a domain uses one. */
function lacksDomain({ user, hasDomain }: AuthPeer, advertised: readonly string[]): boolean {
  if (hasDomain || user === null || user.includes('@')) return false;
  return advertised.some((name) => name.toLowerCase() !== 'basic' && name.toLowerCase() !== 'digest');
}

function historyOf(refusal: Refusal | null): string {
  if (refusal?.workedUntilMs == null) return 'it never worked here before';
  const worked = refusal.workedUntilMs - (refusal.workedFromMs ?? refusal.workedUntilMs);
  const until = `it worked until ${showLocalTime(refusal.workedUntilMs)}`;
  const days = Math.floor(worked / DAY_MS);
  return days === 0 ? until : `${until}, for ${days} ${days === 1 ? 'day' : 'days'}`;
}

function retryOf(refusal: Refusal | null): string {
  const byCommand = 'when you run sallyport check --retry-credential';
  return refusal?.retryAtMs == null ? byCommand : `${byCommand}, or at ${showLocalTime(refusal.retryAtMs)}`;
}

function refusal(
  head: ResponseHead,
  peer: AuthPeer,
  about: Omit<AboutConnect, 'page'> & {
    readonly page: ErrorPage | null;
    readonly said: string | readonly string[] | null;
  },
): CodedError {
  const { target, page, said } = about;
  const facts = { proxy: peer.name, status: head.status, hop: peer.hop, target, said, ...pageFacts(page) };
  if (UPSTREAM.has(head.status) || (head.status === 404 && isPrivoxy(head))) {
    const credentials = about.proved === null ? 'no credentials were sent' : 'the credentials are correct';
    return coded('PROXY-UPSTREAM', { ...facts, credentials });
  }
  if (isTooBig(said)) return coded('PROXY-TOO-BIG', facts);
  if (head.status !== 403) return coded('PROXY-REFUSED', facts);
  const otherPort = about.passes443 && !target.endsWith(':443');
  return coded(otherPort ? 'POLICY-PORT' : 'POLICY-DENIED', facts);
}

/** Squid's `reply_body_max_size` and `request_body_max_size`: a change of the allowed hosts has no effect on them. */
function isTooBig(said: string | readonly string[] | null): boolean {
  return (typeof said === 'string' ? said : (said?.[0] ?? '')) === 'ERR_TOO_BIG';
}

/** The page is included for readers of the JSON log; the sentence has the essentials. */
function pageFacts(page: ErrorPage | null) {
  return page === null ? {} : { title: page.title, page: page.words };
}

/**
 * tinyproxy's own responses have no Via. A response with the same mark that it or Squid forwards from a server has one.
 */
function isMadeByTinyproxy(head: ResponseHead): boolean {
  return /^tinyproxy\b/i.test(firstHeader(head, 'server') ?? '') && firstHeader(head, 'via') === null;
}

/**
 * Whether a 407 comes from behind the proxy: from the target, or from an upstream proxy. Squid marks its own responses,
 * and removes the challenges from those that it forwards. For other proxies this is unknown.
 */
function isPassedOn(head: ResponseHead): boolean {
  const bySquid = /\(squid\b/i.test(firstHeader(head, 'via') ?? '');
  return bySquid && firstHeader(head, 'proxy-authenticate') === null && proxyMark(head) === null;
}

function realmOf(challenges: readonly Challenge[]): string | null {
  return challenges.map(({ params }) => params.get('realm')).find((realm) => realm !== undefined) ?? null;
}
