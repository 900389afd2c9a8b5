// Where redirects and feeds have led: the hosts beside those of the settings, each with when it was seen last. Pure.
//
// Whoever controls a feed or a server controls what is in here, so it is bounded, holds origins and nothing else of a URL,
// and means nothing by itself: whether anything may go to a host is checked again, by the settings, whenever it is listed.

import { z } from 'zod';
import { momentSchema } from '#system/moment.ts';

/** Maximum number of hosts that are kept, the most recent ones. */
export const MAX_HOSTS = 128;
/** Maximum number of hosts from one document. */
export const MAX_PER_DOCUMENT = 32;
/** A host is forgotten if nothing has led to it for this long: half a year. */
export const KEPT_MS = 180 * 86_400_000;
/** A DNS name has at most 253 characters; with scheme and port. */
const MAX_ORIGIN_LENGTH = 280;

export const observedHostSchema = z.strictObject({
  /** What the traffic was for. */
  purpose: z.string().max(40),
  /** `https://cdn.example.com`. */
  origin: z.string().max(MAX_ORIGIN_LENGTH),
  /** What led there the last time. */
  by: z.enum(['redirect', 'feed']),
  /** Wall time, ms since the epoch. */
  seen_at: momentSchema,
});
export type ObservedHost = Readonly<z.infer<typeof observedHostSchema>>;

/** What leads to hosts. */
export interface HostObservation {
  readonly purpose: string;
  readonly by: ObservedHost['by'];
  readonly urls: readonly URL[];
}

/** The hosts including those just observed; the most recent ones are at the end. */
export function withObservation(
  hosts: readonly ObservedHost[],
  { purpose, by, urls }: HostObservation,
  now: number,
): ObservedHost[] {
  const origins = [...new Set(urls.flatMap(originOf))].slice(0, MAX_PER_DOCUMENT);
  const isObserved = (host: ObservedHost) => host.purpose === purpose && origins.includes(host.origin);
  const kept = hosts.filter((host) => !isObserved(host) && now - host.seen_at < KEPT_MS);
  return [...kept, ...origins.map((origin) => ({ purpose, origin, by, seen_at: now }))].slice(-MAX_HOSTS);
}

/** The origin of what is asked for over HTTP; nothing of user, path or query. */
function originOf({ protocol, origin }: URL): string[] {
  return (protocol === 'https:' || protocol === 'http:') && origin.length <= MAX_ORIGIN_LENGTH ? [origin] : [];
}
