// A hop: the place on the network path (this host, a proxy or the server) where something failed or where a response
// came from. Pure.
//
// Only `hopText` turns a hop into words, and no code parses these words.

import type { FailureClass } from './entry.ts';

/** This host, a proxy by its profile, or the server at the far end. Addresses are `host:port`, IPv6 in brackets. */
export type Hop =
  | { readonly kind: 'this host'; readonly name: null; readonly address: null }
  | { readonly kind: 'proxy'; readonly name: string; readonly address: string }
  | { readonly kind: 'origin'; readonly name: null; readonly address: string };

export const THIS_HOST: Hop = { kind: 'this host', name: null, address: null };

export function proxyAt(name: string, address: string): Hop {
  return { kind: 'proxy', name, address };
}

export function originAt(address: string): Hop {
  return { kind: 'origin', name: null, address };
}

/** The hop in words: `this host`, `proxy corp (proxy.example.com:3128)`, `updates.example.com:443`. */
export function hopText(hop: Hop): string {
  if (hop.kind === 'proxy') return `proxy ${hop.name} (${hop.address})`;
  return hop.kind === 'origin' ? hop.address : 'this host';
}

/** A hop that may have come from another process; null for anything else. */
export function readHop(value: unknown): Hop | null {
  if (typeof value !== 'object' || value === null) return null;
  const { kind, name, address } = value as Readonly<Record<string, unknown>>;
  if (kind === 'this host') return THIS_HOST;
  if (typeof address !== 'string' || address === '') return null;
  if (kind === 'origin') return originAt(address);
  return kind === 'proxy' && typeof name === 'string' ? proxyAt(name, address) : null;
}

/** Classes of failures without network access, for which a hop would mislead. */
const OFFLINE: readonly string[] = ['config', 'system', 'internal'] satisfies FailureClass[];

/** `At proxy corp (...). `, or nothing if the hop is unknown or the failure did not involve the network. */
export function atHop(hop: string | null, failureClass: string): string {
  return hop === null || (hop === 'this host' && OFFLINE.includes(failureClass)) ? '' : `At ${hop}. `;
}
