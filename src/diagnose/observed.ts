// Finds two facts in the responses of a connection test: which parts of a response the network path has changed, and
// how far the clock of this host differs from that of the server or proxy. Pure.

import { type CodedError, coded } from '#errors/coded-error.ts';
import { shownUrl } from '#http/check-url.ts';
import { headerValue } from '#http/headers.ts';
import { answersFrom } from '#proxy/route.ts';
import type { ObservedPart } from './requests.ts';
import type { ObservedResponse, ObservedStage } from './watched-router.ts';

/** A larger difference means a wrong clock, in milliseconds: certificates and tickets tolerate five minutes. */
const CLOCKS_AGREE_MS = 300_000;

/** An observation: a stage of its own, with a warning if it is one. */
export interface Observation {
  readonly stage: ObservedStage;
  readonly warning: CodedError | null;
}

/** TLS to the proxy itself that is used although it is weaker than it should be; null when there is none. */
export function observeProxyTls(observed: readonly ObservedStage[]): CodedError | null {
  const facts = observed.find(({ stage, facts: shown }) => stage === 'proxy_tls' && shown['weak'] === true)?.facts;
  if (facts === undefined) return null;
  const { proxy, suite, version, hop } = facts;
  return coded('PROXY-TLS-WEAK', { proxy, suite, version, hop });
}

/** The clock of this host compared with the last response that has a Date; null when none has. */
export function observeClock(responses: readonly ObservedResponse[]): Observation | null {
  const answer = responses.findLast(({ head }) => dateOf(head) !== null);
  if (answer === undefined) return null;
  const aheadMs = answer.atMs - (dateOf(answer.head) ?? answer.atMs);
  const by = Math.abs(aheadMs);
  const { host, port } = answer.connection;
  const hop = answersFrom(answer.connection);
  const direction = aheadMs < 0 ? 'behind' : 'ahead of';
  const right = by <= CLOCKS_AGREE_MS;
  const warning = right ? null : coded('CLOCK-SKEW', { by, direction, host, hop });
  const facts = { skew_ms: aheadMs, by, direction: aheadMs < 0 ? 'behind' : 'ahead', host, right };
  return { stage: { stage: 'clock', target: `${host}:${port}`, elapsedMs: null, facts, error: null }, warning };
}

/** What the path kept of the response to a range request; null when none was made. */
export function observePath(part: ObservedPart | null): Observation | null {
  if (part === null) return null;
  const { head, connection, url, rangeWorked } = part;
  const facts = {
    via: head.via,
    etag: head.header('etag') === undefined ? 'missing' : 'kept',
    length: head.contentLength === null ? 'missing' : 'kept',
    ranges: rangeWorked ? 'kept' : 'stripped',
  };
  const target = `${connection.host}:${connection.port}`;
  const stripped = { url: shownUrl(url), status: head.status, target, hop: answersFrom(connection) };
  const warning = rangeWorked ? null : coded('RANGE-STRIPPED', stripped);
  return { stage: { stage: 'path', target, elapsedMs: null, facts, error: null }, warning };
}

/** When a response was made, ms since the epoch. The Age of a cached response is added. */
function dateOf(head: ObservedResponse['head']): number | null {
  const date = Date.parse(headerValue(head, 'date') ?? '');
  const age = Number(headerValue(head, 'age') ?? 0);
  return Number.isNaN(date) || !(age >= 0) ? null : date + age * 1_000;
}
