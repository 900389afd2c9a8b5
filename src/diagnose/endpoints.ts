// Tests the connection to each host of a purpose, including TLS. Some proxies intercept TLS only for some hosts, or
// allow connections only to some hosts.
//
// Guarantees: a host that the probe has reached is not tested again. If the route itself failed, no other host is
// tested.

import type { Purpose } from '#config/purposes.ts';
import { asCoded, type CodedError } from '#errors/coded-error.ts';
import type { ConnectPhase } from '#errors/connect-trace.ts';
import type { Router } from '#proxy/route.ts';
import type { Clock } from '#system/clock.ts';
import { authorityOf, type ObservedStage, type TriedRequest, WatchedRouter } from './watched-router.ts';

/** The router and limits that hosts are tried with. */
export interface TryParts {
  readonly router: Router;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/** A host of a purpose. */
export interface PurposeEndpoint {
  readonly url: URL;
  /** true: rounds or uploads always connect to it. false: only after a redirect or a feed entry. */
  readonly always: boolean;
}

/** How far one host was reached; `tried` is false when the route failed earlier. */
export interface ObservedEndpoint extends PurposeEndpoint {
  readonly authority: string;
  readonly tried: boolean;
  readonly observed: readonly ObservedStage[];
  readonly failure: CodedError | null;
  /** The last request for it; null when the probe itself reached it. */
  readonly last?: TriedRequest | null;
}

/** Phases that are the same for every target: if one of them fails, the other hosts need not be tried. */
const ROUTE_PHASES: ReadonlySet<ConnectPhase> = new Set(['choice', 'resolve', 'dial', 'proxy_tls', 'authentication']);

/** Tries each host up to TLS; for those that the probe reached, uses its result. */
export async function tryEndpoints(
  { endpoints, purpose }: { readonly endpoints: readonly PurposeEndpoint[]; readonly purpose: Purpose },
  walked: { readonly observed: readonly ObservedStage[]; readonly failure: CodedError | null },
  parts: TryParts,
): Promise<ObservedEndpoint[]> {
  const { failure } = walked;
  const tried: ObservedEndpoint[] = [];
  const isRouteBlocked = failure !== null && ROUTE_PHASES.has(failure.trace?.phase ?? 'choice');
  for (const endpoint of endpoints) {
    const authority = authorityOf(endpoint.url);
    if (tried.some((one) => one.authority === authority)) continue;
    const observed = walked.observed.filter((one) => one.target === authority);
    const isKnown = observed.some(({ stage }) => stage === 'tls' || stage === 'http');
    if (isKnown)
      tried.push({ ...endpoint, authority, tried: true, observed, failure: observed.find(isOfTls)?.error ?? null });
    else if (isRouteBlocked || parts.signal.aborted)
      tried.push({ ...endpoint, authority, tried: false, observed: [], failure: null });
    else {
      const unreached = { ...endpoint, authority, tried: false, observed: [], failure: null };
      tried.push(await tryEndpoint(endpoint, purpose, parts).catch(() => unreached));
    }
  }
  return tried;
}

function isOfTls({ stage, error }: ObservedStage): boolean {
  return stage === 'tls' && error !== null;
}

/** Tries one host up to TLS. @throws the reason of the signal; nothing else */
export async function tryEndpoint(
  endpoint: PurposeEndpoint,
  purpose: Purpose,
  { router, clock, signal }: TryParts,
): Promise<ObservedEndpoint> {
  const authority = authorityOf(endpoint.url);
  const watched = new WatchedRouter(router, clock);
  try {
    const connection = await watched.route(purpose, endpoint.url).open({ bulk: false, signal });
    connection.release();
    return { ...endpoint, authority, tried: true, observed: watched.observed, failure: null };
  } catch (thrown) {
    signal.throwIfAborted();
    const failure = asCoded(thrown);
    watched.endedWith(failure, 'tls', endpoint.url);
    return {
      ...endpoint,
      authority,
      tried: true,
      observed: watched.observed,
      failure,
      last: watched.tried.at(-1) ?? null,
    };
  }
}
