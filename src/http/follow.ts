// Follows redirects one by one. Each URL is checked before a connection is opened, and the caller requests each URL
// over its own route.
//
// Guarantees: at most `limit` redirects. Each URL is checked again, and credentials are sent only to the configured
// origin. The method never changes, because callers use this only for GET and HEAD. Keeps no state.

import { coded } from '#errors/coded-error.ts';
import { originAt } from '#errors/hop.ts';
import type { ScopedReport } from '#logging/scoped.ts';
import type { ResponseHead } from '#proxy/route.ts';
import { checkUrl, shownUrl, type UrlContext } from './check-url.ts';
import { headerLines } from './headers.ts';

/** Maximum number of redirects for one request. */
const REDIRECT_LIMIT = 5;

/** The result of one request: a response that redirects, or the value that the caller wants. */
export type FollowStep<T> = { readonly redirect: ResponseHead } | { readonly value: T };

export interface FollowOptions<T> {
  readonly start: string | URL;
  /** `from` is the document that named `start`, if any. */
  readonly context: Omit<UrlContext, 'from'> & { readonly from?: URL | null };
  readonly limit?: number;
  readonly report: ScopedReport;
  /** Called with the target of each redirect before it is checked. */
  readonly led?: (to: URL) => void;
  /** Requests one URL. `credentials` is true if ours may be sent there. */
  visit(url: URL, credentials: boolean): Promise<FollowStep<T>>;
}

/** Whether a status redirects a GET to its Location (RFC 9110, 15.4). */
export function isRedirect(status: number): boolean {
  return status === 301 || status === 302 || status === 303 || status === 307 || status === 308;
}

/** @throws CodedError URL-*, REDIRECT-LOOP, REDIRECT-INVALID, and what `visit` throws */
export async function followRedirects<T>(options: FollowOptions<T>): Promise<T> {
  const { configured, allowedOrigins } = options.context;
  const limit = options.limit ?? REDIRECT_LIMIT;
  let next = options.start;
  let from = options.context.from ?? null;
  for (let redirects = 0; ; redirects += 1) {
    const verdict = checkUrl(next, { from, configured, allowedOrigins });
    if (!verdict.ok) throw verdict.error;
    const { url, credentials } = verdict;
    if (redirects > 0) options.report({ name: 'redirected', url: shownUrl(url) });
    const step = await options.visit(url, credentials);
    if ('value' in step) return step.value;
    next = locationOf(step.redirect, url);
    options.led?.(next);
    if (redirects === limit) throw coded('REDIRECT-LOOP', { limit, url: shownUrl(next), hop: originAt(url.host) });
    from = url;
  }
}

/** Resolves Location against the requested URL (RFC 9110, 10.2.2). */
function locationOf(head: ResponseHead, current: URL): URL {
  // RFC 3986 allows no bytes above 127 in a URL. Each is percent-encoded as it is, whether the server meant UTF-8 or
  // Latin-1, so that the server gets back the same bytes.
  const [first = '', ...others] = new Set(headerLines(head, 'location'));
  const location = [first, ...others].join(' and ');
  const escaped = first.replaceAll(/[\u0080-\u00ff]/g, (byte) => `%${byte.charCodeAt(0).toString(16).toUpperCase()}`);
  const url = first === '' || others.length > 0 ? null : URL.parse(escaped, current);
  if (url !== null) return url;
  throw coded('REDIRECT-INVALID', {
    url: shownUrl(current),
    status: head.status,
    location,
    hop: originAt(current.host),
  });
}
