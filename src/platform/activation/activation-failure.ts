// Decides how a failed activation is reported: the server refused it, or there was no usable response (requirement R2).
// Pure.
//
// Guarantees: the code is LICENSE only if the activation server itself answered. Every failure on the path to the
// server is LICENSE-PROXY and contains the original failure. A failure on this host keeps its own code. If the
// activation server is not the server of the feed, every failure names its URL (requirement R5).

import type { Code } from '#errors/catalogue.ts';
import { type CodedError, coded } from '#errors/coded-error.ts';

/** The server of an activation, and how it was reached. */
export interface ActivationServer {
  readonly url: URL;
  /** The origin of the feed; null if none is configured. */
  readonly feedOrigin: string | null;
}

/** Failures of a response that came from the server, if its hop is the server. */
const ANSWERED: ReadonlySet<Code> = new Set<Code>([
  'ORIGIN-STATUS',
  'ORIGIN-REFUSED',
  'ORIGIN-407',
  'REDIRECT-INVALID',
  'CONTENT-ENCODED',
  'DOCUMENT-TOO-LARGE',
  'TOO-MANY-INTERIM',
]);
/** Failures after the request was sent: it may have reached the server. */
const UNANSWERED: ReadonlySet<Code> = new Set<Code>([
  'RESPONSE-TIMEOUT',
  'RESPONSE-TRICKLES',
  'REQUEST-TIMEOUT',
  'REQUEST-TRICKLES',
  'DOCUMENT-TIMEOUT',
  'CONNECTION-LOST',
  'BAD-RESPONSE',
  'TOO-MANY-INTERIM',
  'CONTENT-ENCODED',
  'DOCUMENT-TOO-LARGE',
]);
/** Failures of this host: they say nothing about the path. */
const OF_THIS_HOST: readonly string[] = ['config', 'system', 'internal', 'license'];

/** Why an exchange with the server failed. */
export function exchangeFailure(cause: CodedError, server: ActivationServer): CodedError {
  if (OF_THIS_HOST.includes(cause.entry.class) && cause.place?.kind !== 'proxy') return cause;
  if (ANSWERED.has(cause.code) && cause.place?.kind === 'origin')
    return coded('LICENSE', { ...answered(server, null), answer: cause, remedy: ASK_VENDOR, hop: cause.place }, cause);
  const how = UNANSWERED.has(cause.code) ? 'got no usable answer from' : 'did not reach';
  return coded('LICENSE-PROXY', { how, server: serverText(server), cause, hop: cause.place }, cause).during(
    cause.trace,
  );
}

const ASK_VENDOR = 'ask the vendor, and give them this line';

/** What the vendor's codes mean. */
const ANSWERS: Readonly<Record<string, { readonly answer: string; readonly remedy: string }>> = {
  'key-unknown': { answer: 'key unknown', remedy: 'compare the key with that of the vendor, character by character' },
  'key-used': {
    answer: 'key already used',
    remedy:
      'if this host used it before its disk was lost, run sallyport activate --replace; otherwise ask the vendor for another key',
  },
  'key-expired': { answer: 'key expired', remedy: 'ask the vendor for another key' },
  revoked: { answer: 'the activation of this host was revoked', remedy: 'ask the vendor why' },
  'not-activated': { answer: 'this host is not activated', remedy: 'run sallyport activate with a key of the vendor' },
  signature: {
    answer: 'the signature of the request is not that of this host',
    remedy: 'run sallyport activate --replace with the key of this host',
  },
};

/** Why the server refused. `proxy`: the profile that the answer came through; null without one. */
export function refusal(code: string, server: ActivationServer, proxy: string | null): CodedError {
  const { answer, remedy } = Object.hasOwn(ANSWERS, code)
    ? (ANSWERS[code] as (typeof ANSWERS)[string])
    : { answer: `refused with code ${code}`, remedy: ASK_VENDOR };
  return coded('LICENSE', { ...answered(server, proxy), answer, remedy, answered: code });
}

/** An answer of the server that is none of an activation server. */
export function otherAnswer(status: number, server: ActivationServer, proxy: string | null): CodedError {
  const answer = `status ${status}, which is not the answer of an activation server`;
  return coded('LICENSE', {
    ...answered(server, proxy),
    answer,
    remedy: 'check activation.url, then ask the vendor',
    status,
  });
}

function answered(server: ActivationServer, proxy: string | null) {
  return {
    server: serverText(server),
    through: proxy === null ? 'without a proxy' : `through proxy ${proxy}`,
    leg: proxy === null ? 'network' : 'proxy',
  };
}

/** `the server`, or the server with its URL if it is not that of the feed. */
function serverText({ url, feedOrigin }: ActivationServer): string {
  if (url.origin === feedOrigin) return 'the server';
  return `the server ${url.origin}${url.pathname} (activation.url, not the origin of the feed)`;
}
