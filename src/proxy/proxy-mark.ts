// Recognizes a response that a proxy made itself and did not forward, by header fields in which the proxy names itself
// (its marks). Pure.

import type { ResponseHead } from './route.ts';

/**
 * The mark that a proxy leaves on its own responses, with its text; null without one. Squid and tinyproxy name
 * themselves as the server, and Squid also names its error. Others use RFC 9209, where an `error` without
 * `received-status` is their own.
 */
export function proxyMark(head: ResponseHead): { readonly said: string | null } | null {
  const squidError = firstHeader(head, 'x-squid-error');
  if (squidError !== null) return { said: squidError.split(' ', 1)[0] ?? null };
  const proxyStatus = firstHeader(head, 'proxy-status');
  const error = /;\s*error\s*=\s*([a-z_]{1,64})/.exec(proxyStatus ?? '');
  if (error !== null && !/received-status/.test(proxyStatus ?? '')) return { said: error[1] ?? null };
  if (isPrivoxy(head)) return { said: head.reason };
  return /^(?:squid|tinyproxy)\b/i.test(firstHeader(head, 'server') ?? '') ? { said: null } : null;
}

/**
 * Privoxy does not name itself in response heads, but dates each of its own pages to the day on which Orwell's novel
 * was published.
 */
export function isPrivoxy(head: ResponseHead): boolean {
  return firstHeader(head, 'last-modified') === 'Wed, 08 Jun 1955 12:00:00 GMT';
}

/** The first value of a field, whose name is given in lower case; null when it is absent. */
export function firstHeader(head: ResponseHead, name: string): string | null {
  for (let at = 0; at + 1 < head.rawHeaders.length; at += 2) {
    if (head.rawHeaders[at]?.toLowerCase() === name) return head.rawHeaders[at + 1] ?? null;
  }
  return null;
}
