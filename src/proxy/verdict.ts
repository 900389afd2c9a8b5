// What a proxy's own answer means (law 9): a function of status and headers.
//
// Guarantees: an answer to CONNECT is never taken for the origin's; on an absolute-form request only an answer that
// bears the proxy's own mark is taken for the proxy's. What the proxy said travels as a fact, as foreign text.

import { type CodedError, coded } from '#errors/coded-error.ts';
import { type Challenge, readChallenges } from './auth/challenge.ts';
import type { ResponseHead } from './route.ts';

/** Who was asked, and with what. */
export interface AskedProxy {
  readonly name: string;
  /** The hop in words. */
  readonly hop: string;
  readonly authentication: 'transparent' | 'basic';
  /** The user that was shown to it; null when none was. */
  readonly user: string | null;
}

/** The codes that say something of the credential. */
export type CredentialVerdict = 'accepted' | 'rejected' | 'unknown';

/** RFC 9110: the proxy could not get further, for a reason behind it. */
const UPSTREAM = new Set([500, 502, 503, 504]);
/** How a web server answers a method that it does not know. */
const NO_SUCH_METHOD = new Set([400, 405, 501]);

const PROXY_AUTHENTICATION_REQUIRED = 407;

/** Judges the answer to CONNECT; null when the tunnel is open. `title` is that of the page that came with it. */
export function judgeConnect(
  head: ResponseHead,
  asked: AskedProxy,
  about: { readonly target: string; readonly title: string | null },
): CodedError | null {
  const { status } = head;
  const { target } = about;
  if (status >= 200 && status <= 299) return null;
  if (status === PROXY_AUTHENTICATION_REQUIRED) return judgeAuthentication(head, asked);
  if (NO_SUCH_METHOD.has(status) && proxyMark(head) === null) {
    const answer = `${status} ${head.reason}`.trim();
    return coded('NOT-A-PROXY', { proxy: asked.name, target, answer, status, title: about.title, hop: asked.hop });
  }
  return refusal(head, asked, { target, said: proxyMark(head)?.said ?? about.title ?? head.reason });
}

/** Judges an answer to an absolute-form request; null when the origin gave it. */
export function judgeForward(head: ResponseHead, asked: AskedProxy, target: string): CodedError | null {
  if (head.status === PROXY_AUTHENTICATION_REQUIRED) return judgeAuthentication(head, asked);
  if (head.status < 400) return null;
  const mark = proxyMark(head);
  return mark === null ? null : refusal(head, asked, { target, said: mark.said });
}

/** What an answer says of the credential that went with the request; `error` is what the judge made of it. */
export function credentialVerdict(error: CodedError | null): CredentialVerdict {
  if (error === null) return 'accepted';
  return error.code === 'AUTH-REJECTED' ? 'rejected' : 'unknown';
}

/** The failure of a credential that the proxy refused, now or at an earlier attempt. */
export function rejected(asked: AskedProxy): CodedError {
  return coded('AUTH-REJECTED', { proxy: asked.name, user: asked.user, scheme: 'Basic', hop: asked.hop });
}

/** A page or title of the answer is worth reading only where the headers say nothing. */
export function needsTitle(head: ResponseHead): boolean {
  return (
    head.status >= 300 && head.status !== PROXY_AUTHENTICATION_REQUIRED && (proxyMark(head)?.said ?? null) === null
  );
}

function judgeAuthentication(head: ResponseHead, asked: AskedProxy): CodedError {
  const challenges = readChallenges(head.rawHeaders);
  const offered = [...new Set(challenges.map(({ scheme }) => scheme))];
  const facts = { proxy: asked.name, offered, hop: asked.hop };
  if (asked.user === null) return coded('AUTH-REQUIRED', { ...facts, realm: realmOf(challenges) });
  // Without any challenge the only thing that it can mean is the credential that was sent.
  const takesBasic = offered.length === 0 || offered.some((scheme) => scheme.toLowerCase() === 'basic');
  if (takesBasic) return rejected(asked);
  return coded('AUTH-SCHEME', { ...facts, configured: asked.authentication });
}

function refusal(
  head: ResponseHead,
  asked: AskedProxy,
  about: { readonly target: string; readonly said: string | null },
): CodedError {
  const facts = { proxy: asked.name, status: head.status, hop: asked.hop, ...about };
  if (head.status === 403) return coded('POLICY-DENIED', facts);
  return coded(UPSTREAM.has(head.status) ? 'PROXY-UPSTREAM' : 'PROXY-REFUSED', facts);
}

/**
 * The mark that a proxy leaves on an answer that it made itself, and what it said there; null without one. Squid names
 * itself as the server and its error; others use RFC 9209, where an `error` without `received-status` is their own.
 */
function proxyMark(head: ResponseHead): { readonly said: string | null } | null {
  const squidError = headerOf(head, 'x-squid-error');
  if (squidError !== null) return { said: squidError.split(' ', 1)[0] ?? null };
  const proxyStatus = headerOf(head, 'proxy-status');
  const error = /;\s*error\s*=\s*([a-z_]{1,64})/.exec(proxyStatus ?? '');
  if (error !== null && !/received-status/.test(proxyStatus ?? '')) return { said: error[1] ?? null };
  return /^squid\b/i.test(headerOf(head, 'server') ?? '') ? { said: null } : null;
}

function realmOf(challenges: readonly Challenge[]): string | null {
  return challenges.map(({ params }) => params.get('realm')).find((realm) => realm !== undefined) ?? null;
}

function headerOf(head: ResponseHead, name: string): string | null {
  for (let at = 0; at + 1 < head.rawHeaders.length; at += 2) {
    if (head.rawHeaders[at]?.toLowerCase() === name) return head.rawHeaders[at + 1] ?? null;
  }
  return null;
}
