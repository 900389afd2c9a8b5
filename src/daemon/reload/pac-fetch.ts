// Fetches PAC files for `src/proxy` over a direct connection, because no proxy is known yet.
//
// Guarantees: each fetch is one request with If-None-Match, limited in bytes and time. No redirect is followed and no
// credential is sent. The caller must pass a router whose routes are all direct, and must use it only for this.

import { requestDocument } from '#http/session/document.ts';
import { statusError } from '#http/status-error.ts';
import type { PacFetch } from '#proxy/pac/script.ts';
import type { Router } from '#proxy/route.ts';
import type { Clock } from '#system/clock.ts';

/** In milliseconds. A PAC file is small, its server is near, and work waits for it. */
const FIRST_BYTE_MS = 10_000;
const TOTAL_MS = 30_000;
const NOT_MODIFIED = 304;

export interface PacFetchParts {
  readonly clock: Clock;
  readonly userAgent: string;
  /** A router whose every route is direct. */
  router(): Router;
}

export function pacFetch({ clock, userAgent, router }: PacFetchParts): PacFetch {
  return async (url, { purpose, etag, limitBytes, signal }) => {
    const connection = await router().route(purpose, url).open({ bulk: false, signal });
    const { head, body } = await requestDocument({
      connection,
      request: {
        method: 'GET',
        url,
        headers: { 'user-agent': userAgent, ...(etag === null ? {} : { 'if-none-match': etag }) },
      },
      deadlines: { firstByteMs: FIRST_BYTE_MS, silenceMs: FIRST_BYTE_MS, totalMs: TOTAL_MS, key: 'pac.url' },
      limitBytes,
      clock,
      signal,
    });
    if (head.status === NOT_MODIFIED && etag !== null) return { kind: 'unchanged' };
    if (head.status !== 200) throw statusError(head, url, { nowMs: clock.now() });
    return { kind: 'text', body, etag: head.header('etag') ?? null };
  };
}
