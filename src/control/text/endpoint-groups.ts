// Groups the list of endpoints by proxy: one row for each host and port, even if several purposes need it. Pure.

import type { EndpointCandidate, EndpointList, EndpointProxy, EndpointRow } from '#control/endpoints.ts';
import { showForeign } from '#errors/template.ts';

/** One host and port, as used through one proxy or directly. */
export interface PlaceRow {
  readonly host: string;
  readonly port: number;
  readonly how: EndpointCandidate['how'];
  readonly tlsEndToEnd: boolean;
  /** The methods that the proxy sees, such as CONNECT. */
  readonly methods: readonly string[];
  /** The endpoints that use this host and port. */
  readonly rows: readonly EndpointRow[];
  readonly isFallback: boolean;
}

/** The rows of one proxy, or those of direct connections for null, in the order of the list. */
export function placesOf({ endpoints }: EndpointList, proxy: string | null): PlaceRow[] {
  const places = new Map<string, PlaceRow>();
  for (const row of endpoints) {
    for (const candidate of row.ways) {
      if (candidate.proxy !== proxy) continue;
      const key = JSON.stringify([row.host, row.port, candidate.how, row.tls_end_to_end]);
      places.set(key, mergeRow(places.get(key), row, candidate));
    }
  }
  return [...places.values()];
}

function mergeRow(before: PlaceRow | undefined, row: EndpointRow, candidate: EndpointCandidate): PlaceRow {
  const { host, port, tls_end_to_end: tlsEndToEnd } = row;
  return {
    host,
    port,
    how: candidate.how,
    tlsEndToEnd,
    methods: [...new Set([...(before?.methods ?? []), ...candidate.methods])].toSorted(),
    rows: [...(before?.rows ?? []), row],
    isFallback: (before?.isFallback ?? true) && candidate.stands_in,
  };
}

/** `updates.example.com:443`, `[2001:db8::1]:443`. */
export function hostPort({ host, port }: { readonly host: string; readonly port: number }): string {
  return host.includes(':') ? `[${showForeign(host)}]:${port}` : `${showForeign(host)}:${port}`;
}

/** The proxy as part of a sentence. */
export function proxyWords({ name, scheme, address, port }: EndpointProxy): string {
  const shown = showForeign(name);
  if (scheme === 'pac') return `the proxies that the PAC file of ${shown} names`;
  if (scheme === 'environment') return `the proxies from the environment variables (${shown})`;
  const at = address === null || port === null ? '' : `, ${hostPort({ host: address, port })}`;
  return `proxy ${shown} (${scheme}${at})`;
}
