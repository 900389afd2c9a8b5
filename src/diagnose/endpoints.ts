// Each host of a purpose, tried up to TLS: some proxies open TLS to some hosts only, or let some through only.
//
// Guarantees: a host that the walk has reached is not asked again; where the way itself failed, no other host is tried.

import type { Purpose } from '#config/purposes.ts';
import { asCoded, type CodedError } from '#errors/coded-error.ts';
import type { ConnectPhase } from '#errors/connect-trace.ts';
import type { Router } from '#proxy/route.ts';
import type { Clock } from '#system/clock.ts';
import { authorityOf, type Seen, type Tried, WatchedRouter } from './watched-router.ts';

/** What hosts are tried over. */
export interface TryParts {
  readonly router: Router;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/** A host of a purpose. */
export interface Endpoint {
  readonly url: URL;
  /** Whether the work always goes there, or only where somebody sends it there. */
  readonly always: boolean;
}

/** How far one host was reached; `tried` is false where the way failed before it. */
export interface EndpointSeen extends Endpoint {
  readonly authority: string;
  readonly tried: boolean;
  readonly seen: readonly Seen[];
  readonly failure: CodedError | null;
  /** What was tried last for it; null where the walk itself has reached it. */
  readonly last?: Tried | null;
}

/** Phases that are the same for every target: where one of them fails, the others need not be tried. */
const OF_THE_WAY: ReadonlySet<ConnectPhase> = new Set(['choice', 'resolve', 'dial', 'proxy_tls', 'authentication']);

/** Each host up to TLS, those of a walk as they were seen on it. */
export async function tryEndpoints(
  { endpoints, purpose }: { readonly endpoints: readonly Endpoint[]; readonly purpose: Purpose },
  walked: { readonly seen: readonly Seen[]; readonly failure: CodedError | null },
  parts: TryParts,
): Promise<EndpointSeen[]> {
  const { failure } = walked;
  const tried: EndpointSeen[] = [];
  const isWayBlocked = failure !== null && OF_THE_WAY.has(failure.trace?.phase ?? 'choice');
  for (const endpoint of endpoints) {
    const authority = authorityOf(endpoint.url);
    if (tried.some((one) => one.authority === authority)) continue;
    const seen = walked.seen.filter((one) => one.target === authority);
    const isKnown = seen.some(({ stage }) => stage === 'tls' || stage === 'http');
    if (isKnown) tried.push({ ...endpoint, authority, tried: true, seen, failure: seen.find(isOfTls)?.error ?? null });
    else if (isWayBlocked || parts.signal.aborted)
      tried.push({ ...endpoint, authority, tried: false, seen: [], failure: null });
    else {
      const unreached = { ...endpoint, authority, tried: false, seen: [], failure: null };
      tried.push(await tryEndpoint(endpoint, purpose, parts).catch(() => unreached));
    }
  }
  return tried;
}

function isOfTls({ stage, error }: Seen): boolean {
  return stage === 'tls' && error !== null;
}

/** One host up to TLS. @throws the reason of the signal; nothing else */
export async function tryEndpoint(
  endpoint: Endpoint,
  purpose: Purpose,
  { router, clock, signal }: TryParts,
): Promise<EndpointSeen> {
  const authority = authorityOf(endpoint.url);
  const watched = new WatchedRouter(router, clock);
  try {
    const connection = await watched.route(purpose, endpoint.url).open({ bulk: false, signal });
    connection.release();
    return { ...endpoint, authority, tried: true, seen: watched.seen, failure: null };
  } catch (thrown) {
    signal.throwIfAborted();
    const failure = asCoded(thrown);
    watched.endedWith(failure, 'tls', endpoint.url);
    return { ...endpoint, authority, tried: true, seen: watched.seen, failure, last: watched.tried.at(-1) ?? null };
  }
}
